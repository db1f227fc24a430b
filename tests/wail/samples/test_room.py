import numpy as np
from scipy.signal import welch

from wail.samples.room import adult_speech, hiss, household, mix_at, music, reverberate
from wail.samples.sound import RATE_HZ


def test_adult_speech_sounds_in_its_spans_with_a_low_voice():
    speech = adult_speech([(0.5, 2.5)], 3.0, seed=1, f0_hz=120)
    assert all(0.5 <= a < b <= 2.5 + 1e-6 for a, b in speech.spans_s)
    assert np.abs(speech.wave[: int(0.45 * RATE_HZ)]).max() < 0.01
    hz, power = welch(speech.wave, RATE_HZ, nperseg=8192)
    assert 85 < hz[np.argmax(power * (hz < 200))] < 160
    assert speech.mouth_open.max() > 0.5 and speech.mouth_open[:100].max() < 0.05


def test_music_and_household_noise_fill_their_time_without_clipping():
    for wave in (music(2.0, 1), household(2.0, 2)):
        assert len(wave) == 2 * RATE_HZ
        assert np.isclose(np.abs(wave).max(), 0.5)
        assert np.sqrt(np.mean(wave[RATE_HZ:] ** 2)) > 0.01


def test_hiss_has_unit_rms():
    assert np.isclose(np.std(hiss(1.0, 3)), 1.0, atol=1e-6)


def test_reverberation_keeps_the_direct_sound_in_its_place():
    click = np.zeros(RATE_HZ)
    click[1000] = 1.0
    wet = reverberate(click, seed=4)
    assert np.argmax(np.abs(wet)) == 1000
    assert not wet[:1000].any() or np.abs(wet[:1000]).max() < 1e-9
    assert np.sum(wet[1200:] ** 2) > 1e-3


def test_mix_at_sets_the_ratio_over_the_spans_where_the_infant_sounds():
    rng = np.random.default_rng(5)
    infant = np.zeros(RATE_HZ)
    infant[: RATE_HZ // 2] = 0.3 * rng.standard_normal(RATE_HZ // 2)
    scaled = mix_at(infant, rng.standard_normal(RATE_HZ), 6.0, [(0.0, 0.5)])
    ratio = np.sqrt(np.mean(infant[: RATE_HZ // 2] ** 2)) / np.std(scaled)
    assert np.isclose(20 * np.log10(ratio), 6.0, atol=0.5)
