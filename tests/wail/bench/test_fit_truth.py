"""The takes of known truth: what is asked of them is in them, and the two splits never meet."""

import numpy as np
import pytest
import torch

from wail.bench.fit_decoders import DISPLACEMENT_SD_MM, KINDS, random_decoder
from wail.bench.fit_truth import (
    DISTANCE_MM,
    FOCAL_PX,
    PX_PER_MM,
    SIZE_PX,
    make_problem,
    model_of,
    smooth_config,
    truth_config,
)
from wail.inface.camera import project
from wail.inface.landmarks import LIPS, decode_landmarks
from wail.inface.model import AGE, EXPRESSION, IDENTITY


def z_scored(problem):
    return (problem.latents - problem.model.latent_mean.numpy()) / problem.model.latent_std.numpy()


@pytest.mark.parametrize("kind", ["flat", "1/k"])
def test_random_decoders_have_infaces_shape_and_the_spectrum_asked_for(kind):
    model, landmark_map = random_decoder(kind, np.random.default_rng(3))
    assert [tuple(w.shape) for w in model.decoder.weights] == [(256, 97), (512, 256), (3 * 434, 512)]
    assert model.decoder.slope == 0.2
    assert landmark_map.landmark.shape == (434,)
    z = torch.randn(2000, 97, generator=torch.Generator().manual_seed(0))
    points = decode_landmarks(model, z * model.latent_std + model.latent_mean, landmark_map)
    assert float(points.var(0).mean().sqrt()) == pytest.approx(DISPLACEMENT_SD_MM, rel=0.05)
    assert float((points.mean(0) - model.mean_verts_mm).abs().max()) < 0.5
    singular = torch.linalg.svdvals(model.decoder.weights[-1].double())
    assert float(singular[0] / singular[99]) == pytest.approx(100 if kind == "1/k" else 1.5, rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_landmarks_are_the_projected_truth_with_the_noise_asked_for(kind):
    problem = make_problem(kind, "tune", 1, n_frames=40, noise_px=2.0)
    cam = problem.head_mm @ np.swapaxes(problem.rotation, 1, 2) + problem.translation_mm[:, None]
    clean = project(torch.from_numpy(cam), FOCAL_PX, SIZE_PX).numpy()
    noise = problem.xy_px[:, problem.landmark_map.landmark] - clean
    assert noise.std() == pytest.approx(2.0, rel=0.03)
    assert cam[..., 2].mean() == pytest.approx(DISTANCE_MM, abs=75)
    z = z_scored(problem)
    assert np.ptp(z[:, IDENTITY], axis=0).max() == np.ptp(z[:, AGE]) == 0
    assert z[:, EXPRESSION].std() == pytest.approx(1, abs=0.15)
    # Smooth in time: neighbouring frames differ far less than frames do.
    assert np.diff(z[:, EXPRESSION], axis=0).std() < 0.2


def test_the_same_seed_with_and_without_outliers_is_the_same_take():
    clean, spoilt = make_problem("flat", "tune", 2, 30), make_problem("flat", "tune", 2, 30, outliers=0.1, hidden=0.3)
    kept = ~spoilt.hidden & ~spoilt.outlier
    index = clean.landmark_map.landmark
    assert (clean.latents == spoilt.latents).all()
    assert (clean.xy_px[:, index][kept] == spoilt.xy_px[:, index][kept]).all()
    assert spoilt.hidden.mean() == pytest.approx(0.3, abs=0.005)
    assert spoilt.outlier.sum() / (~spoilt.hidden).sum() == pytest.approx(0.1, abs=0.01)
    assert not (spoilt.hidden & spoilt.outlier).any()
    assert np.isnan(spoilt.xy_px[:, index][spoilt.hidden]).all()
    assert (spoilt.visibility[:, index] == ~spoilt.hidden).all()
    moved = np.linalg.norm(spoilt.xy_px[:, index] - clean.xy_px[:, index], axis=-1)[spoilt.outlier]
    assert np.median(moved) > 10


def test_hidden_landmarks_are_neighbours():
    problem = make_problem("flat", "tune", 2, 30, hidden=0.15)
    at = problem.model.mean_verts_mm.numpy()[:, :2]
    spread = [at[hidden].std(0).mean() for hidden in problem.hidden]
    assert max(spread) < 0.6 * at.std(0).mean()


def test_the_splits_and_seeds_share_no_decoder_and_no_truth():
    problems = [make_problem("1/k", split, seed, 5) for split in ("tune", "test") for seed in (0, 1)]
    for i, one in enumerate(problems):
        for other in problems[:i]:
            assert not np.allclose(one.model.decoder.weights[0], other.model.decoder.weights[0])
            assert not np.allclose(one.translation_mm, other.translation_mm)


def test_another_take_of_a_seed_has_its_decoder():
    one, other = (make_problem("1/k", "tune", 0, 5, take=k) for k in (0, 1))
    assert one.model is other.model is model_of("1/k", "tune", 0)[0]
    assert not np.allclose(one.latents, other.latents)


def test_the_head_turns_as_far_as_asked_and_what_faces_away_is_hidden():
    problem = make_problem("stand-in", "tune", 1, 60, max_yaw_deg=45.0, self_occlusion=True)
    yaw = np.degrees(np.arcsin(problem.rotation[:, 2, 0]))
    assert np.abs(yaw).max() == pytest.approx(45, abs=0.01)
    share = problem.hidden.mean(1)
    # Pitch hides something of a frontal face too.
    assert share[np.abs(yaw) > 40].min() > 1.3 * share[np.abs(yaw) < 5].max()
    # Turned to the subject's left (yaw > 0), the left of the face (x > 0) faces away.
    side = decode_landmarks(problem.model, problem.model.latent_mean, problem.landmark_map)[:, 0].numpy()
    frame = int(np.abs(yaw).argmax())
    assert (side[problem.hidden[frame]] * yaw[frame] > 0).mean() > 0.7


def test_uneven_takes_hide_lips_and_differ_in_noise():
    even, problem = (make_problem("stand-in", "tune", 1, 300, uneven=uneven) for uneven in (False, True))
    covered = problem.hidden.any(1)
    lips = np.isin(problem.landmark_map.landmark, LIPS)
    assert (problem.hidden[covered] == lips).all()
    assert 0.1 < covered.mean() < 0.6
    cam = problem.head_mm @ np.swapaxes(problem.rotation, 1, 2) + problem.translation_mm[:, None]
    clean = project(torch.from_numpy(cam), FOCAL_PX, SIZE_PX).numpy()
    noise = np.nanstd(problem.xy_px[:, problem.landmark_map.landmark] - clean, axis=(1, 2))
    assert noise.max() / noise.min() > 4
    assert not even.hidden.any()


def test_the_truths_config_says_what_is_true():
    exact, loose = (make_problem("flat", "tune", 0, 5, noise_px=3.0, focal_off=off) for off in (0.0, 0.2))
    assert truth_config(exact).landmark_sd_mm == pytest.approx(3.0 / PX_PER_MM)
    assert truth_config(exact).focal_ratio * 1280 == pytest.approx(FOCAL_PX)
    assert truth_config(exact).focal_log_sd < 1e-3
    assert truth_config(loose).focal_ratio * 1280 == pytest.approx(1.2 * FOCAL_PX)
    assert truth_config(loose).focal_log_sd > abs(np.log(1.2))
    assert truth_config(exact).independent_landmarks == 434


def test_the_truths_smoothness_is_that_of_its_steps():
    problem = make_problem("flat", "tune", 0, 60)
    config = smooth_config(problem)
    # A kernel of 5 frames: neighbours correlate by exp(-1 / 100).
    assert config.expression_step == pytest.approx(np.sqrt(2 * (1 - np.exp(-0.01))), rel=0.1)
    assert config.rotation_step_rad < 0.03
    assert config.translation_step_mm < 3
