"""Pose angles by the project's convention, and normals that point out of the face."""

import numpy as np
import pytest

from wail.inface import rotation as inface_rotation
from wail.vision.geometry import FLIP, angles_deg, canonical_face, head_rotation, vertex_normals


def about(axis: int, deg: float) -> np.ndarray:
    c, s = np.cos(np.radians(deg)), np.sin(np.radians(deg))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = c
    out[i, j], out[j, i] = -s, s
    return out


def head(yaw: float, pitch: float, roll: float) -> np.ndarray:
    return about(2, roll) @ FLIP @ about(1, yaw) @ about(0, -pitch)


def posed(rotation: np.ndarray) -> np.ndarray:
    points = np.zeros((478, 3), np.float32)
    points[:468] = canonical_face()[0] @ rotation.T * 8 + 96
    return points


@pytest.mark.parametrize("angles", [(0, 0, 5), (30, 10, 20), (-60, -25, 200), (45, 5, 350), (-10, 40, 90)])
def test_angles_come_back_from_a_posed_mesh(angles):
    rotation, scale, residual = head_rotation(posed(head(*angles)))
    assert angles_deg(rotation) == pytest.approx(angles, abs=1e-3)
    assert scale == pytest.approx(8, rel=1e-4)
    assert residual < 1e-4


def test_signs_mean_what_they_say():
    """Yaw > 0 turns the nose to the picture's right, pitch > 0 up, roll > 0 clockwise."""
    nose = np.array([0.0, 0.0, 1.0])
    assert (head(30, 0, 0) @ nose)[0] > 0.4
    assert (head(0, 30, 0) @ nose)[1] < -0.4
    crown = head(0, 0, 30) @ np.array([0.0, 1.0, 0.0])
    assert crown[0] > 0.4
    assert crown[1] < 0


def test_the_face_model_s_package_means_the_same_angles():
    ours = head(33, -12, 75)
    theirs = inface_rotation.matrix_from_angles(33.0, -12.0, 75.0)
    np.testing.assert_allclose(np.asarray(theirs), ours, atol=1e-5)


def test_normals_point_out_of_the_face():
    normals = vertex_normals(posed(head(0, 0, 0)))
    assert (normals[[1, 4, 151, 199, 468, 473], 2] < -0.5).all()
    # The temples look sideways: the subject's right one (127) to the picture's left.
    assert normals[127, 0] < -0.7
    assert normals[356, 0] > 0.7
