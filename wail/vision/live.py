"""Whether a face is a living one before the camera, or a print or a screen.

Two physical signs, either of which is enough.

Framed: four straight edges round the face that belong to one rectangle too small for a body, whole below the chin
(border.py), seen again and again while the face is followed. A screen that plays a video is caught by this alone.

Flat and frozen: over the whole track an affine map of the picture plane explains where every landmark went, and no lid
and no lip moved by more than the landmark network's own unrest on a still picture. That alone is no proof: an infant
asleep looks the same from a camera at rest, or from one that pans (a camera that only turns maps everything by one
homography, flat or not). So it counts where a living face could not look so: (1) the plane was seen to turn, its
foreshortening changed, and still the nose did not shift against the eyes; or (2) the eyes are open and have been still
for many seconds: awake infants look about. Closed eyes that are merely still never count, for however long.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
from annotated_types import Ge, Gt, Interval, MultipleOf
from numpy.typing import NDArray

from wail.vision.border import BorderConfig, colour_gradient, find_border
from wail.vision.regions import MOUTH
from wail.vision.roi import Array

if TYPE_CHECKING:  # Its config holds this file's.
    from wail.vision.tracks import FaceView

F64 = NDArray[np.float64]
LIDS = np.array([159, 158, 160, 145, 144, 153, 386, 385, 387, 374, 373, 380])
STEADY = np.array([
    33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 48, 278, 10, 151, 9, 109, 338, 67, 297, 103, 332,
    50, 280, 117, 346, 205, 425, 70, 300, 105, 334, 107, 336,
])  # fmt: skip
"""Where relief shows when a head turns, with eye corners, brows and forehead to hold it against."""
POINTS = np.unique(np.concatenate([STEADY, LIDS, MOUTH[MOUTH < 468]]))
OFTEN_SEARCHES = 6
_OUTLINE = np.array([10, 297, 284, 389, 454, 361, 397, 378, 152, 149, 172, 132, 234, 162, 54, 67])


@dataclass(frozen=True)
class LiveConfig:
    """When a face is taken for a picture. Distances in outer eye distances."""

    border: BorderConfig = field(default_factory=BorderConfig)
    search_every_frames: Annotated[int, Ge(1)] = 15
    """How often a frame around the face is looked for at first ..."""
    search_later_every_frames: Annotated[int, Ge(1)] = 30
    """... and after six searches."""
    prior_log_odds: float = 3.0
    """Of a living face before anything was looked at: 20 to 1."""
    border_log_odds: Annotated[float, Ge(0)] = 1.8
    """What one search that finds a frame takes away ..."""
    no_border_log_odds: Annotated[float, Ge(0)] = 0.6
    """... and one that finds none gives."""
    window_frames: Annotated[int, Ge(2)] = 8
    """Landmarks are averaged over this many looks before they are compared: unrest goes, expressions stay."""
    max_windows: Annotated[int, Ge(4), MultipleOf(2)] = 64
    """Beyond, neighbours are merged: memory does not grow with a track."""
    still: Annotated[float, Gt(0)] = 0.005
    """RMS movement of averaged landmarks below which nothing moved, for a large sharp face ..."""
    still_px: Annotated[float, Gt(0)] = 0.2
    """... plus this many pixels over the outer eye distance ..."""
    still_turned: Annotated[float, Ge(0)] = 0.05
    """... plus this for each unit of change in foreshortening (see `turned`): the landmark network draws a little
    relief into a flat picture that turns. A real head's makes at least 0.3 of it."""
    min_interocular_px: Annotated[float, Ge(0)] = 30.0
    """Smaller faces' unrest hides what is looked for."""
    turned: Annotated[float, Gt(0)] = 0.06
    """Change of the affine map's ratio of axes that no expression and no noise makes: a plane turned to 20 degrees."""
    min_turned_s: Annotated[float, Ge(0)] = 1.0
    staring_s: Annotated[float, Gt(0)] = 7.0
    """Open eyes, lids, gaze and lips that have not moved for this long belong to a picture as likely as not."""
    open_lids: Annotated[float, Ge(0)] = 0.055
    """Lid opening above which eyes count as open."""
    max_p_live: Annotated[float, Interval(ge=0, le=1)] = 0.999


@dataclass
class _Track:
    """What is kept of one face: some 64 averaged shapes and a few counts."""

    reference: F64 | None = None
    windows: list[F64] = field(default_factory=list)
    squash: list[float] = field(default_factory=list)
    per_window: int = 1
    """Windows of `window_frames` looks that one kept window stands for."""
    pending: list[F64] = field(default_factory=list)
    pending_squash: list[float] = field(default_factory=list)
    half: tuple[F64, float, int] | None = None
    eyes_px: float = 0.0
    lids: float = 0.0
    looks: int = 0
    first_frame: int = 0
    last_frame: int = 0
    searches: int = 0
    borders: int = 0
    next_search: int = 0


class LiveWatch:
    """Watches every face of a clip. Make one per clip; call `see` for every face and frame, then ask `p_live`."""

    def __init__(self, config: LiveConfig = LiveConfig()) -> None:
        self._config = config
        self._tracks: dict[int, _Track] = {}
        self._small: tuple[int, NDArray[np.int16], float] | None = None

    def see(self, frame: int, rgb: NDArray[np.uint8], view: "FaceView") -> None:
        """Take note of one face in one frame (30 fps grid), its picture u8 [h, w, 3]."""
        if view.track not in self._tracks:
            self._tracks[view.track] = _Track(first_frame=frame, next_search=frame)
        track = self._tracks[view.track]
        eyes_px = float(np.linalg.norm(view.xy_px[33] - view.xy_px[263]))
        if eyes_px <= 0 or not np.isfinite(eyes_px):
            return
        track.last_frame = frame
        self._shape(track, view, eyes_px)
        if frame >= track.next_search:
            often = track.searches < OFTEN_SEARCHES
            track.next_search = frame + (
                self._config.search_every_frames if often else self._config.search_later_every_frames)
            track.searches += 1
            track.borders += self._border(frame, rgb, view.xy_px, eyes_px) is not None

    def p_live(self, track: int) -> float:
        """Probability that a track's face is alive, by all that was seen of it: 1 live, 0 a picture or a screen."""
        if track not in self._tracks:
            return self._config.max_p_live
        seen = self._tracks[track]
        alive = (1 - self.p_framed(seen)) * (1 - self.p_frozen(seen))
        return float(min(alive, self._config.max_p_live))

    def p_framed(self, seen: _Track) -> float:
        """Probability that the face lies within a frame."""
        config = self._config
        odds = config.prior_log_odds - config.border_log_odds * seen.borders
        odds += config.no_border_log_odds * (seen.searches - seen.borders)
        return float(1 / (1 + np.exp(np.clip(odds, -30, 30))))

    def p_frozen(self, seen: _Track) -> float:
        """Probability that the face is flat and frozen where a living one could not be."""
        config = self._config
        if len(seen.windows) < 3 or seen.eyes_px < config.min_interocular_px:
            return 0.0
        turned = float(np.ptp(seen.squash))
        limit = config.still + config.still_px / seen.eyes_px + config.still_turned * turned
        if movement(np.array(seen.windows)) > limit:
            return 0.0
        seconds = (seen.last_frame - seen.first_frame + 1) / 30
        if turned > config.turned and seconds >= config.min_turned_s:
            return 0.98
        if seen.lids < config.open_lids:
            return 0.0
        return float(1 / (1 + np.exp(-2.0 * (seconds - config.staring_s))))

    def _shape(self, track: _Track, view: "FaceView", eyes_px: float) -> None:
        """Add one look at the face's shape to its track."""
        shape = np.asarray(view.xy_px[POINTS], np.float64)
        if track.reference is None:
            # Any fixed frame will do: the first look, in outer eye distances about its middle.
            track.reference = (shape - shape.mean(0)) / eyes_px
        aligned, squash = onto(shape, track.reference)
        track.looks += 1
        share = 1 / min(track.looks, 200)
        track.eyes_px += share * (eyes_px - track.eyes_px)
        track.lids += share * (_lid_opening(view.xy_px) / eyes_px - track.lids)
        track.pending.append(aligned)
        track.pending_squash.append(squash)
        if len(track.pending) == self._config.window_frames:
            self._close(track)

    def _close(self, track: _Track) -> None:
        """Average the pending looks into a window; merge neighbours when there are too many."""
        shape, squash = np.mean(track.pending, axis=0), float(np.mean(track.pending_squash))
        track.pending, track.pending_squash = [], []
        if track.half is not None:
            n = track.half[2]
            shape = (track.half[0] * n + shape) / (n + 1)
            squash = (track.half[1] * n + squash) / (n + 1)
        n = 1 + (track.half[2] if track.half else 0)
        if n < track.per_window:
            track.half = (shape, squash, n)
            return
        track.half = None
        track.windows.append(shape)
        track.squash.append(squash)
        if len(track.windows) == self._config.max_windows:
            pairs = np.array(track.windows).reshape(-1, 2, *shape.shape)
            track.windows = list(pairs.mean(1))
            track.squash = list(np.array(track.squash).reshape(-1, 2).mean(1))
            track.per_window *= 2

    def _border(self, frame: int, rgb: NDArray[np.uint8], xy_px: Array, eyes_px: float) -> F64 | None:
        gradient, scale = self._shrunk(frame, rgb)
        hull = np.asarray(xy_px[_OUTLINE], np.float64) * scale
        down = np.asarray(xy_px[152] - (xy_px[33] + xy_px[263]) / 2, np.float64)
        if not np.isfinite(hull).all():
            return None
        down /= max(float(np.linalg.norm(down)), 1e-6)
        return find_border(gradient, hull, down, eyes_px * scale, self._config.border)

    def _shrunk(self, frame: int, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.int16], float]:
        """The shrunk picture's gradient and its scale, made once for all faces of a frame."""
        if self._small is None or self._small[0] != frame:
            scale = min(1.0, self._config.border.long_side_px / max(rgb.shape[:2]))
            size = (max(8, round(rgb.shape[1] * scale)), max(8, round(rgb.shape[0] * scale)))
            small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
            self._small = frame, colour_gradient(np.asarray(small, np.uint8)), scale
        return self._small[1], self._small[2]


def onto(shape: F64, reference: F64) -> tuple[F64, float]:
    """A shape [n, 2] mapped onto a reference by the best affine map (least squares), and the log of the ratio of that
    map's two axes: how much the plane of the face is foreshortened against the reference's."""
    design = np.concatenate([shape - shape.mean(0), np.ones((len(shape), 1))], 1)
    affine, *_ = np.linalg.lstsq(design, reference, rcond=None)
    axes = np.linalg.svd(affine[:2], compute_uv=False)
    return design @ affine, float(np.log(max(axes[0], 1e-9) / max(axes[1], 1e-9)))


_IN_MOUTH, _IN_LIDS = np.isin(POINTS, MOUTH), np.isin(POINTS, LIDS)


def movement(windows: F64) -> float:
    """How far lids, lips or relief moved over a track's averaged shapes [w, n, 2], in outer eye distances.

    The largest over the three groups of the RMS displacement from the track's median shape, in the most moved tenth of
    the windows.
    """
    away = windows - np.median(windows, axis=0)
    groups = (_IN_MOUTH, _IN_LIDS, ~(_IN_MOUTH | _IN_LIDS))
    rms = [np.sqrt((away[:, group] ** 2).sum(2).mean(1)) for group in groups]
    return float(max(np.quantile(one, 0.9) for one in rms))


def _lid_opening(xy_px: Array) -> float:
    return float(np.linalg.norm(xy_px[[159, 386]] - xy_px[[145, 374]], axis=1).mean())
