"""Stage voice on real files with odd sound: a receipt with a clear note or reason for each."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.documents import SourceItem
from schemas.tables import VOCAL, VOICE
from wail.config import CurateConfig
from wail.media.ffmpeg import ffmpeg_exe
from wail.steps import features, media, voice
from wail.steps.step import run_step
from wail.store import ClipFolder, read_table, sha256_file, write_document
from wail.voice.training import synth

RATE_HZ = 16_000
CONFIG = CurateConfig.model_validate({"voice": {"separator": "none"}})


@pytest.fixture(scope="module")
def cry():
    return synth.cry(np.random.default_rng(8), 4.0).wave


def film(path: Path, seconds: float, wave: np.ndarray | None, codec: str = "pcm_f32le") -> Path:
    """A grey picture of so many seconds with that sound, in Matroska."""
    picture = ["-f", "lavfi", "-i", f"color=gray:s=64x48:r=30:d={seconds}"]
    sound = []
    if wave is not None:
        soundfile.write(path.with_suffix(".wav"), wave, RATE_HZ, subtype="FLOAT")
        sound = ["-i", str(path.with_suffix(".wav")), "-c:a", codec]
    subprocess.run([ffmpeg_exe(), "-v", "error", "-y", *picture, *sound, "-c:v", "libx264", str(path)], check=True)
    return path


@pytest.fixture
def clip_of(tmp_path):
    def make(seconds, wave, **options) -> ClipFolder:
        path = film(tmp_path / "a.mkv", seconds, wave, **options)
        clip = ClipFolder(tmp_path / "set", "c1")
        item = SourceItem(platform="file", video_id=sha256_file(path), uri=str(path))
        write_document(clip.file("source.json"), item)
        assert run_step(media.STEP, clip, CONFIG, "k").status == "done"
        return clip

    return make


def listen(clip: ClipFolder, config: CurateConfig = CONFIG):
    receipt = run_step(voice.STEP, clip, config, "k")
    assert receipt.status == "done", receipt.reason
    return receipt, read_table(clip.file("vocal.parquet"), VOCAL).to_pylist()


def test_no_audio_stream(clip_of):
    clip = clip_of(1.0, None)
    receipt, rows = listen(clip)
    assert receipt.facts["notes"] == ["The clip has no sound."] and rows == []
    assert len(read_table(clip.file("voice.parquet"), VOICE)) == 0
    assert receipt.facts["separation"]["fed"] == {"segments": "mix", "features": "mix", "audio": "mix"}


def test_silence(clip_of):
    receipt, rows = listen(clip_of(1.0, np.zeros(RATE_HZ, np.float32)))
    assert receipt.facts["notes"] == ["The sound is silent throughout (below -80 dB of full scale)."] and rows == []


def test_one_sample(clip_of):
    clip = clip_of(1.0, np.full(1, 0.5, np.float32))
    assert clip.receipt("media").facts["notes"] == ["The sound ends 1.00 s before the picture; silence follows it."]
    _, rows = listen(clip)
    assert rows == []


def test_a_clipped_cry_is_found_and_the_clipping_said(clip_of, cry):
    receipt, rows = listen(clip_of(4.0, np.clip(cry * 30, -1, 1)))
    assert receipt.facts["notes"][0].startswith("The sound is clipped in ") and rows


def test_samples_that_are_no_numbers_are_heard_as_silence_and_said(clip_of, cry):
    wave = cry.copy()
    wave[RATE_HZ : RATE_HZ + 50] = np.nan
    clip = clip_of(4.0, wave)
    assert clip.receipt("media").facts["notes"] == ["50 samples of the sound are no numbers or beyond any scale, and "
                                                    "were heard as silence."]  # fmt: skip
    assert listen(clip)[1]


def test_sound_that_goes_on_after_the_picture_is_heard_to_its_end(clip_of, cry):
    clip = clip_of(1.0, cry)
    assert clip.receipt("media").facts["notes"] == ["The sound ends 3.00 s after the picture, and is heard to its end."]
    _, rows = listen(clip)
    assert rows[-1]["end_s"] > 1.3


def test_sound_that_ends_before_the_picture_is_followed_by_silence(clip_of, cry):
    clip = clip_of(8.0, cry)
    assert clip.receipt("media").facts["notes"] == ["The sound ends 4.00 s before the picture; silence follows it."]
    _, rows = listen(clip)
    assert rows and rows[-1]["end_s"] <= 4.2
    loudness = read_table(clip.file("voice.parquet"), VOICE)["loudness_db"].to_numpy()
    assert len(loudness) == 250 and (loudness[130:] == -100).all()


def test_a_damaged_flac_is_a_failure_of_this_clip_alone(clip_of, cry):
    clip = clip_of(4.0, cry)
    clip.file("audio.flac").write_bytes(b"fLaC" + bytes(100))
    receipt = run_step(voice.STEP, clip, CONFIG, "k")
    assert (receipt.status, receipt.failure) == ("failed", "corrupt")
    assert "audio.flac cannot be read" in receipt.reason and "delete it and run again" in receipt.reason


class Known:
    """A separator that knows the answer, at some gain."""

    name = "known:1"

    def __init__(self, wave, gain):
        self.wave, self.gain = wave, np.float32(gain)

    def stem(self, wave, rate_hz):
        return self.wave[: len(wave)] * self.gain


@pytest.fixture
def noisy(cry):
    return cry + np.random.default_rng(8).standard_normal(len(cry)).astype(np.float32) * 4 * cry.std()


@pytest.fixture
def separating(monkeypatch, cry):
    def use(gain):
        known = Known(cry, gain)
        monkeypatch.setattr(voice, "separator_of", lambda config, _: known if config.separator == "infant" else None)
        return CurateConfig.model_validate({"voice": {"separator": "infant"}})

    return use


def test_a_good_stem_is_kept_and_heard_by_the_features_and_a_later_run_without_one_takes_it_away(
        clip_of, cry, noisy, separating):  # fmt: skip
    clip = clip_of(4.0, noisy)
    receipt, rows = listen(clip, separating(1.0))
    assert rows and all(row["p_stem"] > row["p_mix"] for row in rows)
    assert receipt.facts["separation"]["stem"] == receipt.models["separator"] == "known:1"
    assert receipt.facts["separation"]["fed"]["audio"] == features.audio_source(clip) == "stem"
    assert "stem.flac" in {output.path for output in receipt.outputs}
    stem = soundfile.read(clip.file("stem.flac"), dtype="float32")[0]
    np.testing.assert_allclose(stem, cry, atol=1e-4)
    assert run_step(features.STEP, clip, CONFIG, "k").facts == {"audio_source": "stem"}
    receipt, _ = listen(clip, CONFIG)
    assert not clip.file("stem.flac").exists() and features.audio_source(clip) == "mix"
    assert run_step(features.STEP, clip, CONFIG, "k").facts == {"audio_source": "mix"}


def test_a_stem_that_lost_the_infant_is_not_kept_and_the_reason_is_in_the_receipt(clip_of, cry, separating):
    clip = clip_of(4.0, cry)
    receipt, rows = listen(clip, separating(0.01))
    assert rows and not clip.file("stem.flac").exists()
    separation = receipt.facts["separation"]
    assert separation["fed"] == {"segments": "mix and stem", "features": "mix", "audio": "mix"}
    assert separation["why"] == "where the infant is heard, the stem is 40 dB below the mix"
