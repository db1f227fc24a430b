"""Rooms and codecs change the sound, not its time."""

import numpy as np
import pytest

from wail.bench.degrade import CODECS, reverberate, through_codec
from wail.voice.training import synth


@pytest.fixture(scope="module")
def cry():
    return synth.cry(np.random.default_rng(4), 4.0).wave


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_gives_the_sound_back_on_its_clock(cry, codec):
    heard = through_codec(cry, codec)
    assert heard.shape == cry.shape and heard.dtype == np.float32
    alike = [np.corrcoef(heard, np.roll(cry, shift))[0, 1] for shift in (-160, 0, 160)]
    assert alike[1] > 0.8 and alike[1] == max(alike)
    assert not np.array_equal(heard, cry)


def test_a_narrow_codec_leaves_nothing_above_four_kilohertz(cry):
    noise = (np.random.default_rng(0).standard_normal(32_000) * 0.1).astype(np.float32)
    power = np.abs(np.fft.rfft(through_codec(noise, "amr_nb"))) ** 2
    hz = np.fft.rfftfreq(32_000, 1 / 16_000)
    assert power[hz > 4200].sum() < 1e-3 * power[hz < 3400].sum()


def test_a_room_rings_after_the_sound_and_not_before(cry):
    burst = np.zeros(32_000, np.float32)
    burst[8000:8160] = cry[8000:8160] / np.abs(cry[8000:8160]).max()
    wet = reverberate(burst, np.random.default_rng(1))
    assert wet.shape == burst.shape and np.abs(wet[:7990]).max() < 1e-6
    assert np.abs(wet[8400:10_000]).max() > 0.01
