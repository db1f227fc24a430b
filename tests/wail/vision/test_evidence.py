"""A covered mouth is seen as covered, although the mesh under it looks whole."""

import numpy as np
import pytest

from wail.vision.config import VisionConfig
from wail.vision.evidence import look, mirror_disagreement
from wail.vision.hands import HandFinder
from wail.vision.hands import covered as under_hands
from wail.vision.regions import LIP_OUTER, SKIN_MOUTH, mirror_index, skin_mask
from wail.vision.tracks import FaceTracker
from wail.vision.visibility import (
    OcclusionConfig,
    around_mouth,
    by_colour,
    by_mirror,
    lips_unseen,
    mouth_hidden,
    skin_covered,
)

LIMITS = OcclusionConfig()
EVERYWHERE = np.ones(478, bool)


def hidden(mesh, view, gain=(1.0, 1.0, 1.0)) -> float:
    """Probability that the mouth of a view is hidden, in light of some colour."""
    crop = np.clip(view.crop * np.array(gain), 0, 255).astype(np.uint8)
    seen = look(crop, view.points)
    share = around_mouth(skin_covered(seen.chroma, seen.log_luma, EVERYWHERE, LIMITS), EVERYWHERE)
    unseen = lips_unseen(seen.lip_red, seen.lip_dark, seen.colourful, LIMITS)
    mirror = by_mirror(mirror_disagreement(mesh, view.crop, view.points), LIMITS)
    return float(mouth_hidden(np.array([by_colour(share, LIMITS), unseen, mirror])))


@pytest.fixture(scope="module")
def see(mesh, detector):
    return lambda rgb: FaceTracker(VisionConfig(), mesh, detector).step(rgb)[0]


@pytest.mark.parametrize("gain", [(1, 1, 1), (0.4, 0.4, 0.4), (0.5, 0.4, 0.3), (0.35, 0.4, 0.5)])
def test_a_free_mouth_is_free_in_any_light(mesh, upright_view, gain):
    assert hidden(mesh, upright_view, gain) < 0.3


@pytest.mark.parametrize("colour", [(240, 240, 235), (110, 150, 220), (240, 150, 170), (40, 40, 50), (130, 200, 150)])
def test_a_disc_of_any_colour_over_the_mouth_hides_it(mesh, infant, upright_view, covered, see, colour):
    view = see(covered(infant, upright_view, colour))
    assert view.presence > 0.9
    assert hidden(mesh, view) > 0.7


def test_a_disc_in_the_face_s_own_colour_hides_the_lips(mesh, infant, upright_view, covered, see):
    """As a fist does: no red, no line between the lips."""
    x, y = upright_view.xy_px[50].round().astype(int)
    own = infant[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).mean(0).tolist()
    assert hidden(mesh, see(covered(infant, upright_view, own))) > 0.7


def test_in_a_grey_picture_the_line_between_the_lips_decides(mesh, infant, upright_view, covered, see):
    grey = np.repeat(infant.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)
    assert hidden(mesh, see(grey)) < 0.3
    assert hidden(mesh, see(covered(grey, upright_view, (170, 170, 170)))) > 0.7


def test_an_open_dark_mouth_needs_no_red_lips():
    assert lips_unseen(red=0.0, dark=1.2, colourful=0.2, config=LIMITS) < 0.1
    assert lips_unseen(red=0.0, dark=0.1, colourful=0.2, config=LIMITS) > 0.9


def test_no_hand_is_found_on_a_bare_face_and_outlines_cover_what_lies_in_them(infant, upright_view):
    finder = HandFinder()
    assert finder(infant, upright_view.roi) == []
    finder.close()
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    spots = np.array([[5, 5], [11, 5], [20, 5]], np.float32)
    assert under_hands(spots, [square], 2.0).tolist() == [True, True, False]


def test_every_landmark_has_a_partner_on_the_other_side():
    partner = mirror_index()
    assert partner[[33, 61, 1, 468]].tolist() == [263, 291, 1, 473]
    assert (partner[partner] == np.arange(478)).all()
    assert skin_mask()[SKIN_MOUTH].sum() >= len(SKIN_MOUTH) - 1
    assert not skin_mask()[LIP_OUTER].any()
