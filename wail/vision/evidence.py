"""What one upright crop says about the face in it, measured without trusting that the mesh is right.

Under a pacifier or a fist the mesh is whole and lively, but the picture there is not: the skin's colour, the lips' red
and the dark line between them are gone, and the mesh disagrees with its own mirror image.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.mesh import CROP_PX, FaceMesh
from wail.vision.regions import (
    LIP_BODY,
    LIP_INNER,
    LIP_OUTER,
    LIPS,
    SKIN_CHIN,
    SKIN_REFERENCE,
    SKIN_UPPER_LIP,
    mirror_index,
)
from wail.vision.roi import Array

BLUR_PX = 1.5
"""Smoothing before colours are read: about 2 % of the outer eye distance in a crop."""
BLACK_LEVEL = 4.0
"""Added to grey levels before logarithms, so that sensor noise in the dark says little."""
PROFILE_SAMPLES = 24
_RIGID = np.array([33, 133, 362, 263, 1, 168])


@dataclass(frozen=True)
class Look:
    """Measurements of one crop. Log-chromaticity (log R/G, log G/B) does not change with shading."""

    chroma: Array
    """[478, 2] at each landmark."""
    log_luma: Array
    """[478] natural logarithm of the grey level."""
    lip_red: float
    """log R/G of the lips less that of the skin above and below them."""
    lip_dark: float
    """log of skin's grey level over the darkest on the way across the mouth: the line between the lips."""
    sharpness: float
    """Variance of the Laplacian in the crop's middle, grey levels squared."""
    colourful: float
    """Spread of the crop's log-chromaticity: near 0 in grey and infrared pictures."""


def look(crop: NDArray[np.uint8], points: Array) -> Look:
    """Measure a crop, uint8 [CROP_PX, CROP_PX, 3], with its mesh [478, 3] in crop pixels."""
    smooth = cv2.GaussianBlur(crop, (0, 0), BLUR_PX)
    at_points = _sample(smooth, points[:, :2])
    chroma = _chroma(at_points)
    lips = _chroma(_sample(smooth, ((points[LIP_OUTER, :2] + points[LIP_INNER, :2]) / 2)[LIP_BODY]))
    around = chroma[np.concatenate([SKIN_UPPER_LIP[:5], SKIN_CHIN[:7]])]
    edge = CROP_PX // 5
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    middle = grey[edge:-edge, edge:-edge]
    sharpness = float(cv2.Laplacian(middle, cv2.CV_32F).var())
    sparse = _chroma(smooth[edge:-edge:6, edge:-edge:6].reshape(-1, 3).astype(np.float32) + BLACK_LEVEL)
    return Look(
        chroma, np.log(at_points.mean(1)),
        float(np.median(lips[:, 0]) - np.median(around[:, 0])), _dark_line(smooth, points),
        sharpness, float(sparse.std(0).mean()),
    )  # fmt: skip


def _sample(image: NDArray[np.uint8], xy: Array) -> Array:
    """Grey levels (plus the black level) at the pixels nearest to crop points."""
    at = np.clip(np.rint(xy), 0, CROP_PX - 1).astype(int)
    return np.asarray(image[at[:, 1], at[:, 0]], np.float32) + np.float32(BLACK_LEVEL)


def _chroma(rgb: Array) -> Array:
    logs = np.log(rgb)
    return np.asarray(logs[:, :2] - logs[:, 1:], np.float32)


def _dark_line(image: NDArray[np.uint8], points: Array) -> float:
    """Walk from below the nose to above the chin through the mouth: how much darker its darkest point is."""
    top = 0.4 * points[2, :2] + 0.6 * points[0, :2]
    bottom = 0.4 * points[17, :2] + 0.6 * points[18, :2]
    steps = np.linspace(0, 1, PROFILE_SAMPLES, dtype=np.float32)[:, None]
    grey = _sample(image, top + (bottom - top) * steps).mean(1)
    return float(np.log((grey[0] + grey[-1]) / 2 / grey.min()))


def skin_luma(seen: Look) -> float:
    """Median grey level (0-255) of the face's reference skin."""
    return float(np.exp(np.median(seen.log_luma[SKIN_REFERENCE])) - BLACK_LEVEL)


def mirror_disagreement(mesh: FaceMesh, crop: NDArray[np.uint8], points: Array) -> float:
    """How far the lips move, in outer eye distances, when the landmark network sees the crop mirrored.

    Movement that the eyes and nose share is taken off: only the mouth's own uncertainty is meant.
    """
    mirrored, _ = mesh(np.ascontiguousarray(crop[:, ::-1]))
    back = mirrored[mirror_index(), :2].copy()
    back[:, 0] = CROP_PX - 1 - back[:, 0]
    moved = back - points[:, :2]
    moved -= moved[_RIGID].mean(0)
    eyes = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    return float(np.linalg.norm(moved[LIPS], axis=1).mean() / max(eyes, 1.0))
