"""The landmark network as a function."""

import numpy as np

from wail.vision.mesh import CROP_PX, N_LANDMARKS, model_ids


def test_the_same_crop_gives_the_same_points_whatever_came_before(mesh, upright_view):
    first, presence = mesh(upright_view.crop)
    noise = np.random.default_rng(0).integers(0, 255, (CROP_PX, CROP_PX, 3), dtype=np.uint8)
    assert mesh(noise)[1] < 0.01
    again, _ = mesh(upright_view.crop)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (N_LANDMARKS, 3)
    assert presence > 0.9


def test_every_model_is_named_with_its_hash():
    assert set(model_ids()) == {"face_mesh", "face_detection", "hand_landmarks", "palm_detection"}
    assert all(len(value.split()[-1]) == 16 for value in model_ids().values())
