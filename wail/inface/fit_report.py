"""From a fitted state to what is stored: raw codes, poses, residuals, uncertainty, confidence."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wail.inface.fit_config import FitConfig, TakeFit
from wail.inface.fit_lm import weights_of
from wail.inface.fit_problem import CHUNK, N_CODES, Normal, Observed, State, energy, normal_equations, residuals
from wail.inface.fit_rows import PointRows, points, points_and_jacobian
from wail.inface.fit_solve import marginal_factors
from wail.inface.fit_start import MIN_LANDMARKS
from wail.inface.model import AGE, EXPRESSION, IDENTITY
from wail.inface.rotation import continuous_axis_angle


def report(
    rows: PointRows,
    eye_rows: PointRows,
    lip_rows: PointRows,
    seen: Observed,
    state: State,
    moved_mm: Tensor,
    iterations: int,
    raw: NDArray[np.float32],
    config: FitConfig,
    seconds: float,
    device: str,
) -> TakeFit:
    """eye_rows: the two outer eye corners; lip_rows: the lip vertices; raw [n, 97]: the fitted raw codes."""
    weights = weights_of(config)
    in_sigmas = _rms_in_sigmas(rows, seen, state)
    # Where the picture disagrees more than the config allows for, the spread is wider by as much.
    lip_sd = _lip_sd_mm(lip_rows, state, normal_equations(rows, state, seen, weights)) * in_sigmas.clamp(min=1)
    residual = in_sigmas * seen.sigma_px / _eye_distance_px(eye_rows, seen, state)
    used = (seen.weight > 0).sum(-1)
    converged = (moved_mm < config.settled_mm) & (used >= MIN_LANDMARKS)
    trust = 1 / (1 + (lip_sd / config.lip_trust_mm) ** 2) / (1 + (residual / config.residual_trust) ** 2)
    return TakeFit(
        identity=raw[0, IDENTITY].copy(),
        age=float(raw[0, AGE][0]),
        expression=raw[:, EXPRESSION].copy(),
        pose=_pose(state),
        focal_px=float(seen.prior_focal_px * torch.exp(state.log_focal)),
        residual=residual.cpu().numpy().astype(np.float32),
        lip_sd_mm=lip_sd.cpu().numpy().astype(np.float32),
        n_landmarks=used.cpu().numpy().astype(np.int32),
        converged=converged.cpu().numpy(),
        confidence=torch.where(converged, trust, 0).cpu().numpy().astype(np.float32),
        iterations=iterations,
        energy=energy(rows, state, seen, weights),
        seconds=seconds,
        device=device,
    )


def _pose(state: State) -> NDArray[np.float32]:
    turn = continuous_axis_angle(state.rotation.double().cpu().numpy())
    return np.asarray(np.concatenate([turn, state.translation_mm.cpu().numpy()], axis=1), np.float32)


def _rms_in_sigmas(rows: PointRows, seen: Observed, state: State) -> Tensor:
    """Weighted RMS distance of picture and landmark, [n], in sigmas; 0 where no landmark was used."""
    squares = residuals(rows, state, seen).square().sum(1)
    return ((seen.weight * squares).sum(-1) / seen.weight.sum(-1).clamp(min=1e-12)).sqrt()


def _eye_distance_px(eye_rows: PointRows, seen: Observed, state: State) -> Tensor:
    """The fitted outer eye distance at the head's distance, not foreshortened: [n]."""
    eyes = points(eye_rows, state.latents())
    focal = seen.prior_focal_px * torch.exp(state.log_focal)
    distance_mm: Tensor = (eyes[:, :, 0] - eyes[:, :, 1]).norm(dim=1)
    return distance_mm * focal / state.translation_mm[:, 2]


def _lip_sd_mm(rows: PointRows, state: State, normal: Normal) -> Tensor:
    """sqrt(mean over vertices of trace(J C J')), with C the frame's expression covariance, pose marginalised: [n]."""
    factors = marginal_factors(normal.blocks, normal.links)
    out = []
    for start in range(0, len(factors), CHUNK):
        part = slice(start, start + CHUNK)
        _, by_latent = points_and_jacobian(rows, state.latents()[part], start=N_CODES)
        padded = torch.nn.functional.pad(by_latent.flatten(2).double(), (0, 0, 0, 6))
        spread = torch.linalg.solve_triangular(factors[part], padded, upper=False)
        out.append((spread.square().sum((1, 2)) / rows.n_points).sqrt())
    return torch.cat(out)
