"""A clip's pictures in, the tables `frames`, `evidence` and `landmarks` out."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.tables import FAN, LANDMARKS
from wail.media.decode import GridFrame
from wail.vision.config import VisionConfig
from wail.vision.detect import FaceDetector
from wail.vision.fan import Fan
from wail.vision.hands import HandFinder
from wail.vision.judge import judge
from wail.vision.landmarks import LandmarkStream, Sink
from wail.vision.live import LiveWatch
from wail.vision.mesh import FaceMesh
from wail.vision.mesh import model_ids as mediapipe_ids
from wail.vision.observe import Observation, Observer
from wail.vision.occlusion import OcclusionNet, network_id
from wail.vision.records import Ledger, record
from wail.vision.tables import evidence_table, frame_reasons, frames_table
from wail.vision.thumbs import Thumb, ThumbPicker
from wail.vision.tracks import FaceTracker

__all__ = ["VisionConfig", "VisionResult", "analyse", "model_ids"]


@dataclass(frozen=True)
class VisionResult:
    """What vision says about one clip. Tables as in schemas.tables; thumbs are (grid frame, uint8 [16, w, 3])."""

    frames: pa.Table
    evidence: pa.Table
    landmarks: pa.Table | None
    """None where a sink took them."""
    fan: pa.Table | None
    """None where a sink took it, or FAN is not used."""
    face_rows: int
    thumbs: list[Thumb]
    models: dict[str, str]
    size_px: tuple[int, int]
    """Width and height of the displayed picture."""


def analyse(
    frames: Iterable[GridFrame], config: VisionConfig, sink: Sink | None = None, fan: Fan | None = None,
    fan_sink: Sink | None = None,
) -> VisionResult:
    """Find, follow and judge every face of a clip.

    The pictures are read once, in order, and none is kept. `sink` takes the table LANDMARKS in batches as they come
    (by frame, then track); without one they are collected in the result, at 6 KB a face and frame. Besides them a face
    and frame costs some 200 bytes until the end. `fan` is asked as often as the config says, and `fan_sink` takes the
    table FAN like the other. Every network starts fresh, so the result depends on this clip alone.
    """
    collected: list[pa.RecordBatch] = []
    by_fan: list[pa.RecordBatch] = []
    stream = LandmarkStream(config, sink or collected.append, fan_sink or by_fan.append)
    thumbs, ledger = ThumbPicker(), Ledger()
    times: list[tuple[int, float]] = []
    size_px = (0, 0)
    live = LiveWatch(config.live)
    with _models(config, fan) as (tracker, observer):
        last: tuple[NDArray[np.uint8], list[Observation], list[Any]] | None = None
        for picture in frames:
            if last is None or picture.rgb is not last[0]:
                views = tracker.step(picture.rgb)
                seen = [observer(picture.frame, picture.rgb, view) for view in views]
                last = picture.rgb, seen, [view.roi for view in views]
                for view in views:
                    live.see(picture.frame, picture.rgb, view)
            # A picture shown for several grid frames (25 fps, still video) is looked at once.
            shown = [replace(one, frame=picture.frame) for one in last[1]]
            for one in shown:
                ledger.add(record(one))
            stream.add(picture.frame, shown)
            thumbs.offer(picture.frame, picture.rgb, last[2])
            times.append((picture.frame, picture.time_s))
            size_px = size_px if any(size_px) else (picture.rgb.shape[1], picture.rgb.shape[0])
    stream.finish()
    records = ledger.rows()
    p_live = {track: live.p_live(track) for track in np.unique(records["track"]).tolist()}
    judged = judge(records, config, p_live, len(times))
    grid = np.array([frame for frame, _ in times], np.int64), np.array([time_s for _, time_s in times], np.float64)
    table = frames_table(*grid, judged)
    return VisionResult(
        table, evidence_table(judged), None if sink else pa.Table.from_batches(collected, schema=LANDMARKS),
        pa.Table.from_batches(by_fan, schema=FAN) if fan and not fan_sink else None,
        stream.rows, thumbs.picked(frame_reasons(table)), model_ids(fan), size_px,
    )  # fmt: skip


def model_ids(fan: Fan | None = None) -> dict[str, str]:
    """Name -> version and hash of every model that vision uses, for receipts."""
    return {**mediapipe_ids(), "occlusion": network_id()} | ({"fan": fan.name} if fan else {})


@contextmanager
def _models(config: VisionConfig, fan: Fan | None) -> Iterator[tuple[FaceTracker, Observer]]:
    mesh, detector, hands = FaceMesh(), FaceDetector(config.min_detection_score), HandFinder()
    try:
        yield FaceTracker(config, mesh, detector), Observer(config, mesh, hands, OcclusionNet(), fan)
    finally:
        for model in (mesh, detector, hands):
            model.close()
