"""One file listened to, without a dataset: where the voice is, what is drawn, what is said."""

import subprocess

import cv2
import numpy as np
import pytest
import soundfile

from wail.errors import MediaError
from wail.listen import listen
from wail.media.encode import write_mp4
from wail.media.ffmpeg import ffmpeg_exe
from wail.voice.analyse import VoiceConfig
from wail.voice.training import synth

PLAIN = VoiceConfig(separator="none")


@pytest.fixture(scope="module")
def cry():
    return synth.cry(np.random.default_rng(5), 4.0).wave


def wav(path, wave, rate_hz=16000, **options):
    soundfile.write(path, wave, rate_hz, **options)
    return path


def test_a_cry_is_heard_where_the_truth_has_it_and_drawn(demo, tmp_path):
    heard = listen(demo[0] / "samples" / "cry_plain.mp4", tmp_path / "plot.png")
    assert {row["label"] for row in heard.rows} == {"cry"}
    assert heard.rows[0]["start_s"] == pytest.approx(0.9, abs=0.25)
    picture = cv2.imread(str(tmp_path / "plot.png"))
    assert picture is not None and picture.std() > 10


def test_a_file_without_sound_is_refused_with_a_sentence(tmp_path):
    silent = tmp_path / "silent.mp4"
    write_mp4(silent, [np.zeros((64, 64, 3), np.uint8)] * 5, 30)
    with pytest.raises(MediaError, match=r"silent\.mp4 has no audio stream"):
        listen(silent)


def test_models_are_named_and_progress_is_told(cry, tmp_path):
    told = []
    heard = listen(wav(tmp_path / "a.wav", cry), config=PLAIN, on_progress=told.append)
    assert heard.models["detector"].startswith("voicenet:") and heard.models["separator"] == "none: switched off"
    stages = list(dict.fromkeys(one.stage for one in told))
    assert stages == ["decode, s", "listen, s"]
    for stage in stages:
        done = [one.done for one in told if one.stage == stage]
        assert done == sorted(done) and done[-1] == 4 == told[-1].total


@pytest.mark.parametrize(("change", "found", "said"), [
    (lambda wave: np.zeros_like(wave), False, "The sound is silent throughout (below -80 dB of full scale)."),
    (lambda wave: np.clip(wave * 30, -1, 1), True, "The sound is clipped in "),
    (lambda wave: np.where(np.arange(len(wave)) % 4000 < 3, np.nan, wave), True,
     "48 samples of the sound are no numbers or beyond any scale, and were heard as silence."),
    (lambda wave: np.full_like(wave, np.nan), False, "64000 samples of the sound are no numbers"),
    (lambda wave: wave[:1] + 0.5, False, "The sound lasts 0.0001 s only: too short for any vocalisation."),
])  # fmt: skip
def test_odd_sound_is_said(cry, tmp_path, change, found, said):
    heard = listen(wav(tmp_path / "a.wav", change(cry), subtype="FLOAT"), config=PLAIN)
    assert bool(heard.rows) == found
    assert any(note.startswith(said) for note in heard.notes), heard.notes


def test_opposite_channels_are_heard_and_said(cry, tmp_path):
    alone = listen(wav(tmp_path / "a.wav", cry), config=PLAIN)
    heard = listen(wav(tmp_path / "b.wav", np.stack([cry, -cry], axis=1)), config=PLAIN)
    assert [row["start_s"] for row in heard.rows] == [row["start_s"] for row in alone.rows]
    assert any("each other's opposite" in note for note in heard.notes)


@pytest.mark.parametrize(("picture_s", "said"), [
    (2, "The sound ends 2.00 s after the picture, and is heard to its end."),
    (7, "The sound ends 3.00 s before the picture; silence follows it."),
])  # fmt: skip
def test_sound_longer_or_shorter_than_the_picture(cry, tmp_path, picture_s, said):
    subprocess.run([ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", f"testsrc=s=64x48:r=30:d={picture_s}", "-i",
                    wav(tmp_path / "a.wav", cry), tmp_path / "a.mkv"], check=True)  # fmt: skip
    heard = listen(tmp_path / "a.mkv", config=PLAIN)
    assert heard.rows and said in heard.notes


def test_a_cover_picture_is_no_reason_not_to_listen(cry, tmp_path):
    cv2.imwrite(str(tmp_path / "c.png"), np.zeros((16, 16, 3), np.uint8))
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", wav(tmp_path / "a.wav", cry), "-i", tmp_path / "c.png", "-map",
                    "0", "-map", "1", "-disposition:v", "attached_pic", tmp_path / "a.mp3"], check=True)  # fmt: skip
    assert listen(tmp_path / "a.mp3", config=PLAIN).rows
