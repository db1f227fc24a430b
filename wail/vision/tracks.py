"""Faces followed from frame to frame: stable ids, short losses survived, shot cuts ending every track."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wail.vision.config import VisionConfig
from wail.vision.cuts import CutFinder
from wail.vision.detect import FaceDetector, distance_px, same_place, turned_deg
from wail.vision.geometry import angles_deg, head_rotation
from wail.vision.infant import p_infant_face, proportions
from wail.vision.landmarker import locate
from wail.vision.mesh import FaceMesh
from wail.vision.resemble import FaceLook, blended, face_look, unlikeness
from wail.vision.roi import Array, Roi, eye_roll_deg, mesh_roi
from wail.vision.search import SearchPlan

MAX_RESIDUAL_ROLL_DEG = 45.0
"""A mesh turned further than this against its own upright crop is not believed."""
LOOK_PASSES = 6
FOLLOWED, FOUND = (12.0, 0.25, 0.12), (3.0, 0.08, 0.05)
"""How far the mesh may turn (degrees), scale and shift (shares of its size) its region in the last pass: a found face,
unlike a followed one, can still be far off."""
Settled = tuple[float, float, float]
MAX_MESH_RESIDUAL = 0.16
"""RMS of the rigid points against the canonical face, as a fraction of the outer eye distance."""
RETRY_FRAMES = 3
"""For so many frames after a loss a face is looked for where it was, in every frame, and then now and then."""
SURE_PRESENCE = 0.8
"""A followed face below this must convince the detector sooner (CHECK_SOON_FRAMES)."""
CHECK_SOON_FRAMES = 5
UPRIGHT_MARGIN, NEW_FACE_SCORE = 0.05, 0.65
"""By how much a face convinces the detector more than upside down, and how much a newly found one convinces it: what is
round and blotchy comes to 0.62."""
REFUSED_FRAMES, REFUSED_LOST_FRAMES = 45, 10
"""A place that proved to be no face is not looked at again for so long; sooner while a face is missing."""
LOOK_EVERY_FRAMES = 5
LOOK_WEIGHT = 0.3
MAX_UNLIKE, MAX_UNLIKE_SUDDEN = 0.8, 0.35
"""Unlikeness up to which a found face may be a lost one; and up to which a followed one is still itself when the
picture changed suddenly."""
STILL = 0.03
"""A face that moves by less than this share of its region a frame is expected where it was."""
KEPT_FIGURES = 8
INFANT_MARGIN = 0.1
"""Where there are more faces than are followed, one must be this much likelier an infant's to take another's place."""
Figures = tuple[NDArray[np.float32], float]
"""What infant.proportions says of a face, and how far it is turned (degrees)."""


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
    rotation: NDArray[np.float64]
    """R_head_to_crop [3, 3] of geometry.head_rotation."""


@dataclass
class _Live:
    """A track: where its face was last, what it looked like, how it moves."""

    track: int
    roi: Roi
    look: FaceLook
    figures: list[Figures]
    """Of the last few looks."""
    move_px: tuple[float, float] = (0.0, 0.0)
    lost_frames: int = 0
    age_frames: int = 0
    checked_at: int = 0
    doubted: bool = False
    """The last check failed."""

    def expected(self) -> Roi:
        """Where the face should be in the next frame. A lost one may have gone on for a few frames."""
        if np.hypot(*self.move_px) < STILL * self.roi.size_px:
            return self.roi
        steps = min(self.lost_frames + 1, 8)
        x_px, y_px = self.roi.x_px + steps * self.move_px[0], self.roi.y_px + steps * self.move_px[1]
        return replace(self.roi, x_px=x_px, y_px=y_px)

    def saw(self, roi: Roi) -> None:
        """The face is at a place now."""
        step = (roi.x_px - self.roi.x_px, roi.y_px - self.roi.y_px) if self.lost_frames == 0 else (0.0, 0.0)
        self.move_px = ((self.move_px[0] + step[0]) / 2, (self.move_px[1] + step[1]) / 2)
        self.roi, self.lost_frames = roi, 0


class FaceTracker:
    """Follows up to `max_faces` faces. Make one per clip: nothing is carried from one clip to the next."""

    def __init__(self, config: VisionConfig, mesh: FaceMesh, detector: FaceDetector) -> None:
        self._config, self._mesh, self._detector = config, mesh, detector
        self._live: list[_Live] = []
        self._next_track = 0
        self._frames = 0
        self._plan = SearchPlan(config)
        self._cuts = CutFinder()
        self._refused: list[tuple[int, Roi]] = []

    def step(self, rgb: NDArray[np.uint8]) -> list[FaceView]:
        """The faces of the next frame, oldest track first."""
        change = self._cuts(rgb)
        self._frames += 1
        if change == "cut":
            self._live, self._refused = [], []
            self._plan.restart()
        views = self._follow(rgb, change == "sudden")
        views += self._find_lost(rgb, views)
        self._search(rgb, views)
        self._live = [live for live in self._live if live.lost_frames <= self._config.max_lost_frames]
        self._refused = [one for one in self._refused if self._frames - one[0] < REFUSED_FRAMES]
        return sorted(views, key=lambda view: view.track)

    def _follow(self, rgb: NDArray[np.uint8], sudden: bool) -> list[FaceView]:
        """Every face that is not lost, in its place or near it; those not seen there are lost."""
        seen: list[tuple[_Live, FaceView]] = []
        for live in self._live:
            gone = live.lost_frames > RETRY_FRAMES
            view = None if gone else self._look(rgb, live.expected(), live.track, FOLLOWED)
            live.age_frames += 1
            if view is None or not self._still_itself(rgb, live, view, sudden):
                live.lost_frames += 1
            else:
                seen.append((live, view))
        views = []
        for live, view in seen:
            # Two tracks on one face (they crossed): the one that fits it better keeps it.
            rivals = [one for one, other in seen if other is not view and same_place(view.roi, other.roi)]
            if any(_fit(rival, view) < _fit(live, view) for rival in rivals):
                live.lost_frames += 1
                continue
            self._keep(live, view)
            views.append(view)
        return views

    def _still_itself(self, rgb: NDArray[np.uint8], live: _Live, view: FaceView, sudden: bool) -> bool:
        if (sudden or live.lost_frames) and unlikeness(live.look, face_look(view.crop, view.points)) > (
                MAX_UNLIKE_SUDDEN if sudden else MAX_UNLIKE):  # fmt: skip
            return False
        since = live.age_frames - live.checked_at
        soon = live.lost_frames > 0 or (view.presence < SURE_PRESENCE and since >= CHECK_SOON_FRAMES)
        # A new face has to convince more often: after 2 frames, then 4, 8 ...
        if soon or since >= min(self._config.verify_every_frames, live.checked_at + 2):
            live.checked_at = live.age_frames
            convinced = self._upright(rgb, view, self._config.min_detection_score)
            # A face known for long may be turned or covered just now: it is asked again shortly.
            tolerated = not live.doubted and not soon and live.age_frames >= self._config.verify_every_frames
            live.doubted = not convinced
            if tolerated and not convinced:
                live.checked_at -= self._config.verify_every_frames - CHECK_SOON_FRAMES
            return convinced or tolerated
        return True

    def _keep(self, live: _Live, view: FaceView) -> None:
        live.saw(mesh_roi(view.xy_px, _roll(view)))
        if live.age_frames % LOOK_EVERY_FRAMES == 0:
            live.look = blended(live.look, face_look(view.crop, view.points), LOOK_WEIGHT)
            live.figures = [*live.figures[1 - KEPT_FIGURES:], _figures(view)]

    def _look(self, rgb: NDArray[np.uint8], roi: Roi, track: int, settled: Settled) -> FaceView | None:
        """Run the landmark network; again where the region proves to be off by much.

        None where the mesh does not settle: a true face pulls its region to itself within a few passes.
        """
        for _ in range(LOOK_PASSES):
            view = self._view(rgb, roi, track)
            if view is None:
                return None
            better = mesh_roi(view.xy_px, _roll(view))
            scaled = abs(better.size_px / roi.size_px - 1)
            if turned_deg(better, roi) < settled[0] and scaled < settled[1] and _shift(better, roi) < settled[2]:
                return view
            roi = better
        return None

    def _view(self, rgb: NDArray[np.uint8], roi: Roi, track: int) -> FaceView | None:
        height, width = rgb.shape[:2]
        if roi.size_px < 12 or roi.size_px > 4 * max(width, height):
            return None
        found = locate(self._mesh, rgb, roi)
        if found.score < self._config.min_presence or abs(eye_roll_deg(found.points)) >= MAX_RESIDUAL_ROLL_DEG:
            return None
        rotation, _, residual = head_rotation(found.points)
        if residual > MAX_MESH_RESIDUAL:
            return None
        return FaceView(track, roi, found.crop, found.points, found.xy_px, found.score, rotation)

    def _upright(self, rgb: NDArray[np.uint8], view: FaceView, least: float) -> bool:
        """The detector's word for a mesh: a face, and the right way up."""
        upright, flipped = self._detector.upright_score(rgb, mesh_roi(view.xy_px, _roll(view)))
        return upright >= least and upright > flipped + UPRIGHT_MARGIN

    def _approach(self, rgb: NDArray[np.uint8], place: Roi) -> FaceView | None:
        """The face at a place, if there is one: its orientation, then its mesh, then the detector's word for both."""
        for upright in self._detector.orientations(rgb, place)[:2]:
            view = self._look(rgb, upright.roi, -1, FOUND)
            if view is not None and self._upright(rgb, view, max(NEW_FACE_SCORE, self._config.min_detection_score)):
                return view
        return None

    def _find_lost(self, rgb: NDArray[np.uint8], views: list[FaceView]) -> list[FaceView]:
        """Lost faces, at any rotation, where they should be."""
        found: list[FaceView] = []
        for live in self._live:
            due = 1 <= live.lost_frames <= RETRY_FRAMES or live.lost_frames % self._config.search_every_frames == 0
            if not live.lost_frames or not due:
                continue
            view = self._approach(rgb, live.expected())
            if view is not None and not any(same_place(view.roi, v.roi) for v in views + found):
                found.append(self._named(view))
        return found

    def _search(self, rgb: NDArray[np.uint8], views: list[FaceView]) -> None:
        """New faces, and lost ones farther away, into `views`. The plan says where to search in this frame."""
        lost = not self._live or any(live.lost_frames for live in self._live)
        patience = REFUSED_LOST_FRAMES if lost else REFUSED_FRAMES
        for regions, looks in self._plan.next(rgb.shape[1], rgb.shape[0], lost):
            before = len(views)
            for candidate in self._detector.places(rgb, regions):
                if looks == 0:
                    break
                refused = any(same_place(candidate.roi, roi) for at, roi in self._refused
                              if self._frames - at < patience)  # fmt: skip
                if refused or any(distance_px(candidate.roi, v.roi) < 0.4 * v.roi.size_px for v in views):
                    continue
                looks -= 1
                view = self._approach(rgb, candidate.roi)
                if view is None or not (len(views) < self._config.max_faces or self._given_up(view, views)):
                    self._refused.append((self._frames, candidate.roi))
                elif not any(same_place(view.roi, v.roi) for v in views):
                    views.append(self._named(view))
            self._plan.found(len(views) > before)

    def _given_up(self, view: FaceView, views: list[FaceView]) -> bool:
        """Whether the least infant-like of as many faces as are followed at most made room for a more infant-like one.

        So an infant among adults comes to be followed, wherever it is in the crowd, in its turn.
        """
        by_track = {live.track: live for live in self._live}
        least = min(views, key=lambda v: self._p_infant(by_track[v.track].figures))
        given_up = self._p_infant([_figures(view)]) > self._p_infant(by_track[least.track].figures) + INFANT_MARGIN
        if given_up:
            views.remove(least)
            self._live.remove(by_track[least.track])
        return given_up

    def _p_infant(self, figures: list[Figures]) -> float:
        """By one middling frame, so that faces seen for long and faces seen once can be compared."""
        both = zip(*figures, strict=True)
        shapes, turned = (np.median(np.array(of, np.float32), axis=0, keepdims=True) for of in both)
        return p_infant_face(shapes, turned, self._config.infant)

    def _named(self, view: FaceView) -> FaceView:
        """Give a found face the id of the lost track that it fits best, or a new one."""
        roi = mesh_roi(view.xy_px, _roll(view))
        look = face_look(view.crop, view.points)
        near = [live for live in self._live if live.lost_frames and _reachable(live, roi)
                and unlikeness(live.look, look) < MAX_UNLIKE]  # fmt: skip
        if near:
            live = min(near, key=lambda one: _shift(one.expected(), roi) + unlikeness(one.look, look))
            live.saw(roi)
        else:
            live = _Live(self._next_track, roi, look, [_figures(view)])
            self._next_track += 1
            self._live.append(live)
        return replace(view, track=live.track)


def _figures(view: FaceView) -> Figures:
    yaw, pitch, _ = angles_deg(view.rotation)
    return proportions(view.points, view.rotation), float(np.hypot(yaw, pitch))


def _roll(view: FaceView) -> float:
    return (view.roi.roll_deg + eye_roll_deg(view.points)) % 360.0


def _shift(a: Roi, b: Roi) -> float:
    """Distance of two regions' centres as a fraction of the second's size."""
    return distance_px(a, b) / b.size_px


def _fit(live: _Live, view: FaceView) -> float:
    """How badly a view fits a track: by place, size and look."""
    roi = mesh_roi(view.xy_px, _roll(view))
    expected = live.expected()
    size = abs(float(np.log(roi.size_px / expected.size_px)))
    return _shift(expected, roi) + size + unlikeness(live.look, face_look(view.crop, view.points))


def _reachable(live: _Live, roi: Roi) -> bool:
    """Whether a lost face can have come here: about its size, and no farther than a fast head moves."""
    far = min(_shift(live.roi, roi), _shift(live.expected(), roi))
    return 0.5 < roi.size_px / live.roi.size_px < 2.0 and far < 0.4 + 0.08 * live.lost_frames
