"""The whole analysis: what stems may and may not do, and what is said about odd sound."""

import numpy as np
import pytest

from wail.voice.analyse import VoiceConfig, analyse
from wail.voice.plot import plot_voice
from wail.voice.separate import Missing
from wail.voice.training import synth


class Stem:
    """A separator that gives back what it is told to."""

    name = "stem:test"

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def stem(self, wave, rate_hz):
        self.asked.append((wave.shape, rate_hz))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def cry():
    return synth.cry(np.random.default_rng(5), 5.0).wave


@pytest.fixture(scope="module")
def alone(cry):
    return analyse(cry, VoiceConfig())


def spans(analysis):
    return [(row["start_s"], row["end_s"], row["label"]) for row in analysis.rows]


def test_a_cry_is_found_and_the_models_are_named(alone):
    assert {row["label"] for row in alone.rows} == {"cry"}
    assert alone.models["detector"].startswith("voicenet:") and "silero-vad" in alone.models["detector"]
    assert alone.models["separator"] == "none: switched off"
    assert alone.stem16 is None and alone.notes == []


def test_the_same_sound_gives_the_same_analysis(cry, alone):
    again = analyse(cry, VoiceConfig())
    assert again.rows == alone.rows
    assert again.track.p_adult.tobytes() == alone.track.p_adult.tobytes()


def test_a_missing_separator_is_said(cry, alone):
    found = analyse(cry, VoiceConfig(), separator=Missing("the local caches hold no Demucs weights", "get them"))
    assert found.notes == ["Voices were not separated, the local caches hold no Demucs weights: the mix alone was used."]
    assert found.models["separator"] == "none: the local caches hold no Demucs weights"
    assert spans(found) == spans(alone)


def test_a_good_stem_is_stored_and_both_probabilities_too(cry):
    found = analyse(cry, VoiceConfig(), separator=Stem(cry * 0.9))
    assert found.stem16.shape == cry.shape
    assert all(row["p_stem"] > 0.5 and row["p_mix"] > 0.5 for row in found.rows)
    assert found.models["separator"] == "stem:test"


def test_the_separator_gets_the_44_1_khz_sound_where_there_is_some(cry):
    separator = Stem(cry)
    analyse(cry, VoiceConfig(), np.zeros((2, 220_500), np.float32), separator)
    analyse(cry, VoiceConfig(), separator=separator)
    assert separator.asked == [((2, 220_500), 44_100), (cry.shape, 16_000)]


def test_a_stem_of_another_length_is_laid_on_the_clip(cry):
    assert analyse(cry, VoiceConfig(), separator=Stem(cry[:-700])).stem16.shape == cry.shape
    assert analyse(cry, VoiceConfig(), separator=Stem(np.pad(cry, (0, 99)))).stem16.shape == cry.shape


@pytest.mark.parametrize(("answer", "note"), [
    (np.full(80_000, np.nan, np.float32), "not finite"),
    (np.zeros(80_000, np.float32), "silent"),
    (RuntimeError("its process was killed"), "Separation failed (its process was killed)"),
    (MemoryError("out of memory"), "Separation failed (MemoryError: out of memory)"),
])  # fmt: skip
def test_a_bad_stem_never_destroys_a_clip(cry, alone, answer, note):
    found = analyse(cry, VoiceConfig(), separator=Stem(answer))
    assert found.stem16 is None
    assert len(found.notes) == 1 and note in found.notes[0] and found.notes[0].endswith("the mix alone was used.")
    assert spans(found) == spans(alone)


def test_a_stem_without_the_infant_takes_nothing_away(cry, alone):
    noise = np.random.default_rng(1).standard_normal(len(cry)).astype(np.float32) * 0.01
    found = analyse(cry, VoiceConfig(), separator=Stem(noise))
    assert sum(b - a for a, b, _ in spans(found)) >= sum(b - a for a, b, _ in spans(alone))


@pytest.mark.parametrize(("wave", "note"), [
    (np.zeros(0, np.float32), "The clip has no sound."),
    (np.zeros(1, np.float32), "silent throughout"),
    (np.zeros(32_000, np.float32), "silent throughout"),
    (np.full(1, 0.5, np.float32), "too short for any vocalisation"),
])  # fmt: skip
def test_no_sound_gives_no_rows_and_a_note(wave, note):
    found = analyse(wave, VoiceConfig())
    assert found.rows == []
    assert len(found.notes) == 1 and note in found.notes[0]


def test_clipping_is_noted_and_the_cry_still_found(cry):
    found = analyse(np.clip(cry * 30, -1, 1), VoiceConfig())
    assert "clipped in" in found.notes[0]
    assert found.rows


def test_the_plot_is_a_picture_even_of_nothing(cry, alone, tmp_path):
    import matplotlib.image

    for name, wave, analysis in (("cry", cry, alone), ("empty", cry[:0], analyse(cry[:0], VoiceConfig()))):
        picture = matplotlib.image.imread(plot_voice(wave, analysis, tmp_path / f"{name}.tmp"), format="png")
        assert picture.shape[0] > 600 and picture.shape[1] > 1000
        assert picture[..., :3].std() > 0.01
