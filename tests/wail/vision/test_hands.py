"""The hand model runs when something has changed, and its outlines go with the face."""

import numpy as np

from wail.vision.hands import QUIET_TIMES, HandFinder, HandWatch
from wail.vision.roi import Roi

SQUARE = np.array([[90, 90], [110, 90], [110, 110], [90, 110]], np.float32)


class Counting(HandFinder):
    """The finder's place in the schedule: a known outline, and how often it was asked."""

    def __init__(self, outlines):
        self.outlines, self.asked = outlines, 0

    def __call__(self, rgb, face):
        self.asked += 1
        return self.outlines


def still() -> np.ndarray:
    return np.random.default_rng(0).integers(90, 110, (200, 200, 3), dtype=np.uint8)


def test_where_nothing_changes_the_model_seldom_runs():
    finder = Counting([])
    watch = HandWatch(finder, 6)
    for _ in range(6 * QUIET_TIMES + 1):
        assert watch(still(), Roi(100, 100, 80, 0), 0) == []
    assert finder.asked == 2


def test_what_enters_is_looked_at_within_the_interval():
    finder = Counting([])
    watch = HandWatch(finder, 6)
    picture = still()
    picture[120:, :90] = 200
    for k in range(12):
        watch(still() if k < 6 else picture, Roi(100, 100, 80, 0), 0)
    assert finder.asked == 2


def test_outlines_go_where_the_face_goes():
    watch = HandWatch(Counting([SQUARE]), 6)
    outline, = watch(still(), Roi(100, 100, 80, 0), 0)
    np.testing.assert_allclose(outline, SQUARE, atol=1e-3)
    outline, = watch(still(), Roi(110, 95, 80, 0), 0)
    np.testing.assert_allclose(outline, SQUARE + np.array([10, -5]), atol=1e-3)
    outline, = watch(still(), Roi(100, 100, 160, 0), 0)
    np.testing.assert_allclose(outline, 100 + (SQUARE - 100) * 2, atol=1e-3)


def test_tracks_are_apart():
    finder = Counting([SQUARE])
    watch = HandWatch(finder, 6)
    for track in (0, 1, 0, 1):
        watch(still(), Roi(100, 100, 80, 0), track)
    assert finder.asked == 2


def test_a_picture_without_hands_has_none(infant, upright_view):
    finder = HandFinder()
    assert finder(infant, upright_view.roi) == []
    assert finder.calls == 1
    finder.close()
