"""Square, rotated regions of a picture, and the upright crops cut from them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Roi:
    """A square in picture pixels, turned by `roll_deg` (> 0 clockwise in the picture)."""

    x_px: float
    y_px: float
    size_px: float
    roll_deg: float

    def to_picture(self, crop_px: int) -> NDArray[np.float64]:
        """The 2 x 3 affine map from pixels of a crop `crop_px` wide to picture pixels."""
        scale = self.size_px / crop_px
        cos, sin = np.cos(np.radians(self.roll_deg)) * scale, np.sin(np.radians(self.roll_deg)) * scale
        half = crop_px / 2
        return np.array([
            [cos, -sin, self.x_px - (cos - sin) * half],
            [sin, cos, self.y_px - (sin + cos) * half],
        ])  # fmt: skip


def apply_affine(affine: NDArray[np.float64], xy: Array) -> Array:
    """Map points [..., 2] by a 2 x 3 affine map."""
    return np.asarray(xy @ affine[:, :2].T + affine[:, 2], np.float32)


def cut_crop(rgb: NDArray[np.uint8], roi: Roi, crop_px: int) -> NDArray[np.uint8]:
    """The region of a picture, upright, as uint8 [crop_px, crop_px, 3]; black outside the picture.

    A region much larger than the crop is halved first as often as needed, so that it does not alias.
    """
    affine = roi.to_picture(crop_px)
    step = roi.size_px / crop_px
    if step > 2:
        rgb, affine = _shrunk(rgb, roi, affine, int(step))
    return np.asarray(cv2.warpAffine(rgb, affine, (crop_px, crop_px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))


def _shrunk(
    rgb: NDArray[np.uint8], roi: Roi, affine: NDArray[np.float64], factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of the picture around a region, shrunk by an integer factor, and the affine map into it."""
    reach = roi.size_px * 0.7072
    height, width = rgb.shape[:2]
    x0, x1 = (int(np.clip(v, 0, width)) for v in (roi.x_px - reach, roi.x_px + reach + 1))
    y0, y1 = (int(np.clip(v, 0, height)) for v in (roi.y_px - reach, roi.y_px + reach + 1))
    # Whole multiples of the factor are shrunk ten times as fast as other sizes: the last few pixels are given up.
    wide, high = (max(v // factor * factor, min(v, 1)) for v in (x1 - x0, y1 - y0))
    part = rgb[y0:y0 + high, x0:x0 + wide]
    if part.size == 0:
        return np.zeros((1, 1, 3), np.uint8), np.array([[1.0, 0.0, 9.0], [0.0, 1.0, 9.0]])
    size = (max(1, wide // factor), max(1, high // factor))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    scale = np.array([size[0] / part.shape[1], size[1] / part.shape[0]])
    moved = affine.copy()
    moved[:, 2] -= (x0, y0)
    moved *= scale[:, None]
    # Pixel centres: a shrunk picture's pixel k covers the old pixels factor*k .. factor*(k+1)-1.
    moved[:, 2] += (scale - 1) / 2
    return np.asarray(small), moved


DIM = 160.0
"""Grey level that the brightest hundredth of a crop is lifted to."""
MAX_LIFT = 12.0


def lifted(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A dim crop brightened for a network to see; one that is bright enough as it is."""
    green = np.sort(crop[::4, ::4, 1], axis=None)
    top = float(green[-1 - len(green) // 100])
    if top >= DIM:
        return crop
    return np.asarray(cv2.convertScaleAbs(crop, alpha=min(DIM / max(top, 1.0), MAX_LIFT)))


def mesh_roi(xy_px: Array, roll_deg: float, margin: float = 1.5) -> Roi:
    """The region mediapipe's landmark network wants: the mesh's box, in axes turned by its roll, times `margin`."""
    turn = np.radians(roll_deg)
    cos, sin = np.cos(turn), np.sin(turn)
    across = xy_px @ np.array([cos, sin])
    down = xy_px @ np.array([-sin, cos])
    mid_a, mid_d = (across.min() + across.max()) / 2, (down.min() + down.max()) / 2
    size = float(max(np.ptp(across), np.ptp(down)) * margin)
    return Roi(float(cos * mid_a - sin * mid_d), float(sin * mid_a + cos * mid_d), max(size, 1.0), roll_deg)


def eye_roll_deg(xy: Array) -> float:
    """Direction of the line through the outer eye corners (landmarks 33, 263), degrees, > 0 clockwise."""
    dx, dy = xy[263, :2] - xy[33, :2]
    return float(np.degrees(np.arctan2(dy, dx)))
