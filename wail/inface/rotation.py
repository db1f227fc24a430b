"""Rotations of a head before a camera: angles for people, matrices for arithmetic, axis-angle for storage.

Camera frame: x right, y down, z forward. Head frame: x to the subject's left, y up, z out of the face. Both are
right-handed. `R_head_to_camera = Rz(roll) @ FRONTAL @ Ry(yaw) @ Rx(-pitch)`, so that yaw > 0 turns the face to the
subject's left (the picture's right), pitch > 0 up, roll > 0 clockwise in the picture.

A frontal face is a half turn about x, where axis-angle vectors jump between w and -w. In time they are therefore kept
continuous: their length may pass pi, and they still denote the same rotation.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from wail.errors import shape_message

FRONTAL: NDArray[np.float64] = np.diag([1.0, -1.0, -1.0])


def _axis_rotation(axis: int, angle_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right-handed rotation about one coordinate axis: [...] -> [..., 3, 3]."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((*angle_rad.shape, 3, 3))
    out[..., axis, axis] = 1.0
    out[..., first, first] = out[..., second, second] = np.cos(angle_rad)
    out[..., second, first] = np.sin(angle_rad)
    out[..., first, second] = -np.sin(angle_rad)
    return out


def matrix_from_angles(yaw_deg: ArrayLike, pitch_deg: ArrayLike, roll_deg: ArrayLike) -> NDArray[np.float64]:
    """Head-to-camera rotation from angles of one shape [...] in degrees: [..., 3, 3]."""
    yaw, pitch, roll = np.broadcast_arrays(*(np.radians(np.asarray(a, float)) for a in (yaw_deg, pitch_deg, roll_deg)))
    return np.asarray(_axis_rotation(2, roll) @ FRONTAL @ _axis_rotation(1, yaw) @ _axis_rotation(0, -pitch))


def angles_from_matrix(
    rotation: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(yaw_deg in -90..90, pitch_deg in -180..180, roll_deg in 0..360) of head-to-camera rotations [..., 3, 3]."""
    r = _matrices(rotation)
    yaw = np.degrees(np.arcsin(np.clip(r[..., 2, 0], -1.0, 1.0)))
    pitch = np.degrees(np.arctan2(r[..., 2, 1], -r[..., 2, 2]))
    roll = np.degrees(np.arctan2(r[..., 1, 0], r[..., 0, 0])) % 360.0
    return yaw, pitch, roll


def matrix_from_axis_angle(axis_angle_rad: ArrayLike) -> NDArray[np.float64]:
    """Rodrigues' formula in float64: [..., 3] -> [..., 3, 3]."""
    w = np.asarray(axis_angle_rad, float)
    if w.ndim == 0 or w.shape[-1] != 3:
        raise ValueError(shape_message("axis_angle_rad", "[..., 3]", w.shape))
    return rotation_exp(torch.from_numpy(np.ascontiguousarray(w))).numpy()


def axis_angle_from_matrix(rotation: ArrayLike) -> NDArray[np.float64]:
    """Axis-angle of length 0..pi: [..., 3, 3] -> [..., 3]. For a sequence in time use `continuous_axis_angle`."""
    return _axis_angle_from_quaternion(_quaternions(_matrices(rotation)))


def continuous_axis_angle(rotation: ArrayLike) -> NDArray[np.float64]:
    """Axis-angle [n, 3] of rotations [n, 3, 3] in time, without jumps: |w| may pass pi, up to 2 pi.

    Neighbouring quaternions are brought to the same half of the sphere, which leaves a jump only where the rotation
    is the identity: the back of a head, upside down.
    """
    r = _matrices(rotation)
    if r.ndim != 3:
        raise ValueError(shape_message("rotation", "[n, 3, 3]", r.shape))
    q = _quaternions(r)
    if len(q) > 1:
        flips = np.sign(np.sum(q[1:] * q[:-1], axis=-1))
        q[1:] *= np.cumprod(np.where(flips < 0, -1.0, 1.0))[:, None]
    return _axis_angle_from_quaternion(q)


def rotation_exp(axis_angle_rad: torch.Tensor) -> torch.Tensor:
    """Rodrigues' formula, torch, any dtype and device: [..., 3] -> [..., 3, 3]."""
    angle = axis_angle_rad.norm(dim=-1)[..., None, None]
    k = cross_matrix(axis_angle_rad)
    # torch.sinc is sin(pi x) / (pi x): exact at zero, where the quotients would be 0/0.
    sine = torch.sinc(angle / torch.pi)
    cosine = 0.5 * torch.sinc(angle / (2 * torch.pi)) ** 2
    eye = torch.eye(3, dtype=angle.dtype, device=angle.device)
    return eye + sine * k + cosine * (k @ k)


def cross_matrix(v: torch.Tensor) -> torch.Tensor:
    """[v]x with [v]x u = v x u: [..., 3] -> [..., 3, 3]."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], dim=-1).reshape(*v.shape[:-1], 3, 3)


def _matrices(rotation: ArrayLike) -> NDArray[np.float64]:
    r = np.asarray(rotation, float)
    if r.shape[-2:] != (3, 3):
        raise ValueError(shape_message("rotation", "[..., 3, 3]", r.shape))
    return r


def _quaternions(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit quaternions (w >= 0, x, y, z) by Shepperd 1978: the largest component is computed first."""
    d = np.stack([r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]], axis=-1)
    trace = d.sum(axis=-1)
    outer = np.empty((*trace.shape, 4, 4))  # 4 q q^T
    outer[..., 0, 0] = 1 + trace
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        outer[..., i + 1, i + 1] = 1 - trace + 2 * d[..., i]
        outer[..., 0, i + 1] = outer[..., i + 1, 0] = r[..., k, j] - r[..., j, k]
        outer[..., i + 1, j + 1] = outer[..., j + 1, i + 1] = r[..., i, j] + r[..., j, i]
    largest = np.argmax(np.einsum("...ii->...i", outer), axis=-1)
    q = np.take_along_axis(outer, largest[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return np.asarray(np.where(q[..., :1] < 0, -q, q))


def _axis_angle_from_quaternion(q: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, q[..., :1])
    return np.asarray(q[..., 1:] * np.where(length > 1e-12, angle / np.maximum(length, 1e-12), 2.0))
