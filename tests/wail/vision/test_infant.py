"""Infants and adults are told apart by the proportions of their faces."""

import numpy as np
import pytest

from wail.vision.geometry import head_rotation
from wail.vision.infant import FIGURES, NAMES, STATES, Poles, at_rest, infant_evidence, p_infant_face, proportions
from wail.vision.tracks import FaceTracker

POLES = Poles()
FACING = np.zeros(60, np.float32)


def rows(face, states=POLES.rest, iris=0.13, count=60) -> np.ndarray:
    return np.tile(np.array([*face, iris, *states], np.float32), (count, 1))


def test_the_poles_are_told_apart_and_the_middle_is_open():
    middle = (np.array(POLES.infant) + np.array(POLES.adult)) / 2
    assert p_infant_face(rows(POLES.infant), FACING) > 0.95
    assert p_infant_face(rows(POLES.adult), FACING) < 0.05
    assert p_infant_face(rows(middle), FACING) == pytest.approx(0.5, abs=0.01)


def test_few_frames_and_turned_faces_say_less_and_none_say_nothing():
    sure = p_infant_face(rows(POLES.infant), FACING)
    assert 0.5 < p_infant_face(rows(POLES.infant, count=2), FACING[:2]) < sure
    assert 0.5 < p_infant_face(rows(POLES.infant), FACING + 60) < sure
    assert p_infant_face(rows(POLES.infant)[:0], FACING[:0]) == 0.5


def test_only_the_best_turned_frames_count():
    figures = np.concatenate([rows(POLES.infant), rows(POLES.adult)])
    turned = np.concatenate([FACING, FACING + 50]).astype(np.float32)
    assert p_infant_face(figures, turned) == p_infant_face(rows(POLES.infant), FACING)


def test_what_expression_and_pose_do_is_taken_off():
    crying = np.add(POLES.rest, [0.3, 0.1, 0.05, -0.06, 0.2, 0.1, 0.1, 0.05])
    moved = np.array(POLES.infant) + np.array(POLES.states) @ (crying - np.array(POLES.rest))
    np.testing.assert_allclose(at_rest(rows(moved, crying))[0], POLES.infant, atol=1e-5)
    at_ease = p_infant_face(rows(POLES.infant), FACING)
    assert p_infant_face(rows(moved, crying), FACING) == pytest.approx(at_ease, abs=1e-3)


def test_a_large_iris_speaks_for_an_infant_and_a_hidden_one_for_nobody():
    assert infant_evidence(rows(POLES.adult, iris=0.05), FACING)["iris"] == 0
    assert infant_evidence(rows(POLES.adult, iris=0.16), FACING)["iris"] == pytest.approx(1.0)


def test_the_evidence_adds_up_to_the_probability():
    child = 0.4 * np.array(POLES.infant) + 0.6 * np.array(POLES.adult)
    found = infant_evidence(rows(child)[:5], FACING[:5])
    odds = found["prior"] + found["seen"] * sum(found[name] for name in (*FIGURES, "iris"))
    assert p_infant_face(rows(child)[:5], FACING[:5]) == pytest.approx(1 / (1 + np.exp(-odds)))
    assert 0 < found["seen"] < 1


def test_proportions_do_not_depend_on_the_crop_s_scale(upright_view):
    rotation, _, _ = head_rotation(upright_view.points)
    larger = (upright_view.points * 2).astype(np.float32)
    figures = proportions(upright_view.points, rotation)
    assert figures.shape == (len(NAMES),) == (len(FIGURES) + 1 + len(STATES),)
    np.testing.assert_allclose(figures, proportions(larger, rotation), rtol=1e-4)


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
@pytest.mark.parametrize(
    ("name", "least", "most"), [("video/infant_dim_6s.mp4", 0.95, 1.0), ("video/adult_talking.mp4", 0.0, 0.05)]
)
def test_real_faces(data, name, least, most, tracker: FaceTracker):
    from wail.media.decode import grid_frames

    figures = []
    for frame in grid_frames(data / name):
        if frame.frame % 4 == 0:
            figures += [proportions(view.points, head_rotation(view.points)[0]) for view in tracker.step(frame.rgb)]
        if frame.frame > 120:
            break
    assert least <= p_infant_face(np.array(figures), np.full(len(figures), 10.0, np.float32)) <= most


@pytest.mark.data
@pytest.mark.parametrize("scale", [0.8, 0.3, 0.15])
def test_a_generated_infant_at_any_size(data, scale, tracker: FaceTracker):
    import cv2

    still = cv2.cvtColor(cv2.imread(str(data / "images/generated_baby.png")), cv2.COLOR_BGR2RGB)
    (view,) = tracker.step(cv2.resize(still, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert p_infant_face(proportions(view.points, head_rotation(view.points)[0])[None], FACING[:1]) > 0.9
