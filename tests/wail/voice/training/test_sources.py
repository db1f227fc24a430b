"""What examples are mixed from."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from wail.voice.training import sources, synth
from wail.voice.training.corpus import Entry
from wail.voice.training.sources import Recording

INFANT, CRY, LAUGH, BABBLE, ADULT = range(5)


@pytest.fixture
def entries(tmp_path) -> list[Entry]:
    rng, out = np.random.default_rng(0), []
    for label, name in (("cry", "c"), ("adult_speech", "a"), ("music", "m"), ("noise", "Dog_bark"), ("noise", "rain")):
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, synth.adult_talk(rng, 2.0).wave, 16_000)
        spans = ((0.5, 1.0, label),) if label in ("cry", "adult_speech") else ()
        out.append(Entry(Path(path), label, name, "MIT", 2.0, spans))
    return out


def test_recordings_carry_their_labels_and_speeds_move_them(entries):
    bank = sources.recordings(entries)
    cry = bank["cry"][0]
    assert len(cry.label) == 125 and np.nanmax(cry.label[:, CRY]) == 1
    slow = sources.at_speed(cry, 20, 17)
    assert len(slow.wave) == pytest.approx(32_000 / 0.85, abs=2)
    began = np.flatnonzero(slow.label[:, CRY] == 1)[0] * 0.016
    assert began == pytest.approx(0.5 / 0.85, abs=0.05)
    assert sources.at_speed(cry, 1, 1) is cry


def test_strangers_out_of_recordings_are_no_infants(entries):
    bank = sources.strangers_of(entries * 8, np.random.default_rng(0))
    assert set(bank) == {"raised voice", "animal", "bent music", "slow cry"}
    assert len(bank["animal"]) == 6 * 8  # the rain is none
    for recording in (r for all_ in bank.values() for r in all_):
        assert np.nanmax(recording.label[:, :ADULT]) == 0
        assert len(recording.label) == -(-len(recording.wave) // 256)
    assert bank["raised voice"][0].label[:, ADULT].max() == 1
    assert len(bank["slow cry"][0].wave) == 64_000


def test_synthetic_voices_are_marked_by_kind_and_strangers_are_not():
    bank = sources.synthetic(np.random.default_rng(0), 1, 2.0)
    assert len(bank["cat"]) == 2 and len(bank["dog"]) == 1
    assert bank["synthetic laugh"][0].label[:, [INFANT, LAUGH]].max(0).tolist() == [1, 1]
    assert bank["synthetic laugh"][0].label[:, [CRY, BABBLE, ADULT]].max() == 0
    assert bank["motherese"][0].label[:, ADULT].max() == 1 and bank["cat"][0].label.max() == 0


def test_pictures_of_recordings_come_at_three_speeds(entries):
    cat = Recording(np.zeros(5000, np.float32), np.zeros((20, 5), np.float32))
    bank = {"cry": sources.recordings(entries)["cry"], "cat": [cat]}
    found = sources.pictures(bank)
    assert (len(found["cry"]), len(found["cat"])) == (3, 1)
    assert all(len(p.power) == len(p.label) and p.power.shape[1] == 64 for all_ in found.values() for p in all_)


def test_bent_music_glides():
    tone = np.sin(2 * np.pi * 400 * np.arange(32_000) / 16_000).astype(np.float32)
    bent = sources.bend(tone, np.random.default_rng(1))
    crossings = np.abs(np.diff(np.signbit(bent).astype(int))).reshape(-1)[: 31_990].reshape(10, -1).sum(1)
    assert bent.shape == tone.shape and crossings.max() > 1.4 * crossings.min()


def test_other_infants_keep_the_labels_and_the_clock_of_the_cry(entries):
    cry = sources.recordings(entries)["cry"][0]
    other = sources.other_infants(entries, np.random.default_rng(0))["varied cry"][0]
    assert other.wave.shape == cry.wave.shape and not np.allclose(other.wave, cry.wave, atol=0.01)
    np.testing.assert_array_equal(other.label, cry.label)
    before, after = (np.sqrt(np.square(each.wave).reshape(-1, 1600).mean(1)) for each in (cry, other))
    assert np.corrcoef(before, after)[0, 1] > 0.8
