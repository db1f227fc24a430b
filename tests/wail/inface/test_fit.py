import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from wail.inface.camera import project
from wail.inface.fit import FitConfig, fit_take
from wail.inface.landmarks import LIPS, aperture_mm, decode_landmarks
from wail.inface.model import Mlp
from wail.inface.rotation import angles_from_matrix, matrix_from_angles, matrix_from_axis_angle

SIZE_PX = (640, 480)
# The truth below has independent errors of 1 px, about half a millimetre; a detector's are neither.
INDEPENDENT = FitConfig(
    landmark_sd_mm=0.5, independent_landmarks=434.0, independent_frames=1000.0, expression_sd=1.0, head_size_weight=0.0,
    hidden_cos=-1.0, grazing_cos=-1.0, outlier_sds=8.0, independent_lip_gaps=0.0, independent_lid_gaps=0.0,
)


def sway(rng, n, d, frames):
    """n smooth values of unit variance that change over so many frames."""
    kernel = np.exp(-0.5 * (np.arange(-3 * frames, 3 * frames + 1) / frames) ** 2)
    noise = rng.normal(size=(n + len(kernel) - 1, d))
    return np.stack([np.convolve(x, kernel / np.linalg.norm(kernel), "valid") for x in noise.T], 1)


def make_take(model, landmark_map, n=24, seed=0, noise_px=1.0, roll_deg=0.0, moves=1.0, speaks=1.0):
    """A take with known latents, pose and landmarks: identity z 0.7, expression z `speaks`, focal 1.2 x 640 px."""
    rng = np.random.default_rng(seed)
    z = np.concatenate([np.tile(0.7 * rng.normal(size=32), (n, 1)), speaks * sway(rng, n, 64, 4), np.zeros((n, 1))], 1)
    latents = torch.tensor(z, dtype=torch.float32) * model.latent_std + model.latent_mean
    a = moves * sway(rng, n, 6, 12)
    rotation = matrix_from_angles(15 * a[:, 0], 8 * a[:, 1], roll_deg + 10 * a[:, 2])
    translation = np.stack([12 * a[:, 3], 12 * a[:, 4], 450 + 15 * a[:, 5]], 1)
    head = decode_landmarks(model, latents, landmark_map)
    cam = head.double() @ torch.from_numpy(rotation).mT + torch.from_numpy(translation)[:, None]
    xy = np.full((n, 478, 2), np.nan)
    px = project(cam, 1.2 * 640, SIZE_PX).numpy()
    xy[:, landmark_map.landmark] = px + noise_px * rng.normal(size=px.shape)
    visibility = np.zeros((n, 478))
    visibility[:, landmark_map.landmark] = 1
    return SimpleNamespace(latents=latents, rotation=rotation, translation=translation, head=head.numpy(), xy=xy,
                           visibility=visibility)


def fit(model, landmark_map, take, config=None):
    return fit_take(model, landmark_map, take.xy, take.visibility, SIZE_PX, config)


def fitted_latents(result):
    n = len(result.expression)
    shared = [np.tile(result.identity, (n, 1)), result.expression, np.full((n, 1), result.age)]
    return torch.from_numpy(np.concatenate(shared, 1).astype(np.float32))


def turn_error_deg(result, take):
    relative = matrix_from_axis_angle(result.pose[:, :3]) @ np.swapaxes(take.rotation, 1, 2)
    return np.degrees(np.arccos(np.clip((np.trace(relative, axis1=1, axis2=2) - 1) / 2, -1, 1)))


def shape_error_mm(model, landmark_map, result, take):
    """Landmark error [n * L, 3] in the head frame, one scale and offset removed: a camera cannot tell them."""
    got = decode_landmarks(model, fitted_latents(result), landmark_map).numpy().reshape(-1, 3)
    want = take.head.reshape(-1, 3)
    got, want = got - got.mean(0), want - want.mean(0)
    return np.abs(got * (got * want).sum() / (got * got).sum() - want)


def test_a_known_take_is_recovered(model, landmark_map):
    take = make_take(model, landmark_map, n=40)
    result = fit(model, landmark_map, take, INDEPENDENT)
    error = shape_error_mm(model, landmark_map, result, take).mean(0)
    assert (error[:2] < 0.15).all()
    assert error[2] < 0.6  # how deep a face is shows only as far as it turns, here some 15 degrees
    assert turn_error_deg(result, take).max() < 1.0
    got, want = (aperture_mm(model, x, landmark_map).numpy() for x in (fitted_latents(result), take.latents))
    assert np.corrcoef(got, want)[0, 1] > 0.99
    # Distance and size go together: neither is in the picture, their ratio is.
    assert np.std(result.pose[:, 5] / take.translation[:, 2]) < 0.01
    assert result.converged.all()
    assert result.n_landmarks.tolist() == [432] * 40  # 434 less the iris centres
    eyes_px = 1.2 * 640 / 450 * np.linalg.norm(take.head[:, list(landmark_map.landmark).index(33)]
                                               - take.head[:, list(landmark_map.landmark).index(263)], axis=-1).mean()
    assert result.residual.mean() == pytest.approx(np.sqrt(2) / eyes_px, rel=0.12)  # 1 px in x and in y


def test_the_default_config_does_not_damp_the_mouth(model, landmark_map):
    take = make_take(model, landmark_map, n=60, seed=1)
    result = fit(model, landmark_map, take)
    got, want = (aperture_mm(model, x, landmark_map).numpy() for x in (fitted_latents(result), take.latents))
    assert np.corrcoef(got, want)[0, 1] > 0.99
    assert 0.85 < np.polyfit(want, got, 1)[0] < 1.15


@pytest.mark.parametrize("roll_deg", [45, 90, 135, 180, 225, 270, 315])
def test_any_roll_is_found_from_a_cold_start(model, landmark_map, roll_deg):
    take = make_take(model, landmark_map, n=6, roll_deg=roll_deg)
    result = fit(model, landmark_map, take)
    assert turn_error_deg(result, take).max() < 2.5
    _, _, roll = angles_from_matrix(matrix_from_axis_angle(result.pose[:, :3]))
    _, _, true_roll = angles_from_matrix(take.rotation)
    assert np.abs((roll - true_roll + 180) % 360 - 180).max() < 2
    assert np.abs(np.diff(result.pose[:, :3], axis=0)).max() < 0.5  # no jump of the axis-angle in time


def test_a_still_face_that_turns_gets_little_expression(model, landmark_map):
    still = make_take(model, landmark_map, n=40, speaks=0.0, moves=1.5)
    talking = make_take(model, landmark_map, n=40, speaks=1.0, moves=1.5)
    fitted = [fitted_latents(fit(model, landmark_map, take)) for take in (still, talking)]
    moved_mm = [decode_landmarks(model, x, landmark_map).std(0).mean() for x in fitted]
    assert moved_mm[0] < 0.15 * moved_mm[1]
    assert float(aperture_mm(model, fitted[0], landmark_map).std()) < 0.3


def test_hidden_landmarks_are_not_read(model, landmark_map):
    take = make_take(model, landmark_map, n=8)
    hidden = list(range(0, 478, 3))
    take.visibility[:, hidden] = 0
    clean = fit(model, landmark_map, take)
    take.xy[:, hidden] = np.nan
    assert np.array_equal(fit(model, landmark_map, take).expression, clean.expression)
    take.xy[:, hidden] = 1e6
    assert np.array_equal(fit(model, landmark_map, take).expression, clean.expression)
    assert (clean.n_landmarks < 434 * 0.7).all()
    assert turn_error_deg(clean, take).max() < 2.5


def test_a_hidden_mouth_is_less_certain(model, landmark_map):
    take = make_take(model, landmark_map, n=20)
    open_view = fit(model, landmark_map, take)
    height_mm = take.head[:, :, 1].mean(0)
    below_nose = landmark_map.landmark[height_mm < height_mm[landmark_map.landmark == 2]]
    assert set(LIPS) < set(below_nose.tolist())
    take.visibility[8:12, below_nose] = 0
    covered = fit(model, landmark_map, take)
    assert (covered.lip_sd_mm[8:12] > 1.3 * open_view.lip_sd_mm[8:12]).all()
    assert (covered.confidence[8:12] < open_view.confidence[8:12]).all()
    assert np.allclose(covered.lip_sd_mm[:3], open_view.lip_sd_mm[:3], rtol=0.05)


def test_frames_without_landmarks_are_bridged_and_not_trusted(model, landmark_map):
    take = make_take(model, landmark_map, n=24, moves=0.4)
    take.visibility[10:13] = 0
    result = fit(model, landmark_map, take)
    bridged = np.isin(np.arange(24), [10, 11, 12])
    assert np.array_equal(result.converged, ~bridged)
    assert (result.confidence[bridged] == 0).all()
    assert (result.confidence[~bridged] > 0.3).all()
    assert (result.n_landmarks[bridged] == 0).all()
    assert turn_error_deg(result, take).max() < 5
    assert (result.lip_sd_mm[bridged] > result.lip_sd_mm[~bridged].max()).all()


def test_a_few_wild_landmarks_do_not_carry_the_fit_away(model, landmark_map):
    take = make_take(model, landmark_map, n=8)
    rng = np.random.default_rng(5)
    wild = rng.choice(landmark_map.landmark, 20, replace=False)
    take.xy[:, wild] += rng.uniform(-80, 80, size=(8, 20, 2))
    result = fit(model, landmark_map, take)
    assert turn_error_deg(result, take).max() < 3
    assert shape_error_mm(model, landmark_map, result, take).mean() < 0.8


@pytest.mark.parametrize("spoil", ["jump", "zoom", "flip"])
def test_a_missed_cut_does_not_bend_the_take(model, landmark_map, spoil):
    take = make_take(model, landmark_map, n=24)
    clean = shape_error_mm(model, landmark_map, fit(model, landmark_map, take), take).mean()
    middle = np.array(SIZE_PX) / 2
    if spoil == "jump":
        take.xy[10] += (300, 0)  # another face, for one frame
    elif spoil == "zoom":
        take.xy[12:] = 3 * (take.xy[12:] - middle) + middle
    else:
        take.xy[12:] = 2 * middle - take.xy[12:]  # a half turn about the line of sight
    result = fit(model, landmark_map, take)
    assert shape_error_mm(model, landmark_map, result, take).mean() < 1.4 * clean
    assert result.converged.all()


def test_the_same_input_gives_the_same_bytes_on_any_number_of_threads(model, landmark_map):
    take = make_take(model, landmark_map, n=20)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(fit(model, landmark_map, take))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for field in dataclasses.fields(results[0]):
        if field.name != "seconds":
            assert np.array_equal(*(getattr(r, field.name) for r in results)), field.name


def test_one_frame_is_a_take_too(model, landmark_map):
    take = make_take(model, landmark_map, n=1)
    result = fit(model, landmark_map, take)
    assert result.expression.shape == (1, 64)
    assert result.pose.shape == (1, 6)
    assert turn_error_deg(result, take).max() < 2.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {"xy_px": t.xy[:, :434]}, r"xy_px must have shape \[n >= 1, 478, 2\] but has shape \(4, 434, 2\)"),
        (lambda t: {"xy_px": t.xy[:0], "visibility": t.visibility[:0]}, r"but has shape \(0, 478, 2\)"),
        (lambda t: {"visibility": t.visibility[:3]}, r"visibility must have shape \(4, 478\) but has shape \(3, 478\)"),
        (lambda t: {"visibility": t.visibility * 2}, "within 0-1"),
        (lambda t: {"visibility": t.visibility * np.nan}, "within 0-1"),
        (lambda t: {"visibility": t.visibility * 0}, "the best of 4 shows 0; a take without a visible face"),
        (lambda t: {"xy_px": np.where(np.arange(478)[:, None] == 13, np.nan, t.xy)}, "landmark 13 of frame 0 is not"),
    ],
)
def test_wrong_input_is_told(model, landmark_map, change, message):
    take = make_take(model, landmark_map, n=4)
    arguments = {"xy_px": take.xy, "visibility": take.visibility} | change(take)
    with pytest.raises(ValueError, match=message):
        fit_take(model, landmark_map, **arguments, size_px=SIZE_PX)


def test_a_linear_model_is_fitted_too(model, landmark_map):
    """A PCA of the stand-in's faces; what the take shares are its largest components."""
    rng = np.random.default_rng(0)
    faces = model.decode(model.latent_mean + model.latent_std * torch.from_numpy(rng.normal(size=(200, 97))).float())
    moved = (faces - faces.mean(0)).flatten(1)
    _, s, vt = torch.linalg.svd(moved, full_matrices=False)
    decoder = Mlp((vt[:97].T.contiguous(),), (torch.zeros(vt.shape[1]),), 1.0)
    std = s[:97] / np.sqrt(len(faces))
    pca = dataclasses.replace(model, kind="pca", mean_verts_mm=faces.mean(0), decoder=decoder, latent_std=std,
                              latent_mean=torch.zeros(97))  # fmt: skip
    take = make_take(pca, landmark_map, n=16)
    result = fit(pca, landmark_map, take, INDEPENDENT)
    assert (shape_error_mm(pca, landmark_map, result, take).mean(0)[:2] < 0.25).all()
    assert turn_error_deg(result, take).max() < 1.5
    assert result.converged.all()
    assert result.iterations < 20  # nothing is curved but the camera
