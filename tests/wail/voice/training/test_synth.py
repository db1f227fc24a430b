"""Synthetic sounds: seeded, in range, and each what its name says as far as numbers can tell."""

import numpy as np
import pytest
from scipy.signal import stft

from wail.voice.training import synth, synth_alarms, synth_animals, synth_music
from wail.voice.training.source_filter import RATE_HZ, Voice, arch, ramp, through, voiced
from wail.voice.training.sources import STRANGERS, VOICES


def rng(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", [*VOICES, *STRANGERS])
def test_synthetic_sounds_are_seeded_finite_and_within_full_scale(name):
    make = {**VOICES, **STRANGERS}[name]
    first, again, other = (make(rng(seed), 2.5) for seed in (3, 3, 4))
    assert first.wave.dtype == np.float32 and first.wave.shape == first.active.shape == (40_000,)
    assert 0.3 < np.abs(first.wave).max() <= 0.51
    assert first.wave.tobytes() == again.wave.tobytes() != other.wave.tobytes()
    # Strangers are nobody's voice: their sound is never marked.
    assert first.active.any() == (name in VOICES)


def test_harmonics_lie_at_multiples_of_f0_and_rise_at_the_resonance():
    wave = voiced(rng(), np.full(RATE_HZ, 400.0), Voice(np.array([[2000.0]]), -6, 0.0, 0.0))
    power = np.abs(np.fft.rfft(wave)) ** 2
    harmonics = power[400:7800:400]
    assert harmonics.sum() / power.sum() > 0.99
    assert np.argmax(harmonics) == 4  # 2000 Hz, the fifth


def test_resonances_move_along_their_path():
    voice = Voice(np.array([[1000.0], [4000.0]]), 0, 0.0, 0.0)
    wave = voiced(rng(), np.full(RATE_HZ, 200.0), voice)
    hz, _, spectrum = stft(wave, RATE_HZ, nperseg=2048)
    centre = (hz[:, None] * np.abs(spectrum) ** 2).sum(0) / (np.abs(spectrum) ** 2).sum(0)
    assert centre[-3] > 1.7 * centre[2]


def test_an_arch_is_0_at_the_ends_1_at_its_peak_and_a_path_meets_its_points():
    u = ramp(1.0)
    assert arch(u, 0.3)[[0, -1]].tolist() == [0, 0] and arch(u, 0.3).max() == pytest.approx(1, abs=1e-6)
    assert u[arch(u, 0.3).argmax()] == pytest.approx(0.3, abs=1e-3)
    np.testing.assert_allclose(through([1, 3, 2], u)[[0, 8000, -1]], [1, 3, 2], atol=1e-3)
    assert through([2.0], u).tolist() == [2.0] * len(u)


def longest_s(wave: np.ndarray) -> float:
    """The longest stretch without a pause of 0.1 s."""
    loud = np.abs(wave).reshape(-1, 1600).max(1) > 0.05
    edges = np.flatnonzero(np.diff(np.r_[False, loud, False].astype(int)))
    return 0.1 * float((edges[1::2] - edges[::2]).max())


def test_a_cry_breathes_and_most_sirens_do_not():
    cries, sirens = ([longest_s(make(rng(k), 4.0).wave) for k in range(7)] for make in (synth.cry, synth_alarms.siren))
    assert max(cries) < 3.5
    assert np.median(sirens) > 1.5 * np.median(cries)


def test_a_cats_calls_lie_apart():
    quiet = [(np.abs(synth_animals.cat(rng(k), 4.0).wave).reshape(-1, 1600).max(1) < 0.05).mean() for k in range(12)]
    assert np.median(quiet) > 0.25


def test_horns_hold_their_pitch_and_wails_glide():
    time_s = np.arange(6 * RATE_HZ) / RATE_HZ
    f0 = synth_alarms._wail(rng(), time_s)
    assert f0.max() / f0.min() > 1.4
    assert np.abs(np.diff(f0)).max() < 2  # Hz a sample: it glides, it never jumps
    steady = synth_alarms._high_low(rng(), time_s)
    assert (np.abs(np.diff(steady)) < 1e-9).mean() > 0.8


def test_songs_keep_to_the_notes_of_a_scale_apart_from_vibrato_and_slurs():
    notes = synth_music._melody(rng(5), 6.0, 220.0)
    ends = np.array([12 * np.log2(np.median(f0[len(f0) // 2 :]) / 220) for _, length, f0 in notes if length > 0.3])
    assert len(ends) > 2
    assert np.abs(ends - ends.round()).max() < 0.35


def test_a_laugh_beats_at_3_to_7_a_second_more_than_a_cry():
    def beating(wave: np.ndarray) -> float:
        level = np.abs(wave).reshape(-1, 320).mean(1)
        power = np.abs(np.fft.rfft(level - level.mean())) ** 2
        hz = np.fft.rfftfreq(len(level), 0.02)
        return float(power[(hz > 3) & (hz < 7.5)].sum() / power.sum())

    laughs, cries = ([beating(make(rng(k), 4.0).wave) for k in range(6)] for make in (synth.laugh, synth.cry))
    assert np.median(laughs) > 2 * np.median(cries)
