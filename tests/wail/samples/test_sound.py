import numpy as np
import pytest
from scipy.signal import welch

from wail.samples.sound import CONTROL_HZ, RATE_HZ, VoiceStyle, infant_voice, loudness_db

STYLE = VoiceStyle()


@pytest.mark.parametrize("label", ["cry", "laugh", "babble"])
def test_utterances_lie_in_the_plan_and_sound_only_there(label):
    voice = infant_voice([(0.5, 2.5, label)], 3.0, STYLE, seed=1)
    assert voice.utterances
    assert all(0.5 <= u.start_s < u.end_s <= 2.5 + 1e-6 and u.label == label for u in voice.utterances)
    assert np.abs(voice.wave[: int(0.49 * RATE_HZ)]).max() == 0
    middle = voice.wave[int(voice.utterances[0].start_s * RATE_HZ) : int(voice.utterances[0].end_s * RATE_HZ)]
    assert np.sqrt(np.mean(middle**2)) > 0.05


def test_cry_is_pitched_between_300_and_700_hz_and_has_harmonics():
    voice = infant_voice([(0.2, 2.8, "cry")], 3.0, STYLE, seed=2)
    pitched = voice.f0_hz[voice.f0_hz > 0]
    assert np.quantile(pitched, 0.05) > 330 and np.quantile(pitched, 0.95) < 620
    first = voice.utterances[0]
    centre = (first.start_s + first.end_s) / 2
    cut = voice.wave[int((centre - 0.06) * RATE_HZ) : int((centre + 0.06) * RATE_HZ)]
    hz, power = welch(cut, RATE_HZ, nperseg=len(cut))
    f0 = voice.f0_hz[int(centre * CONTROL_HZ)]
    for k in (1, 2, 3):
        on = power[np.abs(hz - k * f0) < 30].max()
        between = power[np.abs(hz - (k + 0.5) * f0) < 40].max()
        assert on > 10 * between


def test_same_seed_gives_the_same_wave_and_another_seed_another():
    plan = [(0.2, 1.5, "laugh")]
    first, again, other = (infant_voice(plan, 2.0, STYLE, seed).wave for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_silent_plan_gives_silence():
    voice = infant_voice([], 1.0, STYLE, seed=0)
    assert not voice.wave.any() and voice.utterances == () and not voice.f0_hz.any()


def test_loudness_of_a_sine_of_amplitude_one_is_minus_three_db():
    t = np.arange(RATE_HZ) / RATE_HZ
    db = loudness_db(np.sin(2 * np.pi * 500 * t), 30)
    assert np.allclose(db[2:-2], -3.01, atol=0.05)
    assert np.allclose(loudness_db(np.zeros(RATE_HZ), 30), -90)
