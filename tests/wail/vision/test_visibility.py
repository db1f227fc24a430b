"""Visibility is the product of pose, frame border and occluders."""

import numpy as np

from wail.vision.regions import MOUTH
from wail.vision.visibility import facing, inside_picture, visibility, visible_shares

ALL, NONE = np.ones(478, bool), np.zeros(478, bool)
FULL, ZERO = np.ones(478, np.float32), np.zeros(478, np.float32)


def test_what_is_turned_away_is_not_seen():
    normals = np.array([[0, 0, -1], [1, 0, 0], [0, 0, 1], [0.97, 0, -0.26]], np.float32)
    seen = facing(normals)
    assert seen[0] == 1
    assert seen[1] < 0.2
    assert seen[2] == 0
    assert seen[3] > 0.95


def test_the_frame_s_border_hides_what_is_beyond_it():
    xy = np.array([[-0.5, 5], [0, 5], [99, 49], [99.5, 5]], np.float32)
    assert inside_picture(xy, 100, 50).tolist() == [False, True, True, False]


def test_a_hidden_mouth_leaves_the_rest_of_the_face():
    seen = visibility(FULL, ALL, ZERO, NONE, hidden=0.9)
    visible, mouth = visible_shares(seen, FULL)
    assert mouth < 0.11
    assert visible > 0.8
    assert seen[[10, 33]].tolist() == [1, 1]


def test_hands_and_covered_skin_take_their_landmarks():
    hands = NONE.copy()
    hands[MOUTH[:20]] = True
    odd = ZERO.copy()
    odd[10] = 0.75
    seen = visibility(FULL, ALL, odd, hands, hidden=0.0)
    assert seen[MOUTH[:20]].sum() == 0
    assert seen[10] == 0.25


def test_what_yaw_alone_hides_of_the_mouth_is_not_called_covered():
    turned = FULL.copy()
    turned[MOUTH[::2]] = 0.1
    assert visible_shares(visibility(turned, ALL, ZERO, NONE, 0.0), turned)[1] == 1.0
    assert visible_shares(visibility(ZERO, ALL, ZERO, NONE, 0.0), ZERO)[1] == 0.0
