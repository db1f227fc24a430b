"""One reason per frame, by a fixed order, without flicker."""

from dataclasses import replace

import numpy as np
import pytest

from schemas.reasons import VISION_REASONS
from wail.vision.config import VisionConfig
from wail.vision.judge import first_reasons, judge, steady
from wail.vision.records import RECORD, Records
from wail.vision.tables import frames_table


def test_the_first_of_the_fixed_order_is_the_reason():
    yes, no = np.array([True]), np.array([False])
    assert first_reasons({"blurred": yes, "profile": yes, "dark": no}) == ["profile"]
    assert first_reasons({"mouth_occluded": yes, "not_infant": yes}) == ["not_infant"]
    assert first_reasons(dict.fromkeys(VISION_REASONS, no)) == [None]


@pytest.mark.parametrize(("before", "after"), [
    ("...xx....", "........."),  # a short rejection between usable frames
    ("xxx..xxxx", "xxxxxxxxx"),  # a short usable run between rejections
    ("xxx....xx", "xxx....xx"),  # long enough to stand
    ("xxxpxxx..", "xxxxxxx.."),  # a short other reason
    ("..xx", "..xx"),            # the end stays
    ("xxx....p...", "xxx........"),
    ("...pp......xxxx", "...........xxxx"),
])  # fmt: skip
def test_short_verdicts_give_way(before, after):
    names = {".": None, "x": "mouth_occluded", "p": "profile"}
    assert steady([names[c] for c in before], 3) == [names[c] for c in after]


@pytest.fixture
def free(upright_view) -> Records:
    """Twenty frames of an infant's free face."""
    from wail.vision.infant import proportions

    records = np.zeros(20, RECORD)
    records["frame"] = np.arange(20)
    records["presence"], records["sharpness"], records["skin_luma"], records["interocular_px"] = 1, 50, 120, 60
    records["face_seen"] = records["mouth_seen"] = 1
    records["inside"], records["evidence"] = True, -4.0
    records["proportions"] = proportions(upright_view.points, upright_view.rotation)
    return records


@pytest.mark.parametrize(("column", "value", "reason"), [
    ("yaw_deg", -50, "profile"), ("pitch_deg", 48, "tilted"), ("pitch_deg", -36, "tilted"),
    ("outside_share", 0.5, "out_of_frame"), ("evidence", 4.0, "mouth_occluded"), ("face_seen", 0.1, "face_occluded"),
    ("interocular_px", 10, "too_small"), ("sharpness", 1, "blurred"), ("skin_luma", 5, "dark"),
    ("presence", 0.6, "low_confidence"), ("roll_deg", 180, None),
])  # fmt: skip
def test_what_is_wrong_for_a_while_is_the_reason_for_that_while(free, column, value, reason):
    assert judge(free, VisionConfig(), {}).reasons == [None] * 20
    free[column][8:] = value
    assert judge(free, VisionConfig(), {}).reasons == [None] * 8 + [reason] * 12


def test_a_print_is_not_live_and_an_infant_s_pitch_is_corrected(free):
    assert set(judge(free, VisionConfig(), {0: 0.1}).reasons) == {"not_live"}
    free["pitch_deg"] = 4.5
    assert judge(free, VisionConfig(), {}).records["pitch_deg"] == pytest.approx(np.zeros(20))


def test_score_only_tells_the_reasons_and_filters_nothing(free):
    free["yaw_deg"] = 60
    judged = judge(free, replace(VisionConfig(), score_only=True), {})
    table = frames_table(np.arange(21), np.arange(21) / 30, judged)
    assert table["usable"].to_pylist() == [True] * 20 + [False]
    assert table["reason"].to_pylist()[:20] == ["profile"] * 20


def test_one_frame_s_evidence_is_not_believed(free):
    free["evidence"][10] = 4.0
    assert judge(free, VisionConfig(), {}).reasons == [None] * 20
