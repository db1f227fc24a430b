import numpy as np
import pytest

from wail.samples.occluders import Cover, hand, hand_turn, pacifier
from wail.samples.shapes import capsule, ellipsoid, join, torus


def volume(part):
    a, b, c = (part.verts_mm[part.triangles[:, k]] for k in range(3))
    return np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6


def test_shapes_face_outwards_and_have_about_their_volume():
    assert np.isclose(volume(ellipsoid((10, 20, 30), (1, 0, 0))), 4 / 3 * np.pi * 6000, rtol=0.05)
    assert np.isclose(volume(torus(20, 4, (1, 0, 0))), 2 * np.pi**2 * 20 * 16, rtol=0.1)
    tube = volume(capsule((0, 0, 0), (0, 0, 50), 10, 10, (1, 0, 0)))
    assert np.isclose(tube, np.pi * 100 * 50 + 4 / 3 * np.pi * 1000, rtol=0.06)


def test_join_keeps_every_triangle_on_its_own_part():
    whole = join([ellipsoid((1, 1, 1), (1, 0, 0)), ellipsoid((1, 1, 1), (0, 1, 0)).moved(shift_mm=(9, 0, 0))])
    for triangle in whole.triangles[[0, -1]]:
        assert len({tuple(c) for c in whole.colours[triangle]}) == 1
    assert whole.verts_mm[:, 0].max() == pytest.approx(10, abs=0.01)


def test_hand_has_a_hands_size_and_turns_its_back_to_the_camera():
    part = hand((0.8, 0.6, 0.5))
    size = np.ptp(part.verts_mm[part.verts_mm[:, 1] > -50], axis=0)
    assert 90 < size[0] < 150 and 150 < size[1] < 200
    assert np.allclose(hand_turn(0.0) @ [0, 0, 1], [0, 0, -1])
    assert np.allclose(hand_turn(90.0) @ [0, 1, 0], [1, 0, 0], atol=1e-9)


def test_pacifier_is_larger_than_the_lips_and_lies_in_front():
    part = pacifier((0.2, 0.5, 0.7), (1, 0.8, 0.2))
    assert np.ptp(part.verts_mm[:, 0]) > 44
    assert part.verts_mm[:, 2].max() > 15


def test_cover_is_in_place_exactly_between_its_times():
    cover = Cover("hand", 2.0, 4.0, travel_s=0.5)
    assert cover.presence(1.5) == 0 and cover.presence(4.5) == 0
    assert cover.presence(2.0) == 1 and cover.presence(4.0) == 1
    assert 0 < cover.presence(1.75) < 1
