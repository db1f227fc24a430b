"""Rooms and codecs change the sound, not its time."""

import numpy as np
import pytest

from wail.bench.degrade import CODECS, degraded, reverberate
from wail.voice.training import synth


@pytest.fixture(scope="module")
def cry():
    return synth.cry(np.random.default_rng(4), 4.0).wave


def test_a_room_rings_after_the_sound_and_not_before(cry):
    burst = np.zeros(32_000, np.float32)
    burst[8000:8160] = 0.5
    wet = reverberate(burst, np.random.default_rng(1))
    assert wet.shape == burst.shape and wet.dtype == np.float32
    assert np.abs(wet[:7990]).max() < 1e-6 and np.abs(wet[8400:10_000]).max() > 0.01
    assert np.abs(wet).max() == pytest.approx(0.5)


@pytest.mark.parametrize("k", range(len(CODECS)))
def test_a_degraded_cry_is_heard_at_its_own_time(cry, k):
    heard = degraded(cry, k, np.random.default_rng(2))
    assert heard.shape == cry.shape and not np.array_equal(heard, cry)
    alike = [np.corrcoef(heard, np.roll(cry, shift))[0, 1] for shift in (-160, 0, 160)]
    assert alike[1] == max(alike) and alike[1] > 0.5
