import numpy as np
import pytest
import torch

from wail.inface.camera import project, to_camera
from wail.inface.rotation import axis_angle_from_matrix, matrix_from_angles


def frontal_pose(distance_mm):
    return np.r_[axis_angle_from_matrix(matrix_from_angles(0, 0, 0)), 0, 0, distance_mm]


def test_a_frontal_point_lands_where_the_pinhole_says():
    cam = to_camera([[10.0, 20.0, 50.0]], frontal_pose(450))
    assert np.allclose(cam, [[10, -20, 400]])
    px = project(torch.from_numpy(cam), 800.0, (640, 480))
    assert np.allclose(px, [[320 + 20, 240 - 40]])


def test_a_take_of_poses_moves_a_take_of_meshes():
    poses = np.stack([frontal_pose(400), frontal_pose(500)])
    verts = np.zeros((2, 4, 3))
    assert to_camera(verts, poses).shape == (2, 4, 3)
    assert np.allclose(to_camera(verts, poses)[:, 0, 2], [400, 500])


def test_wrong_shapes_are_told():
    with pytest.raises(ValueError, match=r"pose must have shape \[\.\.\., 6\] but has shape \(7,\)"):
        to_camera(np.zeros((4, 3)), np.zeros(7))
    with pytest.raises(ValueError, match="verts_head_mm"):
        to_camera(np.zeros(3), np.zeros(6))
