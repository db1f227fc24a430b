"""The rounds of a fit: key frames find what is shared, every frame finds its own, what is wrong is masked, and then all
unknowns are solved for together."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from wail.inface.fit_batch import N_CODES, Batch, State
from wail.inface.fit_config import FitConfig
from wail.inface.fit_energy import look
from wail.inface.fit_jacobian import Curvature
from wail.inface.fit_marquardt import Solver, Work, minimise_all, minimise_frames
from wail.inface.fit_observe import Belief, believe
from wail.inface.fit_rows import PointRows, points
from wail.inface.fit_set_up import Task, weights_of, with_belief
from wail.inface.fit_start import MIN_LANDMARKS, neighbours, start_pose

BADLY, OTHER_AGES = 1.5, (-2.0, 2.0)
"""Nats for each independent landmark (a fit of landmarks that err as the config says has about 1) above which a cold
start is doubted, and the ages (standard deviations of the model's) from which it is tried again."""
MISSIZED = 0.15
"""Logarithm of the size found over the mean face's, from which landmarks' errors are told anew."""
KEY_ROUNDING, FRAME_ROUNDING, LATER_ROUNDING = 0.3, 0.1, 0.03
"""How far kinks are rounded off at the start of each round (fit_marquardt): a cold start needs the most."""


@dataclass(frozen=True)
class Solved:
    """A fitted state, what was believed of the landmarks in the end, what each frame's next step would still win in
    nats [F], the frames' last matrices, and the work it took."""

    state: State
    batch: Batch
    belief: Belief
    gain: Tensor
    curve: Curvature
    work: Work


def solve(task: Task, config: FitConfig, jacobian_rows: PointRows) -> Solved:
    """Fit all takes of a task."""
    belief = _believed(task, task.start, None, config)
    batch = with_belief(task.batch, belief.weight, belief.squeeze)
    state, work = _by_keys(task, batch, task.start, config, jacobian_rows)
    if _missized(task, state):
        task = _rescaled(task, state)
        batch = with_belief(task.batch, belief.weight, belief.squeeze)
        state, more = _by_keys(task, batch, state, config, jacobian_rows)
        work += more
    rounding = FRAME_ROUNDING * task.rows.has_kinks
    for _ in range(config.screenings):
        state, _, more = minimise_frames(_solver(task, batch, config, jacobian_rows), batch, state,
                                         config.frame_iterations, rounding)  # fmt: skip
        work, rounding = work + more, LATER_ROUNDING * task.rows.has_kinks
        before, belief = belief, _believed(task, state, batch, config)
        batch = with_belief(task.batch, belief.weight, belief.squeeze)
        if belief.squeeze is None and torch.equal(before.weight, belief.weight):
            break
    solver = _solver(task, batch, config, jacobian_rows)
    state, gain, curve, more = minimise_all(solver, batch, state, config.iterations)
    return Solved(state, batch, belief, gain, curve, work + more)


def _solver(task: Task, batch: Batch, config: FitConfig, jacobian_rows: PointRows) -> Solver:
    return Solver(task.rows, jacobian_rows, task.eye_rows, weights_of(task, batch, config), config.settled_nats)


def _by_keys(
    task: Task, batch: Batch, start: State, config: FitConfig, jacobian_rows: PointRows
) -> tuple[State, Work]:
    """What is shared, from key frames; every other frame starts between them, with a pose for the face found.

    A head far from the mean in size starts at the wrong distance, from which no small step leads away: it is bent until
    its perspective is right. So where that ends badly, it is tried from an older and a younger face too.
    """
    keys = key_frames(batch.weight, task.take, config.key_stride, config.key_frames)
    few = batch.take(keys, _ties(batch.link, keys))
    solver = _solver(task, few, config, jacobian_rows)

    def found(start: State) -> tuple[float, State, Work]:
        at, _, _, work = minimise_all(solver, few, start.take(keys), config.key_iterations,
                                      KEY_ROUNDING * task.rows.has_kinks)  # fmt: skip
        return float(look(task.rows, few, at, solver.weights).energy.sum()), at, work

    energy, at, work = found(start)
    if energy > BADLY * float(few.weight.sum()):
        for age in OTHER_AGES:
            other, state, more = found(_of_age(task, batch, start, age))
            work += more
            if other < energy:
                energy, at = other, state
    return _between(task, batch, start, keys, at), work


def _size_found(task: Task, state: State) -> Tensor:
    """[F] px/mm at the head, over that of the mean face at the start."""
    batch = task.batch
    focal = state.focal_px(batch)
    return focal / state.translation_mm[:, 2] / task.scale_px_per_mm


def _missized(task: Task, state: State) -> bool:
    return float(_size_found(task, state).log().abs().median()) > MISSIZED


def _rescaled(task: Task, state: State) -> Task:
    """With a landmark's error at the size that was found: `landmark_sd_mm` is in mm of this face, and by the mean
    face's it would be taken for so much less or more that expression makes up for it."""
    off = _size_found(task, state)
    return replace(task, batch=replace(task.batch, sigma_px=task.batch.sigma_px * off[:, None]),
                   scale_px_per_mm=task.scale_px_per_mm * off)  # fmt: skip


def _of_age(task: Task, batch: Batch, start: State, age: float) -> State:
    """The start with the mean face of an age (z-scored)."""
    codes = start.codes.clone()
    codes[:, N_CODES - 1] = age
    state = replace(start, codes=codes)
    return _posed(task, batch, state, points(task.rows, state.latents(batch)).mT)


def _between(task: Task, batch: Batch, start: State, keys: Tensor, at: State) -> State:
    """Every frame's start from the key frames' fits: expression between its neighbours', pose in closed form."""
    _, before, after, share = neighbours(keys, task.take)
    expression = torch.lerp(at.expression[before], at.expression[after], share[:, None])
    state = State(at.codes, at.log_focal, expression, start.rotation, start.translation_mm)
    return _posed(task, batch, state, points(task.rows, state.latents(batch)).mT)


def _posed(task: Task, batch: Batch, state: State, face: Tensor) -> State:
    """With each frame's pose in closed form, for its own face [F, L, 3]."""
    n = face.shape[1]
    focal = state.focal_px(batch)
    rotation, translation, _ = start_pose(face, batch.xy_px[:, :, :n].mT, _weight_for_pose(task, batch.weight[:, :n]),
                                          focal, batch.centre_px, task.take)  # fmt: skip
    return replace(state, rotation=rotation, translation_mm=translation)


def _weight_for_pose(task: Task, weight: Tensor) -> Tensor:
    """[F, L], whatever way they face in takes none of whose frames shows enough that faces the camera (mirrored
    landmarks do that, and what is no face): such a take has no part in the fit, but it must have a pose."""
    enough = ((weight > 0).sum(1) >= MIN_LANDMARKS).to(weight)
    some = enough.new_zeros(int(task.take[-1]) + 1).index_add_(0, task.take, enough) > 0
    return torch.where(some[task.take][:, None], weight, task.batch.weight[:, : weight.shape[1]])


def key_frames(weight: Tensor, take: Tensor, stride: int, most: int) -> Tensor:
    """Frames, ascending: in every take the best seen of each `stride`, or of fewer, longer parts if those are more than
    `most`; parts that show too little of a face have none."""
    total = weight.sum(1).cpu().numpy()
    enough = ((weight > 0).sum(1) >= MIN_LANDMARKS).cpu().numpy()
    of = take.cpu().numpy()
    out = []
    for one in np.unique(of):
        frames = np.flatnonzero(of == one)
        parts = np.array_split(frames, min(most, -(-len(frames) // stride)))
        best = [int(part[total[part].argmax()]) for part in parts]
        kept = [frame for frame in best if enough[frame]]
        out += kept or [int(frames[np.where(enough[frames], total[frames], -1).argmax()])]
    return torch.tensor(out, device=weight.device)


def _ties(link: Tensor, frames: Tensor) -> Tensor:
    """How strongly chosen frames are tied: a random walk's variance grows with the gap; none across a cut."""
    gap = (frames[1:] - frames[:-1]).to(torch.float32)
    cuts = torch.cat([link.new_zeros(1), (link == 0).to(link).cumsum(0)])[frames]
    return torch.where(cuts[1:] == cuts[:-1], 1 / gap, 0.0)


def _believed(task: Task, state: State, batch: Batch | None, config: FitConfig) -> Belief:
    """Asked without a batch, before anything is fitted, nothing is masked."""
    of = batch or task.batch
    seen = look(task.rows, without_pairs(task, of), state, weights_of(task, of, config))
    residual = None if batch is None else seen.residual.norm(dim=1)
    return believe(task.visibility, task.worth, task.pairs, task.normals, state.rotation, seen.cam_mm, residual,
                   task.take, config)  # fmt: skip


def without_pairs(task: Task, batch: Batch) -> Batch:
    """Landmarks alone."""
    n = len(task.worth)
    squeeze = None if batch.squeeze is None else batch.squeeze[..., :n]
    return replace(batch, xy_px=batch.xy_px[..., :n], weight=batch.weight[:, :n], sigma_px=batch.sigma_px[:, :n],
                   squeeze=squeeze, pair=batch.pair[:, :0])  # fmt: skip
