"""Rooms and band limits keep the clock and do what they say."""

import numpy as np
import pytest

from wail.voice.training.rooms import channel_gain, impulse_response, through_channel


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_direct_sound_is_first_and_of_unit_level_and_the_tail_dies():
    for seed in range(20):
        response = impulse_response(rng(seed))
        assert response[0] == 1.0 and np.isfinite(response).all()
        n = len(response)
        assert 0.1 * 16_000 <= n <= 16_000
        first, last = (np.sum(part**2) for part in (response[n // 4 : n // 2], response[-n // 4 :]))
        assert last < 0.1 * first


def test_a_click_stays_in_its_place_and_the_length_too():
    click = np.zeros(8000, np.float32)
    click[2000] = 1.0
    for seed in range(10):
        out = through_channel(click, rng(seed), wet=1.0)
        assert out.shape == (8000,) and out.dtype == np.float32
        assert abs(int(np.abs(out).argmax()) - 2000) <= 3


def test_channels_differ_and_are_seeded():
    hz = np.linspace(0, 8000, 100)
    assert channel_gain(rng(1), hz).tobytes() == channel_gain(rng(1), hz).tobytes()
    at_6_khz = [channel_gain(rng(seed), np.array([1000.0, 6500.0])) for seed in range(60)]
    narrow = np.mean([gain[1] < 0.3 * gain[0] for gain in at_6_khz])
    assert 0.15 < narrow < 0.55
    assert np.median([gain[0] for gain in at_6_khz]) == pytest.approx(1, abs=0.05)
