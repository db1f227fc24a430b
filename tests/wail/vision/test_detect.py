"""Faces are found small, dim, grey and at any rotation, the right way up."""

import cv2
import numpy as np
import pytest

from wail.vision.config import VisionConfig
from wail.vision.detect import same_place
from wail.vision.roi import Roi, eye_roll_deg
from wail.vision.tracks import FaceTracker


def placed(infant, view, eyes_px: float, roll_deg: float, size=(640, 480), at=(420, 150)):
    """The infant's picture turned and scaled onto a grey one."""
    scale = eyes_px / np.linalg.norm(view.xy_px[33] - view.xy_px[263])
    centre = view.xy_px[[33, 263, 1, 13]].mean(0)
    affine = cv2.getRotationMatrix2D(centre.tolist(), eye_roll_deg(view.xy_px) - roll_deg, scale)
    affine[:, 2] += np.array(at) - centre
    soft = cv2.GaussianBlur(infant, (0, 0), max(0.4 / scale, 0.1))
    return cv2.warpAffine(soft, affine, size, borderValue=(150, 150, 150))


@pytest.mark.parametrize("roll_deg", [0, 77, 135, 180, 225, 290])
@pytest.mark.parametrize("eyes_px", [22, 60])
def test_a_face_is_found_in_the_first_frame(infant, upright_view, tracker, roll_deg, eyes_px):
    view, = tracker.step(placed(infant, upright_view, eyes_px, roll_deg))
    assert np.linalg.norm(view.xy_px[33] - view.xy_px[263]) == pytest.approx(eyes_px, rel=0.2)
    assert abs((eye_roll_deg(view.xy_px) - roll_deg + 180) % 360 - 180) < 12


@pytest.mark.parametrize("light", [
    lambda p: p * 0.12, lambda p: np.repeat(p[..., :1] * 0.5 + 60, 3, 2),
], ids=["dim", "infrared"])  # fmt: skip
def test_a_dim_or_grey_face_is_found(infant, upright_view, tracker, light):
    picture = placed(infant, upright_view, 34, 160).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 2, (*picture.shape[:2], 1))
    view, = tracker.step(np.clip(light(picture) + noise, 0, 255).astype(np.uint8))
    assert abs((eye_roll_deg(view.xy_px) - 160 + 180) % 360 - 180) < 15


def test_a_small_face_in_a_large_picture_is_found(infant, upright_view, mesh, detector):
    tracker = FaceTracker(VisionConfig(), mesh, detector)
    picture = placed(infant, upright_view, 46, 200, (3840, 2160), (2900, 700))
    found = [tracker.step(picture) for _ in range(8)][-1]
    assert len(found) == 1


def test_the_upright_score_is_higher_than_the_flipped_one(infant, upright_view, detector):
    upright, flipped = detector.upright_score(infant, upright_view.roi)
    assert upright > 0.8 > flipped


def test_a_wall_has_no_face(detector):
    wall = np.random.default_rng(3).integers(90, 160, (300, 400, 3), dtype=np.uint8)
    assert detector.orientations(wall, Roi(200, 150, 120, 40)) == []


def test_places_are_the_same_where_their_centres_are_near():
    assert same_place(Roi(100, 100, 60, 0), Roi(115, 110, 80, 170))
    assert not same_place(Roi(100, 100, 60, 0), Roi(130, 100, 80, 0))
