"""Tables LANDMARKS and FAN as streams: rows leave in order, a second or two behind the picture, and none is kept."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from schemas.arrow import list_column
from schemas.tables import FAN, LANDMARKS
from wail.vision.config import VisionConfig
from wail.vision.fan import N_POINTS, FanPoints
from wail.vision.fusion import hidden
from wail.vision.mesh import N_LANDMARKS
from wail.vision.observe import Observation
from wail.vision.roi import Array
from wail.vision.visibility import with_mouth_hidden

Sink = Callable[[pa.RecordBatch], None]
BATCH_ROWS = 256
"""About 1.5 MB of table."""


@dataclass
class _Row:
    frame: int
    track: int
    xy_px: Array
    local: Array
    evidence: Array
    fan: FanPoints | None
    hidden: float = 0.0


class LandmarkStream:
    """Holds each face back until its track is long enough to be believed and the frames around it are known.

    `sink` takes rows of LANDMARKS, `fan_sink` those of FAN: of the same faces, where FAN was asked.
    """

    def __init__(self, config: VisionConfig, sink: Sink, fan_sink: Sink | None = None) -> None:
        self._config, self._sink, self._fan_sink = config, sink, fan_sink
        # A track's next sightings can each be a whole loss away.
        self._lag_frames = max(config.min_track_frames * (config.max_lost_frames + 1), config.smooth_frames)
        self._waiting: deque[_Row] = deque()
        self._by_track: dict[int, deque[_Row]] = {}
        self._sightings: dict[int, int] = {}
        self._out: list[_Row] = []
        self._frames = 0
        self.rows = 0

    def add(self, frame: int, faces: list[Observation]) -> None:
        """The faces of the next grid frame, by track."""
        for one in faces:
            row = _Row(frame, one.track, one.xy_px, one.local, np.nan_to_num(one.evidence), one.fan)
            self._waiting.append(row)
            self._by_track.setdefault(one.track, deque()).append(row)
            self._sightings[one.track] = self._sightings.get(one.track, 0) + 1
        self._frames += 1
        while self._waiting and self._waiting[0].frame <= frame - self._lag_frames:
            self._release(self._config.min_track_frames)

    def finish(self) -> None:
        """No more frames: let everything out."""
        while self._waiting:
            self._release(min(self._config.min_track_frames, self._frames))
        self._flush()

    def _release(self, least: int) -> None:
        row = self._waiting.popleft()
        near = self._by_track[row.track]
        half = self._config.smooth_frames // 2
        around = [one.evidence for one in near if abs(one.frame - row.frame) <= half]
        row.hidden = float(hidden(np.median(around, axis=0), self._config.fusion))
        while near[0].frame < row.frame - half:
            near.popleft()
        if near[-1] is row:  # nothing of this track is waiting: its next sighting is too far off to count
            del self._by_track[row.track]
        if self._sightings[row.track] >= least:
            self._out.append(row)
        if len(self._out) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._out:
            self._sink(_batch(self._out))
        asked = [row for row in self._out if row.fan is not None]
        if asked and self._fan_sink:
            self._fan_sink(_fan_batch(asked))
        self.rows += len(self._out)
        self._out = []


def _batch(rows: list[_Row]) -> pa.RecordBatch:
    xy = np.array([row.xy_px for row in rows], np.float32).reshape(len(rows), 2 * N_LANDMARKS)
    seen = np.array([with_mouth_hidden(row.local, row.hidden) for row in rows], np.float32)
    return pa.RecordBatch.from_arrays([*_whose(rows), list_column(xy), list_column(seen)], schema=LANDMARKS)


def _fan_batch(rows: list[_Row]) -> pa.RecordBatch:
    found = [row.fan for row in rows if row.fan is not None]
    xy = np.array([one.xy_px for one in found], np.float32).reshape(len(found), 2 * N_POINTS)
    score = np.array([one.score for one in found], np.float32)
    return pa.RecordBatch.from_arrays([*_whose(rows), list_column(xy), list_column(score)], schema=FAN)


def _whose(rows: list[_Row]) -> list[pa.Array]:
    return [pa.array([row.frame for row in rows], pa.int32()), pa.array([row.track for row in rows], pa.int32())]
