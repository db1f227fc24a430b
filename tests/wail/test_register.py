"""`wail inface register` on a model file in another frame and unit, and the fit's view of it afterwards."""

import json
import shutil

import h5py
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.spatial.transform import Rotation

from wail.cli import main
from wail.errors import ModelError
from wail.inface.landmarks import aperture_mm, landmark_positions, lid_vertices, lip_vertices, load_map
from wail.inface.model import STAND_IN_PATH, load_model
from wail.register import read_picked, register_file

TURN = Rotation.from_euler("xz", [100, 170], degrees=True).as_matrix()


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The stand-in under another name, lying and in centimetres, not yet registered."""
    path = tmp_path_factory.mktemp("models") / "other.h5"
    shutil.copy(STAND_IN_PATH, path)
    with h5py.File(path, "r+") as file:
        file.attrs["name"] = "other"
        last = f"decoder/matrix_mults/item_{len(file['decoder/matrix_mults']) - 1}"
        bias = last.replace("matrix_mults", "biases")
        move(file, "mean_vertices", lambda x: x @ TURN.T / 10)
        move(file, bias, lambda x: (x.reshape(-1, 3) @ TURN.T / 10).ravel())
        move(file, last, lambda x: np.einsum("ij,vjk->vik", TURN, x.reshape(-1, 3, x.shape[1])).reshape(x.shape) / 10)
        for name in ("id_encoder", "exp_encoder", "age_encoder"):
            first = f"{name}/matrix_mults/item_0"
            move(file, first, lambda x: (x.reshape(len(x), -1, 3) @ TURN.T * 10).reshape(x.shape))
    return path


def move(file, name, change):
    data = change(file[name][()].astype(float)).astype(np.float32)
    del file[name]
    file[name] = data


def test_a_registered_file_is_used_in_the_head_frame(other):
    done = CliRunner().invoke(main, ["inface", "register", str(other), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["frame"]["unit_mm"] == 10 and any("unit is cm" in note for note in said["notes"])
    assert other.with_name("other.landmarks.png").stat().st_size > 50_000
    model, stand_in = load_model(other), load_model()
    # As good as the template's landmarks tell, vertices are where the stand-in's are.
    assert float((model.mean_verts_mm - stand_in.mean_verts_mm).norm(dim=-1)[:468].mean()) < 6
    noise = torch.randn(2, 97, generator=torch.Generator().manual_seed(0))
    latents = stand_in.latent_mean + stand_in.latent_std * noise
    moved, known = model.decode(latents), stand_in.decode(latents)
    spread = (moved[0] - moved[1]).norm(dim=-1)
    torch.testing.assert_close(spread, (known[0] - known[1]).norm(dim=-1), rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(model.encode(moved), stand_in.encode(known), rtol=1e-2, atol=0.2)
    assert abs(float(aperture_mm(model, latents[0]) - aperture_mm(stand_in, latents[0]))) < 2
    at = landmark_positions(model.mean_verts_mm, load_map(model, "ibug68"))
    assert at[8 + 5, 2] > at[2, 2] and len(lip_vertices(model)) > 30 and len(lid_vertices(model)) > 25
    # Registering again starts from the file, not from what the first time made of it.
    assert register_file(other).found.maps.frame.unit_mm == 10


def test_the_stand_in_needs_none():
    with pytest.raises(ModelError, match="the stand-in needs no registration"):
        register_file(STAND_IN_PATH)


def test_picked_landmarks_are_read():
    assert read_picked("4=1523,33=88") == {4: 1523, 33: 88}
    for text in ("4", "4=x", "4=1=2"):
        with pytest.raises(ModelError, match="must be LANDMARK=VERTEX"):
            read_picked(text)
