"""Rows of landmarks leave in order, a little late, and none is kept."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from schemas.tables import FAN
from wail.vision.config import VisionConfig
from wail.vision.fan import FanPoints
from wail.vision.fusion import KINDS
from wail.vision.landmarks import LandmarkStream


@dataclass
class Face:
    track: int
    evidence: np.ndarray
    xy_px = np.zeros((478, 2), np.float32)
    local = np.ones(478, np.float32)
    fan: FanPoints | None = None


def face(track: int, accused: bool = False) -> Face:
    return Face(track, np.full(len(KINDS), 4.0 if accused else -4.0, np.float32))


def streamed(clip: list[list[Face]]) -> tuple[pa.Table, LandmarkStream]:
    batches: list[pa.RecordBatch] = []
    stream = LandmarkStream(VisionConfig(), batches.append)
    for frame, faces in enumerate(clip):
        stream.add(frame, faces)
    stream.finish()
    return pa.Table.from_batches(batches), stream


def test_a_face_seen_twice_is_no_face_and_one_seen_again_after_a_loss_is():
    loss: list[list[Face]] = [[]] * 14
    clip = [[face(0)], *loss, [face(0)], *loss, [face(0), face(1)], [face(1)], *([[]] * 100)]
    rows, _ = streamed(clip)
    assert rows["frame"].to_pylist() == [0, 15, 30]
    assert rows["track"].to_pylist() == [0, 0, 0]


def test_a_covered_mouth_is_hidden_and_one_frame_s_accusation_is_not_believed():
    rows, _ = streamed([[face(0, accused=k == 5 or k > 10)] for k in range(30)])
    mouth = np.array(rows["visibility"].to_pylist())[:, 13]
    assert mouth[:9].min() > 0.9
    assert mouth[12:].max() < 0.1


def test_fans_points_are_those_of_the_faces_that_are_believed():
    """Asked in every fifth frame, of a face that stays and of one that is seen once."""
    points = FanPoints(np.full((68, 2), 7, np.float32), np.full(68, 0.5, np.float32))
    batches: list[pa.RecordBatch] = []
    landmarks: list[pa.RecordBatch] = []
    stream = LandmarkStream(VisionConfig(), landmarks.append, batches.append)
    for frame in range(600):
        faces = [replace(face(0), fan=points if frame % 5 == 0 else None)]
        stream.add(frame, faces + ([replace(face(1), fan=points)] if frame == 10 else []))
    stream.finish()
    table = pa.Table.from_batches(batches)
    assert table.schema.equals(FAN) and len(batches) > 1
    assert table["frame"].to_pylist() == list(range(0, 600, 5)) and set(table["track"].to_pylist()) == {0}
    assert table["xy_px"][3].as_py() == [7.0] * 136 and table["score"][3].as_py() == [0.5] * 68
    assert sum(batch.num_rows for batch in landmarks) == stream.rows == 600


def test_nothing_is_kept_of_tracks_that_are_over():
    _, stream = streamed([[face(frame // 10)] for frame in range(1000)])
    assert stream.rows == 1000
    assert not stream._by_track
    assert not stream._waiting
