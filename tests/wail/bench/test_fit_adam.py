"""The baseline: its energy is the fit's own, and neither it nor the long run is held back."""

from dataclasses import replace

import pytest
import torch

from wail.bench.fit_adam import TUNED, UNIT, Unknowns, adam, cold_start, energy, long_run, rescaled, state_of, task_of
from wail.bench.fit_scores import solve
from wail.bench.fit_truth import make_problem, truth_config

FRAMES = 12


@pytest.fixture(scope="module", params=["flat", "stand-in"])
def problem(request):
    return make_problem(request.param, "tune", 0, n_frames=FRAMES)


@pytest.fixture(scope="module")
def task(problem):
    return task_of(problem, truth_config(problem), dtype=torch.float64)


@pytest.fixture(scope="module")
def fit(problem):
    return solve([problem])[0]


def test_its_energy_is_the_one_that_the_fit_tells(problem, task, fit):
    assert float(energy(task, state_of(problem, task, fit), UNIT)) == pytest.approx(fit.energy, rel=1e-4)


def test_units_do_not_change_a_state(problem, task, fit):
    at, other = state_of(problem, task, fit), TUNED["1/k"]
    moved = rescaled(at, UNIT, other)
    assert float(energy(task, moved, other)) == pytest.approx(float(energy(task, at, UNIT)), rel=1e-9)


def test_the_closed_form_decoder_and_camera_agree_with_the_models(problem, task):
    # With the truth's own latents and poses, what is left is the noise.
    mean, std = problem.model.latent_mean, problem.model.latent_std
    z = (torch.from_numpy(problem.latents) - mean).double() / std
    turn = torch.from_numpy(problem.rotation) @ task.rotation.mT
    shift = (torch.from_numpy(problem.translation_mm) - task.translation_mm) / UNIT.translation_mm
    still = torch.zeros(FRAMES, 3, dtype=torch.float64)
    at = Unknowns(torch.cat([z[0, :32], z[0, 96:]]), z[:, 32:96], still, shift, torch.tensor(0.0, dtype=torch.float64))
    true = float(energy(replace(task, rotation=turn @ task.rotation), at, UNIT))
    seen = 2 * problem.fitted.sum() * FRAMES
    prior = 0.5 * float(at.shared.square().sum() + at.expression.square().sum())
    # Sigma is the noise's at 450 mm; heads come nearer and go farther.
    assert true - prior == pytest.approx(0.5 * seen, rel=0.25)


def test_adam_gets_near_the_fit(problem, task, fit):
    config, scales = truth_config(problem), TUNED["flat"]
    found = adam(task_of(problem, config), scales, steps=150)
    start = float(energy(task, cold_start(task), scales))
    assert float(energy(task, rescaled(found, scales, UNIT), UNIT)) < 0.2 * start
    assert not any(one.requires_grad for one in found.all())


def test_bfloat16_is_near_and_not_the_same(problem, task, fit):
    task32 = task_of(problem, truth_config(problem))
    at = cold_start(task32)
    low, full = float(energy(task32, at, UNIT, low=True)), float(energy(task32, at, UNIT))
    assert low == pytest.approx(full, rel=0.01)
    assert low != full


def test_a_long_run_only_goes_down(problem, task, fit):
    at = state_of(problem, task, fit)
    best = long_run(task, at, steps=20)
    assert best <= float(energy(task, at, UNIT))
    assert best == pytest.approx(fit.energy, rel=0.05)
