"""Exported meshes, loaded back."""

import numpy as np
import pytest
from pygltflib import GLTF2

from wail.inface.export import read_glb, write_glb, write_npz

TRIANGLES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1]])


@pytest.fixture
def frames():
    return np.random.default_rng(0).normal(size=(7, 4, 3)).astype(np.float32) * 40


def test_npz_holds_every_frame_exactly(tmp_path, frames):
    write_npz(tmp_path / "baby.npz", frames, TRIANGLES, 30)
    with np.load(tmp_path / "baby.npz") as data:
        np.testing.assert_array_equal(data["verts_mm"], frames)
        np.testing.assert_array_equal(data["triangles"], TRIANGLES)
        assert float(data["fps"]) == 30
    assert [p.name for p in tmp_path.iterdir()] == ["baby.npz"]


@pytest.mark.parametrize("fps", [30, 25.0])
def test_glb_plays_every_frame_at_its_time(tmp_path, frames, fps):
    write_glb(tmp_path / "baby.glb", frames, TRIANGLES, fps, colours=np.full((4, 3), 0.5))
    verts, triangles, time_s = read_glb(tmp_path / "baby.glb")
    np.testing.assert_allclose(verts, frames, atol=1e-4)
    np.testing.assert_array_equal(triangles, TRIANGLES)
    np.testing.assert_allclose(time_s, np.arange(7) / fps, rtol=1e-6)
    assert time_s[-1] == pytest.approx(6 / fps)


def test_glb_is_what_the_specification_asks_for(tmp_path, frames):
    write_glb(tmp_path / "baby.glb", frames, TRIANGLES, 30)
    raw = (tmp_path / "baby.glb").read_bytes()
    assert raw[:4] == b"glTF" and int.from_bytes(raw[8:12], "little") == len(raw)
    gltf = GLTF2().load_binary(str(tmp_path / "baby.glb"))
    primitive = gltf.meshes[0].primitives[0]
    assert len(primitive.targets) == len(gltf.meshes[0].weights) == 6
    assert gltf.animations[0].channels[0].target.path == "weights"
    assert gltf.accessors[gltf.animations[0].samplers[0].output].count == 7 * 6
    position = gltf.accessors[primitive.attributes.POSITION]
    np.testing.assert_allclose(position.max, frames[0].max(0) / 1000, rtol=1e-6)
    assert all(view.byteOffset % 4 == 0 for view in gltf.bufferViews)
    assert gltf.buffers[0].byteLength == sum(view.byteLength for view in gltf.bufferViews)


def test_a_single_frame_has_no_animation(tmp_path, frames):
    write_glb(tmp_path / "still.glb", frames[:1], TRIANGLES, 30)
    verts, _, time_s = read_glb(tmp_path / "still.glb")
    np.testing.assert_allclose(verts, frames[:1], atol=1e-4)
    assert time_s.tolist() == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"verts_mm": np.zeros((4, 3))}, "verts_mm must have shape"),
     ({"triangles": np.zeros((4, 2), int)}, "triangles must"),
     ({"fps": 0}, "fps must be positive"), ({"colours": np.zeros((5, 3))}, "colours must have shape")],
)  # fmt: skip
def test_wrong_input_is_refused(tmp_path, frames, change, message):
    with pytest.raises(ValueError, match=message):
        write_glb(tmp_path / "x.glb", **({"verts_mm": frames, "triangles": TRIANGLES, "fps": 30} | change))
    assert not list(tmp_path.iterdir())
