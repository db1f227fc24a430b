"""Levenberg-Marquardt over a take: some key frames first, then every frame."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from wail.inface.fit_config import FitConfig
from wail.inface.fit_problem import Normal, Observed, State, Weights, energy, normal_equations, pixels
from wail.inface.fit_rows import PointRows, points
from wail.inface.fit_solve import solve_arrow
from wail.inface.fit_start import MIN_LANDMARKS, start_pose

START_DAMPING, MAX_DAMPING = 1e-3, 1e6


def weights_of(config: FitConfig) -> Weights:
    return Weights(
        huber=config.huber,
        independent_frames=config.independent_frames,
        focal_log_sd=config.focal_log_sd,
        expression_sd=config.expression_sd,
        expression_step=config.expression_step,
        rotation_step_rad=config.rotation_step_rad,
        translation_step_mm=config.translation_step_mm,
    )


def solve_take(rows: PointRows, seen: Observed, start: State, config: FitConfig) -> tuple[State, Tensor, int]:
    """The fitted state, how far each frame's landmarks moved in the last step (mm, [n]), and the iterations.

    Key frames find identity and focal length at a fraction of the cost; every frame then starts from its nearest key
    frame's expression and a pose found anew, in closed form, with the found face.
    """
    weights = weights_of(config)
    keys = _key_frames(seen.weight, config.key_frames)
    few = State(
        start.codes, start.log_focal, start.expression[keys], start.rotation[keys], start.translation_mm[keys]
    )
    few, _, first = _minimise(rows, few, seen.take(keys), weights, config.key_iterations, 2 * config.settled_mm)
    nearest = (torch.arange(len(start.expression), device=keys.device)[:, None] - keys).abs().argmin(1)
    face = points(rows, torch.cat([few.codes, few.expression.mean(0)])[None])[0].T
    focal_px = seen.prior_focal_px * float(torch.exp(few.log_focal))
    rotation, translation, _ = start_pose(face, seen.xy_px, seen.weight, focal_px, seen.centre_px)
    state = State(few.codes, few.log_focal, few.expression[nearest], rotation, translation)
    state, moved, second = _minimise(rows, state, seen, weights, config.iterations, config.settled_mm)
    return state, moved, first + second


def _key_frames(weight: Tensor, count: int) -> Tensor:
    """The best seen frame of each of `count` equal parts of the take, as far as they show enough."""
    total = weight.sum(-1)
    enough = (weight > 0).sum(-1) >= MIN_LANDMARKS
    edges = np.linspace(0, len(weight), min(count, len(weight)) + 1).round().astype(int).tolist()
    best = [lo + int(total[lo:hi].argmax()) for lo, hi in pairwise(edges)]
    kept = [i for i in best if bool(enough[i])]
    return torch.tensor(kept or [int(torch.where(enough, total, -1).argmax())], device=weight.device)


def _minimise(
    rows: PointRows, state: State, seen: Observed, weights: Weights, iterations: int, settled_mm: float
) -> tuple[State, Tensor, int]:
    """Marquardt's (1963) scaling, Nielsen's (1999) damping by the ratio of gained to promised decrease."""
    best, damping = energy(rows, state, seen, weights), START_DAMPING
    moved = torch.full((len(state.expression),), torch.inf, device=state.codes.device)
    for done in range(1, iterations + 1):
        normal = normal_equations(rows, state, seen, weights)
        while True:
            tried, promised = _step(normal, state, damping)
            value = energy(rows, tried, seen, weights)
            gain = (best - value) / max(promised, 1e-12)
            damping = damping * max(1 / 5, 1 - (2 * gain - 1) ** 3) if gain > 0 else damping * 5
            if gain > 0 or damping > MAX_DAMPING:
                break
        moved = _movement_mm(rows, state, tried, seen)
        if gain <= 0:
            # Not even a tiny step helps: a stationary point, or one of the leaky ReLU's kinks.
            return state, moved, done
        state, best = tried, value
        if float(moved.max()) < settled_mm:
            return state, moved, done
    return state, moved, iterations


def _step(normal: Normal, state: State, damping: float) -> tuple[State, float]:
    """One damped step, and the decrease of the energy that the quadratic model promises of it."""
    shared, blocks = normal.shared.clone(), normal.blocks.clone()
    extra_shared, extra = damping * shared.diagonal().clone(), damping * blocks.diagonal(dim1=1, dim2=2)
    shared.diagonal().add_(extra_shared)
    blocks.diagonal(dim1=1, dim2=2).add_(extra)
    s, x = solve_arrow(shared, normal.coupling, blocks, normal.links, normal.downhill_shared, normal.downhill)
    promised = 0.5 * (s @ (extra_shared * s + normal.downhill_shared) + (x * (extra * x + normal.downhill)).sum())
    return state.moved(s.float(), x.float()), float(promised)


def _movement_mm(rows: PointRows, old: State, new: State, seen: Observed) -> Tensor:
    """How far the farthest landmark moved in the picture, in mm at the face: [n]."""
    before, _ = pixels(old, points(rows, old.latents()), seen)
    after, cam = pixels(new, points(rows, new.latents()), seen)
    mm_per_px = cam[:, 2] / (seen.prior_focal_px * torch.exp(new.log_focal))
    moved_px: Tensor = (after - before).norm(dim=1)
    return (moved_px * mm_per_px).amax(-1)
