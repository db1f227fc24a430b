"""Scores of a fit: nothing wrong scores nothing, and a known error scores what it is."""

from dataclasses import replace

import numpy as np
import pytest

from wail.bench.fit_scores import (
    aligned_error_mm,
    landmark_error_mm,
    leak_mm,
    lip_error_mm,
    lip_numbers,
    rank_correlation,
    rigid_motion,
    solve,
)
from wail.bench.fit_truth import make_problem
from wail.inface.model import AGE, EXPRESSION, IDENTITY
from wail.inface.rotation import matrix_from_angles


@pytest.fixture(scope="module")
def problem():
    return make_problem("flat", "tune", 0, n_frames=24)


@pytest.fixture(scope="module")
def fit(problem):
    return solve([problem])[0]


def perfect(problem, fit):
    codes = problem.latents
    return replace(fit, identity=codes[0, IDENTITY], age=float(codes[0, AGE][0]), expression=codes[:, EXPRESSION])


def test_a_fit_finds_the_landmarks_from_a_cold_start(problem, fit):
    # 24 frames know less of the identity than the benchmark's 300.
    assert landmark_error_mm(problem, fit) < 0.3
    # Least squares are not least distances, but near.
    assert aligned_error_mm(problem, fit) < 1.01 * landmark_error_mm(problem, fit)
    assert aligned_error_mm(problem, fit, scale=True) < 1.01 * aligned_error_mm(problem, fit)


def test_the_truth_scores_nothing(problem, fit):
    exact = perfect(problem, fit)
    assert landmark_error_mm(problem, exact) < 1e-4
    assert lip_error_mm(problem, exact).max() < 1e-4


def test_errors_are_counted_where_asked(problem, fit):
    shown = np.zeros(problem.hidden.shape, bool)
    shown[3, 7] = True
    moved = replace(problem, head_mm=problem.head_mm + 5.0 * shown[..., None])
    exact = perfect(problem, fit)
    assert landmark_error_mm(moved, exact, shown) == pytest.approx(5 * np.sqrt(3), rel=1e-4)
    assert landmark_error_mm(moved, exact) == pytest.approx(5 * np.sqrt(3) / shown.size, rel=1e-2)


@pytest.mark.parametrize("scale", [False, True])
def test_a_rigid_motion_is_found(scale):
    rng = np.random.default_rng(0)
    points, turn, shift = rng.normal(size=(50, 3)), matrix_from_angles(30, -20, 100), np.array([1.0, 2.0, 3.0])
    size = 1.7 if scale else 1.0
    found, moved = rigid_motion(points, size * points @ turn.T + shift, scale)
    assert found == pytest.approx(size * turn)
    assert moved == pytest.approx(shift)
    # A mirror image is no motion.
    mirrored, _ = rigid_motion(points, points * [-1, 1, 1], scale)
    assert np.linalg.det(mirrored) > 0


def test_lip_errors_do_not_count_what_every_frame_shares(problem, fit):
    shifted = replace(perfect(problem, fit), identity=problem.latents[0, IDENTITY] + 0.5)
    still, changing = lip_error_mm(problem, shifted), lip_error_mm(problem, fit)
    assert landmark_error_mm(problem, shifted) > landmark_error_mm(problem, fit)
    # Only what the decoder bends is left of the identity's error.
    assert still.mean() < 0.5 * landmark_error_mm(problem, shifted)
    assert changing.min() > 0
    assert len(lip_numbers(problem)) == 40


def test_a_rigid_face_that_is_fitted_rigid_leaks_nothing():
    problem = make_problem("stand-in", "tune", 0, n_frames=6, expression=0.0)
    fit = perfect(problem, solve([problem])[0])
    assert max(leak_mm(problem, fit)) < 1e-4
    speaking = make_problem("stand-in", "tune", 0, n_frames=6)
    far, moved = leak_mm(speaking, perfect(speaking, fit))
    assert moved > 0.1
    assert far > 0.1


def test_rank_correlation_needs_something_to_rank():
    assert rank_correlation(np.arange(5.0), np.arange(5.0) ** 3) == pytest.approx(1)
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5.0)))
