"""Crops are upright and map back to where they were cut."""

import numpy as np
import pytest

from wail.vision.roi import Roi, apply_affine, cut_crop, eye_roll_deg, mesh_roi


@pytest.mark.parametrize("roll_deg", [0.0, 37.0, 90.0, 200.0, 315.0])
@pytest.mark.parametrize("size_px", [60.0, 700.0])
def test_a_crop_shows_at_a_place_what_the_picture_has_there(roll_deg, size_px):
    rgb = np.zeros((500, 800, 3), np.uint8)
    rgb[..., 0] = (np.arange(800) / 4).astype(np.uint8)
    rgb[..., 1] = (np.arange(500) / 2).astype(np.uint8)[:, None]
    roi = Roi(400, 250, size_px, roll_deg)
    crop = cut_crop(rgb, roi, 96)
    for spot in ([48, 48], [30, 60], [66, 40]):
        x_px, y_px = apply_affine(roi.to_picture(96), np.array(spot, np.float32))
        assert crop[spot[1], spot[0], 0] == pytest.approx(x_px / 4, abs=2.5)
        assert crop[spot[1], spot[0], 1] == pytest.approx(y_px / 2, abs=4.5)


def test_outside_the_picture_a_crop_is_black():
    assert not cut_crop(np.full((50, 50, 3), 200, np.uint8), Roi(500, 500, 300, 10), 32).any()
    assert cut_crop(np.full((1, 1, 3), 200, np.uint8), Roi(0, 0, 5000, 0), 32).shape == (32, 32, 3)


@pytest.mark.parametrize("roll_deg", [0.0, 123.0, 250.0])
def test_the_region_of_a_turned_mesh_is_the_turned_region(roll_deg):
    points = np.random.default_rng(0).uniform(-40, 40, (478, 2)).astype(np.float32)
    points[33], points[263] = (-30, -10), (30, -10)
    still = mesh_roi(points, 0.0)
    turned = apply_affine(Roi(200, 300, 1, roll_deg).to_picture(1), points)
    moved = mesh_roi(turned, roll_deg)
    assert moved.size_px == pytest.approx(still.size_px, rel=1e-4)
    assert eye_roll_deg(turned) % 360 == pytest.approx(roll_deg, abs=0.01)
