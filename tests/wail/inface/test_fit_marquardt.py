"""The solver on small takes of known truth; what a fit is worth as a whole is measured by `wail bench fit`."""

from dataclasses import replace

import pytest
import torch

from wail.bench.fit_truth import make_problem, truth_config
from wail.inface.fit import TakeLandmarks, fit_takes
from wail.inface.fit_energy import link_energy, look, shared_energy
from wail.inface.fit_marquardt import Solver, minimise_all, minimise_frames
from wail.inface.fit_rounds import key_frames, solve
from wail.inface.fit_set_up import set_up, weights_of

N = 12


@pytest.fixture(scope="module", params=["1/k", "flat"])
def problem(request):
    return make_problem(request.param, "tune", 3, n_frames=N)


def task_of(problem, config):
    take = TakeLandmarks(problem.xy_px, problem.visibility, problem.size_px)
    return set_up(problem.model, problem.maps, [take], config, torch.device("cpu"))


def solver_of(task, config, low=torch.float32):
    return Solver(task.rows, task.rows.to(low), task.eye_rows, weights_of(task, task.batch, config), 1e-3)


def energy_of(task, solver, state):
    shared = sum(float(part.sum()) for part in shared_energy(state, solver.weights, task.eye_rows))
    own = look(task.rows, task.batch, state, solver.weights).energy.sum()
    return float(own + link_energy(task.batch, state, solver.weights).sum()) + shared


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


@pytest.mark.usefixtures("no_grad")
def test_rounding_the_kinks_first_ends_no_higher_than_going_straight(problem):
    config = truth_config(problem)
    task = task_of(problem, config)
    solver = solver_of(task, config)
    straight, _, _, _ = minimise_all(solver, task.batch, task.start, 60)
    rounded, gain, _, work = minimise_all(solver, task.batch, task.start, 60, rounding=0.3)
    # A flat decoder's energy has no bad places to be stuck in.
    most = 1.0 if problem.kind == "1/k" else 1.002
    assert energy_of(task, solver, rounded) < most * energy_of(task, solver, straight)
    assert float(gain.max()) < 0.1
    assert work.steps <= 60 and N < work.jacobians <= N * work.steps


@pytest.mark.usefixtures("no_grad")
def test_jacobians_in_bfloat16_lead_to_the_same_energy(problem):
    config = truth_config(problem)
    task = task_of(problem, config)
    full, low = solver_of(task, config), solver_of(task, config, torch.bfloat16)
    a, b = (energy_of(task, full, minimise_all(one, task.batch, task.start, 60, 0.3)[0]) for one in (full, low))
    assert b == pytest.approx(a, rel=2e-3)


@pytest.mark.usefixtures("no_grad")
@pytest.mark.parametrize("tied", [False, True])
def test_frames_alone_never_get_worse_and_leave_what_is_shared(problem, tied):
    config = truth_config(problem)
    if tied:
        config = replace(config, expression_step=0.2, rotation_step_rad=0.05, translation_step_mm=5.0)
    task = task_of(problem, config)
    solver = solver_of(task, config)
    state, before = task.start, energy_of(task, solver, task.start)
    for _ in range(4):
        state, _, _ = minimise_frames(solver, task.batch, state, 3)
        now = energy_of(task, solver, state)
        assert now <= before * (1 + 1e-6)
        before = now
    assert torch.equal(state.codes, task.start.codes) and torch.equal(state.log_focal, task.start.log_focal)
    _, settled, _ = minimise_frames(replace(solver, settled=0.5), task.batch, state, 80)
    assert bool(settled.all())


@pytest.mark.usefixtures("no_grad")
def test_clips_in_one_batch_are_fitted_as_if_alone(problem):
    config = truth_config(problem)
    other = make_problem(problem.kind, "tune", 3, n_frames=7, take=1)
    ones = enumerate((problem, other))
    pair = [TakeLandmarks(one.xy_px, one.visibility, one.size_px, clip=f"{k}") for k, one in ones]
    both = set_up(problem.model, problem.maps, pair, config, torch.device("cpu"))
    alone = [set_up(problem.model, problem.maps, [one], config, torch.device("cpu")) for one in pair]
    together = solve(both, config, both.rows)
    for k, task in enumerate(alone):
        state = solve(task, config, task.rows).state
        of = both.take == k
        a = look(both.rows, both.batch, together.state, weights_of(both, both.batch, config)).cam_mm[of]
        b = look(task.rows, task.batch, state, weights_of(task, task.batch, config)).cam_mm
        # Steps are tried together, so that a clip may be refused one that it would have taken alone.
        assert float((a - b).norm(dim=1).mean()) < 0.15


def test_key_frames_are_the_best_seen_of_equal_parts():
    weight = torch.ones(40, 20)
    weight[:8] = 0.5
    weight[3] = 1.0  # the best of the first part
    weight[16:24] = 0  # a part that shows nothing
    take = torch.zeros(40, dtype=torch.long)
    assert key_frames(weight, take, 8, 64).tolist() == [3, 8, 24, 32]
    assert key_frames(weight, take, 8, 2).tolist() == [3, 24]
    two = torch.cat([torch.zeros(8), torch.ones(32)]).long()
    assert key_frames(weight, two, 8, 64).tolist() == [3, 8, 24, 32]


def test_a_head_far_from_the_mean_in_size_is_found_at_its_distance():
    """The stand-in of an early age, from a start half as far again: no small step leads from there."""
    problem = make_problem("stand-in", "tune", 16, expression=0.0, max_yaw_deg=20.0, n_frames=24)
    take = TakeLandmarks(problem.xy_px, problem.visibility, problem.size_px)
    fit = fit_takes(problem.model, problem.maps, [take], truth_config(problem))[0]
    age = (fit.age - float(problem.model.latent_mean[96])) / float(problem.model.latent_std[96])
    assert age < -1
    assert fit.pose[:, 5].mean() == pytest.approx(problem.translation_mm[:, 2].mean(), rel=0.15)
