import numpy as np
import pytest
import torch

from wail.inface.rotation import (
    FRONTAL,
    angles_from_matrix,
    axis_angle_from_matrix,
    continuous_axis_angle,
    cross_matrix,
    matrix_from_angles,
    matrix_from_axis_angle,
    rotation_exp,
)


def in_camera(point_head, **angles):
    full = {"yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0} | angles
    return matrix_from_angles(**full) @ np.array(point_head, float)


def test_a_frontal_face_looks_at_the_camera_with_its_left_on_the_pictures_right():
    assert np.allclose(in_camera([0, 0, 1]), [0, 0, -1])  # out of the face: towards the camera
    assert np.allclose(in_camera([1, 0, 0]), [1, 0, 0])  # the subject's left: right in the picture
    assert np.allclose(in_camera([0, 1, 0]), [0, -1, 0])  # up: up, where y runs down


@pytest.mark.parametrize(
    ("angles", "point", "expected"),
    [
        ({"yaw_deg": 30}, [0, 0, 1], [0.5, 0, -np.sqrt(0.75)]),  # nose to the picture's right
        ({"pitch_deg": 30}, [0, 0, 1], [0, -0.5, -np.sqrt(0.75)]),  # nose up in the picture
        ({"roll_deg": 90}, [0, 1, 0], [1, 0, 0]),  # clockwise: the forehead goes to the picture's right
    ],
)
def test_signs_of_the_angles(angles, point, expected):
    assert np.allclose(in_camera(point, **angles), expected)


def test_angles_survive_the_round_trip_at_every_roll():
    rng = np.random.default_rng(0)
    yaw, pitch = rng.uniform(-80, 80, 500), rng.uniform(-80, 80, 500)
    roll = rng.uniform(0, 360, 500)
    back = angles_from_matrix(matrix_from_angles(yaw, pitch, roll))
    for got, want in zip(back, (yaw, pitch, roll), strict=True):
        assert np.abs(got - want).max() < 1e-6


def test_matrices_are_rotations_of_any_batch_shape():
    r = matrix_from_angles(np.full((2, 3), 20.0), -10.0, 250.0)
    assert r.shape == (2, 3, 3, 3)
    assert np.allclose(r @ np.swapaxes(r, -1, -2), np.eye(3))
    assert np.allclose(np.linalg.det(r), 1)


def test_axis_angle_survives_the_round_trip_even_at_zero_and_at_a_half_turn():
    rng = np.random.default_rng(1)
    w = rng.normal(size=(300, 3))
    w *= (rng.uniform(0, np.pi, 300) / np.linalg.norm(w, axis=1))[:, None]
    w = np.concatenate([w, [[0, 0, 0], [1e-9, 0, 0], [0, 0, np.pi], [np.pi, 0, 0]]])
    assert np.abs(matrix_from_axis_angle(axis_angle_from_matrix(matrix_from_axis_angle(w))) - matrix_from_axis_angle(w)
                  ).max() < 1e-9
    assert np.abs(axis_angle_from_matrix(matrix_from_axis_angle(w[:300])) - w[:300]).max() < 1e-6


def test_in_time_the_axis_angle_does_not_jump_where_a_frontal_face_sways():
    sway = np.sin(np.linspace(0, 20, 400))
    r = matrix_from_angles(15 * sway, 10 * np.cos(np.linspace(0, 13, 400)), 8 * sway)
    jumps = np.abs(np.diff(axis_angle_from_matrix(r), axis=0)).max()
    w = continuous_axis_angle(r)
    assert jumps > 3  # the plain logarithm does jump
    assert np.abs(np.diff(w, axis=0)).max() < 0.1
    assert np.linalg.norm(w, axis=1).max() > np.pi
    assert np.allclose(matrix_from_axis_angle(w), r)


def test_a_whole_turn_of_roll_stays_continuous():
    r = matrix_from_angles(5.0, 5.0, np.linspace(0, 720, 300))
    w = continuous_axis_angle(r)
    assert np.abs(np.diff(w, axis=0)).max() < 0.1
    assert np.allclose(matrix_from_axis_angle(w), r)


def test_rotation_exp_matches_the_matrix_exponential():
    w = torch.tensor([[0.3, -0.2, 0.9], [1e-5, 0, 0], [2.0, 2.0, -1.0]], dtype=torch.float64)
    assert torch.allclose(rotation_exp(w), torch.linalg.matrix_exp(cross_matrix(w)), atol=1e-12)


def test_wrong_shapes_are_told():
    with pytest.raises(ValueError, match=r"\[\.\.\., 3, 3\] but has shape \(2, 3\)"):
        angles_from_matrix(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"axis_angle_rad must have shape"):
        matrix_from_axis_angle(np.zeros(4))
    with pytest.raises(ValueError, match=r"\[n, 3, 3\]"):
        continuous_axis_angle(FRONTAL)
