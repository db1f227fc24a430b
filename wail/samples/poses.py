"""Where a head is, over time: key poses joined smoothly, with the small restless movement of an infant on top.

Camera: x right, y down, z forward, mm. Head: x to the subject's left, y up, z out of the face. The rotation is
`Rz(roll) @ diag(1, -1, -1) @ Ry(yaw) @ Rx(-pitch)`: yaw > 0 turns the face to the subject's left, pitch > 0 up,
roll > 0 clockwise in the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from wail.inface.rotation import continuous_axis_angle, matrix_from_angles
from wail.samples.shapes import F64


@dataclass(frozen=True)
class Key:
    """A pose at a time: angles in degrees, place of the head's origin in mm before the camera."""

    time_s: float
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    x_mm: float = 0.0
    y_mm: float = 0.0
    z_mm: float = 430.0


@dataclass(frozen=True)
class PoseTrack:
    """Poses at given times: angles [n, 3] (yaw, pitch, roll; degrees), rotation [n, 3, 3], translation_mm [n, 3].

    The body below the head shares its place and roll, and less than half of its yaw and pitch."""

    angles_deg: F64
    rotation: F64
    body_rotation: F64
    translation_mm: F64

    @property
    def pose(self) -> F64:
        """[n, 6]: axis-angle (rad), continuous in time, then translation (mm)."""
        return np.concatenate([continuous_axis_angle(self.rotation), self.translation_mm], axis=1)


def pose_track(keys: Sequence[Key], at_s: F64, restless: float, seed: int) -> PoseTrack:
    """Poses at times [n]: monotone cubic between keys, held outside them, plus smooth wobble of `restless` degrees."""
    times = np.array([k.time_s for k in keys])
    values = np.array([[k.yaw_deg, k.pitch_deg, k.roll_deg, k.x_mm, k.y_mm, k.z_mm] for k in keys])
    if len(keys) == 1:
        track = np.repeat(values, len(at_s), axis=0)
    else:
        track = PchipInterpolator(times, values)(np.clip(at_s, times[0], times[-1]))
    track = track + restless * wobble(at_s, seed) * [1.0, 0.8, 0.8, 0.8, 0.8, 2.0]
    angles = track[:, :3]
    yaw, pitch, roll = angles.T
    body = matrix_from_angles(0.35 * yaw, 0.2 * pitch, roll)
    return PoseTrack(angles, matrix_from_angles(yaw, pitch, roll), body, track[:, 3:])


def wobble(at_s: F64, seed: int) -> F64:
    """Six smooth random tracks [n, 6] of about unit size: sums of sines between 0.15 and 1.1 Hz."""
    rng = np.random.default_rng(seed)
    hz, phase = rng.uniform(0.15, 1.1, (5, 6)), rng.uniform(0, 2 * np.pi, (5, 6))
    size = 0.6 / (0.5 + hz)
    return np.asarray((size * np.sin(2 * np.pi * hz * at_s[:, None, None] + phase)).sum(1) / 1.3)
