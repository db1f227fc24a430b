"""Levenberg-Marquardt with exact gradients, over kinks that are rounded off at first.

A decoder of leaky ReLUs is smooth between its kinks, and at them a Gauss-Newton step meets a wall: it shrinks until the
frame is stuck, well above the optimum. So every frame starts with its kinks rounded off (a graduated problem, as in
Blake & Zisserman 1987), and is sharpened each time the next step has little left to win, until it is the decoder itself
(on random decoders of INFACE's shape the energy is 3 to 7 % lower than without, after as many steps). From then on a
frame's Jacobian, which costs twenty times what energy and gradient cost, is made anew only where it no longer predicts.
Each frame has its own damping (Marquardt's scaling, 1963).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wail.inface.fit_arrow import (
    Downhill,
    Step,
    at_both_ends,
    link_pull,
    prior_precision,
    solve_arrow,
    solve_frames,
)
from wail.inface.fit_batch import N_CODES, N_SHARED, Batch, State, Weights
from wail.inface.fit_energy import HeadSize, Seen, gradient, head_size, link_energy, look, shared_energy, some
from wail.inface.fit_jacobian import Curvature, curvature
from wail.inface.fit_rows import PointRows

START_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-7, 1e8
EASE, BRAKE = 0.5, 4.0
RENEW, POOR = 0.5, 1.0
"""How far a frame's energy may be off its prediction, in units of what a full step wins, before its Jacobian is made
anew, and before it is damped more."""
LITTLE = 60.0
"""Nats that a frame's next step can win, below which its kinks are sharpened: a few hundred are at stake."""
SHARPEN, LEAST_ROUNDING = 0.3, 0.01
TOGETHER = 0.1
"""Share of `settled` a frame below which a clip has settled: its frames do not all win alike, and these steps cost
little, as Jacobians are kept."""
FREE = 1.0
"""Damping from which a frame whose steps are refused counts as settled: it sits on a kink."""


@dataclass(frozen=True)
class Solver:
    """What every step needs: the decoder, the same in the precision of Jacobians, priors, and the nats that a frame's
    next step can win below which the frame has settled."""

    rows: PointRows
    jacobian_rows: PointRows
    eye_rows: PointRows
    weights: Weights
    settled: float


@dataclass(frozen=True)
class Work:
    """Counted for receipts: steps tried, and frames whose Jacobian was made."""

    steps: int = 0
    jacobians: int = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.steps + other.steps, self.jacobians + other.jacobians)


def minimise_frames(
    solver: Solver, batch: Batch, state: State, iterations: int, rounding: float = 0.0
) -> tuple[State, Tensor, Work]:
    """Expression and pose of every frame, with what clips share held: (state, settled [F], work).

    Frames that have settled are left out of the steps that follow; a frame keeps its step only where that lowers its
    energy, with half of each tie to its neighbours.
    """
    weights, n = solver.weights, len(batch.subject)
    active = torch.arange(n, device=batch.subject.device)
    settled = torch.zeros(n, dtype=torch.bool, device=active.device)
    damping = state.codes.new_full((n,), START_DAMPING)
    rounded = state.codes.new_full((n,), rounding)
    part, precision = batch, weights.tie_precision(batch.link)
    alone = prior_precision(damping, weights)
    prior = alone + at_both_ends(precision)
    seen = look(solver.rows, part, state, weights, rounded)
    curve = curvature(solver.jacobian_rows, part, state.rotation, seen, weights, shared=False)
    steps, jacobians = 0, n
    for _ in range(iterations):
        steps += 1
        down = gradient(solver.rows, part, state.take(active), seen, weights)[1]
        whole = down + link_pull(batch, state, weights)[active]
        extra = prior[active] + damping[:, None] * (curve.own.diagonal(dim1=1, dim2=2) + prior[active])
        near = (active[1:] == active[:-1] + 1)[:, None]
        x, ok = solve_frames(curve, extra, precision[active[:-1]] * near, whole[..., None])
        if not bool(ok):
            damping = damping * BRAKE**2
            continue
        x = x[..., 0]
        tried = _moved(batch, state, active, x)
        seen_now = look(solver.rows, part, tried.take(active), weights, rounded)
        won = seen.energy - seen_now.energy
        ties = (_half_ties(batch, state, weights) - _half_ties(batch, tried, weights))[active]
        keep = won + ties > 0
        mixed = state.put(active[keep], tried.take(active[keep]))
        if not bool(keep.all()):
            ties_won = link_energy(batch, state, weights).sum() - link_energy(batch, mixed, weights).sum()
            if float(won[keep].sum() + ties_won) <= 0:
                damping = (damping * BRAKE).clamp(max=MOST_DAMPING)
                if bool((damping >= MOST_DAMPING).all()):
                    break
                continue
        bend = ((curve.own @ x[..., None])[..., 0] * x).sum(1) + (alone * x.square()).sum(1)
        off = (won - ((down * x).sum(1) - 0.5 * bend)) / bend.double().clamp(min=1e-9) * 2
        damping, state = _damped(damping, off, keep), mixed
        gain = 0.5 * (whole * x).sum(1)
        sharp = rounded == 0
        rounded = _sharpened(rounded, gain)
        done = sharp & (gain < solver.settled) & (keep | (damping >= FREE))
        settled[active[done]] = True
        left = torch.nonzero(~done)[:, 0]
        if not len(left):
            break
        stale = (~sharp | (off.abs() > RENEW))[left]
        active, damping, rounded, curve = active[left], damping[left], rounded[left], curve.take(left)
        part = batch.take(active)
        seen = look(solver.rows, part, state.take(active), weights, rounded)
        jacobians += _renew(solver, part, state.rotation[active], seen, torch.nonzero(stale)[:, 0], curve, False)
    return state, settled, Work(steps, jacobians)


def minimise_all(
    solver: Solver, batch: Batch, state: State, iterations: int, rounding: float = 0.0
) -> tuple[State, Tensor, Curvature, Work]:
    """All unknowns together: (state, what the next step of each frame would win in nats [F], frames' matrices, work).

    A clip keeps a step only where that lowers its energy.
    """
    weights, n, n_clips = solver.weights, len(batch.subject), len(state.log_focal)
    damping = state.codes.new_full((n,), START_DAMPING)
    of_head = state.codes.new_full((n_clips,), START_DAMPING)
    rounded = state.codes.new_full((n,), rounding)
    of_frame = torch.full_like(damping, torch.inf)
    frames = torch.bincount(batch.clip, minlength=n_clips)
    seen = look(solver.rows, batch, state, weights, rounded)
    curve = curvature(solver.jacobian_rows, batch, state.rotation, seen, weights, shared=True)
    energy = by_clip(solver, batch, state, seen)
    steps, jacobians = 0, n
    for _ in range(iterations):
        steps += 1
        link = weights.tie_precision(batch.link)
        by_shared, own = gradient(solver.rows, batch, state, seen, weights)
        down = Downhill(by_shared, own + link_pull(batch, state, weights))
        prior = prior_precision(damping, weights) + at_both_ends(link)
        extra = prior + damping[:, None] * (curve.own.diagonal(dim1=1, dim2=2) + prior)
        eyes = head_size(solver.eye_rows, state.codes, weights)
        head = torch.cat([of_head[batch.clip_of_subject].repeat_interleave(N_CODES), of_head])
        step = solve_arrow(batch, state, curve, down, extra, link, head, weights, eyes)
        if not bool(step.ok):
            damping, of_head = damping * BRAKE**2, of_head * BRAKE**2
            continue
        tried = state.moved(batch, step.codes, step.log_focal, step.frame)
        seen_now = look(solver.rows, batch, tried, weights, rounded)
        energy_now = by_clip(solver, batch, tried, seen_now)
        better = energy_now < energy
        bend, promised = _promised(batch, curve, step, by_shared, own, weights)
        off = (seen.energy - seen_now.energy - promised) / bend.double().clamp(min=1e-9) * 2
        of_frame, gain = _gain(batch, state, step, down, weights, eyes)
        damping = _damped(damping, off, better[batch.clip])
        poor = energy - energy_now < 0.25 * gain
        of_head = torch.where(poor, of_head * BRAKE, of_head * EASE).clamp(LEAST_DAMPING, MOST_DAMPING)
        state = _kept(batch, better, state, tried)
        sharp = rounded == 0
        settled = (gain < TOGETHER * solver.settled * frames) & (better | (of_head >= FREE))
        settled &= _all_of(sharp, batch.clip, n_clips)
        if bool(settled.all()):
            break
        rounded = _sharpened(rounded, of_frame)
        seen = look(solver.rows, batch, state, weights, rounded)
        energy = by_clip(solver, batch, state, seen)
        stale = (~sharp | ((off.abs() > RENEW) & (bend > 2 * solver.settled))) & ~settled[batch.clip]
        jacobians += _renew(solver, batch, state.rotation, seen, torch.nonzero(stale)[:, 0], curve, True)
    return state, of_frame, curve, Work(steps, jacobians)


def _renew(solver: Solver, batch: Batch, rotation: Tensor, seen: Seen, stale: Tensor, curve: Curvature,
           shared: bool) -> int:  # fmt: skip
    """Make the matrices of these frames anew, in place; how many that were."""
    if len(stale):
        part = batch.take(stale)
        of = some(seen, stale)
        curve.put(stale, curvature(solver.jacobian_rows, part, rotation[stale], of, solver.weights, shared))
    return len(stale)


def _moved(batch: Batch, state: State, frames: Tensor, x: Tensor) -> State:
    """With some frames moved by x [k, 70]."""
    step = x.new_zeros(len(batch.subject), x.shape[1]).index_copy(0, frames, x)
    return state.moved(batch, torch.zeros_like(state.codes), torch.zeros_like(state.log_focal), step)


def _sharpened(rounded: Tensor, gain: Tensor) -> Tensor:
    """Less rounding for frames [n] whose next step has little to win."""
    less = rounded * SHARPEN
    less = torch.where(less > LEAST_ROUNDING, less, 0.0)
    return torch.where(gain < LITTLE, less, rounded)


def _damped(damping: Tensor, off: Tensor, keep: Tensor) -> Tensor:
    """More where a frame did worse than predicted, or its step was not kept; less where the prediction held."""
    factor = torch.where(off < -POOR, BRAKE, torch.where(off.abs() < RENEW, EASE, 1.0)).to(damping.dtype)
    return (damping * torch.where(keep, factor, BRAKE)).clamp(LEAST_DAMPING, MOST_DAMPING)


def _promised(
    batch: Batch, curve: Curvature, step: Step, by_shared: Tensor, own: Tensor, weights: Weights
) -> tuple[Tensor, Tensor]:
    """Of every frame [F], without ties: the curvature along the step, and the decrease of the energy it predicts."""
    d = step.of_frames(batch)
    s, x = d[:, :N_SHARED, None], d[:, N_SHARED:, None]
    bend = (s * (curve.shared @ s)).sum((1, 2)) + 2 * (x * (curve.coupling @ s)).sum((1, 2))
    bend = bend + (x * (curve.own @ x)).sum((1, 2)) + (prior_precision(own, weights) * x[..., 0].square()).sum(1)
    return bend, (by_shared * s[..., 0]).sum(1) + (own * x[..., 0]).sum(1) - 0.5 * bend


def _gain(
    batch: Batch, state: State, step: Step, down: Downhill, weights: Weights, eyes: HeadSize
) -> tuple[Tensor, Tensor]:
    """Half the slope along the step, which is what a full step wins: of each frame by what is its own [F] (what is
    shared may cost one frame what another wins), and of each clip by all [C], with the priors of what it shares."""
    d = step.of_frames(batch)
    of_frame = 0.5 * (down.own * d[:, N_SHARED:]).sum(1)
    both = of_frame + 0.5 * (down.shared * d[:, :N_SHARED]).sum(1)
    out = of_frame.new_zeros(len(state.log_focal)).index_add_(0, batch.clip, both)
    pull = state.codes + weights.eye_weight * eyes.residual[:, None] * eyes.by_codes
    codes = 0.5 * (weights.shared_count[:, None] * pull * step.codes).sum(1)
    out = out.index_add(0, batch.clip_of_subject, codes, alpha=-1)
    return of_frame.abs(), out - 0.5 * weights.focal_count * state.log_focal * step.log_focal / weights.focal_log_sd**2


def _kept(batch: Batch, better: Tensor, old: State, new: State) -> State:
    """Clips that got better as in `new`, the others as in `old`."""
    frame, subject = better[batch.clip], better[batch.clip_of_subject]
    return State(
        torch.where(subject[:, None], new.codes, old.codes), torch.where(better, new.log_focal, old.log_focal),
        torch.where(frame[:, None], new.expression, old.expression),
        torch.where(frame[:, None, None], new.rotation, old.rotation),
        torch.where(frame[:, None], new.translation_mm, old.translation_mm))  # fmt: skip


def by_clip(solver: Solver, batch: Batch, state: State, seen: Seen) -> Tensor:
    """Energy of every clip [C], float64."""
    weights = solver.weights
    codes, focal = shared_energy(state, weights, solver.eye_rows)
    out = focal.index_add(0, batch.clip_of_subject, codes).index_add(0, batch.clip, seen.energy)
    return out.index_add(0, batch.clip[1:], link_energy(batch, state, weights))


def _all_of(flag: Tensor, clip: Tensor, n_clips: int) -> Tensor:
    """[C] whether it holds of all the frames of a clip."""
    return torch.zeros(n_clips, device=flag.device).index_add_(0, clip, (~flag).float()) == 0


def _half_ties(batch: Batch, state: State, weights: Weights) -> Tensor:
    """[F] half the energy of each frame's ties."""
    return at_both_ends(0.5 * link_energy(batch, state, weights))
