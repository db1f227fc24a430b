"""Pitch is raised, resonances stay, the clock too."""

import numpy as np
import pytest

from wail.voice.training.source_filter import RATE_HZ, Voice, voiced
from wail.voice.training.vocoder import revoiced, stretch


def spacing_hz(wave: np.ndarray) -> float:
    """Distance of the harmonics: the lag of the autocorrelation's peak."""
    middle = wave[len(wave) // 4 : len(wave) // 2].astype(float)
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    return RATE_HZ / (20 + int(correlation[20:200].argmax()))


def test_the_pitch_is_raised_and_the_resonance_stays():
    voice = Voice(np.array([[1500.0]]), -3, 0.01, 0.0)
    wave = voiced(np.random.default_rng(0), np.full(2 * RATE_HZ, 160.0), voice).astype(np.float32)
    out = revoiced(wave, 2.0)
    assert out.shape == wave.shape and out.dtype == np.float32
    assert spacing_hz(wave) == pytest.approx(160, rel=0.05)
    assert spacing_hz(out) == pytest.approx(320, rel=0.05)
    power = np.abs(np.fft.rfft(out[8000:24_000])) ** 2
    assert 1200 < np.argmax(power) < 1800  # 1 Hz a bin; without correction it would be near 3000


def test_stretching_changes_the_length_and_not_the_pitch():
    tone = np.sin(2 * np.pi * 300 * np.arange(RATE_HZ) / RATE_HZ)
    longer = stretch(tone, 1.7)
    assert len(longer) == round(1.7 * RATE_HZ)
    power = np.abs(np.fft.rfft(longer))
    assert np.argmax(power) * RATE_HZ / len(longer) == pytest.approx(300, abs=6)
