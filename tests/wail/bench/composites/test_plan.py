"""The design of the composites: enough of everything, and nothing that two splits share."""

from collections import Counter

import pytest

from wail.bench.composites.backgrounds import BACKGROUNDS
from wail.bench.composites.occluders import SHIELDS, TOYS
from wail.bench.composites.patterns import PATTERNS
from wail.bench.composites.plan import BANDS, LIGHTS, OCCLUDERS, PHASES, plan


def test_at_least_300_clips_with_every_occluder_in_every_phase():
    shots = plan("test")
    assert len(shots) >= 300
    counts = Counter((shot.occluder, shot.phase) for shot in shots if shot.part == "occluded")
    assert set(counts) == {(kind, phase) for kind in OCCLUDERS for phase in PHASES}
    assert min(counts.values()) >= 4


def test_every_light_meets_every_skin_without_an_occluder():
    clean = Counter((shot.light, shot.cast[0].band) for shot in plan("test") if shot.part == "clean")
    assert set(clean) == {(light, band) for light in LIGHTS for band in BANDS}


def test_every_occluder_also_comes_in_the_colour_of_the_face():
    assert {shot.occluder for shot in plan("test") if shot.own_colour and shot.part == "occluded"} == set(OCCLUDERS)


def test_splits_share_no_seed_and_no_family_of_shapes_but_plain_cloth():
    seeds = [{shot.seed for shot in plan(split)} | {one.seed for shot in plan(split) for one in shot.cast}
             for split in ("train", "tune", "test")]  # fmt: skip
    assert not (seeds[0] & seeds[1] or seeds[0] & seeds[2] or seeds[1] & seeds[2])
    for families, common in ((BACKGROUNDS, {"printed"}), (PATTERNS, {"plain"}), (TOYS, set()), (SHIELDS, set())):
        for a, b in (("train", "tune"), ("train", "test"), ("tune", "test")):
            assert set(families[a]) & set(families[b]) == common, (a, b)


def test_the_first_shots_are_those_of_a_longer_plan():
    assert plan("tune", 20) == plan("tune")[:20]
    assert len({shot.part for shot in plan("tune", 40)}) >= 6, "any beginning is a mixture"
    longer = plan("tune", 400)
    assert longer[:343] == plan("tune"), "and beyond the design it goes on with new seeds"
    assert len({shot.seed for shot in longer}) == 400


def test_rolls_go_all_the_way_round():
    rolls = sorted(shot.cast[0].keys[0].roll_deg % 360 for shot in plan("test") if shot.part == "roll")
    gaps = [b - a for a, b in zip(rolls, [*rolls[1:], rolls[0] + 360], strict=True)]
    assert max(gaps) <= 20


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match=r"no split 'dev'.*train, tune, test"):
        plan("dev")
