"""Faces followed from frame to frame: stable ids, short losses survived, shot cuts ending every track."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.config import VisionConfig
from wail.vision.detect import FaceDetector, same_place, search_regions
from wail.vision.geometry import head_rotation
from wail.vision.mesh import CROP_PX, FaceMesh
from wail.vision.roi import Array, Roi, apply_affine, cut_crop, eye_roll_deg, mesh_roi

MAX_RESIDUAL_ROLL_DEG = 45.0
"""A mesh turned further than this against its own upright crop is not believed."""
LOOK_PASSES = 10
FOLLOWED_DEG, FOUND_DEG = 12.0, 3.0
"""How far the mesh may turn its region in the last pass: a found face, unlike a followed one, can still be far off."""
MAX_MESH_RESIDUAL = 0.16
"""RMS of the rigid points against the canonical face, as a fraction of the outer eye distance."""


@dataclass(frozen=True)
class FaceView:
    """One face in one frame, as the landmark network saw it."""

    track: int
    roi: Roi
    crop: NDArray[np.uint8]
    points: Array
    """[478, 3] in crop pixels."""
    xy_px: Array
    """[478, 2] in picture pixels."""
    presence: float


@dataclass
class _Live:
    track: int
    roi: Roi
    lost_frames: int = 0
    age_frames: int = 0


class FaceTracker:
    """Follows up to `max_faces` faces. Make one per clip: nothing is carried from one clip to the next."""

    def __init__(self, config: VisionConfig, mesh: FaceMesh, detector: FaceDetector) -> None:
        self._config, self._mesh, self._detector = config, mesh, detector
        self._live: list[_Live] = []
        self._next_track = 0
        self._searches = 0
        self._since_search = 10**9
        self._last: tuple[NDArray[np.float32], NDArray[np.uint8]] | None = None

    def step(self, rgb: NDArray[np.uint8]) -> list[FaceView]:
        """The faces of the next frame, oldest track first."""
        if self._is_cut(rgb):
            self._live, self._since_search = [], 10**9
        views = self._follow(rgb)
        self._since_search += 1
        lost = not self._live or any(live.lost_frames for live in self._live)
        newly_lost = any(live.lost_frames == 1 for live in self._live)
        wait = self._config.search_every_frames if lost else self._config.survey_every_frames
        if newly_lost or self._since_search >= wait:
            views += self._search(rgb, views)
        self._live = [live for live in self._live if live.lost_frames <= self._config.max_lost_frames]
        return sorted(views, key=lambda view: view.track)

    def _follow(self, rgb: NDArray[np.uint8]) -> list[FaceView]:
        views: list[FaceView] = []
        for live in self._live:
            view = None if live.lost_frames else self._look(rgb, live.roi, live.track, FOLLOWED_DEG)
            if view is not None and any(same_place(view.roi, other.roi) for other in views):
                view = None
            live.age_frames += 1
            if view is not None and live.age_frames % self._config.verify_every_frames == 0:
                view = view if self._upright(rgb, view.roi) else None
            if view is None:
                live.lost_frames += 1
            else:
                live.roi, live.lost_frames = mesh_roi(view.xy_px, _roll(view)), 0
                views.append(view)
        return views

    def _look(self, rgb: NDArray[np.uint8], roi: Roi, track: int, settled_deg: float) -> FaceView | None:
        """Run the landmark network; again where the region proves to be off by much.

        None where the mesh does not settle: a true face pulls its region to itself within a few passes.
        """
        for _ in range(LOOK_PASSES):
            view = self._view(rgb, roi, track)
            if view is None:
                return None
            better = mesh_roi(view.xy_px, _roll(view))
            turned = abs((better.roll_deg - roi.roll_deg + 180) % 360 - 180)
            if turned < settled_deg and 0.8 < better.size_px / roi.size_px < 1.25 and _shift(better, roi) < 0.12:
                return view
            roi = better
        return None

    def _view(self, rgb: NDArray[np.uint8], roi: Roi, track: int) -> FaceView | None:
        height, width = rgb.shape[:2]
        if roi.size_px < 12 or roi.size_px > 4 * max(width, height):
            return None
        crop = cut_crop(rgb, roi, CROP_PX)
        points, presence = self._mesh(crop)
        believed = presence >= self._config.min_presence and abs(eye_roll_deg(points)) < MAX_RESIDUAL_ROLL_DEG
        if not believed or head_rotation(points)[2] > MAX_MESH_RESIDUAL:
            return None
        return FaceView(track, roi, crop, points, apply_affine(roi.to_picture(CROP_PX), points[:, :2]), presence)

    def _upright(self, rgb: NDArray[np.uint8], roi: Roi) -> bool:
        upright, flipped = self._detector.upright_score(rgb, roi)
        return upright >= self._config.min_detection_score and upright > flipped

    def _search(self, rgb: NDArray[np.uint8], views: list[FaceView]) -> list[FaceView]:
        """New and found-again faces. The whole picture and its parts take turns."""
        regions = search_regions(rgb.shape[1], rgb.shape[0])
        # Every other search sees the whole picture, upright and diagonal in turn.
        turn, part = self._searches % 2, self._searches // 2
        region = regions[part % 2] if turn == 0 else regions[part % len(regions)]
        self._searches += 1
        self._since_search = 0
        found: list[FaceView] = []
        for candidate in self._detector.search(rgb, region)[: 2 * self._config.max_faces]:
            taken = views + found
            if len(taken) >= self._config.max_faces or any(same_place(candidate.roi, v.roi) for v in taken):
                continue
            view = self._look(rgb, candidate.roi, -1, FOUND_DEG)
            if view is None or any(same_place(view.roi, v.roi) for v in taken) or not self._upright(rgb, view.roi):
                continue
            found.append(self._named(view))
        return found

    def _named(self, view: FaceView) -> FaceView:
        """Give a found face the id of the track lost nearest to it, or a new one."""
        roi = mesh_roi(view.xy_px, _roll(view))
        near = [live for live in self._live if live.lost_frames and _reachable(live, roi)]
        if near:
            live = min(near, key=lambda one: _shift(one.roi, roi))
            live.roi, live.lost_frames = roi, 0
        else:
            live = _Live(self._next_track, roi)
            self._next_track += 1
            self._live.append(live)
        return FaceView(live.track, view.roi, view.crop, view.points, view.xy_px, view.presence)

    def _is_cut(self, rgb: NDArray[np.uint8]) -> bool:
        """A shot cut: colours and layout both change at once (Boreczky and Rowe 1996, histogram difference)."""
        step = max(1, min(rgb.shape[:2]) // 120)
        small = cv2.resize(rgb[::step, ::step], (64, 48), interpolation=cv2.INTER_AREA)
        histogram = cv2.calcHist([small], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).ravel() / (64 * 48)
        last, self._last = self._last, (histogram, small)
        if last is None:
            return False
        overlap = float(np.minimum(histogram, last[0]).sum())
        moved = float(np.abs(small.astype(np.int16) - last[1]).mean())
        return overlap < 0.5 and moved > 25


def _roll(view: FaceView) -> float:
    return (view.roi.roll_deg + eye_roll_deg(view.points)) % 360.0


def _shift(a: Roi, b: Roi) -> float:
    """Distance of two regions' centres as a fraction of the second's size."""
    return float(np.hypot(a.x_px - b.x_px, a.y_px - b.y_px) / b.size_px)


def _reachable(live: _Live, roi: Roi) -> bool:
    """Whether a lost face can have come here: about its size, and no farther than a fast head moves."""
    return 0.5 < roi.size_px / live.roi.size_px < 2.0 and _shift(live.roi, roi) < 0.4 + 0.08 * live.lost_frames
