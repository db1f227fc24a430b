"""A clip and its truth: what is rendered is what is told."""

from dataclasses import replace

import numpy as np
import pytest

from wail.bench.composites.make import make_composites, media_path
from wail.bench.composites.plan import EYES_MM, plan
from wail.bench.composites.stage import hidden, hidden_by, set_up, shoot
from wail.bench.composites.truth import face_truth, read_truths
from wail.errors import DatasetError
from wail.media.decode import grid_frames
from wail.samples.poses import Key
from wail.samples.shapes import ellipsoid


def one(occluder: str, phase: str, duration_s: float = 0.1, **changes):
    """A small, bright, frontal shot of the tune split."""
    shot = next(shot for shot in plan("tune") if shot.part == "clean")
    who = replace(shot.cast[0], keys=(Key(0.0, z_mm=300 * EYES_MM / 60),))
    small = replace(shot, name=f"t_{occluder}_{phase}", occluder=occluder, phase=phase, size_px=(160, 160),
                    focal_px=300.0, interocular_px=60.0, cast=(who,), light="bright", blur_px=0.0, shake_px=0.0,
                    duration_s=duration_s)  # fmt: skip
    return replace(small, **changes)


def test_truth_says_what_is_hidden_and_the_picture_shows_it():
    bare, held = (set_up(one(kind, "throughout")) for kind in ("none", "blanket"))
    free, covered = face_truth(bare, 0), face_truth(held, 0)
    assert free.mouth_covered.max() == 0 and free.face_covered.max() == 0
    assert covered.mouth_covered.min() >= 0.45
    where = hidden(held, 0, 0)
    assert not where[[10, 151, 9]].any(), "the forehead is free"
    before, after = (next(shoot(made)).astype(int) for made in (bare, held))
    x, y = covered.landmarks_px[0][where].mean(0).astype(int)
    assert np.abs(before - after)[y - 3 : y + 4, x - 3 : x + 4].mean() > 10


def test_depth_decides_what_hides_what():
    made = set_up(one("none", "none"))
    face = made.played[0].landmarks_mm[0]
    ball = ellipsoid((15, 15, 5), (1, 1, 1))
    mouth = face[[13, 14]].mean(0)
    before, behind = (hidden_by([ball.moved(shift_mm=mouth + np.array([0, 0, z]))], face) for z in (-40.0, 60.0))
    assert before[[13, 14]].all() and not behind.any()


def test_landmarks_angles_and_sizes_agree_with_the_pose():
    shot = one("none", "none")
    key = Key(0.0, yaw_deg=20, pitch_deg=-10, roll_deg=90, z_mm=300 * EYES_MM / 60)
    truth = face_truth(set_up(replace(shot, cast=(replace(shot.cast[0], keys=(key,)),))), 0)
    assert np.abs(truth.yaw_deg - 20).max() < 6 and np.abs(truth.roll_deg - 90).max() < 6
    right, left = truth.landmarks_px[0][[33, 263]]
    assert left[1] - right[1] > 30, "rolled clockwise by 90 degrees, the subject's left eye is below the right one"
    assert truth.interocular_px[0] < truth.size_px[0] == pytest.approx(60, rel=0.25)


def test_an_entering_thing_comes_and_a_leaving_one_goes():
    for phase, first, last in (("entering", 0.0, 1.0), ("leaving", 1.0, 0.0)):
        covered = face_truth(set_up(one("pacifier", phase, 1.5)), 0).mouth_covered
        assert (covered[0] > 0.3) == bool(first) and (covered[-1] > 0.3) == bool(last), phase


def test_clips_are_written_once_and_read_back(tmp_path):
    shots = [one("hand", "throughout")]
    media = make_composites(tmp_path, shots)
    assert media == [media_path(tmp_path, shots[0])]
    frames = list(grid_frames(media[0]))
    truth = read_truths(tmp_path)[shots[0].name]
    assert len(frames) == truth.n_frames == 3 and frames[0].rgb.shape == (160, 160, 3)
    assert truth.shot["occluder"] == "hand" and truth.faces[0].skin_band == shots[0].cast[0].band
    assert truth.faces[0].landmarks_px.shape == (3, 468, 2)
    before = media[0].stat().st_mtime_ns
    make_composites(tmp_path, shots)
    assert media[0].stat().st_mtime_ns == before, "the same key: left alone"
    make_composites(tmp_path, [replace(shots[0], crf=34)])
    assert media[0].stat().st_mtime_ns != before


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(DatasetError, match=r"composites\.make"):
        read_truths(tmp_path)
