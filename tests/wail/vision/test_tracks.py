"""Faces are found at any rotation, never upside down, and keep their ids."""

import numpy as np
import pytest

from wail.vision.config import VisionConfig
from wail.vision.infant import p_infant_face, proportions
from wail.vision.roi import eye_roll_deg
from wail.vision.tracks import FaceTracker


def roll_of(view) -> float:
    return (view.roi.roll_deg + eye_roll_deg(view.points)) % 360


@pytest.mark.parametrize("roll_deg", range(0, 360, 45))
def test_a_face_is_found_the_right_way_up_at_any_rotation(infant, upright_view, tracker, turned, roll_deg):
    for _ in range(6):
        views = tracker.step(turned(infant, roll_deg))
        if views:
            break
    assert len(views) == 1
    off = (roll_of(views[0]) - roll_of(upright_view) - roll_deg + 180) % 360 - 180
    assert abs(off) < 6


def test_a_track_survives_a_short_loss_and_ends_with_a_long_one(infant, upright_view, tracker):
    x0, y0 = np.floor(upright_view.xy_px.min(0) - 20).astype(int)
    x1, y1 = np.ceil(upright_view.xy_px.max(0) + 20).astype(int)
    faceless = infant.copy()
    faceless[y0:y1, x0:x1] = 150
    assert [view.track for view in tracker.step(infant)] == [0]
    assert all(tracker.step(faceless) == [] for _ in range(4))
    assert {view.track for _ in range(12) for view in tracker.step(infant)} == {0}
    assert all(tracker.step(faceless) == [] for _ in range(20))
    assert {view.track for _ in range(12) for view in tracker.step(infant)} == {1}


def test_a_shot_cut_ends_a_track(infant, tracker):
    tracker.step(infant)
    tracker.step(np.ascontiguousarray(255 - infant))
    found = {view.track for _ in range(8) for view in tracker.step(infant)}
    assert len(found) == 1
    assert 0 not in found


def test_two_faces_have_two_tracks(infant_and_adult, tracker):
    tracks = [{view.track for view in tracker.step(infant_and_adult)} for _ in range(20)]
    assert tracks[-1] == {0, 1}


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (120, 160, 3)])
def test_pictures_without_a_face_give_none(tracker, shape):
    noise = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    assert all(tracker.step(noise) == [] for _ in range(8))


def test_pictures_may_change_their_size(infant, tracker):
    tracker.step(infant)
    small = np.ascontiguousarray(infant[::2, ::2])
    views = [tracker.step(small) for _ in range(8)][-1]
    assert len(views) == 1
    assert views[0].xy_px.max() < small.shape[0]


def test_where_fewer_faces_are_followed_than_there_are_the_infant_is_among_them(infant_and_adult, mesh, detector):
    both = {round(view.xy_px[1, 0] / 50): view for view in
            FaceTracker(VisionConfig(), mesh, detector).step(infant_and_adult)}  # fmt: skip
    assert len(both) == 2
    tracker = FaceTracker(VisionConfig(max_faces=1), mesh, detector)
    last = [tracker.step(infant_and_adult) for _ in range(20)][-1]
    assert len(last) == 1
    infants = {place: p_infant_face(proportions(view.points, view.rotation)[None], np.zeros(1, np.float32))
               for place, view in both.items()}  # fmt: skip
    assert round(last[0].xy_px[1, 0] / 50) == max(infants, key=lambda place: infants[place])


def test_a_short_blow_out_of_the_picture_keeps_the_track(infant, tracker):
    white = np.full_like(infant, 255)
    tracks = [{view.track for view in tracker.step(picture)} for picture in [infant] * 3 + [white] * 2 + [infant] * 4]
    assert tracks[0] == tracks[-1] == {0}
    assert tracks[3] == set()
