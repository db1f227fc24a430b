"""Figures from clips beside their truth, on clips made by hand; and one whole run of a few real ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from wail.bench.composites.truth import FaceTruth, Truth
from wail.bench.visibility import bench_visibility
from wail.bench.visibility_rows import PARTS, border, found, mouth, profile, throughout
from wail.bench.visibility_run import Clip, Seen, seen_of
from wail.bench.visibility_scores import (
    Group,
    boundary_errors,
    longest_run,
    operating_threshold,
    ratio_of,
    wrongly_kept,
)
from wail.errors import ConfigError
from wail.vision.analyse import VisionResult
from wail.vision.config import VisionConfig

CONFIG = VisionConfig()


def clip(n: int = 60, part: str = "occluded", occluder: str = "hand", phase: str = "still", name: str = "a",
         light: str = "bright", band: str = "light", **arrays) -> Clip:  # fmt: skip
    """A frontal clip of n frames that vision finds, sees whole and keeps, but for what `arrays` say."""
    zero, truth, seen = np.zeros(n, np.float32), {}, {}
    for key, value in arrays.items():
        (seen if key in Seen.__annotations__ and key != "yaw_deg" else truth)[key] = np.broadcast_to(value, n).copy()
    face = FaceTruth("infant", 0.5, band, zero, zero, zero, zero + 50, zero + 50, zero, zero, zero, zero, zero,
                     np.zeros((n, 468, 2), np.float32))  # fmt: skip
    shot = {"part": part, "occluder": occluder, "phase": phase, "light": light, "own_colour": False}
    saw = Seen(np.ones(n, bool), zero, zero + 1, zero, np.ones(n, bool), np.full(n, "", "<U16"))
    return Clip(name, Truth(Path("a.mp4"), shot, (replace(face, **truth),)), replace(saw, **seen))


def half(a: float, b: float, n: int = 60) -> np.ndarray:
    return np.where(np.arange(n) < n // 2, a, b).astype(np.float32)


def row(rows, start: str):
    return next(one for one in rows if one.name.startswith(start))


def test_recall_is_taken_where_one_in_twenty_free_mouths_is_rejected():
    scores = np.linspace(0, 1, 100, dtype=np.float32)
    free = clip(100, part="clean", occluder="none", mouth_visible=scores)
    assert operating_threshold([free], CONFIG) == pytest.approx(scores[5])
    hidden = clip(100, mouth_covered=1.0, mouth_visible=np.where(np.arange(100) < 80, 0.01, 0.9))
    figure = row(mouth([free, hidden], CONFIG), "mouth occluded by hand: recall")
    assert figure.value == pytest.approx(0.8) and figure.met is False


def test_a_face_lost_under_an_occluder_counts_as_rejected():
    free = clip(100, part="clean", occluder="none")
    lost = clip(60, mouth_covered=1.0, found=False, usable=False, mouth_visible=np.nan)
    assert row(mouth([free, lost], CONFIG), "mouth occluded by hand: recall").value == 1.0


def test_frames_covered_a_little_count_neither_way():
    free, little = clip(100, part="clean", occluder="none"), clip(60, mouth_covered=0.1, mouth_visible=0.9)
    assert row(mouth([free, little], CONFIG), "mouth occluded by hand: recall").value is None
    assert row(mouth([free, little], CONFIG), "free mouths rejected").value == 0.0


def test_a_clip_is_wrongly_kept_by_a_second_of_usable_frames_in_a_row():
    short, long = (np.arange(60) < n for n in (29, 30))
    clips = [clip(phase="throughout", mouth_covered=1.0, usable=short, name="b"),
             clip(phase="throughout", mouth_covered=1.0, usable=long, name="c")]  # fmt: skip
    assert [wrongly_kept(one) for one in clips] == [False, True]
    figure = throughout(clips, CONFIG)[0]
    assert figure.value == 50.0 and "kept: c" in figure.note and figure.met is False


def test_profile_is_missed_where_it_is_usable_and_wrong_where_it_is_named_within_the_limit():
    turning = clip(part="profile", occluder="none", yaw_deg=half(0, 80), usable=half(1, 0) > 0,
                   reason=np.where(half(0, 1) > 0, "profile", ""))  # fmt: skip
    assert [one.value for one in profile([turning], CONFIG)[:2]] == [1.0, 0.0]
    wrong = replace(turning, seen=replace(turning.seen, usable=np.ones(60, bool), reason=np.full(60, "profile")))
    assert [one.value for one in profile([wrong], CONFIG)[:2]] == [0.0, 100.0]


def test_boundary_error_is_the_way_to_the_nearest_change_of_the_same_kind():
    leaves = clip(part="border", mouth_outside=half(0, 1), usable=np.arange(60) < 33)
    assert boundary_errors(leaves, 0.1) == [3]
    figure = row(border([leaves], CONFIG), "mouth out of frame: boundary")
    assert figure.value == 3.0 and "median 3" in figure.note and figure.met is False
    assert row(border([leaves], CONFIG), "mouth out of frame: recall").value == pytest.approx(27 / 30)
    never = clip(part="border", mouth_outside=half(0, 1), usable=False)
    assert row(border([leaves, never], CONFIG), "mouth out of frame: boundary").value == 3.0


def test_an_upside_down_face_is_not_found():
    right, wrong = (clip(part="roll", occluder="none", error=e) for e in (0.05, 1.2))
    assert row(found([right], CONFIG), "face found, roll 0-360").value == 1.0
    assert row(found([right, wrong], CONFIG), "face found, roll 0-360").value == 0.5
    tiny = clip(part="roll", occluder="none", size_px=20.0, found=False)
    assert row(found([tiny], CONFIG), "face found, roll 0-360").value is None


def test_ratio_is_of_the_largest_to_the_smallest_rate():
    many = np.full(100, 50.0)
    groups = {"a": Group(np.full(100, 1.0), many), "b": Group(np.full(100, 3.0), many),
              "nobody": Group(np.zeros(1), np.zeros(1))}  # fmt: skip
    assert ratio_of(groups) == pytest.approx(3.0, abs=0.05)
    one = {"a": Group(np.array([0.0]), np.array([50.0])), "b": Group(np.array([2.0]), np.array([50.0]))}
    assert ratio_of(one) == pytest.approx(3.0), "a single clip says little: each counts beside the average of both"
    assert np.isnan(ratio_of({"a": Group(np.zeros(1), np.ones(1))}))


def test_intervals_widen_with_clips_that_disagree():
    same = Group(np.full(20, 50.0), np.full(20, 100.0)).interval()
    differ = Group(np.tile([0.0, 100.0], 10), np.full(20, 100.0)).interval()
    assert same == (0.5, 0.5) and differ[0] < 0.35 and differ[1] > 0.65


def test_longest_run():
    assert longest_run(np.array([0, 1, 1, 0, 1, 1, 1], bool)) == 3 and longest_run(np.zeros(4, bool)) == 0


def test_every_part_gives_rows_without_a_single_clip():
    for part in PARTS.values():
        assert all(one.value is None for one in part([], CONFIG))


def test_a_run_makes_clips_looks_at_them_and_finds_them_again(tmp_path):
    told = []
    rows, about = bench_visibility("tune", ["mouth", "found"], tmp_path, 1, 1, told.append)
    assert about["clips"] == 1 and about["frames"] > 40
    assert {one.stage for one in told} == {"render", "vision"} and told[-1].done == told[-1].total == 1
    seen = sorted(tmp_path.glob("*.seen.npz"))
    before = [path.stat().st_mtime_ns for path in seen]
    again, _ = bench_visibility("tune", ["mouth", "found"], tmp_path, 1, 1)
    assert [path.stat().st_mtime_ns for path in seen] == before and len(seen) == 1
    assert [one.as_dict() for one in again] == [one.as_dict() for one in rows]


def test_an_unknown_part_is_named():
    with pytest.raises(ConfigError, match="no part mouths: choose from mouth"):
        bench_visibility("tune", ["mouths"])


def test_the_nearest_of_several_faces_is_the_infants():
    n, face = 2, clip(2).face
    true = np.full((n, 468, 2), 100.0, np.float32)
    face = replace(face, landmarks_px=true)
    at = {(0, 0): 100.0, (0, 1): 115.0, (1, 1): 300.0}
    frames = [{"frame": k, "track": t, "mouth_visible": 0.5 + t, "usable": False, "reason": "dark", "yaw_deg": 0.0}
              for k, t in at]  # fmt: skip
    landmarks = pa.table({"frame": [k for k, _ in at], "track": [t for _, t in at],
                          "xy_px": pa.array([np.full(956, v, np.float32) for v in at.values()])})  # fmt: skip

    table = pa.Table.from_pylist(frames)
    result = VisionResult(table, table, landmarks, None, len(at), [], {}, (200, 200))
    seen = seen_of(face, result)
    assert seen.found.tolist() == [True, False] and seen.mouth_visible[0] == 0.5 and seen.reason[0] == "dark"
