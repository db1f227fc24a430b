"""Face search at every in-plane rotation, scale and brightness, and the check that a face is upright in its crop."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.vision.graphs import Graph, bundled_graph
from wail.vision.roi import Roi, apply_affine, cut_crop, lifted

SEARCH_PX = 128
"""Input of the detector."""
SMALLEST_PX = 20.0
"""Outer eye distance of the smallest faces that are looked for."""
SMALLEST_SHARE = 0.09
"""Outer eye distance over a region's side from which on the detector sees nine faces in ten at any roll, up to 0.5."""
TILE_STEP = 0.62
"""Distance of neighbouring tiles over their side: a face half a tile wide is whole, or nearly so, in one of them."""
TURNS_DEG = (0.0, 180.0, 90.0, 270.0)
ROI_MARGIN = 1.5
"""Landmark region over detection box, as in mediapipe's own graph."""
SURROUNDINGS = 1.7
"""Region in which a face's orientation is told, over the landmark region."""
MAX_TURN_DEG = 60.0
"""A face turned further than this in its crop is told better in another crop."""


_DETECTIONS = "detections"
NETWORK_MIN_SCORE = 0.3


def _detector_graph() -> Any:
    """The bundled short-range graph, with a lower threshold than its own 0.5: the best of four turns decides."""
    from mediapipe.calculators.tensor import tensors_to_detections_calculator_pb2

    graph = bundled_graph("face_detection/face_detection_short_range_cpu")
    node = next(node for node in graph.node if node.calculator == "TensorsToDetectionsCalculator")
    options = tensors_to_detections_calculator_pb2.TensorsToDetectionsCalculatorOptions()
    node.node_options[0].Unpack(options)
    options.min_score_thresh = NETWORK_MIN_SCORE
    node.node_options[0].Pack(options)
    return graph


@dataclass(frozen=True)
class Detection:
    """One candidate: the landmark network's region for it, and the detector's score (0-1)."""

    roi: Roi
    score: float


class FaceDetector:
    """mediapipe's bundled BlazeFace (short range), run on regions that we turn ourselves.

    It sees faces at any roll, but takes those turned by more than about 100 degrees for upside-down ones: scores are
    then 0.6-0.7 against 0.8-0.95 upright. So a place is found at two turns, and its orientation told by the best score
    of four. The full-range model sees half as small a face, but only within 40 degrees and at 2.5 times the price.
    """

    def __init__(self, min_score: float) -> None:
        self._graph = Graph(_detector_graph(), (_DETECTIONS,), {})
        self._min_score = min_score
        self.calls = 0
        """How often the network ran."""

    def places(self, rgb: NDArray[np.uint8], regions: Iterable[Roi]) -> list[Detection]:
        """Where faces may be in some regions as they are turned: best score first, each place once, roll a guess."""
        found = [detection for region in regions for detection in self._detections(rgb, region)]
        return _distinct(sorted(found, key=lambda d: -d.score))

    def orientations(self, rgb: NDArray[np.uint8], place: Roi) -> list[Detection]:
        """The face at a place with the rolls at which it convinces, most convincing first; none where it never does.

        Half-profiles convince nearly as well upside down: the landmark network has to settle it.
        """
        turned = [replace(place, roll_deg=(place.roll_deg + turn) % 360.0) for turn in TURNS_DEG]
        found = [best for one in turned if (best := max(self._near(rgb, one), key=lambda d: d.score, default=None))]
        kept: list[Detection] = []
        for one in sorted(found, key=lambda d: -d.score):
            if one.score >= self._min_score and all(turned_deg(one.roi, other.roi) > MAX_TURN_DEG for other in kept):
                kept.append(one)
        return kept

    def upright_score(self, rgb: NDArray[np.uint8], face: Roi) -> tuple[float, float]:
        """The best score on a face's surroundings as they are turned, and upside down."""
        flipped = replace(face, roll_deg=(face.roll_deg + 180.0) % 360.0)
        upright, other = (max((d.score for d in self._near(rgb, one)), default=0.0) for one in (face, flipped))
        return upright, other

    def _near(self, rgb: NDArray[np.uint8], face: Roi) -> Iterator[Detection]:
        """Detections in a face's surroundings that are of this face, and about upright in them."""
        for found in self._detections(rgb, replace(face, size_px=face.size_px * SURROUNDINGS)):
            if turned_deg(found.roi, face) < MAX_TURN_DEG and distance_px(found.roi, face) < 0.35 * face.size_px:
                yield found

    def _detections(self, rgb: NDArray[np.uint8], region: Roi) -> Iterator[Detection]:
        self.calls += 1
        from mediapipe.python import packet_getter

        out = self._graph(lifted(cut_crop(rgb, region, SEARCH_PX)))
        to_picture = region.to_picture(SEARCH_PX)
        for found in packet_getter.get_proto_list(out[_DETECTIONS]) if _DETECTIONS in out else ():
            box = found.location_data.relative_bounding_box
            eyes = np.array([(k.x, k.y) for k in found.location_data.relative_keypoints[:2]])
            centre = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2], np.float32) * SEARCH_PX
            x_px, y_px = apply_affine(to_picture, centre)
            roll = np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1]))
            size = max(box.width, box.height) * region.size_px * ROI_MARGIN
            if size > 0:
                yield Detection(Roi(float(x_px), float(y_px), float(size), float((region.roll_deg + roll) % 360)),
                                float(found.score[0]))  # fmt: skip

    def close(self) -> None:
        self._graph.close()


def distance_px(a: Roi, b: Roi) -> float:
    return float(np.hypot(a.x_px - b.x_px, a.y_px - b.y_px))


def turned_deg(a: Roi, b: Roi) -> float:
    """Angle between two regions, 0-180."""
    return abs((a.roll_deg - b.roll_deg + 180.0) % 360.0 - 180.0)


def same_place(a: Roi, b: Roi) -> bool:
    """Whether two regions are of one face: centres nearer than 0.4 of the smaller one's size."""
    return distance_px(a, b) < 0.4 * min(a.size_px, b.size_px)


def _distinct(ranked: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for candidate in ranked:
        if not any(same_place(candidate.roi, other.roi) for other in kept):
            kept.append(candidate)
    return kept


def search_levels(width_px: int, height_px: int) -> list[list[Roi]]:
    """Regions to search for faces of every size: the whole picture first, then ever smaller tiles.

    The smallest tiles show a face of SMALLEST_PX as large as the detector needs it. Each region comes upright and
    upside down: no roll is farther than 90 degrees from one that is tried.
    """
    longest = float(max(width_px, height_px))
    smallest = SMALLEST_PX / SMALLEST_SHARE
    halvings = round(float(np.log2(max(longest / smallest, 1.0))))
    sides = [longest, *(longest / 2 ** (k + 1) for k in range(halvings))]
    return [_tiles(width_px, height_px, side) for side in sides]


def _tiles(width_px: int, height_px: int, side_px: float) -> list[Roi]:
    return [Roi(x, y, side_px, turn) for y in _centres(height_px, side_px) for x in _centres(width_px, side_px)
            for turn in (0.0, 180.0)]  # fmt: skip


def _centres(length_px: int, side_px: float) -> list[float]:
    if length_px <= side_px:
        return [length_px / 2]
    count = 1 + int(np.ceil((length_px - side_px) / (TILE_STEP * side_px)))
    return [float(x) for x in np.linspace(side_px / 2, length_px - side_px / 2, count)]
