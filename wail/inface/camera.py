"""Perspective pinhole: x right, y down, z forward, millimetres in, pixels out; the axis through the picture's centre.

Pixel coordinates are continuous: the first pixel covers 0..1 and its centre is at 0.5.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from wail.errors import shape_message
from wail.inface.rotation import matrix_from_axis_angle


def to_camera(verts_head_mm: ArrayLike, pose: ArrayLike) -> NDArray[np.float64]:
    """Head frame [..., V, 3] to camera frame, mm, by pose [..., 6] (axis-angle rad, translation mm)."""
    verts, p = np.asarray(verts_head_mm, float), np.asarray(pose, float)
    if p.ndim == 0 or p.shape[-1] != 6:
        raise ValueError(shape_message("pose", "[..., 6]", p.shape))
    if verts.ndim < 2 or verts.shape[-1] != 3:
        raise ValueError(shape_message("verts_head_mm", "[..., V, 3]", verts.shape))
    rotation = matrix_from_axis_angle(p[..., :3])
    return np.asarray(verts @ np.swapaxes(rotation, -1, -2) + p[..., None, 3:])


def project(points_cam_mm: torch.Tensor, focal_px: torch.Tensor | float, size_px: Sequence[float]) -> torch.Tensor:
    """Points [..., 3] before the camera (z > 0) to pixels [..., 2]; `size_px` is (width, height)."""
    centre = points_cam_mm.new_tensor([size_px[0] / 2, size_px[1] / 2])
    return focal_px * points_cam_mm[..., :2] / points_cam_mm[..., 2:] + centre
