"""The occlusion network at run time, on one rendered infant: clear, covered, grey, turned; and what it refuses."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from wail.errors import ModelError
from wail.vision import occlusion
from wail.vision.mesh import CROP_PX
from wail.vision.occlusion import MAP_PX, SIDE_PX, OcclusionNet, aligned, at_points, inputs, load_net
from wail.vision.regions import LIPS
from wail.vision.roi import Roi, apply_affine, cut_crop, eye_roll_deg, mesh_roi


@pytest.fixture(scope="module")
def net():
    return OcclusionNet()


@pytest.fixture(scope="module")
def face(infant, mesh):
    """(crop, points) of the infant with its mouth free."""
    roi = Roi(infant.shape[1] / 2, infant.shape[0] / 2, 0.7 * infant.shape[0], 0.0)
    for _ in range(4):
        crop = cut_crop(infant, roi, CROP_PX)
        points, presence = mesh(crop)
        assert presence > 0.9
        xy = apply_affine(roi.to_picture(CROP_PX), points[:, :2])
        roi = mesh_roi(xy, roi.roll_deg + eye_roll_deg(points))
    return crop, points


def with_disc(crop, points, colour, at=(13, 14)):
    """A disc as wide as the mouth and half again, laid on landmarks."""
    out = crop.copy()
    radius = int(0.75 * np.linalg.norm(points[61, :2] - points[291, :2]))
    cv2.circle(out, tuple(int(v) for v in points[list(at), :2].mean(0)), radius, colour, -1, cv2.LINE_AA)
    return out


def test_a_clear_face_is_clear(net, face):
    covered = net.covered(*face)
    assert covered.shape == (478,) and covered.dtype == np.float32
    assert covered[LIPS].max() < 0.3 and covered[:468].mean() < 0.1


@pytest.mark.parametrize("colour", [(240, 240, 240), (40, 90, 200), (30, 30, 30)])
def test_a_disc_over_the_mouth_is_seen_there_and_not_on_the_brow(net, face, colour):
    crop, points = face
    covered = net.covered(with_disc(crop, points, colour), points)
    assert covered[LIPS].mean() > 0.6
    assert covered[[105, 334, 9]].max() < 0.3


def test_grey_pictures_are_read_too(net, face):
    crop, points = face
    grey = [np.repeat(one.mean(2, keepdims=True), 3, 2).astype(np.uint8)
            for one in (crop, with_disc(crop, points, (200, 200, 200)))]  # fmt: skip
    free, hidden = net.covered_many(grey, [points, points])
    assert free[LIPS].mean() < 0.3 < 0.5 < hidden[LIPS].mean()


def test_one_by_one_is_as_together(net, face):
    crop, points = face
    crops = [crop, with_disc(crop, points, (250, 200, 30))]
    together = net.covered_many(crops, [points, points])
    one_by_one = [net.covered(each, points) for each in crops]
    np.testing.assert_allclose(together, one_by_one, atol=2e-4)
    assert net.covered_many([], []).shape == (0, 478)


def test_the_aligned_face_is_upright_whatever_the_crop_is(face):
    _, points = face
    turn = cv2.getRotationMatrix2D((CROP_PX / 2, CROP_PX / 2), 25, 0.8)
    turned = points.copy()
    turned[:, :2] = points[:, :2] @ turn[:, :2].T + turn[:, 2]
    turned[:, 2] *= 0.8
    here = [p[:, :2] @ a[:, :2].T + a[:, 2] for p in (points, turned) for a in (aligned(p),)]
    np.testing.assert_allclose(here[1], here[0], atol=1.0)
    assert here[0][152, 1] > here[0][10, 1] + 50
    assert abs(here[0][[33, 263], 0].mean() - SIDE_PX / 2) < 12


def test_inputs_hold_the_colours_and_the_meshs_parts(face):
    crop, points = face
    seen = inputs(crop, points, aligned(points))
    assert seen.shape == (SIDE_PX, SIDE_PX, 6) and seen.dtype == np.uint8
    oval, lips, inner = (int((seen[..., k] > 127).sum()) for k in (3, 4, 5))
    assert oval > 10 * lips > 0 and lips > inner


def test_a_map_is_read_between_its_cells():
    probability = np.zeros((MAP_PX, MAP_PX), np.float32)
    probability[:, 12:] = 1.0
    points = np.zeros((478, 3), np.float32)
    # The border between cells 11 and 12 lies at pixel 47.5 of the aligned face; cells' middles are 2 px from it.
    points[:3, 0], points[:, 1] = (45.5, 47.5, 49.5), 40.0
    identity = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    np.testing.assert_allclose(at_points(probability, points, identity)[:3], [0.0, 0.5, 1.0], atol=1e-5)


def test_wrong_shapes_are_named(net, face):
    crop, points = face
    with pytest.raises(ValueError, match="crop"):
        net.covered(crop[:100], points)
    with pytest.raises(ValueError, match="points"):
        inputs(crop, points[:468], aligned(points))


def test_missing_and_foreign_weights_are_named(tmp_path):
    with pytest.raises(ModelError, match="missing"):
        load_net(tmp_path / "none.safetensors")
    (tmp_path / "other.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="train them again"):
        load_net(tmp_path / "other.safetensors")


def test_the_shipped_weights_are_those_of_the_card():
    weights = occlusion.WEIGHTS.read_bytes()
    assert len(weights) <= 2_000_000
    digest = hashlib.sha256(weights).hexdigest()[:16]
    assert f"occlusion:{digest}" == occlusion.network_id()
    assert occlusion.network_id() in (Path(occlusion.WEIGHTS).parent / "CARD.md").read_text(encoding="utf-8")
