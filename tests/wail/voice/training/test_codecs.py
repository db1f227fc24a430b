"""Real encoders: what comes back has its length and its place on the clock, and is not what went in."""

import numpy as np
import pytest

from wail.voice.training import synth
from wail.voice.training.codecs import AAC_LOW, AMR_LOW, CHAINS, G711, MP3_LOW, OPUS_LOW, delay_samples, round_trip

WAVE = 0.5 * synth.cry(np.random.default_rng(1), 3.0).wave


@pytest.mark.parametrize("codec", [AMR_LOW, AAC_LOW, OPUS_LOW, MP3_LOW, G711], ids=lambda codec: codec.name)
def test_a_round_trip_keeps_length_and_clock_and_changes_the_sound(codec):
    out = round_trip(WAVE, codec)
    assert out.shape == WAVE.shape and out.dtype == np.float32
    assert abs(delay_samples(WAVE, out)) <= 8
    before, after = (np.sqrt(np.square(each).reshape(-1, 800).mean(1)) for each in (WAVE, out))
    assert np.corrcoef(before, after)[0, 1] > 0.95
    assert np.abs(out - WAVE).max() > 0.01


def test_telephones_leave_nothing_above_4_khz():
    power = np.abs(np.fft.rfft(round_trip(WAVE, AMR_LOW))) ** 2
    hz = np.fft.rfftfreq(len(WAVE), 1 / 16_000)
    assert power[hz > 4200].sum() < 1e-4 * power.sum()
    original = np.abs(np.fft.rfft(WAVE)) ** 2
    assert original[hz > 4200].sum() > 1e-3 * original.sum()


def test_a_delay_is_measured_to_both_sides():
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    late, early = np.pad(noise, (37, 0)), noise[25:]
    assert (delay_samples(noise, late), delay_samples(noise, early), delay_samples(noise, noise)) == (37, -25, 0)


def test_the_chains_hold_what_the_issue_asks_for():
    names = " ".join(codec.name for chain in CHAINS for codec in chain)
    assert all(kind in names for kind in ("AMR", "AAC", "Opus"))
    assert () in CHAINS and any(len(chain) == 2 for chain in CHAINS)
