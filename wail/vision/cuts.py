"""Shot cuts: the picture's layout is gone from one frame to the next, and no shift or change of light explains it."""

from collections import deque
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

THUMB_PX = (64, 48)
SAMPLES = 128
"""At most this many pixels of a row or column are read for a thumbnail: two to one of its own."""
COARSE_PX = 13
"""Layout is what is finer than this in a thumbnail: light that comes, goes or fades is coarser."""
FLAT = 2.0
"""Grey levels: a thumbnail with less contrast (black, white, flash, fog) says nothing about the layout."""
CUT_CHANGE = 0.7
"""Change is 1 less the layouts' correlation. Unrelated pictures: 0.5-1.1; a hard bump or flash: up to 0.55."""
SUDDEN_CHANGE, SUDDEN_TIMES, RECENT_FRAMES = 0.15, 5.0, 8
"""A sudden change is larger than this, and so many times the largest of the last few frames."""
ALIKE = 0.9
"""Layouts that correlate this well at rest need no search for a shift."""
MAX_SHIFT_SHARE = 0.3
"""A bumped camera moves the picture by less than this from one frame to the next."""


class CutFinder:
    """Told every frame in turn, says what became of the picture since the last one. Make one per clip."""

    def __init__(self) -> None:
        self._last: Array | None = None
        self._size: tuple[int, ...] | None = None
        self._usual: deque[float] = deque([1.0] * RECENT_FRAMES, RECENT_FRAMES)

    def __call__(self, rgb: NDArray[np.uint8]) -> Literal["none", "sudden", "cut"]:
        """`cut`: another shot for certain, or another size. `sudden`: a cut between shots of much the same layout, a
        flash or a jolt: whether the faces are the same ones has to tell."""
        size, self._size = self._size, rgb.shape
        if size not in (None, rgb.shape):
            self._last = layout(rgb)
            return "cut"
        now = layout(rgb)
        # What is flat (a flash, a dip to black) is passed over: the picture after it is held against the one before.
        if now.std() < FLAT:
            return "none"
        last, self._last = self._last, now
        if last is None:
            return "none"
        change = 1.0 - likeness(last, now)
        usual = max(self._usual)
        self._usual.append(change)
        if change > CUT_CHANGE:
            return "cut"
        return "sudden" if change > max(SUDDEN_CHANGE, SUDDEN_TIMES * usual) else "none"


def layout(rgb: NDArray[np.uint8]) -> Array:
    """The fine structure of a picture's thumbnail, f32 [48, 64]: its grey levels less their surroundings'."""
    step = [max(1, side // SAMPLES) for side in rgb.shape[:2]]
    thumb = cv2.resize(rgb[:: step[0], :: step[1], 1], THUMB_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(thumb - cv2.blur(thumb, (COARSE_PX, COARSE_PX)), np.float32)


def likeness(a: Array, b: Array) -> float:
    """Correlation (-1..1) of two layouts, at rest or after the shift that phase correlation finds between them."""
    best = _correlation(a, b)
    if best > ALIKE:
        return best
    (dx, dy), _ = cv2.phaseCorrelate(a, b)
    width, height = THUMB_PX
    x, y = round(dx), round(dy)
    if (x or y) and abs(x) <= MAX_SHIFT_SHARE * width and abs(y) <= MAX_SHIFT_SHARE * height:
        before = a[max(-y, 0):height - max(y, 0), max(-x, 0):width - max(x, 0)]
        after = b[max(y, 0):height - max(-y, 0), max(x, 0):width - max(-x, 0)]
        best = max(best, _correlation(before, after))
    return best


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))
