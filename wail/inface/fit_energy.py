"""The energy of a fit, and its exact gradient, frame by frame.

    E = sum_f sum_r  w_fr rho(|M_fr (picture_fr - observed_fr)| / sigma_fr)      rho: pseudo-Huber, bounded pull
      + 1/2 sum_f |expression_f|^2 / sd^2
      + 1/2 sum_f link_f |step of expression, rotation, translation|^2 / sd^2    random walk in time
      + 1/2 sum_s m_s (|codes_s|^2 + ((outer eyes' distance - mean) / sd)^2)     z-scored identity and age, head size
      + 1/2 sum_c m_c (log(focal / prior) / sd)^2
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wail.inface.fit_batch import N_CODES, N_EXPRESSION, Batch, State, Weights
from wail.inface.fit_rows import Forward, PointRows, forward, pull_back

NEAREST_MM = 1.0
"""No step may bring a point nearer to the camera's plane."""


@dataclass(frozen=True)
class Seen:
    """A state looked at through the camera."""

    by_decoder: Forward
    turned_mm: Tensor
    """[F, 3, L] rotated, not yet moved"""
    cam_mm: Tensor
    """[F, 3, L]"""
    px: Tensor
    """[F, 2, L] from the picture's centre"""
    focal_px: Tensor
    """[F]"""
    residual: Tensor
    """[F, 2, R] in sigmas, squeezed"""
    energy: Tensor
    """[F] float64: landmarks and the prior of expression; infinite where a point is behind the camera"""


def look(rows: PointRows, batch: Batch, state: State, weights: Weights, rounding: Tensor | None = None) -> Seen:
    """Decode (kinks rounded off by `rounding` [F], see fit_rows), project, compare."""
    decoded = forward(rows, state.latents(batch), rounding)
    turned = state.rotation @ decoded.points
    cam = turned + state.translation_mm[:, :, None]
    focal = state.focal_px(batch)
    px = focal[:, None, None] * cam[:, :2] / cam[:, 2:]
    residual = _squeezed(batch, (with_pairs(px + batch.centre_px[:, :, None], batch) - batch.xy_px)
                         / batch.sigma_px[:, None])  # fmt: skip
    square = residual.square().sum(1)
    # h^2 (sqrt(1 + q / h^2) - 1) without the cancellation at small q.
    rho = square / (1 + torch.sqrt(1 + square / weights.huber**2))
    energy = (batch.weight * rho).sum(1).double()
    energy = energy + 0.5 * (state.expression.double() / weights.expression_sd).square().sum(1)
    behind = (cam[:, 2] < NEAREST_MM).any(1)
    return Seen(decoded, turned, cam, px, focal, residual, torch.where(behind, torch.inf, energy))


def with_pairs(rows: Tensor, batch: Batch) -> Tensor:
    """Landmarks [..., L] with the pairs' differences behind them [..., R]."""
    if not batch.pair.shape[1]:
        return rows
    return torch.cat([rows, rows[..., batch.pair[0]] - rows[..., batch.pair[1]]], -1)


def _squeezed(batch: Batch, residual: Tensor) -> Tensor:
    if batch.squeeze is None:
        return residual
    m = batch.squeeze
    return torch.stack([m[:, 0, 0] * residual[:, 0] + m[:, 0, 1] * residual[:, 1],
                        m[:, 1, 0] * residual[:, 0] + m[:, 1, 1] * residual[:, 1]], 1)  # fmt: skip


def some(seen: Seen, frames: Tensor) -> Seen:
    """Some of the frames that were looked at."""
    decoded = Forward(seen.by_decoder.points[frames], tuple(slope[frames] for slope in seen.by_decoder.slopes))
    rest = (getattr(seen, name)[frames] for name in ("turned_mm", "cam_mm", "px", "focal_px", "residual", "energy"))
    return Seen(decoded, *rest)


def robust_weight(batch: Batch, seen: Seen, weights: Weights) -> Tensor:
    """[F, R]: weight of iteratively reweighted least squares (Holland & Welsch 1977), whose gradient is the energy's
    own, and whose matrix bounds its curvature."""
    return batch.weight / torch.sqrt(1 + seen.residual.square().sum(1) / weights.huber**2)


def gradient(rows: PointRows, batch: Batch, state: State, seen: Seen, weights: Weights) -> tuple[Tensor, Tensor]:
    """Downhill direction of what `seen.energy` holds, by shared unknowns [F, 34] and by the frame's own [F, 70]."""
    pull = -robust_weight(batch, seen, weights)[:, None] * seen.residual
    pull = _squeezed(batch, pull) / batch.sigma_px[:, None]
    n = seen.px.shape[-1]
    by_px = pull[..., :n].clone()
    if batch.pair.shape[1]:
        by_px.index_add_(2, batch.pair[0], pull[..., n:]).index_add_(2, batch.pair[1], pull[..., n:], alpha=-1)
    over_z = 1 / seen.cam_mm[:, 2]
    flat = by_px * (seen.focal_px[:, None] * over_z)[:, None]
    by_cam = torch.cat([flat, -((by_px * seen.px).sum(1) * over_z)[:, None]], 1)
    by_latent = pull_back(rows, seen.by_decoder, state.rotation.mT @ by_cam)
    turn = torch.linalg.cross(seen.turned_mm, by_cam, dim=1).sum(-1)
    focal = (by_px * seen.px).sum((1, 2))
    expression = by_latent[:, -N_EXPRESSION:] - state.expression / weights.expression_sd**2
    return (torch.cat([by_latent[:, :-N_EXPRESSION], focal[:, None]], 1),
            torch.cat([expression, turn, by_cam.sum(-1)], 1))  # fmt: skip


def steps_in_time(state: State) -> Tensor:
    """From frame to frame [F - 1, 70]: expression, rotation (rad, camera frame), translation (mm)."""
    turn = rotation_log(state.rotation[1:] @ state.rotation[:-1].mT)
    return torch.cat([state.expression.diff(dim=0), turn, state.translation_mm.diff(dim=0)], 1)


def rotation_log(rotation: Tensor) -> Tensor:
    """Axis-angle of rotations below a half turn, [..., 3, 3] -> [..., 3]."""
    skew = 0.5 * (rotation - rotation.mT)
    v = torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], -1)
    sine = v.norm(dim=-1, keepdim=True)
    cosine = 0.5 * (rotation.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) - 1)
    return v * torch.where(sine > 1e-6, torch.atan2(sine, cosine) / sine.clamp(min=1e-6), 1.0)


def link_energy(batch: Batch, state: State, weights: Weights) -> Tensor:
    """[F - 1] float64: what each tie between neighbours costs."""
    precision = weights.tie_precision(batch.link)
    return 0.5 * (precision * steps_in_time(state).square()).sum(1).double()


@dataclass(frozen=True)
class HeadSize:
    """Prior of the distance between the outer eye corners: residual [S] in standard deviations, and its derivative by
    a subject's codes [S, 33]."""

    residual: Tensor
    by_codes: Tensor


def head_size(eye_rows: PointRows, codes: Tensor, weights: Weights) -> HeadSize:
    """Of the faces at rest (expression at its mean), from the rows of the two corners."""
    at = forward(eye_rows, torch.cat([codes, codes.new_zeros(len(codes), N_EXPRESSION)], 1))
    apart = at.points[:, :, 0] - at.points[:, :, 1]
    distance = apart.norm(dim=1)
    pull = (apart / (distance * weights.eye_sd_mm)[:, None])[:, :, None]
    by_codes = pull_back(eye_rows, at, torch.cat([pull, -pull], 2))[:, :N_CODES]
    return HeadSize((distance - weights.eye_mm) / weights.eye_sd_mm, by_codes)


def shared_energy(state: State, weights: Weights, eye_rows: PointRows) -> tuple[Tensor, Tensor]:
    """Priors of codes and head size [S] and of focal lengths [C], float64."""
    focal = (state.log_focal.double() / weights.focal_log_sd).square()
    size = weights.eye_weight * head_size(eye_rows, state.codes, weights).residual.double().square()
    return (0.5 * weights.shared_count * (state.codes.double().square().sum(1) + size),
            0.5 * weights.focal_count * focal)  # fmt: skip
