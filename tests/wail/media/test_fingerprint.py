import numpy as np
import pytest

from wail.media.audio import read_audio
from wail.media.encode import write_mp4
from wail.media.fingerprint import audio_fingerprint, same_sound, same_sounds


def tune(seed: int, duration_s: float = 8.0) -> np.ndarray:
    """Gliding harmonics and noise in syllables, the like of a voice; every seed another."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * 16000)
    t = np.arange(n) / 16000
    knots = np.arange(0, duration_s + 0.3, 0.2)
    f0_hz = np.interp(t, knots, rng.uniform(250, 650, len(knots)))
    phase = 2 * np.pi * np.cumsum(f0_hz) / 16000
    gains = [np.interp(t, knots, rng.uniform(0, 1, len(knots))) / k for k in range(1, 9)]
    wave = sum(g * np.sin(k * phase) for k, g in enumerate(gains, start=1)) + 0.05 * rng.standard_normal(n)
    return (0.2 * wave / np.abs(wave).max()).astype(np.float32)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_known_again_when_encoded_cut_and_softer(tmp_path, name):
    wave = tune(0)
    write_mp4(tmp_path / name, [np.zeros((16, 16, 3), np.uint8)] * 2, 1.0, 0.4 * wave[20011:], 16000)
    assert same_sound(audio_fingerprint(wave), audio_fingerprint(read_audio(tmp_path / name)))


def test_other_sounds_are_not_taken_for_each_other():
    prints = {str(seed): audio_fingerprint(tune(seed)) for seed in range(12)}
    assert list(same_sounds(prints)) == []


def test_pairs_are_found_among_many():
    prints = {str(seed): audio_fingerprint(tune(seed)) for seed in range(6)}
    prints["again"] = audio_fingerprint(tune(3)[16123:])
    assert list(same_sounds(prints)) == [("3", "again")]


def test_silence_is_like_nothing():
    silence = audio_fingerprint(np.zeros(16000 * 6, np.float32))
    assert not same_sound(silence, silence)
    assert set(silence) == {"0"}


@pytest.mark.parametrize("n", [0, 100, 5000])
def test_too_short_to_tell(n):
    short = audio_fingerprint(tune(0)[:n])
    assert not same_sound(short, short)


def test_a_second_in_common_proves_nothing():
    a, b = tune(1), tune(2)
    b[:16000] = a[:16000]
    assert not same_sound(audio_fingerprint(a), audio_fingerprint(b))
    b[: 4 * 16000] = a[: 4 * 16000]
    assert same_sound(audio_fingerprint(a), audio_fingerprint(b))


def test_eight_hex_digits_for_each_step():
    assert len(audio_fingerprint(tune(0, 4.0))) == 8 * ((64000 - 4096) // 512)
