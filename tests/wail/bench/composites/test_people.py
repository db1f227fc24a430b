"""The people of the composites: as varied as people are, by published distances, and no face in two splits."""

import numpy as np
import pytest

from wail.bench.composites.grown import CANONICAL, MEN, WOMEN, adult_landmarks, adult_warp, child_warp, draw_adult
from wail.bench.composites.people import BAND_ITA_DEG, Actor, ita_deg, make_actor, skin_band
from wail.errors import ConfigError
from wail.inface.standin.muscles import MUSCLES, activation
from wail.inface.standin.rest import load_rest


def height(actor: Actor) -> float:
    """From the eye line to the nose's foot, in outer eye distances."""
    rest = actor.neutral_mm
    return float((rest[[33, 133, 362, 263], 1].mean() - rest[2, 1]) / actor.interocular_mm)


@pytest.fixture(scope="module")
def people() -> dict[str, list[Actor]]:
    return {kind: [make_actor(kind, "train", seed) for seed in range(4)] for kind in ("infant", "child", "adult")}


def test_faces_are_those_of_their_age(people):
    means = {kind: np.mean([height(actor) for actor in actors]) for kind, actors in people.items()}
    assert means["infant"] < 0.40 < min(means["child"], means["adult"])
    ages = {kind: [actor.age_years for actor in actors] for kind, actors in people.items()}
    assert max(ages["infant"]) <= 2 < min(ages["child"]) <= max(ages["child"]) < 18 <= min(ages["adult"])
    assert 60 < np.mean([actor.interocular_mm for actor in people["infant"]]) < 85


def test_the_same_seed_is_the_same_face_and_another_split_another(people):
    first = people["adult"][0]
    make_actor.__globals__["_cached"].cache_clear()
    again, other = make_actor("adult", "train", 0), make_actor("adult", "test", 0)
    np.testing.assert_array_equal(first.neutral_mm, again.neutral_mm)
    np.testing.assert_array_equal(first.person.colours, again.person.colours)
    assert np.abs(first.neutral_mm - other.neutral_mm).max() > 1
    assert first.tones != other.tones


def test_a_band_asked_for_is_given_to_the_same_face():
    plain = make_actor("infant", "tune", 3)
    for band in ("light", "medium", "dark"):
        actor = make_actor("infant", "tune", 3, band)
        assert actor.skin_band == band == skin_band(actor.tones.skin)
        np.testing.assert_array_equal(actor.neutral_mm, plain.neutral_mm)
    assert ita_deg((0.96, 0.93, 0.89)) > BAND_ITA_DEG[0] > BAND_ITA_DEG[1] > ita_deg((0.16, 0.14, 0.13))


def test_jaws_open_and_lids_close_on_everybody(people):
    for actors in people.values():
        verts = actors[0].verts(np.stack([np.zeros(len(MUSCLES)), activation(jaw_open=1.0, lid_close=1.0)]))
        mouth, lids = (np.linalg.norm(verts[:, a] - verts[:, b], axis=1) for a, b in ((13, 14), (159, 145)))
        assert mouth[1] > mouth[0] + 10
        assert lids[1] < 0.35 * lids[0]


def test_adults_have_the_distances_asked_for():
    for measures in (MEN, WOMEN):
        marks = adult_landmarks(measures)
        face = adult_warp(measures)(load_rest().verts_mm)
        assert -2 * marks[33][0] == pytest.approx(measures.ex_ex)
        assert marks[2][1] - marks[152][1] == pytest.approx(measures.sn_sto + measures.sto_gn)
        assert np.linalg.norm(face[33] - face[263]) == pytest.approx(measures.ex_ex, abs=2.0)
        assert face[2, 1] - face[152, 1] == pytest.approx(measures.sn_sto + measures.sto_gn, abs=2.0)
    unmoved = adult_landmarks(CANONICAL)
    assert unmoved[152] == pytest.approx([0, -94.0, 42.6])


def test_children_grow_into_their_adult():
    measures = draw_adult(np.random.default_rng(1), male=True)
    rest = load_rest().verts_mm
    faces = [child_warp(measures, age)(rest) for age in (3, 6, 12, 18)]
    noses = [face[33, 1] - face[2, 1] for face in faces]
    assert noses == sorted(noses)
    np.testing.assert_allclose(faces[-1][:468], adult_warp(measures)(rest)[:468], atol=0.5)


def test_unknown_people_are_refused():
    with pytest.raises(ConfigError, match=r"no people 'toddler'; choose one of infant, child, adult"):
        make_actor("toddler", "train", 0)
