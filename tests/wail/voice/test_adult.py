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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_what_silero_itself_says_chunk_by_chunk_over_several_blocks():
    from silero_vad import load_silero_vad

    from wail.voice.training import synth

    talk = synth.adult_talk(np.random.default_rng(3), 20.0).wave
    wave = np.concatenate([talk, np.zeros(16_000, np.float32), talk[::-1] * 3, talk * 0.02])[: 63 * 16_000 - 100]
    wave = np.pad(wave, (0, 63 * 16_000 - 100 - len(wave)))
    with torch.inference_mode():
        plain = load_silero_vad().audio_forward(torch.from_numpy(np.clip(wave, -1, 1))[None], 16_000)[0].numpy()
    ours = adult_speech(wave)[1]
    assert ours.shape == plain.shape == (1969,) and plain.max() > 0.5
    np.testing.assert_allclose(ours, plain, atol=1e-4)


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
