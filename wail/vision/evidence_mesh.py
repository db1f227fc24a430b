"""Does the landmark network stand by its mouth when the crop is mirrored, or shifted and made larger?

Where lips are seen it does, to a hundredth of the eyes' distance; where it has to invent them it does not. Movement
that the eyes and the nose share is taken off.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.mesh import CROP_PX, FaceMesh
from wail.vision.regions import LIPS, mirror_index
from wail.vision.roi import Array

RIGID = np.array([33, 133, 362, 263, 1, 168])
LARGER, SHIFT_PX = 1.08, (6.0, -4.0)
MIRRORED = (0.027, 0.009)
"""Centre and width of the logistic between free and covered mouths, outer eye distances, for the mirrored crop ..."""
MOVED = (0.020, 0.008)
"""... and for the shifted and enlarged one."""


def doubt(mesh: FaceMesh, crop: NDArray[np.uint8], points: Array, turn: int) -> float:
    """Log-odds that the mouth is invented, by one more pass of the network. Even turns mirror, odd ones shift."""
    if turn % 2 == 0:
        return (mirror_disagreement(mesh, crop, points) - MIRRORED[0]) / MIRRORED[1]
    return (moved_disagreement(mesh, crop, points) - MOVED[0]) / MOVED[1]


def mirror_disagreement(mesh: FaceMesh, crop: NDArray[np.uint8], points: Array) -> float:
    """How far the lips move, in outer eye distances, when the landmark network sees the crop mirrored."""
    mirrored, _ = mesh(np.ascontiguousarray(crop[:, ::-1]))
    back = mirrored[mirror_index(), :2].copy()
    back[:, 0] = CROP_PX - 1 - back[:, 0]
    return _lips_moved(back, points)


def moved_disagreement(mesh: FaceMesh, crop: NDArray[np.uint8], points: Array) -> float:
    """The same when it sees it shifted and a little larger."""
    shift = np.array(SHIFT_PX) - (LARGER - 1) * CROP_PX / 2
    affine = np.array([[LARGER, 0, shift[0]], [0, LARGER, shift[1]]])
    moved, _ = mesh(np.asarray(cv2.warpAffine(crop, affine, (CROP_PX, CROP_PX))))
    return _lips_moved(np.asarray((moved[:, :2] - shift) / LARGER, np.float32), points)


def _lips_moved(back: Array, points: Array) -> float:
    moved = back - points[:, :2]
    moved = moved - moved[RIGID].mean(0)
    eyes = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    return float(np.linalg.norm(moved[LIPS], axis=1).mean() / max(eyes, 1.0))
