"""Hands near a face, by mediapipe's bundled hand model, as outlines in picture pixels."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.roi import Array, Roi, apply_affine, cut_crop, lifted

HANDS_PX = 224
REACH = 1.5
"""Side of the searched square over the face's region: hands enter from outside the face."""
THUMB_PX = 32
CHANGED, CHANGED_SHARE = 14.0, 0.04
"""Grey levels by which a thumbnail's pixel must differ to have changed; share of them: twice what a mouth moves."""
QUIET_TIMES = 4
"""Where nothing has changed the model runs so many times less often."""
MAX_TRACKS = 16


class HandFinder:
    """The hand model on squares around faces. Static mode: nothing is kept between calls."""

    def __init__(self, min_score: float = 0.5) -> None:
        from mediapipe.python.solutions.hands import Hands

        self._model: Any = Hands(static_image_mode=True, max_num_hands=2, model_complexity=0,
                                 min_detection_confidence=min_score)  # fmt: skip
        self.calls = 0
        """How often the model ran."""

    def __call__(self, rgb: NDArray[np.uint8], face: Roi) -> list[Array]:
        """Convex outlines [k, 2] in picture pixels of up to two hands around a face."""
        region = _surroundings(face)
        self.calls += 1
        found = self._model.process(lifted(cut_crop(rgb, region, HANDS_PX))).multi_hand_landmarks or ()
        to_picture = region.to_picture(HANDS_PX)
        return [
            apply_affine(to_picture, cv2.convexHull(
                np.array([(p.x, p.y) for p in hand.landmark], np.float32) * HANDS_PX)[:, 0])
            for hand in found
        ]  # fmt: skip

    def close(self) -> None:
        self._model.close()


@dataclass
class _Seen:
    """What the hand model said last of one track's surroundings."""

    thumb: Array
    outlines: list[Array]
    """In shares of the searched square, so that they go where the face goes."""
    age_frames: int = 0


class HandWatch:
    """Runs the hand model around each face when something there has changed, and seldom while nothing has.

    The model costs as much as four frames of everything else. Make one per clip.
    """

    def __init__(self, finder: HandFinder, every_frames: int) -> None:
        self._finder, self._every = finder, every_frames
        self._seen: dict[int, _Seen] = {}

    def __call__(self, rgb: NDArray[np.uint8], face: Roi, track: int) -> list[Array]:
        """Outlines [k, 2] in picture pixels, as `HandFinder` gives them. To be asked in every frame of a track."""
        region = _surroundings(face)
        thumb = cut_crop(rgb, region, THUMB_PX)[..., 1].astype(np.float32)
        seen = self._seen.get(track)
        if seen is None or self._due(seen, thumb):
            back = cv2.invertAffineTransform(region.to_picture(1))
            seen = _Seen(thumb, [apply_affine(back, outline) for outline in self._finder(rgb, face)])
            self._seen = {**dict(list(self._seen.items())[-MAX_TRACKS:]), track: seen}
        seen.age_frames += 1
        return [apply_affine(region.to_picture(1), outline) for outline in seen.outlines]

    def _due(self, seen: _Seen, thumb: Array) -> bool:
        # A hand that is there is followed more closely, for its edges in time.
        wait = self._every // 2 if seen.outlines else self._every
        changed = float((np.abs((thumb - np.median(thumb)) - (seen.thumb - np.median(seen.thumb))) > CHANGED).mean())
        return seen.age_frames >= max(wait, 1) and (changed > CHANGED_SHARE or seen.age_frames >= QUIET_TIMES * wait)


def _surroundings(face: Roi) -> Roi:
    return Roi(face.x_px, face.y_px, face.size_px * REACH, face.roll_deg)


def covered(xy_px: Array, hands: list[Array], margin_px: float) -> NDArray[np.bool_]:
    """Which points [n, 2] lie in a hand's outline, or nearer to it than `margin_px` (half a finger's width)."""
    inside = np.zeros(len(xy_px), bool)
    for outline in hands:
        contour = np.ascontiguousarray(outline, np.float32)[:, None]
        distance = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in xy_px]
        inside |= np.array(distance) > -margin_px
    return inside
