"""The benchmark of people: one clip through, and its rows from answers made up here."""

import numpy as np
import pytest

from wail.bench.people import Watched, infant_rows, live_rows, watch_all
from wail.bench.people_clips import LIVING, PICTURES, PeopleClip, make_people_clip, plan_people, plan_pictures
from wail.bench.scores import wilson
from wail.media.decode import grid_frames


def answer(clip: PeopleClip, p_infant: float = 0.5, p_live: float = 0.99, frames: int = 40) -> Watched:
    return Watched(clip.name, p_infant, p_live, frames, 50.0)


def test_people_are_judged_by_the_side_they_fall_on_and_children_apart():
    clips = plan_people("tune", 4, 4, 2)
    p = {"infant": 0.9, "adult": 0.1, "child": 0.6}
    watched = [answer(clip, p[clip.kind]) for clip in clips]
    watched[0] = answer(clips[0], 0.2)
    watched[-3] = answer(clips[-3], float("nan"), frames=0)
    by_name = {row.name: row for row in infant_rows(clips, watched)}
    both = by_name["infant against adult face, per track"]
    assert both.value == pytest.approx(6 / 7)
    assert (both.at_least, both.aim, both.met) == (0.95, 0.99, False)
    assert by_name["infants called infants"].value == 3 / 4
    assert by_name["adults called adults"].value == 1
    assert "in 1 clips no face was found" in both.note
    children = [row.value for name, row in by_name.items() if name.startswith("children")]
    assert 1.0 in children
    assert set(children) <= {1.0, None}


def test_pictures_and_living_faces_are_counted_apart_and_by_scene():
    clips = plan_pictures("tune", 1)
    watched = [answer(clip, p_live=0.1 if clip.scene in (*PICTURES[1:], "pillow") else 0.9) for clip in clips]
    caught, wrong = live_rows(clips, watched)
    assert caught.value == pytest.approx(5 / 6)
    assert "print still camera 0/1" in caught.note
    assert wrong.value == pytest.approx(1 / len(LIVING))
    assert "pillow 1/1" in wrong.note
    assert wrong.direction == "down"


def test_intervals_are_right_for_all_and_none():
    low, high = wilson(20, 20)
    assert (high, 0.8 < low < 0.9) == (1.0, True)
    assert wilson(0, 20)[0] == pytest.approx(0, abs=1e-12)
    assert wilson(95, 100) == pytest.approx((0.888, 0.978), abs=0.002)


def test_a_clip_is_made_once_and_its_picture_is_not_alive(tmp_path):
    clip = PeopleClip("screen_video_91", "train", "infant", "screen_video", 9091, 1.7)
    path = make_people_clip(clip, tmp_path)
    before = path.stat().st_mtime_ns
    frames = list(grid_frames(path))
    assert len(frames) == 51
    assert np.ptp(frames[0].rgb.astype(int) - frames[-1].rgb) > 20
    (seen,) = watch_all([clip], tmp_path, lambda progress: None)
    assert seen.p_live < 0.5 < seen.p_infant
    assert seen.frames > 40
    assert watch_all([clip], tmp_path, lambda progress: None) == [seen]
    assert path.stat().st_mtime_ns == before


def test_splits_and_scenes_do_not_share_people():
    tune, test = (plan_people(split, 3, 3, 3) for split in ("tune", "test"))
    assert [one.split for one in tune] == ["tune"] * 9
    assert {one.name for one in tune} == {one.name for one in test}
    assert len({one.seed for one in plan_pictures("test", 3)}) == 3 * len((*PICTURES, *LIVING))
