"""What becomes of a fit's doubtful frames: each has its reason, none is dropped in silence."""

import json
from collections import Counter

import numpy as np
import pytest

from schemas.arrow import to_table
from schemas.documents import Receipt
from schemas.tables import FITS, FRAMES, TAKES, VERDICTS, VOCAL, VOICE
from wail.config import CurateConfig, FitLimits
from wail.steps.verdicts import judged, poor_frames, run
from wail.store import ClipFolder, read_table, write_table

N = 60
GOOD = {"residual": 0.03, "n_landmarks": 400, "n_outliers": 3, "bad_frame": False, "converged": True}
TAKE = {"take_id": "a", "track": 0, "start_s": 0.0, "end_s": 2.0, "n_frames": N, "bridged": 1, "label": "cry",
        "probability": 0.9, "sync_score": 0.4, "av_offset_s": 0.0, "reason": None}  # fmt: skip


def frames_table(bridged=()):
    face = {"track": 0, "bbox": [0.0, 0, 9, 9], "p_infant_face": 0.9, "yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0,
            "interocular_px": 60.0, "sharpness": 50.0, "visible": 0.9, "mouth_visible": 0.9}  # fmt: skip
    return to_table([
        {"frame": k, "time_s": k / 30, **face, "usable": k not in bridged,
         "reason": "mouth_occluded" if k in bridged else None} for k in range(N)], FRAMES)  # fmt: skip


def clip_with(root, odd=None, hidden=()):
    """A clip of one take, whose fit is good but for the columns given by frame."""
    clip = ClipFolder(root, "c")
    rows = [{"frame": k, "pose": [0.0] * 6, "expression": [0.0] * 64, "lip_sd_mm": 0.5, **GOOD,
             **(odd or {}).get(k, {})} for k in range(N)]  # fmt: skip
    if not hidden:
        table = to_table(rows, FITS)
        meta = {**table.schema.metadata, b"wail.fit": json.dumps({}).encode()}
        write_table(clip.file("fits/a.parquet"), table.replace_schema_metadata(meta))
    clip.write_receipt(Receipt(stage="fit", key="k", status="done", seconds=1.0, models={},
                               facts={"hidden": list(hidden)}))  # fmt: skip
    return clip


@pytest.mark.parametrize(("odd", "poor"), [
    ({"residual": 0.13}, True), ({"residual": float("nan")}, True), ({"residual": 0.12}, False),
    ({"converged": False}, True), ({"bad_frame": True}, True), ({"n_outliers": 100}, False),
    ({"bad_frame": True, "n_landmarks": 0}, True), ({"converged": False, "n_landmarks": 0}, True),
])  # fmt: skip
def test_a_frame_is_poor_by_each_of_its_faults(tmp_path, odd, poor):
    clip = clip_with(tmp_path, {7: odd})
    assert poor_frames(clip, TAKE, frames_table(), FitLimits()) == ({7} if poor else set())


def test_a_bridged_frame_without_landmarks_was_not_observed_and_is_no_poor_one(tmp_path):
    clip = clip_with(tmp_path, {7: {"converged": False, "n_landmarks": 0}, 8: {"converged": False}})
    assert poor_frames(clip, TAKE, frames_table(bridged=(7, 8)), FitLimits()) == {8}


def test_a_take_with_too_many_poor_frames_is_dropped_whole_and_one_without_a_good_frame_always():
    limits = FitLimits(max_poor_share=0.5)
    assert judged(TAKE, set(range(30)), limits)["reason"] is None
    assert judged(TAKE, set(range(31)), limits)["reason"] == "poor_fit"
    anything = FitLimits(max_poor_share=1.0)
    assert judged(TAKE, set(range(59)), anything)["reason"] is None
    assert judged(TAKE, set(range(60)), anything)["reason"] == "poor_fit"
    assert judged({**TAKE, "reason": "too_short"}, set(), limits)["reason"] == "too_short"


def accounted(clip, frames):
    write_table(clip.file("frames.parquet"), frames)
    write_table(clip.file("candidates.parquet"), to_table([TAKE], TAKES))
    voice = [{"time_s": t, "p_infant": 0.9, "p_cry": 0.9, "p_laugh": 0.0, "p_babble": 0.0, "p_adult": 0.0,
              "loudness_db": -20.0, "band_db": -25.0} for t in np.arange(0, 2, 0.032).tolist()]  # fmt: skip
    write_table(clip.file("voice.parquet"), to_table(voice, VOICE))
    write_table(clip.file("vocal.parquet"), to_table([
        {"start_s": 0.0, "end_s": 2.0, "label": "cry", "probability": 0.9, "p_mix": 0.9, "p_stem": None,
         "adult_overlap": 0.0}], VOCAL))  # fmt: skip
    facts = run(clip, CurateConfig()).facts
    rows = read_table(clip.file("verdicts.parquet"), VERDICTS).to_pylist()
    assert [row["frame"] for row in rows] == list(range(N)) and facts["frames"] == N
    assert all(row["keep"] == (row["reason"] is None) for row in rows)
    return facts, Counter(row["reason"] for row in rows), rows


def test_every_frame_of_a_take_is_kept_or_has_its_reason(tmp_path):
    odd = {4: {"bad_frame": True, "n_landmarks": 2}, 9: {"converged": False}, 20: {"residual": 0.4}}
    facts, reasons, rows = accounted(clip_with(tmp_path, odd), frames_table())
    assert facts["n_takes"] == 1 and reasons == {None: N - 3, "poor_fit": 3}
    assert [row["frame"] for row in rows if row["reason"] == "poor_fit"] == [4, 9, 20]


def test_a_take_that_could_not_be_fitted_is_a_poor_fit_from_end_to_end(tmp_path):
    facts, reasons, rows = accounted(clip_with(tmp_path, hidden=["a"]), frames_table())
    assert facts["n_takes"] == 0 and reasons == {"poor_fit": N} and {row["take_id"] for row in rows} == {"a"}
