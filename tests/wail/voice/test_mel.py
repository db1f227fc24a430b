"""The mel spectrogram: where rows and bands lie, and how large they are."""

import numpy as np
import pytest

from wail.voice import mel as module
from wail.voice.mel import MelConfig, band_centres_hz, mean_and_variance, mel_filters, mel_power


def test_filters_have_unit_sum_and_peak_at_their_band():
    config = MelConfig()
    filters = mel_filters(config)
    assert filters.shape == (64, 257)
    np.testing.assert_allclose(filters.sum(1), 1, atol=1e-5)
    bins_hz = np.fft.rfftfreq(512, 1 / 16_000)
    peaks = bins_hz[filters.argmax(1)]
    assert np.abs(peaks - band_centres_hz(config)).max() < 32


@pytest.mark.parametrize("hz", [300, 1000, 4000])
def test_a_tone_is_loudest_in_its_band(hz):
    wave = np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000).astype(np.float32)
    row = mel_power(wave, MelConfig())[30]
    centres = band_centres_hz(MelConfig())
    assert abs(centres[row.argmax()] - hz) == np.abs(centres - hz).min()


def test_rows_are_centred_on_half_hops():
    wave = np.zeros(16_000, np.float32)
    wave[40 * 256 + 128] = 1.0
    power = mel_power(wave, MelConfig()).sum(1)
    assert power.argmax() == 40
    np.testing.assert_allclose(power[39], power[41], rtol=1e-4)


def test_blocks_give_the_rows_of_one_piece(monkeypatch):
    wave = np.random.default_rng(1).standard_normal(20_001).astype(np.float32)
    whole = mel_power(wave, MelConfig())
    monkeypatch.setattr(module, "BLOCK_FRAMES", 7)
    np.testing.assert_allclose(mel_power(wave, MelConfig()), whole, rtol=1e-5)


def test_mean_and_variance_of_a_wave_that_takes_several_stretches():
    wave = np.random.default_rng(1).standard_normal(1_500_000).astype(np.float32) * 3 + 1
    assert mean_and_variance(wave) == (pytest.approx(wave.mean(dtype=float)), pytest.approx(wave.var(dtype=float)))
    assert mean_and_variance(np.zeros(0, np.float32)) == (0.0, 0.0)
