"""Separation is measured against the infant alone, at 0 dB, with real separators that are better or worse."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.signal import istft, stft

from wail.bench import voice_stem
from wail.bench.held import Held
from wail.bench.recordings import INFANT, Recording, read_part
from wail.bench.rows import NotMeasured
from wail.bench.voice_stem import Pair, pairs, separator
from wail.voice.separate import Missing
from wail.voice.si_sdr import si_sdr


@dataclass
class IdealWiener:
    """The Wiener filter of the true parts: the best mask there is, as a separator."""

    pairs: list[Pair]
    name: str = "ideal Wiener filter"

    def stem(self, wave, rate_hz):
        assert rate_hz == 16_000
        (one,) = [pair for pair in self.pairs if pair.mix.tobytes() == wave.tobytes()]
        infant, rest, mix = (stft(x, 16_000, nperseg=512)[2] for x in (one.infant, one.mix - one.infant, wave))
        mask = np.abs(infant) ** 2 / (np.abs(infant) ** 2 + np.abs(rest) ** 2 + 1e-12)
        return istft(mask * mix, 16_000, nperseg=512)[1][: len(wave)].astype(np.float32)


@dataclass
class Noisy:
    """A separator that does harm."""

    name: str = "noise"

    def stem(self, wave, rate_hz):
        return (wave + np.random.default_rng(0).standard_normal(len(wave)) * np.std(wave)).astype(np.float32)


@pytest.fixture(scope="module")
def made(data):
    return pairs(read_part(data, "tune"), voice_stem.SEEDS["tune"], 2)


@pytest.fixture
def held(data, monkeypatch):
    monkeypatch.setattr(voice_stem, "pairs", lambda entries, seed: pairs(entries, seed, 2))
    return lambda model: Held(data, "tune", lambda: model)


def test_infant_and_background_have_the_same_energy_so_the_mix_is_at_0_db(made):
    assert [one.kind for one in made] == ["speech"] * 2 + ["music"] * 2 + ["tv"] * 2 + ["noise"] * 2
    for one in made:
        assert one.mix.shape == one.infant.shape == (128_000,) and np.abs(one.mix).max() <= 1
        assert np.std(one.infant) == pytest.approx(np.std(one.mix - one.infant), rel=1e-3)
        assert si_sdr(one.mix, one.infant) == pytest.approx(0, abs=1.5)


def test_pairs_are_seeded(data, made):
    again = pairs(read_part(data, "tune"), voice_stem.SEEDS["tune"], 2)
    assert [one.mix.tobytes() for one in again] == [one.mix.tobytes() for one in made]


def test_an_ideal_filter_gains_and_one_that_does_harm_loses(held, made):
    good, bad = separator(held(IdealWiener(made))), separator(held(Noisy()))
    assert len(good) == len(bad) == 4
    assert all(value > 5 and "0 got worse" in note for value, note in good.values())
    assert all(value < 0 and "2 got worse" in note for value, note in bad.values())


def test_a_stem_of_another_length_is_a_defect(held):
    @dataclass
    class Short:
        name: str = "short"

        def stem(self, wave, rate_hz):
            return wave[:-1]

    with pytest.raises(ValueError, match="short gave a stem of shape"):
        separator(held(Short()))


def test_without_a_separator_the_reason_is_given(held):
    with pytest.raises(NotMeasured, match="no weights: train them"):
        separator(held(Missing("no weights", "train them")))


def test_the_target_is_silent_outside_the_annotated_time():
    truth = np.zeros((300, 5), np.float32)
    truth[100:200, INFANT] = 1
    one = Recording(np.ones(48_000, np.float32), truth, "x", "cry")
    target = voice_stem.gated(one)
    assert not target[: 100 * 160 - 1700].any() and not target[200 * 160 + 1700 :].any()
    assert target[16_000:32_000] == pytest.approx(1, abs=0.01)


def test_a_recording_with_a_loud_room_is_no_target():
    truth = np.zeros((200, 5), np.float32)
    truth[:100, INFANT] = 1
    wave = np.r_[np.ones(16_000), np.full(16_000, 0.5)].astype(np.float32)
    assert voice_stem.own_snr_db(Recording(wave, truth, "x", "cry")) == pytest.approx(6.02, abs=0.01)
    assert voice_stem.own_snr_db(Recording(wave, truth * 0, "x", "cry")) == float("-inf")
