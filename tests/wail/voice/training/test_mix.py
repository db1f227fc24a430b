"""Examples mixed on pictures and on waves."""

import numpy as np
import pytest

from wail.voice.mel import mel_power
from wail.voice.network import MEL, OUTPUTS
from wail.voice.training import mix, scenes, sources, synth
from wail.voice.training.sources import Recording

INFANT, CRY, LAUGH, BABBLE, ADULT = range(5)


@pytest.fixture(scope="module")
def bank() -> sources.Bank:
    rng = np.random.default_rng(0)
    found = sources.synthetic(rng, 1, 3.0)
    noise = (0.1 * rng.standard_normal(48_000)).astype(np.float32)
    found["noise"] = [Recording(noise, np.zeros((188, 5), np.float32))]
    return found


def test_powers_of_independent_sounds_add_in_the_mel_picture():
    a, b = synth.cry(np.random.default_rng(1), 4.0).wave, synth.adult_talk(np.random.default_rng(2), 4.0).wave
    mixed, added = mel_power(a + b, MEL), mel_power(a, MEL) + mel_power(b, MEL)
    assert mixed.sum() / added.sum() == pytest.approx(1, abs=0.05)


def test_examples_of_both_kinds_have_labels_of_0_1_or_unknown(bank):
    rng, pictures, seen = np.random.default_rng(1), sources.pictures(bank), set()
    composed = scenes.scenes(bank, 3, rng)
    pairs = [mix.example(pictures, rng) for _ in range(30)] + [scenes.varied(scene, rng) for scene in composed]
    for log_mel, label in pairs:
        assert log_mel.shape == (500, 64) and log_mel.dtype == np.float32 and np.isfinite(log_mel).all()
        assert label.shape == (250, len(OUTPUTS))
        seen |= set(np.unique(label[~np.isnan(label)]))
        assert (label[:, INFANT][label[:, CRY] == 1] == 1).all()
    assert seen == {0.0, 1.0}


def test_a_scene_is_loud_where_its_labels_say_so(bank):
    silence = Recording(np.zeros(48_000, np.float32), np.zeros((188, 5), np.float32))
    only = {"synthetic cry": bank["synthetic cry"], "noise": [silence]}
    rng, inside, outside = np.random.default_rng(2), [], []
    for _ in range(9):
        wave, label = scenes.compose(only, rng)
        if not label.any():
            continue  # nobody sounds in it: a faint noise, at any level
        power = np.square(wave).reshape(-1, 256).mean(1) / np.square(wave).max()
        inside += power[label[:, CRY] == 1].tolist()
        outside += power[label[:, CRY] == 0].tolist()
        assert wave.shape == (128_000,) and np.abs(wave).max() <= 1
    assert np.mean(inside) > 5 * np.mean(outside)


def test_scenes_are_seeded_and_go_through_their_codecs(bank):
    first, again = (scenes.scenes(bank, 3, np.random.default_rng(4)) for _ in range(2))
    assert len(first) == 3
    for a, b in zip(first, again, strict=True):
        assert a[0].tobytes() == b[0].tobytes() and a[1].tobytes() == b[1].tobytes()


def test_one_wins_over_unknown_and_unknown_over_nought_in_steps_and_layers():
    rows = np.zeros((4, 5), np.float32)
    rows[1, CRY], rows[2, CRY], rows[3, ADULT] = 1, np.nan, np.nan
    steps = mix.by_step(rows)
    assert steps[0, CRY] == 1 and np.isnan(steps[1, CRY]) and np.isnan(steps[1, ADULT]) and steps[0, ADULT] == 0
    label = np.zeros((3, 5), np.float32)
    label[:, CRY] = [1, np.nan, 0]
    mix.mark(label, np.full((3, 5), np.nan, np.float32), 0)
    assert label[0, CRY] == 1 and np.isnan(label[1:, CRY]).all()


def test_levels_of_layers_are_of_the_infants_time_where_it_is_marked():
    marks = np.zeros((4, 5), np.float32)
    marks[0, CRY] = 1
    total = np.array([4.0, 100.0, 1.0, 1.0], np.float32)
    assert mix.level_of(total, marks) == 4.0
    assert mix.level_of(total, np.zeros((4, 5), np.float32)) == 100.0


def test_every_name_of_the_tables_is_made_by_the_sources():
    made = {*sources.VOICES, *sources.STRANGERS, "cry", "varied cry", "coo_babble", "adult_speech", "music", "noise",
            "raised voice", "animal", "bent music", "slow cry"}  # fmt: skip
    assert {*mix.INFANTS, *mix.STRANGERS, *mix.BACKGROUNDS} <= made
