"""Gradients and curvatures against autograd, for every kind of row there is."""

import math
from itertools import pairwise

import pytest
import torch

from wail.inface.fit_arrow import Downhill, at_both_ends, link_pull, prior_precision, solve_arrow
from wail.inface.fit_batch import N_CODES, N_EXPRESSION, Batch, State, Weights
from wail.inface.fit_energy import gradient, head_size, link_energy, look, robust_weight, some, with_pairs
from wail.inface.fit_jacobian import curvature
from wail.inface.fit_rows import PointRows, forward, jacobian, points
from wail.inface.rotation import rotation_exp

F64 = torch.float64
L, F = 9, 5


def random(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def make_rows(n_points=L, seed=0):
    widths = (97, 20, 24, 3 * n_points)
    sizes = pairwise(widths)
    weights = tuple(random(b, a, seed=seed + b, scale=1.4 / math.sqrt(a)) for a, b in sizes)
    biases = tuple(random(b, seed=seed + b + 1, scale=0.3) for b in widths[1:-1])
    place = random(3 * n_points, seed=seed + 7, scale=30.0)
    return PointRows((*weights[:-1], 3 * weights[-1]), (*biases, place), 0.2, (1.0, 1.0))


def make_batch(pairs=True, slides=True):
    """Two subjects in two clips; frames 0-2 and 3-4 are takes."""
    n_pairs = 3 if pairs else 0
    pair = torch.stack([torch.arange(n_pairs), torch.arange(n_pairs) + 4])
    turn = random(F, L + n_pairs, seed=5)
    across = torch.stack([turn.cos(), turn.sin()], 1)
    squeeze = torch.einsum("nir,njr->nijr", across, across) + 0.1 * torch.eye(2, dtype=F64)[None, :, :, None]
    return Batch(
        xy_px=random(F, 2, L + n_pairs, seed=2, scale=40.0), weight=random(F, L + n_pairs, seed=3).abs(),
        sigma_px=1 + random(F, L + n_pairs, seed=4).abs(), squeeze=squeeze if slides else None, pair=pair,
        centre_px=random(F, 2, seed=6), prior_focal_px=torch.tensor([700.0, 900.0], dtype=F64),
        link=torch.tensor([1, 0.5, 0, 1], dtype=F64), subject=torch.tensor([0, 0, 0, 1, 1]),
        clip=torch.tensor([0, 0, 0, 1, 1]), clip_of_subject=torch.tensor([0, 1]),
    )  # fmt: skip


def make_state(seed=0):
    turn = random(F, 3, seed=seed + 10, scale=0.3)
    return State(random(2, N_CODES, seed=seed + 11), random(2, seed=seed + 12, scale=0.1),
                 random(F, N_EXPRESSION, seed=seed + 13), rotation_exp(turn),
                 random(F, 3, seed=seed + 14, scale=5.0) + torch.tensor([0, 0, 450.0], dtype=F64))  # fmt: skip


def make_weights(**changed):
    known = {"huber": 3.0, "shared_count": torch.tensor([2.0, 1.0], dtype=F64),
             "focal_count": torch.tensor([2.0, 1.0], dtype=F64), "focal_log_sd": 0.05, "expression_sd": 2.0,
             "expression_step": 0.7, "rotation_step_rad": 0.1, "translation_step_mm": 10.0, "eye_mm": 70.0,
             "eye_sd_mm": 5.0, "eye_weight": 1.0}  # fmt: skip
    return Weights(**(known | changed))


def by_step(batch, state, call):
    """Derivative of call(state moved) at no step: by codes, focal lengths and frames."""
    zero = [torch.zeros(2, N_CODES, dtype=F64), torch.zeros(2, dtype=F64), torch.zeros(F, 70, dtype=F64)]
    zero = [one.requires_grad_() for one in zero]
    return torch.autograd.grad(call(state.moved(batch, *zero)), zero, materialize_grads=True, allow_unused=True)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("slides", [False, True])
@pytest.mark.parametrize("rounded", [None, 0.3])
def test_the_gradient_is_that_of_the_energy(pairs, slides, rounded):
    rows, batch, state, weights = make_rows(), make_batch(pairs, slides), make_state(), make_weights()
    rounding = None if rounded is None else torch.full((F,), rounded, dtype=F64)
    by_shared, own = gradient(rows, batch, state, look(rows, batch, state, weights, rounding), weights)
    codes, focal, frame = by_step(batch, state, lambda s: look(rows, batch, s, weights, rounding).energy.sum())
    assert torch.allclose(-own, frame, rtol=1e-6, atol=1e-6 * float(frame.abs().max()))
    in_subject = torch.zeros(2, 34, dtype=F64).index_add(0, batch.subject, by_shared)
    assert torch.allclose(-in_subject[:, :N_CODES], codes, rtol=1e-6, atol=1e-6 * float(codes.abs().max()))
    assert torch.allclose(-in_subject[:, N_CODES], focal, rtol=1e-6)


def test_ties_pull_towards_their_neighbours():
    batch, state, weights = make_batch(), make_state(), make_weights()
    frame = by_step(batch, state, lambda s: link_energy(batch, s, weights).sum())[2]
    pull = link_pull(batch, state, weights)
    # The pull on a rotation is that of small steps: the logarithm's own derivative is left out.
    others = [*range(N_EXPRESSION), 67, 68, 69]
    assert torch.allclose(-pull[:, others], frame[:, others], rtol=1e-9)
    assert torch.allclose(pull[3, others], -pull[4, others])  # a take of their own
    small = State(state.codes, state.log_focal, state.expression,
                  rotation_exp(random(F, 3, seed=1, scale=1e-3)), state.translation_mm)  # fmt: skip
    turn = by_step(batch, small, lambda s: link_energy(batch, s, weights).sum())[2][:, 64:67]
    assert torch.allclose(-link_pull(batch, small, weights)[:, 64:67], turn, rtol=5e-3, atol=1e-4)


@pytest.mark.parametrize(("pairs", "slides"), [(False, False), (True, True)])
def test_the_curvature_is_that_of_the_weighted_residuals(pairs, slides):
    rows, batch, state, weights = make_rows(), make_batch(pairs, slides), make_state(), make_weights()
    seen = look(rows, batch, state, weights)
    root = robust_weight(batch, seen, weights).sqrt()
    got = curvature(rows, batch, state.rotation, seen, weights, shared=True)
    alone = curvature(rows, batch, state.rotation, seen, weights, shared=False)

    def residual(frame, codes, focal, x):
        step = torch.zeros(F, 70, dtype=F64).index_copy(0, torch.tensor([frame]), x[None])
        moved = state.moved(batch, torch.zeros(2, N_CODES, dtype=F64).index_add(0, batch.subject[[frame]], codes[None]),
                            torch.zeros(2, dtype=F64).index_add(0, batch.clip[[frame]], focal), step)  # fmt: skip
        return (look(rows, batch, moved, weights).residual * root[:, None])[frame].flatten()

    for frame in (0, 4):
        zero = (torch.zeros(N_CODES, dtype=F64), torch.zeros(1, dtype=F64), torch.zeros(70, dtype=F64))
        j = torch.cat(torch.autograd.functional.jacobian(lambda *s, f=frame: residual(f, *s), zero), 1)
        want = j.T @ j
        scale = float(want.abs().max())
        assert torch.allclose(got.shared[frame], want[:34, :34], atol=1e-9 * scale)
        assert torch.allclose(got.coupling[frame], want[34:, :34], atol=1e-9 * scale)
        assert torch.allclose(got.own[frame], want[34:, 34:], atol=1e-9 * scale)
        assert torch.allclose(alone.own[frame], want[34:, 34:], atol=1e-9 * scale)
    assert not bool(alone.shared.any()) and not bool(alone.coupling.any())


def test_a_decoder_in_bfloat16_changes_the_curvature_by_its_rounding_alone():
    rows, batch, state, weights = make_rows(), make_batch(), make_state(), make_weights()
    rows32, batch32, state32 = rows.to(torch.float32), batch.to(torch.float32), state.to(torch.float32)
    weights32 = make_weights(shared_count=torch.tensor([2.0, 1.0]), focal_count=torch.tensor([2.0, 1.0]))
    full = curvature(rows, batch, state.rotation, look(rows, batch, state, weights), weights, shared=True)
    seen = look(rows32, batch32, state32, weights32)
    low = curvature(rows32.to(torch.bfloat16), batch32, state32.rotation, seen, weights32, shared=True)
    assert low.own.dtype == torch.float32
    diagonal = full.own.diagonal(dim1=1, dim2=2).sqrt()
    off = (low.own.double() - full.own) / (diagonal[:, :, None] * diagonal[:, None])
    assert float(off.abs().max()) < 0.02


def test_a_step_solves_the_whole_system():
    """Against the dense matrix of codes, focal lengths and all frames, written out."""
    rows, eyes, batch, state, weights = make_rows(), make_rows(2, 40), make_batch(), make_state(), make_weights()
    seen = look(rows, batch, state, weights)
    curve = curvature(rows, batch, state.rotation, seen, weights, shared=True)
    by_shared, own = gradient(rows, batch, state, seen, weights)
    down = Downhill(by_shared, own + link_pull(batch, state, weights))
    link = weights.tie_precision(batch.link)
    diagonal = prior_precision(own, weights) + at_both_ends(link)
    sizes = head_size(eyes, state.codes, weights)
    step = solve_arrow(batch, state, curve, down, diagonal, link, torch.zeros(68, dtype=F64), weights, sizes)
    assert bool(step.ok)
    n = 68 + 70 * F
    whole, right = torch.zeros(n, n, dtype=F64), torch.zeros(n, dtype=F64)
    for f in range(F):
        s = [*range(33 * int(batch.subject[f]), 33 * int(batch.subject[f]) + 33), 66 + int(batch.clip[f])]
        x = list(range(68 + 70 * f, 68 + 70 * f + 70))
        both = torch.tensor(s + x)
        block = torch.cat([torch.cat([curve.shared[f], curve.coupling[f].T], 1),
                           torch.cat([curve.coupling[f], curve.own[f] + torch.diag(diagonal[f])], 1)])  # fmt: skip
        whole[both[:, None], both] += block
        right[both] += torch.cat([down.shared[f], down.own[f]])
        if f + 1 < F:
            x, y = torch.tensor(x), torch.tensor(x) + 70
            whole[x, y] -= link[f]
            whole[y, x] -= link[f]
    prior = torch.cat([weights.shared_count.repeat_interleave(33), weights.focal_count / weights.focal_log_sd**2])
    whole.diagonal()[:68] += prior
    right[:68] -= prior * torch.cat([state.codes.flatten(), state.log_focal])
    for k in range(2):
        a, m = sizes.by_codes[k], weights.shared_count[k]
        whole[33 * k : 33 * k + 33, 33 * k : 33 * k + 33] += m * torch.outer(a, a)
        right[33 * k : 33 * k + 33] -= m * sizes.residual[k] * a
    want = torch.linalg.solve(whole, right)
    assert torch.allclose(torch.cat([step.codes.flatten(), step.log_focal, step.frame.flatten()]), want, rtol=1e-6,
                          atol=1e-8)  # fmt: skip


def test_head_size_is_the_distance_of_the_outer_eye_corners_at_rest():
    eyes, weights, codes = make_rows(2, 40), make_weights(), random(2, N_CODES, seed=3)
    at = head_size(eyes, codes, weights)
    corners = points(eyes, torch.cat([codes, torch.zeros(2, N_EXPRESSION, dtype=F64)], 1))
    assert torch.allclose(at.residual * 5 + 70, (corners[:, :, 0] - corners[:, :, 1]).norm(dim=1))
    by = torch.autograd.functional.jacobian(lambda c: head_size(eyes, c, weights).residual, codes)
    assert torch.allclose(at.by_codes, torch.stack([by[0, 0], by[1, 1]]), rtol=1e-6, atol=1e-9)


def test_a_point_behind_the_camera_costs_without_end():
    rows, batch, weights = make_rows(), make_batch(), make_weights()
    state = make_state()
    state.translation_mm[1, 2] = -50
    energy = look(rows, batch, state, weights).energy
    assert energy[1] == torch.inf and bool(energy[[0, 2, 3, 4]].isfinite().all())


def test_a_gross_error_pulls_no_harder_than_a_lesser_one():
    rows, batch, weights = make_rows(), make_batch(pairs=False, slides=False), make_weights()
    pulls = []
    for far in (1e3, 1e5):
        xy = batch.xy_px.clone()
        xy[0, 0, 0] = far
        moved = Batch(**(vars(batch) | {"xy_px": xy}))
        pulls.append(gradient(rows, moved, make_state(), look(rows, moved, make_state(), weights), weights)[1][0])
    assert torch.allclose(pulls[0], pulls[1], rtol=0.05, atol=0.05 * float(pulls[0].abs().max()))


def test_rounded_kinks_tend_to_the_decoder():
    rows, z = make_rows(), random(4, 97, seed=9)
    sharp = forward(rows, z).points
    width = torch.ones(4, dtype=F64)
    off = [float((forward(rows, z, w * width).points - sharp).abs().max()) for w in (0.3, 0.03, 0.0)]
    assert off[0] > 5 * off[1] > 0
    assert off[2] < 1e-5


@pytest.mark.parametrize("rounding", [None, 0.2])
def test_the_jacobian_of_points_is_exact(rounding):
    rows, z = make_rows(), random(2, 97, seed=9)
    width = None if rounding is None else torch.full((2,), rounding, dtype=F64)
    got = jacobian(rows, forward(rows, z, width), start=33)
    want = torch.autograd.functional.jacobian(lambda x: forward(rows, x, width).points.sum(0), z)
    assert torch.allclose(got, want[..., 33:].permute(2, 3, 0, 1), rtol=1e-8, atol=1e-8)


def test_rows_of_some_frames_are_those_frames():
    rows, batch, state, weights = make_rows(), make_batch(), make_state(), make_weights()
    frames = torch.tensor([1, 4])
    part = look(rows, batch.take(frames, torch.zeros(1, dtype=F64)), state.take(frames), weights)
    whole = some(look(rows, batch, state, weights), frames)
    for name in ("energy", "residual", "px", "cam_mm"):
        assert torch.allclose(getattr(part, name), getattr(whole, name), rtol=1e-12)
    assert with_pairs(part.px, batch).shape == (2, 2, L + 3)
