"""Occluders: whole meshes about the mouth, each split's own, coloured as asked."""

import numpy as np
import pytest

from wail.bench.composites.occluders import MAKERS, lathe, make_occluder, occluder


@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("split", ["train", "tune", "test"])
def test_every_kind_of_every_split_is_a_mesh_before_the_mouth(kind, split):
    part = make_occluder(kind, split, 5)
    assert np.isfinite(part.verts_mm).all()
    assert part.triangles.min() >= 0 and part.triangles.max() < len(part.verts_mm)
    assert part.colours.min() >= 0 and part.colours.max() <= 1
    assert np.abs(part.verts_mm[:, :2]).min(0).max() < 25, "some of it lies near the middle of the lips"


def test_the_same_seed_gives_the_same_thing_and_another_seed_another():
    one, same, other = (make_occluder("toy", "test", seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.verts_mm, same.verts_mm)
    assert one.verts_mm.shape != other.verts_mm.shape or np.abs(one.verts_mm - other.verts_mm).max() > 1


@pytest.mark.parametrize("kind", ["toy", "blanket", "fist"])
def test_own_colour_is_the_skins(kind):
    skin = np.array([0.5, 0.35, 0.25])
    part = make_occluder(kind, "tune", 3, skin)
    ratio = np.median(part.colours / skin, axis=0)
    assert np.all((ratio > 0.75) & (ratio < 1.25))


def test_a_turned_solid_faces_outwards():
    part = lathe([0, 0.1, 10, 10.1], [0, 5, 5, 0])
    a, b, c = (part.verts_mm[part.triangles[:, k]] for k in range(3))
    assert np.sum(a * np.cross(b, c)) / 6 == pytest.approx(np.pi * 25 * 10, rel=0.03), "its volume, and positive"


def test_things_come_from_a_side_of_the_face():
    for kind in MAKERS:
        assert np.linalg.norm(occluder(kind, "train", 9).away[:2]) > 0.1
