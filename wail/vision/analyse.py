"""A clip's pictures in, the tables `frames` and `landmarks` out."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import check_nulls, list_column, to_table
from schemas.tables import FRAMES, LANDMARKS
from wail.media.decode import GridFrame
from wail.vision.config import VisionConfig
from wail.vision.detect import FaceDetector
from wail.vision.hands import HandFinder
from wail.vision.judge import Judged, judge
from wail.vision.mesh import N_LANDMARKS, FaceMesh, model_ids
from wail.vision.observe import Observation, Observer
from wail.vision.thumbs import Thumb, ThumbPicker
from wail.vision.tracks import FaceTracker

__all__ = ["VisionConfig", "VisionResult", "analyse", "model_ids"]

MAX_TURNED_AWAY_FRAMES = 90
TURNING_YAW_DEG = 36.0


@dataclass(frozen=True)
class VisionResult:
    """What vision says about one clip. Tables as in schemas.tables; thumbs are (grid frame, uint8 [96, w, 3])."""

    frames: pa.Table
    landmarks: pa.Table
    thumbs: list[Thumb]
    models: dict[str, str]
    size_px: tuple[int, int]
    """Width and height of the displayed picture."""


def analyse(frames: Iterable[GridFrame], config: VisionConfig) -> VisionResult:
    """Find, follow and judge every face of a clip.

    The pictures are read once, in order, and none is kept; memory grows by the tables' rows alone. Every network starts
    fresh, so the result depends on this clip and nothing else.
    """
    thumbs = ThumbPicker()
    observations: list[Observation] = []
    times: list[tuple[int, float]] = []
    size_px = (0, 0)
    with _models(config) as (tracker, observer):
        last: tuple[NDArray[np.uint8], list[Observation], list[Any]] | None = None
        for picture in frames:
            if last is None or picture.rgb is not last[0]:
                views = tracker.step(picture.rgb)
                seen = [observer(picture.frame, picture.rgb, view) for view in views]
                last = picture.rgb, seen, [view.roi for view in views]
            # A picture shown for several grid frames (25 fps, still video) is looked at once.
            observations += [replace(one, frame=picture.frame) for one in last[1]]
            thumbs.offer(picture.frame, picture.rgb, last[2])
            times.append((picture.frame, picture.time_s))
            size_px = size_px if any(size_px) else (picture.rgb.shape[1], picture.rgb.shape[0])
    judged = judge(observations, config, len(times))
    return VisionResult(
        frames_table(times, judged), landmarks_table(judged), thumbs.picked(), dict(model_ids()), size_px
    )


@contextmanager
def _models(config: VisionConfig) -> Iterator[tuple[FaceTracker, Observer]]:
    mesh, detector, hands = FaceMesh(), FaceDetector(config.min_detection_score), HandFinder()
    try:
        yield FaceTracker(config, mesh, detector), Observer(config, mesh, hands)
    finally:
        for model in (mesh, detector, hands):
            model.close()


def frames_table(times: list[tuple[int, float]], judged: list[Judged]) -> pa.Table:
    """Table FRAMES: a row per face, and one without a track for a frame without any.

    Heads turn further than any face can be followed: frames without a face after one lost beyond TURNING_YAW_DEG are
    called `profile` too, for at most MAX_TURNED_AWAY_FRAMES.
    """
    by_frame: dict[int, list[Judged]] = {}
    for one in judged:
        by_frame.setdefault(one.seen.frame, []).append(one)
    rows: list[dict[str, Any]] = []
    turned_away = 0
    for frame, time_s in times:
        faces = by_frame.get(frame, [])
        if faces:
            rows += [_face_row(time_s, one) for one in faces]
            # A face that left over the border did not turn away.
            turning = any(abs(one.seen.yaw_deg) > TURNING_YAW_DEG and one.seen.inside.all() for one in faces)
            turned_away = MAX_TURNED_AWAY_FRAMES if turning else 0
        else:
            rows.append(_empty_row(frame, time_s, "profile" if turned_away > 0 else "no_face"))
            turned_away -= 1
    return to_table(rows, FRAMES)


def _face_row(time_s: float, one: Judged) -> dict[str, Any]:
    seen = one.seen
    box = np.concatenate([seen.xy_px.min(0), seen.xy_px.max(0)])
    return {
        "frame": seen.frame, "time_s": time_s, "track": seen.track, "bbox": box.tolist(),
        "p_infant_face": one.p_infant_face, "yaw_deg": seen.yaw_deg, "pitch_deg": seen.pitch_deg,
        "roll_deg": seen.roll_deg, "interocular_px": seen.interocular_px, "sharpness": seen.look.sharpness,
        "visible": one.visible, "mouth_visible": one.mouth_visible, "usable": one.reason is None, "reason": one.reason,
    }  # fmt: skip


def _empty_row(frame: int, time_s: float, reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys(FRAMES.names)
    return {**nothing, "frame": frame, "time_s": time_s, "usable": False, "reason": reason}


def landmarks_table(judged: list[Judged]) -> pa.Table:
    """Table LANDMARKS, built from whole arrays."""
    count = len(judged)
    xy = np.array([one.seen.xy_px for one in judged], np.float32).reshape(count, 2 * N_LANDMARKS)
    seen = np.array([one.visibility for one in judged], np.float32).reshape(count, N_LANDMARKS)
    columns = [
        pa.array([one.seen.frame for one in judged], pa.int32()),
        pa.array([one.seen.track for one in judged], pa.int32()),
        list_column(xy),
        list_column(seen),
    ]
    table = pa.Table.from_arrays(columns, schema=LANDMARKS)
    check_nulls(table)
    return table
