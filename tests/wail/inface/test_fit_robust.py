"""Whole fits of landmarks that are wrong in the ways a detector's are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from wail.inface.camera import project
from wail.inface.fit import FitConfig, TakeLandmarks, fit_take, fit_takes, shows_face
from wail.inface.head_size import outer_eye_mm
from wail.inface.landmarks import aperture_mm, decode_landmarks, pick
from wail.inface.model import AGE, EXPRESSION, IDENTITY
from wail.inface.rotation import matrix_from_angles
from wail.inface.standin.muscles import MUSCLES, expression_code

SIZE_PX, FOCAL_PX = (640, 480), 768.0
FRAMES = 16


def made(model, landmark_map, activations, noise_px=0.5, seed=0):
    """A take of the stand-in with these muscles [n, M], turning by some degrees."""
    rng = np.random.default_rng(seed)
    n = len(activations)
    latents = np.tile(model.latent_mean.numpy(), (n, 1))
    latents[:, IDENTITY] += 0.7 * rng.normal(size=32) * model.latent_std.numpy()[IDENTITY]
    latents[:, EXPRESSION] = [expression_code(one) for one in activations]
    latents = torch.from_numpy(latents.astype(np.float32))
    turn = np.linspace(-12, 12, n)
    rotation = matrix_from_angles(turn, 0.4 * turn, 0.2 * turn)
    head = decode_landmarks(model, latents, landmark_map).double().numpy()
    cam = head @ np.swapaxes(rotation, 1, 2) + [0, 0, 450.0]
    px = project(torch.from_numpy(cam), FOCAL_PX, SIZE_PX).numpy()
    xy, seen = np.full((n, 478, 2), np.nan), np.zeros((n, 478))
    xy[:, landmark_map.landmark] = px + noise_px * rng.normal(size=px.shape)
    seen[:, landmark_map.landmark] = 1
    return SimpleNamespace(latents=latents, xy=xy, visibility=seen, head=head)


def muscles(**at):
    out = np.zeros((FRAMES, len(MUSCLES)))
    for name, value in at.items():
        out[:, MUSCLES.index(name)] = value
    return out


def fitted(model, landmark_map, take, config=None):
    result = fit_take(model, landmark_map, take.xy, take.visibility, SIZE_PX, config)
    latents = np.tile(model.latent_mean.numpy(), (len(take.xy), 1))
    latents[:, IDENTITY], latents[:, EXPRESSION], latents[:, AGE] = result.identity, result.expression, result.age
    return result, torch.from_numpy(latents)


def eyes_mm(model, landmark_map, latents):
    ends = decode_landmarks(model, latents, pick(landmark_map, (33, 263)))
    return float((ends[:, 0] - ends[:, 1]).norm(dim=-1).mean())


def motion_error_mm(model, landmark_map, take, latents):
    """RMS distance of landmarks in the head frame, the take's mean face removed."""
    error = decode_landmarks(model, latents, landmark_map).numpy() - take.head
    return float(np.sqrt(np.square(error - error.mean(0)).sum(-1).mean()))


def test_wild_landmarks_are_masked_counted_and_change_little(model, landmark_map):
    take = made(model, landmark_map, muscles(jaw_open=np.linspace(0, 0.8, FRAMES)))
    clean, _ = fitted(model, landmark_map, take)
    assert clean.n_outliers.max() == 0
    rng = np.random.default_rng(1)
    used = landmark_map.landmark[landmark_map.weight > 0]
    wild = rng.random((FRAMES, len(used))) < 0.1
    angle = rng.uniform(0, 2 * np.pi, wild.shape)
    off = 40 * wild[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    take.xy[:, used] += off
    result, latents = fitted(model, landmark_map, take)
    assert (np.abs(result.n_outliers - wild.sum(1)) <= 2).all()
    assert (result.n_landmarks + result.n_outliers <= clean.n_landmarks + 2).all()
    assert not result.bad_frame.any()
    assert result.converged.all()
    assert motion_error_mm(model, landmark_map, take, latents) < 0.8


def test_frames_that_are_wrong_as_a_whole_are_told_and_do_not_move_the_others(model, landmark_map):
    take = made(model, landmark_map, muscles(jaw_open=0.3))
    _, clean = fitted(model, landmark_map, take)
    rng = np.random.default_rng(2)
    take.xy[6:8] += rng.normal(0, 25, (2, 478, 2))  # no face at all
    result, latents = fitted(model, landmark_map, take)
    wrong = np.isin(np.arange(FRAMES), [6, 7])
    assert np.array_equal(result.bad_frame, wrong)
    assert not result.converged[wrong].any()
    assert result.converged[~wrong].all()
    assert (result.confidence[wrong] == 0).all()
    assert (result.residual[wrong] > 4 * result.residual[~wrong].max()).all()
    where = [decode_landmarks(model, one, landmark_map).numpy() for one in (latents, clean)]
    assert np.abs(where[0] - where[1]).max() < 2.0  # the bad frames too: they lie between their neighbours


def aperture_errors_mm(model, landmark_map, jaw_open):
    """How much too far a mouth is opened with and without its gaps, and how far it is open, where the outer lips are
    seen 2 mm too far from the mouth's middle, as a detector's bias would have it."""
    take = made(model, landmark_map, muscles(jaw_open=jaw_open))
    upper, lower = [0, 37, 267, 39, 269], [17, 84, 314, 181, 405]
    px_per_mm = FOCAL_PX / 450
    take.xy[:, upper, 1] -= 2 * px_per_mm
    take.xy[:, lower, 1] += 2 * px_per_mm
    want = float(aperture_mm(model, take.latents, landmark_map).mean())
    fits = [fitted(model, landmark_map, take, config)[1] for config in (None, FitConfig(independent_lip_gaps=0.0))]
    return *(float(aperture_mm(model, one, landmark_map).mean()) - want for one in fits), want


def test_a_closed_mouth_is_fitted_closed(model, landmark_map):
    error, without, _ = aperture_errors_mm(model, landmark_map, 0.0)
    assert without > 1.0
    assert abs(error) < 0.5 * without
    assert abs(error) < 0.7


def test_a_crying_mouth_is_fitted_open(model, landmark_map):
    error, _, want = aperture_errors_mm(model, landmark_map, 0.9)
    assert want > 18
    assert abs(error) < 0.06 * want


def test_closed_eyes_are_fitted_closed(model, landmark_map):
    shut = np.clip(np.sin(np.linspace(0, 2 * np.pi, FRAMES)) * 2, 0, 1)
    take = made(model, landmark_map, muscles(lid_close_left=shut, lid_close_right=shut))
    _, latents = fitted(model, landmark_map, take)
    gaps = []
    for of in (take.latents, latents):
        lids = decode_landmarks(model, of, pick(landmark_map, (159, 145, 386, 374))).numpy()
        gaps.append(np.linalg.norm(lids[:, [0, 2]] - lids[:, [1, 3]], axis=-1).mean(1))
    assert np.corrcoef(*gaps)[0, 1] > 0.98
    assert abs(gaps[1][shut == 1].mean() - gaps[0][shut == 1].mean()) < 1.2


def test_the_age_that_is_told_sets_the_size(model, landmark_map):
    take = made(model, landmark_map, muscles(jaw_open=0.3))
    sizes = []
    for age in (1.0, 24.0):
        _, latents = fitted(model, landmark_map, take, FitConfig(age_months=age))
        sizes.append(eyes_mm(model, landmark_map, latents))
    assert outer_eye_mm(1.0)[0] - 4 < sizes[0] < sizes[1] < outer_eye_mm(24.0)[0] + 4
    assert sizes[1] - sizes[0] > 2


def given(take, n=FRAMES, clip="", size_px=SIZE_PX):
    return TakeLandmarks(take.xy[:n], take.visibility[:n], size_px, clip, clip)


def says_nothing(result):
    """A fit of which nothing is to be believed, in finite numbers."""
    arrays = [value for value in vars(result).values() if isinstance(value, np.ndarray)]
    assert all(np.isfinite(one).all() for one in arrays) and np.isfinite(result.energy)
    return not result.converged.any() and not result.confidence.any()


def test_frames_on_one_spot_show_nothing_and_do_not_move_the_others(model, landmark_map):
    take = made(model, landmark_map, muscles(jaw_open=0.5))
    take.xy[4:8] = 77.0
    result = fit_take(model, landmark_map, take.xy, take.visibility, SIZE_PX)
    assert result.n_landmarks[4:8].tolist() == [0] * 4
    assert result.converged.tolist() == [not 4 <= k < 8 for k in range(FRAMES)]
    take.visibility[4:8] = 0
    hidden = fit_take(model, landmark_map, take.xy, take.visibility, SIZE_PX)
    np.testing.assert_array_equal(result.expression, hidden.expression)
    take.visibility[4:8] = 1
    take.xy[:] = 77.0
    with pytest.raises(ValueError, match="must show 12 of the map's landmarks, but the best of 16 shows 0"):
        fit_take(model, landmark_map, take.xy, take.visibility, SIZE_PX)


def test_a_take_that_is_wrong_in_every_frame_is_told(model, landmark_map):
    take = made(model, landmark_map, muscles())
    half = landmark_map.landmark[::2]
    take.xy[:, half] = np.random.default_rng(0).uniform(0, 480, (FRAMES, len(half), 2))
    result = fit_take(model, landmark_map, take.xy, take.visibility, SIZE_PX)
    assert result.bad_frame.all() and says_nothing(result)


def test_mirrored_landmarks_are_no_face_and_do_not_disturb_other_takes(model, landmark_map):
    good = made(model, landmark_map, muscles(jaw_open=0.5))
    mirrored = SimpleNamespace(xy=good.xy * [-1, 1] + [SIZE_PX[0], 0], visibility=good.visibility)
    maps = {landmark_map.name: landmark_map}
    alone = fit_takes(model, maps, [given(good, clip="a")])[0]
    for n in (1, FRAMES):
        wrong, beside = fit_takes(model, maps, [given(mirrored, n, "m"), given(good, clip="a")])
        assert says_nothing(wrong) and not wrong.n_landmarks.any()
        assert beside.converged.all()
        assert abs(beside.energy - alone.energy) < 0.01 * alone.energy


@pytest.mark.parametrize("size_px", [(640,), (0, 480), (640, -1), (np.nan, 480), ("a", "b"), None])
def test_a_picture_without_size_is_refused(model, landmark_map, size_px):
    with pytest.raises(ValueError, match="size_px of take 0 must be the picture's width and height"):
        fit_takes(model, {landmark_map.name: landmark_map},
                  [given(made(model, landmark_map, muscles()), size_px=size_px)])  # fmt: skip


def test_takes_of_one_clip_have_one_size(model, landmark_map):
    take = made(model, landmark_map, muscles())
    with pytest.raises(ValueError, match="in clip 'a' take 1 has size_px"):
        fit_takes(model, {landmark_map.name: landmark_map}, [given(take, clip="a"), given(take, 4, "a", (1280, 960))])


def test_what_shows_a_face_is_what_can_be_fitted(model, landmark_map):
    xy, maps = np.full((3, 478, 2), 50.0, np.float32), {landmark_map.name: landmark_map}
    spread = xy + np.random.default_rng(0).normal(size=xy.shape) * 20
    seen = np.ones((3, 478), np.float32)
    assert shows_face(maps, TakeLandmarks(spread, seen, (640, 480)))
    for landmarks, visibility in ((xy, seen), (spread, 0 * seen)):
        take = TakeLandmarks(landmarks, visibility, (640, 480))
        assert not shows_face(maps, take)
        with pytest.raises(ValueError, match="without a visible face"):
            fit_takes(model, maps, [take])
