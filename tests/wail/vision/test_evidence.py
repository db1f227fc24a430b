"""A covered mouth is seen as covered, although the mesh under it looks whole."""

import numpy as np
import pytest

from wail.vision import fusion
from wail.vision.config import VisionConfig
from wail.vision.evidence import look, mouth_line, no_line, odd_colour, one_sided
from wail.vision.evidence_mesh import doubt
from wail.vision.hands import HandFinder
from wail.vision.hands import covered as under_hands
from wail.vision.occlusion import OcclusionNet
from wail.vision.regions import LIP_OUTER, LIPS, SKIN_MOUTH, mirror_index, skin_mask
from wail.vision.tracks import FaceTracker

EVERYWHERE = np.ones(478, bool)


def hidden(mesh, view, gain=(1.0, 1.0, 1.0)) -> float:
    """Probability that the mouth of a view is hidden, in light of some colour."""
    crop = np.clip(view.crop * np.array(gain), 0, 255).astype(np.uint8)
    seen = look(crop, view.points)
    measured = {"line": no_line(seen), "texture": seen.roughness,
                "mesh": (doubt(mesh, view.crop, view.points, 0) + doubt(mesh, view.crop, view.points, 1)) / 2}
    measured["network"] = float(OcclusionNet().covered(crop, view.points)[LIPS].mean())
    if seen.colourful >= VisionConfig().min_colourful:
        measured |= {"colour": odd_colour(seen, EVERYWHERE, 5.0), "lips": -seen.lip_red,
                     "symmetry": one_sided(seen, EVERYWHERE)}
    return float(fusion.hidden(fusion.log_odds(measured, fusion.Fusion()), fusion.Fusion()))


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


def test_the_line_between_the_lips_lies_where_the_mesh_has_it_until_something_covers_it(
    infant, upright_view, covered, see
):
    dark, off = mouth_line(upright_view.crop, upright_view.points)
    assert dark > 0.2
    assert off < 0.1
    ramp = np.repeat(np.linspace(50, 200, 192).astype(np.uint8)[:, None], 192, 1)[..., None].repeat(3, 2)
    assert mouth_line(ramp, upright_view.points)[1] > 0.2


def test_light_of_two_colours_is_no_foreign_colour(upright_view):
    tint = np.where(np.arange(192)[None, :, None] < 96, [1.0, 0.8, 0.7], [0.7, 0.8, 1.0])
    free = odd_colour(look(upright_view.crop, upright_view.points), EVERYWHERE, 5.0)
    seen = look((upright_view.crop * tint).astype(np.uint8), upright_view.points)
    assert odd_colour(seen, EVERYWHERE, 5.0) < max(1.5, 1.5 * free)
    assert one_sided(seen, EVERYWHERE) < 0.1


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
