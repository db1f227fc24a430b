import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from wail.errors import DatasetError, ModelError
from wail.inface.camera import project, to_camera
from wail.inface.landmarks import UPPER_INNER_LIP, aperture_mm, load_map
from wail.inface.model import load_model
from wail.review.fitted import CHUNK, Meshes, fitted_takes, model_of, states, take_aperture_mm
from wail.review.preview import fit_text
from wail.review.read import Fit, read_clip

CLIP = "a" * 16
PIECES = [(10, "no_infant_voice", None), (55, None, "t"), (60, "no_face", None), (80, "poor_fit", "u")]


@pytest.fixture
def clip(builder):
    builder.clip(CLIP, PIECES, n=80)
    return read_clip(builder.finish(), CLIP)


@pytest.fixture(scope="module")
def model():
    return load_model()


def moving(take):
    """The take with another mouth and place in every frame."""
    rng = np.random.default_rng(0)
    latents, pose = take.latents.copy(), take.pose.copy()
    latents[:, 32:96] += rng.normal(0, 1, (len(pose), 64)).astype(np.float32)
    pose[:, 3] += np.arange(len(pose))
    return replace(take, latents=latents, pose=pose)


def test_the_takes_that_have_a_fit_with_where_they_are(clip):
    takes = fitted_takes(clip, 0.1)
    found = [(take.take_id, take.first, len(take.pose)) for take in takes]
    assert found == [(f"{CLIP}-t", 10, 45), (f"{CLIP}-u", 60, 20)]
    assert set(takes[0].state) == {"converged"} and set(takes[1].state) == {"poor_fit"}
    assert takes[0].size_px == (320, 240) and takes[0].latents.shape == (45, 97)


def test_states_are_the_verdicts_own():
    seen, residual = np.array([434, 434, 434, 0]), np.array([0.05, 0.2, 0.05, 0.0])
    got = states(seen, residual, np.array([True, True, False, False]), np.zeros(4, bool), 0.1)
    assert got == ["converged", "poor_fit", "poor_fit", "bridged"]
    one, yes, no = np.array([434]), np.array([True]), np.array([False])
    assert states(one, np.array([0.9]), yes, no, None) == ["converged"]
    assert states(one, np.array([np.nan]), yes, no, 0.1) == ["poor_fit"]
    assert states(one * 0, np.array([0.0]), yes, yes, 0.1) == ["poor_fit"]


def test_outliers_and_bad_frames_are_told_where_the_table_has_them(clip):
    name = f"{CLIP}-t"
    fit = clip.fits[name]
    bad, outliers = np.arange(45) == 4, np.arange(45, dtype=np.int32)
    used = np.where(bad, 0, 400).astype(np.int32)
    table = fit.table.drop_columns(["n_landmarks", *({"n_outliers", "bad_frame"} & set(fit.table.column_names))])
    for column, values in (("n_landmarks", used), ("n_outliers", outliers), ("bad_frame", bad)):
        table = table.append_column(column, pa.array(values))
    take = fitted_takes(replace(clip, fits={**clip.fits, name: Fit(table, fit.about)}), 0.1)[0]
    assert take.state[3:6] == ["converged", "poor_fit", "converged"]
    assert "bad frame" in fit_text(take, 14)[1] and fit_text(take, 13)[-1] == "400 landmarks, 3 masked"


def test_meshes_are_decoded_and_projected_as_the_fit_says(clip, model):
    take, landmark_map = moving(fitted_takes(clip, None)[0]), load_map(model)
    meshes = Meshes(model, landmark_map, [take])
    row = landmark_map.landmark.tolist().index(UPPER_INNER_LIP)
    for frame in (10, 10 + CHUNK - 1, 10 + CHUNK, 54):
        [mesh] = meshes.at(frame)
        k = frame - 10
        cam = torch.from_numpy(to_camera(model.decode(torch.from_numpy(take.latents[k])).numpy(), take.pose[k]))
        assert mesh.index == k and np.abs(mesh.verts_cam_mm - cam.numpy()).max() < 1e-3
        assert np.abs(mesh.xy_px - project(cam, 400.0, (320, 240)).numpy()).max() < 1e-3
        corner = landmark_map.triangle_vertices[row]
        lip = (landmark_map.barycentric[row][:, None] * mesh.verts_cam_mm[corner]).sum(0)
        assert mesh.landmarks[row] == pytest.approx([400 * lip[0] / lip[2] + 160, 400 * lip[1] / lip[2] + 120,
                                                     1 / lip[2]], abs=1e-3)  # fmt: skip
    assert meshes.at(9) == [] and meshes.at(55) == []


def test_only_a_chunk_of_meshes_is_held_and_each_decoded_once(clip, model, monkeypatch):
    take, sizes = fitted_takes(clip, None)[0], []
    decode = type(model).decode

    def counted(self, latent, vertices=None):
        sizes.append(len(latent))
        return decode(self, latent, vertices)

    monkeypatch.setattr(type(model), "decode", counted)
    meshes = Meshes(model, load_map(model), [take])
    assert sum(len(meshes.at(frame)) for frame in range(80)) == 45
    assert sizes == [CHUNK, 45 - CHUNK]


def test_two_takes_at_one_time_have_a_mesh_each(clip, model):
    take = fitted_takes(clip, None)[0]
    other = replace(take, take_id="twin", track=1, first=20)
    found = Meshes(model, load_map(model), [take, other]).at(30)
    assert [(mesh.take.take_id, mesh.index) for mesh in found] == [(take.take_id, 20), ("twin", 10)]


def test_the_aperture_is_that_of_the_shards(clip, model):
    take = moving(fitted_takes(clip, None)[0])
    got = take_aperture_mm(model, load_map(model), take)
    assert got.shape == (45,) and np.ptp(got) > 0.1
    assert np.abs(got - aperture_mm(model, torch.from_numpy(take.latents)).numpy()).max() < 1e-4


def test_a_model_that_did_not_make_the_fits_is_refused(builder):
    builder.clip(CLIP, PIECES, n=80, stand_in=False)
    other = read_clip(builder.finish(), CLIP)
    with pytest.raises(ModelError, match=r"take a+-t .* with INFACE \(sha256 7{12}\.\.\.\), but stand-in is "):
        model_of(other, fitted_takes(other, None), None)


def test_a_model_file_that_is_gone_says_how_to_name_another(clip, tmp_path):
    with pytest.raises(ModelError, match=r"there is no model file .*--face-model names the file"):
        model_of(clip, fitted_takes(clip, None), tmp_path / "gone.h5")


@pytest.mark.parametrize(
    "wrong", [{"identity": [0.0] * 31}, {"size_px": None}, {"confidence": [0.9]}, {"focal_px": "x"}]
)
def test_a_damaged_fit_is_named(clip, wrong):
    name = f"{CLIP}-t"
    fit = clip.fits[name]
    fits = {**clip.fits, name: Fit(fit.table, {**fit.about, **wrong})}
    with pytest.raises(DatasetError, match=rf"fits/{name}\.parquet is damaged or of another version"):
        fitted_takes(replace(clip, fits=fits), None)


def test_a_fit_of_a_take_that_is_no_more_is_passed_over(builder):
    folder = builder.clip(CLIP, PIECES, n=80)
    path = folder.file(f"fits/{CLIP}-t.parquet")
    table = pq.read_table(path)
    assert json.loads(table.schema.metadata[b"wail.fit"])["focal_px"] == 400.0
    pq.write_table(table, path.with_name("old.parquet"))
    clip = read_clip(builder.finish(), CLIP)
    assert "old" in clip.fits and [take.take_id[-1] for take in fitted_takes(clip, None)] == ["t", "u"]
