"""What a face looks like, in few numbers: enough to tell, over a second or two, one person's face from another's."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.regions import SKIN_REFERENCE
from wail.vision.roi import Array, Roi, cut_crop, eye_roll_deg

PATCH_PX = 24
REACH = 1.7
"""Side of the patch in outer eye distances: brows to mouth."""
CHROMA_WEIGHT = 1.5
BLACK_LEVEL = 8.0
"""Added to grey levels before logarithms, so that noise in the dark says little."""


@dataclass(frozen=True)
class FaceLook:
    """A face aligned by its eyes: a pattern free of brightness and contrast, and the skin's colour."""

    pattern: Array
    """[24, 24] green levels, mean 0 and standard deviation 1."""
    chroma: Array
    """[2] median log R/G and log G/B of cheeks, nose and forehead."""


def face_look(crop: NDArray[np.uint8], points: Array) -> FaceLook:
    """Look of the face in a crop, with its mesh [478, 3] in crop pixels."""
    middle = points[[33, 263, 1, 13], :2].mean(0)
    eyes = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    upright = Roi(float(middle[0]), float(middle[1]), max(REACH * eyes, 8.0), eye_roll_deg(points))
    patch = cut_crop(crop, upright, PATCH_PX)
    pattern = cv2.GaussianBlur(patch[..., 1].astype(np.float32), (0, 0), 1.0)
    at = np.clip(np.rint(points[SKIN_REFERENCE, :2]), 0, crop.shape[0] - 1).astype(int)
    logs = np.log(np.median(crop[at[:, 1], at[:, 0]].astype(np.float32), axis=0) + BLACK_LEVEL)
    return FaceLook(_standard(pattern), np.asarray(logs[:2] - logs[1:], np.float32))


def _standard(pattern: Array) -> Array:
    return np.asarray((pattern - pattern.mean()) / max(float(pattern.std()), 2.0), np.float32)


def unlikeness(a: FaceLook, b: FaceLook) -> float:
    """0 for the same picture; about 1 for faces that share nothing but being faces."""
    pattern = 1.0 - float((a.pattern * b.pattern).mean())
    return float(np.hypot(pattern, CHROMA_WEIGHT * float(np.linalg.norm(a.chroma - b.chroma))))


def blended(old: FaceLook, new: FaceLook, weight: float) -> FaceLook:
    """A look that follows slow change: `weight` of the new one."""
    pattern = (1 - weight) * old.pattern + weight * new.pattern
    return FaceLook(_standard(pattern * 64.0), np.asarray((1 - weight) * old.chroma + weight * new.chroma, np.float32))
