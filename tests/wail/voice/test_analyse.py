"""The whole analysis: what stems may and may not do, and what is said about odd sound."""

import numpy as np
import pytest

from wail.voice.analyse import VoiceConfig, analyse
from wail.voice.plot import plot_voice
from wail.voice.separate import Missing
from wail.voice.taggers import TagTrack
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
    return synth.cry(np.random.default_rng(8), 5.0).wave


@pytest.fixture(scope="module")
def noisy(cry):
    """The cry under noise of four times its level."""
    hiss = np.random.default_rng(8).standard_normal(len(cry)).astype(np.float32)
    return cry + hiss * 4 * cry.std()


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
    found = analyse(cry, VoiceConfig(), separator=Missing("there are no weights", "get them"))
    why = "there are no weights (wail doctor says how to get them)"
    assert found.notes == [f"Voices were not separated, {why}: the mix alone was used."]
    assert found.models["separator"] == "none: there are no weights"
    assert spans(found) == spans(alone)


def test_a_good_stem_is_kept_and_both_probabilities_too(cry, noisy):
    found = analyse(noisy, VoiceConfig(), separator=Stem(cry))
    assert found.stem16.shape == cry.shape
    assert found.rows and all(row["p_stem"] > row["p_mix"] for row in found.rows)
    assert found.models["separator"] == "stem:test"


def test_the_separator_gets_the_44_1_khz_sound_where_there_is_some(cry):
    separator = Stem(cry)
    analyse(cry, VoiceConfig(), np.zeros((2, 220_500), np.float32), separator)
    analyse(cry, VoiceConfig(), separator=separator)
    assert separator.asked == [((2, 220_500), 44_100), (cry.shape, 16_000)]


def test_a_stem_of_another_length_is_laid_on_the_clip(cry, noisy):
    assert analyse(noisy, VoiceConfig(), separator=Stem(cry[:-700])).stem16.shape == cry.shape
    assert analyse(noisy, VoiceConfig(), separator=Stem(np.pad(cry, (0, 99)))).stem16.shape == cry.shape


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


def test_a_stem_feeds_later_steps_only_where_it_is_as_sure_and_took_something_away_but_not_the_infant(cry, noisy):
    good = analyse(noisy, VoiceConfig(), separator=Stem(cry))
    assert good.use.fed and good.use.facts("stem:test") == {
        "stem": "stem:test", "fed": {"segments": "mix and stem", "features": "stem", "audio": "stem"},
        "why": good.use.why}  # fmt: skip
    assert good.use.why.startswith("the infant is heard with ")
    noise = np.random.default_rng(1).standard_normal(len(cry)).astype(np.float32) * 0.05
    unsure = analyse(cry * 2, VoiceConfig(), separator=Stem(noise))
    assert not unsure.use.fed and unsure.stem16 is None
    assert unsure.use.facts("stem:test")["fed"] == {"segments": "mix and stem", "features": "mix", "audio": "mix"}
    clean = analyse(cry, VoiceConfig(), separator=Stem(cry))
    assert not clean.use.fed and clean.use.why == "there was next to nothing to take away (0.0 dB)"
    faint = analyse(cry, VoiceConfig(), separator=Stem(cry * 0.03))
    assert not faint.use.fed and "the stem is 30 dB below the mix" in faint.use.why


def test_without_an_infant_the_mix_is_fed():
    hiss = np.random.default_rng(2).standard_normal(48_000).astype(np.float32) * 1e-3
    found = analyse(hiss, VoiceConfig(), separator=Stem(hiss))
    assert found.rows == [] and found.stem16 is None
    assert found.use.why == "no infant voice was found"


def test_without_a_stem_the_receipt_says_so(alone):
    assert alone.use.facts(None) == {
        "stem": None, "fed": {"segments": "mix", "features": "mix", "audio": "mix"}, "why": "nothing was separated"}


def test_silero_speaks_for_adults_and_never_of_infants(cry, monkeypatch):
    from wail.voice import analyse as module

    n = len(cry) // 512 + 1
    monkeypatch.setattr(module, "adult_speech", lambda wave: ((np.arange(n) + 0.5) * 0.032, np.ones(n, np.float32)))
    loud = analyse(cry, VoiceConfig())
    monkeypatch.setattr(module, "adult_speech", lambda wave: ((np.arange(n) + 0.5) * 0.032, np.zeros(n, np.float32)))
    quiet = analyse(cry, VoiceConfig())
    for name in ("p_infant", "p_cry", "p_laugh", "p_babble", "loudness_db", "band_db"):
        assert getattr(loud.track, name).tobytes() == getattr(quiet.track, name).tobytes()
    assert spans(loud) == spans(quiet)
    assert (loud.track.p_adult >= quiet.track.p_adult).all() and (loud.track.p_adult > quiet.track.p_adult).any()


class Tag:
    """A tagger that says one thing all the time, or fails."""

    name = "tag:test"

    def __init__(self, answer):
        self.answer = answer

    def tag(self, wave16):
        if isinstance(self.answer, Exception):
            raise self.answer
        time_s = np.arange(0.5, max(len(wave16) / 16_000, 0.6), 1.0)
        return TagTrack(time_s, p_adult=np.full(len(time_s), self.answer, np.float32), span_s=1.0)


def test_taggers_are_fused_and_named(cry, alone):
    found = analyse(cry, VoiceConfig(), taggers=[Tag(0.99)])
    assert found.models["taggers"] == "tag:test" and "taggers" not in alone.models
    assert found.track.p_adult.mean() > alone.track.p_adult.mean()
    assert found.track.p_infant.tobytes() == alone.track.p_infant.tobytes(), "it has no such class"


def test_a_tagger_that_fails_is_left_out_with_a_note(cry, alone):
    found = analyse(cry, VoiceConfig(), taggers=[Tag(RuntimeError("out of memory"))])
    assert found.notes == ["Tagger tag:test failed (RuntimeError: out of memory): it was left out."]
    assert found.track.p_adult.tobytes() == alone.track.p_adult.tobytes()


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
