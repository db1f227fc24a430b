"""Face search at every in-plane rotation, and the check that a face is upright in its crop."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.vision.roi import Roi, apply_affine, cut_crop

SEARCH_PX = 192
"""Input of the full-range detector."""
TURNS_DEG = (0.0, 90.0, 180.0, 270.0)
ROI_MARGIN = 1.5
"""Landmark region over detection box, as in mediapipe's own graph."""


@dataclass(frozen=True)
class Detection:
    """One candidate: the landmark network's region for it, and the detector's score (0-1)."""

    roi: Roi
    score: float


class FaceDetector:
    """mediapipe's two bundled detectors (BlazeFace short and full range), run on regions we turn ourselves.

    Both tolerate about 45 degrees of roll, and at larger ones report faces upside down with a score of 0.5-0.75 against
    0.75-0.97 upright: the score over four turns tells the orientation, so candidates are ranked by it.
    """

    def __init__(self, min_score: float) -> None:
        from mediapipe.python.solutions.face_detection import FaceDetection

        self._full: Any = FaceDetection(model_selection=1, min_detection_confidence=min_score)
        self._short: Any = FaceDetection(model_selection=0, min_detection_confidence=0.3)

    def search(self, rgb: NDArray[np.uint8], region: Roi) -> list[Detection]:
        """Candidates in a region at four turns from `region.roll_deg` on, best score first; each place once."""
        turned = [replace(region, roll_deg=region.roll_deg + turn) for turn in TURNS_DEG]
        found = [detection for one in turned for detection in _detections(self._full, rgb, one)]
        return _distinct(sorted(found, key=lambda d: -d.score))

    def upright_score(self, rgb: NDArray[np.uint8], face: Roi) -> tuple[float, float]:
        """The short-range detector's best score on a face's surroundings as they are turned, and upside down."""
        wide = Roi(face.x_px, face.y_px, face.size_px * 1.6, face.roll_deg)
        flipped = Roi(face.x_px, face.y_px, face.size_px * 1.6, (face.roll_deg + 180.0) % 360.0)
        return _best_near(self._short, rgb, wide, face), _best_near(self._short, rgb, flipped, face)

    def close(self) -> None:
        self._full.close()
        self._short.close()


def _detections(model: Any, rgb: NDArray[np.uint8], region: Roi) -> Iterator[Detection]:
    result = model.process(cut_crop(rgb, region, SEARCH_PX))
    to_picture = region.to_picture(SEARCH_PX)
    for found in result.detections or ():
        box = found.location_data.relative_bounding_box
        eyes = np.array([(k.x, k.y) for k in found.location_data.relative_keypoints[:2]])
        centre = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2], np.float32) * SEARCH_PX
        x_px, y_px = apply_affine(to_picture, centre)
        roll = np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1]))
        size = max(box.width, box.height) * region.size_px * ROI_MARGIN
        # An upright crop cannot hold a face turned by more than this: it is the upside-down answer.
        if size > 0 and abs(roll) < 75:
            yield Detection(Roi(float(x_px), float(y_px), float(size), float((region.roll_deg + roll) % 360)),
                            float(found.score[0]))  # fmt: skip


def _best_near(model: Any, rgb: NDArray[np.uint8], region: Roi, face: Roi) -> float:
    near = (
        d.score
        for d in _detections(model, rgb, region)
        if np.hypot(d.roi.x_px - face.x_px, d.roi.y_px - face.y_px) < 0.35 * face.size_px
    )
    return max(near, default=0.0)


def same_place(a: Roi, b: Roi) -> bool:
    """Whether two regions are of one face: centres nearer than 0.4 of the smaller one's size."""
    return bool(np.hypot(a.x_px - b.x_px, a.y_px - b.y_px) < 0.4 * min(a.size_px, b.size_px))


def _distinct(ranked: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for candidate in ranked:
        if not any(same_place(candidate.roi, other.roi) for other in kept):
            kept.append(candidate)
    return kept


def search_regions(width_px: int, height_px: int) -> list[Roi]:
    """The whole picture, then overlapping squares of half its longer side, for faces too small in the whole.

    Each comes upright and turned by 45 degrees, so that no roll is farther than 22.5 degrees from one that is tried.
    """
    long = float(max(width_px, height_px))
    whole = Roi(width_px / 2, height_px / 2, long, 0.0)
    if long < 480:
        return _with_diagonal([whole])
    half = long / 2
    centres_x = np.linspace(half / 2, width_px - half / 2, 3 if width_px > half * 1.2 else 1)
    centres_y = np.linspace(half / 2, height_px - half / 2, 3 if height_px > half * 1.2 else 1)
    return _with_diagonal([whole, *(Roi(float(x), float(y), half, 0.0) for y in centres_y for x in centres_x)])


def _with_diagonal(regions: list[Roi]) -> list[Roi]:
    return [Roi(r.x_px, r.y_px, r.size_px, turn) for r in regions for turn in (0.0, 45.0)]
