"""Hands near a face, by mediapipe's bundled hand model, as outlines in picture pixels."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.roi import Array, Roi, apply_affine, cut_crop

HANDS_PX = 224
REACH = 1.5
"""Side of the searched square over the face's region: hands enter from outside the face."""


class HandFinder:
    """The hand model on squares around faces. Static mode: nothing is kept between calls."""

    def __init__(self, min_score: float = 0.5) -> None:
        from mediapipe.python.solutions.hands import Hands

        self._model: Any = Hands(static_image_mode=True, max_num_hands=2, model_complexity=0,
                                 min_detection_confidence=min_score)  # fmt: skip

    def __call__(self, rgb: NDArray[np.uint8], face: Roi) -> list[Array]:
        """Convex outlines [k, 2] in picture pixels of up to two hands around a face."""
        region = Roi(face.x_px, face.y_px, face.size_px * REACH, face.roll_deg)
        found = self._model.process(cut_crop(rgb, region, HANDS_PX)).multi_hand_landmarks or ()
        to_picture = region.to_picture(HANDS_PX)
        return [
            apply_affine(to_picture, cv2.convexHull(
                np.array([(p.x, p.y) for p in hand.landmark], np.float32) * HANDS_PX)[:, 0])
            for hand in found
        ]  # fmt: skip

    def close(self) -> None:
        self._model.close()


def covered(xy_px: Array, hands: list[Array], margin_px: float) -> NDArray[np.bool_]:
    """Which points [n, 2] lie in a hand's outline, or nearer to it than `margin_px` (half a finger's width)."""
    inside = np.zeros(len(xy_px), bool)
    for outline in hands:
        contour = np.ascontiguousarray(outline, np.float32)[:, None]
        distance = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in xy_px]
        inside |= np.array(distance) > -margin_px
    return inside
