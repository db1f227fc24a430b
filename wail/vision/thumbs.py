"""A few small pictures of a clip in which nobody can be recognised."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.roi import Roi

HEIGHT_PX = 96
BLOCKS_HIGH = 16
"""Blocks in a picture's height."""
FACE_BLOCKS = 5
"""No face's region is more blocks wide than this: faces can be named at 16 blocks (Harmon and Julesz 1973)."""

Thumb = tuple[int, NDArray[np.uint8]]


def pixelated(rgb: NDArray[np.uint8], faces: list[Roi]) -> NDArray[np.uint8]:
    """A picture 96 px high in blocks so coarse that no face in it can be recognised."""
    height, width = rgb.shape[:2]
    block = max([height / BLOCKS_HIGH, *(face.size_px / FACE_BLOCKS for face in faces)])
    size = (max(1, round(width / block)), max(1, round(height / block)))
    blocks = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    out_width = max(1, min(round(width * HEIGHT_PX / height), 8 * HEIGHT_PX))
    return np.asarray(cv2.resize(blocks, (out_width, HEIGHT_PX), interpolation=cv2.INTER_NEAREST))


class ThumbPicker:
    """Evenly spread thumbs of a clip of unknown length, in memory for at most twice as many."""

    def __init__(self, wanted: int = 12) -> None:
        self._wanted, self._every = wanted, 1
        self._kept: list[Thumb] = []

    def offer(self, frame: int, rgb: NDArray[np.uint8], faces: list[Roi]) -> None:
        if frame % self._every:
            return
        self._kept.append((frame, pixelated(rgb, faces)))
        if len(self._kept) >= 4 * self._wanted:
            self._every *= 2
            self._kept = [thumb for thumb in self._kept if thumb[0] % self._every == 0]

    def picked(self) -> list[Thumb]:
        """Up to `wanted` thumbs, all of the first one's width."""
        if not self._kept:
            return []
        chosen = np.unique(np.linspace(0, len(self._kept) - 1, self._wanted).round().astype(int))
        width = self._kept[0][1].shape[1]
        return [(frame, _as_wide(rgb, width)) for frame, rgb in (self._kept[i] for i in chosen)]


def _as_wide(rgb: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    if rgb.shape[1] == width:
        return rgb
    return np.asarray(cv2.resize(rgb, (width, HEIGHT_PX), interpolation=cv2.INTER_NEAREST))
