"""Infants and adults are told apart by the proportions of their faces."""

import numpy as np
import pytest

from wail.vision.geometry import head_rotation
from wail.vision.infant import NAMES, Poles, infant_evidence, p_infant_face, proportions
from wail.vision.tracks import FaceTracker

POLES = Poles()


def test_the_poles_are_told_apart_and_the_middle_is_open():
    turned = np.zeros(60, np.float32)
    infant, adult = (np.tile(np.array(pole, np.float32), (60, 1)) for pole in (POLES.infant, POLES.adult))
    assert p_infant_face(infant, turned) > 0.95
    assert p_infant_face(adult, turned) < 0.05
    assert 0.3 < p_infant_face((infant + adult) / 2, turned) < 0.7


def test_few_frames_and_turned_faces_say_less():
    figures = np.tile(np.array(POLES.infant, np.float32), (60, 1))
    sure = p_infant_face(figures, np.zeros(60, np.float32))
    assert 0.5 < p_infant_face(figures[:2], np.zeros(2, np.float32)) < sure
    assert 0.5 < p_infant_face(figures, np.full(60, 60, np.float32)) < sure
    assert p_infant_face(figures[:0], np.zeros(0, np.float32)) == 0.5


def test_an_iris_behind_lids_does_not_make_an_adult():
    figures = np.array(POLES.infant, np.float32)
    figures[NAMES.index("iris")] = 0.05
    assert infant_evidence(figures)[NAMES.index("iris")] == 0


def test_proportions_do_not_depend_on_the_crop_s_scale(upright_view):
    rotation, _, _ = head_rotation(upright_view.points)
    larger = (upright_view.points * 2).astype(np.float32)
    np.testing.assert_allclose(proportions(upright_view.points, rotation), proportions(larger, rotation), rtol=1e-4)


def test_the_painted_infant_is_one_and_the_adult_beside_it_is_not(infant_and_adult, tracker: FaceTracker):
    views = [view for _ in range(20) for view in tracker.step(infant_and_adult)]
    by_track = {}
    for view in views:
        by_track.setdefault(view.track, []).append(proportions(view.points, head_rotation(view.points)[0]))
    answers = sorted(p_infant_face(np.array(f), np.zeros(len(f), np.float32)) for f in by_track.values())
    assert len(answers) == 2
    assert answers[0] < 0.2
    assert answers[1] > 0.6


@pytest.mark.data
@pytest.mark.parametrize(("name", "is_infant"), [("video/infant_dim_6s.mp4", True), ("video/adult_talking.mp4", False)])
def test_real_faces(data, name, is_infant, tracker: FaceTracker):
    from wail.media.decode import grid_frames

    figures, turned = [], []
    for frame in grid_frames(data / name):
        if frame.frame % 4 == 0:
            for view in tracker.step(frame.rgb):
                figures.append(proportions(view.points, head_rotation(view.points)[0]))
                turned.append(10.0)
        if frame.frame > 120:
            break
    assert (p_infant_face(np.array(figures), np.array(turned, np.float32)) > 0.5) == is_infant
