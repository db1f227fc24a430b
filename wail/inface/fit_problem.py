"""What a fit minimises over a take, and one Gauss-Newton model of it.

    E = sum_t sum_l  k w_tl rho(|px_tl - observed_tl| / sigma_t)             rho: pseudo-Huber, bounded pull
      + 1/2 m (|identity|^2 + |age|^2 + log(focal / prior)^2 / sd^2)          z-scored latents
      + 1/2 sum_t |expression_t|^2 / sd^2
      + 1/2 sum_t |step of expression, rotation, translation|^2 / sd^2        random walk in time

A detector's landmark errors are alike in neighbouring landmarks, so L of them say less than L measurements would:
k = independent / (sum of the map's weights). They are alike in time too, so n frames say less about what is shared than
n measurements would, and its prior counts m = max(1, n / independent frames) times. sigma_t is `landmark_sd_mm` at the
face's distance.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wail.inface.fit_rows import PointRows, points, points_and_jacobian
from wail.inface.rotation import cross_matrix, rotation_exp

N_CODES = 33
"""Identity and age, shared by the take; the focal length comes after them."""
N_EXPRESSION = 64
CHUNK = 16
"""Frames whose Jacobian is held at once: their matrices fit a core's cache, and memory stays flat in the take."""


@dataclass(frozen=True)
class Observed:
    """xy_px [n, L, 2] (anything finite where hidden), weight [n, L] (k and visibility included), sigma_px [n]."""

    xy_px: Tensor
    weight: Tensor
    sigma_px: Tensor
    centre_px: Tensor
    prior_focal_px: float
    gap: Tensor
    """Frames between neighbours, [n - 1]: 1 within a take, more between key frames."""

    def take(self, frames: Tensor) -> "Observed":
        return replace(
            self,
            xy_px=self.xy_px[frames],
            weight=self.weight[frames],
            sigma_px=self.sigma_px[frames],
            gap=(frames[1:] - frames[:-1]).to(self.gap),
        )


@dataclass(frozen=True)
class State:
    """codes [33] (identity, age) and expression [n, 64], z-scored; log_focal: log of focal length over its prior."""

    codes: Tensor
    log_focal: Tensor
    expression: Tensor
    rotation: Tensor
    translation_mm: Tensor

    def moved(self, shared: Tensor, frame: Tensor) -> "State":
        """Shared step [34], frame steps [n, 70]: expression, rotation (rad, camera frame), translation (mm)."""
        return State(
            self.codes + shared[:N_CODES],
            self.log_focal + shared[N_CODES],
            self.expression + frame[:, :N_EXPRESSION],
            rotation_exp(frame[:, N_EXPRESSION : N_EXPRESSION + 3]) @ self.rotation,
            self.translation_mm + frame[:, N_EXPRESSION + 3 :],
        )

    def latents(self) -> Tensor:
        return torch.cat([self.codes.expand(len(self.expression), -1), self.expression], dim=1)


@dataclass(frozen=True)
class Weights:
    """Standard deviations of the priors and of the random walk, per frame step; `huber` in sigmas."""

    huber: float
    independent_frames: float
    focal_log_sd: float
    expression_sd: float
    expression_step: float
    rotation_step_rad: float
    translation_step_mm: float


@dataclass(frozen=True)
class Normal:
    """The Gauss-Newton system at a state (see fit_solve): gradients point downhill."""

    shared: Tensor
    coupling: Tensor
    blocks: Tensor
    links: Tensor
    downhill_shared: Tensor
    downhill: Tensor


def pixels(state: State, points_mm: Tensor, seen: Observed) -> tuple[Tensor, Tensor]:
    """Pixels [n, 2, L] and camera points [n, 3, L] of points [n, 3, L] in the head frame."""
    cam = state.rotation @ points_mm + state.translation_mm[:, :, None]
    focal = seen.prior_focal_px * torch.exp(state.log_focal)
    return focal * cam[:, :2] / cam[:, 2:] + seen.centre_px[:, None], cam


def residuals(rows: PointRows, state: State, seen: Observed) -> Tensor:
    """Picture minus landmark, in sigmas: [n, 2, L]."""
    px, _ = pixels(state, points(rows, state.latents()), seen)
    return (px - seen.xy_px.mT) / seen.sigma_px[:, None, None]


def energy(rows: PointRows, state: State, seen: Observed, weights: Weights) -> float:
    """E above. Infinite where a point comes behind the camera, so that no step goes there."""
    px, cam = pixels(state, points(rows, state.latents()), seen)
    if not bool((cam[:, 2] > 1.0).all()):
        return float("inf")
    square = ((px - seen.xy_px.mT) / seen.sigma_px[:, None, None]).square().sum(1)
    # h^2 (sqrt(1 + q / h^2) - 1) without the cancellation at small q.
    rho = square / (1 + torch.sqrt(1 + square / weights.huber**2))
    smooth = 0.5 * (_links(seen, weights) * _steps(state).square()).sum(dtype=torch.float64)
    expression = state.expression.double() / weights.expression_sd
    focal = state.log_focal.double() / weights.focal_log_sd
    shared = 0.5 * _shared_count(seen, weights) * (state.codes.double().square().sum() + focal.square())
    prior = shared + 0.5 * expression.square().sum()
    return float((seen.weight * rho).sum(dtype=torch.float64) + smooth + prior)


def normal_equations(rows: PointRows, state: State, seen: Observed, weights: Weights) -> Normal:
    """Gauss-Newton in IRLS form (Holland & Welsch 1977): its gradient is E's own, its matrix bounds E's curvature."""
    n, ns, device = len(state.expression), N_CODES + 1, state.codes.device
    d = N_EXPRESSION + 6
    shared = torch.zeros(ns, ns, dtype=torch.float64, device=device)
    down_shared = torch.zeros(ns, dtype=torch.float64, device=device)
    coupling = torch.empty(n, d, ns, dtype=torch.float64, device=device)
    blocks = torch.empty(n, d, d, dtype=torch.float64, device=device)
    down = torch.empty(n, d, dtype=torch.float64, device=device)
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        matrix, gradient = _chunk(rows, state, seen, weights, part)
        shared += matrix[:, :ns, :ns].sum(0)
        down_shared -= gradient[:, :ns].sum(0)
        coupling[part], blocks[part], down[part] = matrix[:, ns:, :ns], matrix[:, ns:, ns:], -gradient[:, ns:]
    _add_priors(shared, down_shared, blocks, down, state, _shared_count(seen, weights), weights)
    links = _links(seen, weights).double()
    pull = links * _steps(state).double()
    blocks.diagonal(dim1=1, dim2=2)[1:] += links
    blocks.diagonal(dim1=1, dim2=2)[:-1] += links
    down[1:] -= pull
    down[:-1] += pull
    return Normal(shared, coupling, blocks, links, down_shared, down)


def _chunk(rows: PointRows, state: State, seen: Observed, weights: Weights, part: slice) -> tuple[Tensor, Tensor]:
    """J' W J [c, 104, 104] and J' W r [c, 104] of some frames, float64: shared 34, expression 64, pose 6."""
    some = replace(
        state,
        expression=state.expression[part],
        rotation=state.rotation[part],
        translation_mm=state.translation_mm[part],
    )
    few = replace(seen, xy_px=seen.xy_px[part], weight=seen.weight[part], sigma_px=seen.sigma_px[part])
    points_mm, by_latent = points_and_jacobian(rows, some.latents())
    px, cam = pixels(some, points_mm, few)
    r = (px - few.xy_px.mT) / few.sigma_px[:, None, None]
    focal = seen.prior_focal_px * torch.exp(state.log_focal)
    root = torch.sqrt(few.weight / torch.sqrt(1 + r.square().sum(1) / weights.huber**2))
    gain = root * (focal / cam[:, 2]) / few.sigma_px[:, None]
    zero = torch.zeros_like(gain)
    # d(weighted u, v) / d(camera point), [c, 2, 3, L]
    by_cam = torch.stack(
        [gain, zero, -gain * cam[:, 0] / cam[:, 2], zero, gain, -gain * cam[:, 1] / cam[:, 2]], dim=1
    ).reshape(len(gain), 2, 3, -1)
    jac = r.new_empty(len(gain), N_CODES + 1 + N_EXPRESSION + 6, 2, r.shape[-1])
    by_head = torch.einsum("nujl,nji->nuil", by_cam, some.rotation)
    latent = by_latent[:, :, 0, None] * by_head[:, None, :, 0]
    latent += by_latent[:, :, 1, None] * by_head[:, None, :, 1]
    latent += by_latent[:, :, 2, None] * by_head[:, None, :, 2]
    jac[:, :N_CODES], jac[:, N_CODES + 1 : -6] = latent[:, :N_CODES], latent[:, N_CODES:]
    jac[:, N_CODES] = root[:, None] * (px - seen.centre_px[:, None]) / few.sigma_px[:, None, None]
    turned = cam - some.translation_mm[:, :, None]
    # exp(w) R v turns by w x (R v): d(camera point) / dw = -[R v]x
    jac[:, -6:-3] = -torch.einsum("nujl,nlji->niul", by_cam, cross_matrix(turned.mT))
    jac[:, -3:] = by_cam.transpose(1, 2)
    flat = jac.flatten(2)
    return (flat @ flat.mT).double(), (flat @ (root[:, None] * r).flatten(1)[:, :, None])[:, :, 0].double()


def _add_priors(
    shared: Tensor, down_shared: Tensor, blocks: Tensor, down: Tensor, state: State, count: float, weights: Weights
) -> None:
    diagonal = shared.diagonal()
    diagonal[:N_CODES] += count
    diagonal[N_CODES] += count / weights.focal_log_sd**2
    down_shared[:N_CODES] -= count * state.codes
    down_shared[N_CODES] -= count * state.log_focal / weights.focal_log_sd**2
    blocks.diagonal(dim1=1, dim2=2)[:, :N_EXPRESSION] += 1 / weights.expression_sd**2
    down[:, :N_EXPRESSION] -= state.expression / weights.expression_sd**2


def _shared_count(seen: Observed, weights: Weights) -> float:
    """How often the prior of what is shared counts (m above): frames with landmarks over independent frames."""
    return max(1.0, float((seen.weight > 0).any(-1).sum()) / weights.independent_frames)


def _links(seen: Observed, weights: Weights) -> Tensor:
    """Precision of each frame-to-frame step [n - 1, 70]; a random walk's variance grows with the gap."""
    sd = torch.cat([
        seen.gap.new_full((N_EXPRESSION,), weights.expression_step),
        seen.gap.new_full((3,), weights.rotation_step_rad),
        seen.gap.new_full((3,), weights.translation_step_mm),
    ])  # fmt: skip
    return 1 / (sd.square() * seen.gap[:, None])


def _steps(state: State) -> Tensor:
    """Steps from frame to frame [n - 1, 70]: expression, rotation (rad, camera frame), translation (mm)."""
    turn = _log(state.rotation[1:] @ state.rotation[:-1].mT)
    return torch.cat([state.expression.diff(dim=0), turn, state.translation_mm.diff(dim=0)], dim=1)


def _log(rotation: Tensor) -> Tensor:
    """Axis-angle of rotations below a half turn, [..., 3, 3] -> [..., 3]."""
    skew = 0.5 * (rotation - rotation.mT)
    v = torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], dim=-1)
    sine = v.norm(dim=-1, keepdim=True)
    cosine = 0.5 * (rotation.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) - 1)
    return v * torch.where(sine > 1e-6, torch.atan2(sine, cosine) / sine.clamp(min=1e-6), 1.0)
