"""Visibility is the product of pose, frame border and occluders."""

import numpy as np

from wail.vision.regions import MOUTH
from wail.vision.visibility import (
    face_visible,
    facing,
    inside_picture,
    seen_locally,
    seen_shares,
    with_mouth_hidden,
)

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
    local = seen_locally(FULL, ALL, ZERO, NONE)
    face, mouth = seen_shares(local, FULL)
    assert (face, mouth) == (1, 1)
    assert face_visible(np.array([face]), np.array([mouth]), np.array([0.9]))[0] > 0.8
    seen = with_mouth_hidden(local, 0.9)
    assert seen[MOUTH].max() < 0.11
    assert seen[[10, 33]].tolist() == [1, 1]


def test_hands_and_covered_skin_take_their_landmarks():
    hands = NONE.copy()
    hands[MOUTH[:20]] = True
    odd = ZERO.copy()
    odd[10] = 0.75
    seen = seen_locally(FULL, ALL, odd, hands)
    assert seen[MOUTH[:20]].sum() == 0
    assert seen[10] == 0.25


def test_what_yaw_alone_hides_of_the_mouth_is_not_called_covered():
    turned = FULL.copy()
    turned[MOUTH[::2]] = 0.1
    assert seen_shares(seen_locally(turned, ALL, ZERO, NONE), turned)[1] == 1.0
    assert seen_shares(seen_locally(ZERO, ALL, ZERO, NONE), ZERO)[1] == 0.0
