"""Every grid frame has its row, and a frame without a face says why it has none."""

import numpy as np

from wail.vision.judge import Judged
from wail.vision.records import RECORD
from wail.vision.tables import evidence_table, frame_reasons, frames_table

FRAMES = np.arange(200)


def judged(yaw_deg=50.0, inside=True, reasons=("profile",), frames=(0,), p_infant=(0.9,)) -> Judged:
    records = np.zeros(len(frames), RECORD)
    records["frame"], records["yaw_deg"], records["inside"] = frames, yaw_deg, inside
    records["track"] = np.arange(len(frames))
    ones = np.ones(len(frames))
    return Judged(records, np.array(p_infant), ones, ones, ones, ones, list(reasons))


def reasons(one: Judged, count: int) -> list[str | None]:
    return frames_table(FRAMES[:count], FRAMES[:count] / 30, one)["reason"].to_pylist()


def test_a_head_that_turned_away_is_in_profile_though_no_face_is_found():
    assert reasons(judged(), 200) == ["profile"] * 91 + ["no_face"] * 109
    assert reasons(judged(inside=False), 3) == ["profile", "no_face", "no_face"]
    assert reasons(judged(yaw_deg=10.0, reasons=(None,)), 5) == [None] + ["no_face"] * 4


def test_rows_are_in_the_order_of_the_grid_and_times_are_their_own():
    table = frames_table(FRAMES[:4], FRAMES[:4] / 30, judged(0.0, True, (None, "blurred"), (2, 2), (0.9, 0.2)))
    assert table["frame"].to_pylist() == [0, 1, 2, 2, 3]
    assert table["time_s"].to_pylist() == [0, 1 / 30, 2 / 30, 2 / 30, 3 / 30]
    assert table["track"].to_pylist() == [None, None, 0, 1, None]
    assert table["usable"].to_pylist() == [False, False, True, False, False]


def test_a_frame_s_reason_is_that_of_its_most_infant_like_face():
    for other, said in (("not_infant", "blurred"), (None, None)):
        two = judged(0.0, True, ("blurred", other), (3, 3), (0.9, 0.2))
        assert frame_reasons(frames_table(FRAMES[2:4], FRAMES[2:4] / 30, two)) == {2: "no_face", 3: said}


def test_evidence_that_was_not_taken_is_null():
    one = judged()
    one.records["evidence"] = np.nan
    assert evidence_table(one)["by_lips"].to_pylist() == [None]
