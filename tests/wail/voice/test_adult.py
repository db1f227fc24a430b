"""Silero's adult speech: fresh state on each call."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from wail.voice.adult import adult_speech, silero_id

AUDIO = Path(__file__).resolve().parents[4] / "shared" / "data" / "audio"


def test_chunks_of_32_ms_the_same_each_time_and_free_of_what_came_before():
    rng = np.random.default_rng(2)
    wave, other = (rng.standard_normal(n).astype(np.float32) * 0.1 for n in (10_000, 30_000))
    time_s, first = adult_speech(wave)
    adult_speech(other)
    np.testing.assert_allclose(time_s[:2], [0.016, 0.048])
    assert len(first) == 20
    assert adult_speech(wave)[1].tobytes() == first.tobytes()


def test_an_empty_wave_has_no_chunks():
    assert [len(part) for part in adult_speech(np.zeros(0, np.float32))] == [0, 0]


def test_the_process_keeps_its_number_of_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        adult_speech(np.zeros(600, np.float32))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_version_and_hash_are_named():
    assert silero_id().startswith("silero-vad 6.")


@pytest.mark.data
@pytest.mark.skipif(not AUDIO.is_dir(), reason="needs ../shared/data/audio")
def test_real_speech_is_speech_and_a_real_cry_hardly():
    def share(folder: str) -> float:
        waves = [soundfile.read(path, dtype="float32")[0] for path in sorted((AUDIO / folder).iterdir())[:6]]
        return float((np.concatenate([adult_speech(wave)[1] for wave in waves]) > 0.5).mean())

    assert share("adult_speech") > 0.3
    assert share("cry") < 0.15
