import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from wail.media.audio import flac_bytes, read_audio, read_flac, write_flac
from wail.media.encode import write_mp4
from wail.media.ffmpeg import ffmpeg_exe
from wail.media.probe import probe


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
@pytest.mark.parametrize("delay_s", [0.0, 0.4])
def test_late_sound_stays_late(make_clip, heard, name, delay_s):
    path = make_clip(name, n=90, audio_delay_s=delay_s)
    wave = read_audio(path)
    assert heard(wave) == pytest.approx(0.5 + delay_s, abs=0.003)
    assert len(wave) / 16000 == pytest.approx(3.0, abs=0.01), "silent to the end of the picture"


def test_sound_that_goes_on_after_the_picture_is_kept(make_clip):
    path = make_clip(n=15)
    assert probe(path).duration_s == pytest.approx(0.5)
    assert len(read_audio(path)) == pytest.approx(32000, abs=20)


def test_sound_before_the_picture_is_left_out_and_said(make_clip, tmp_path, heard):
    """The picture starts 0.3 s after the sound; the clip's clock starts with the picture."""
    source, path = make_clip("plain.mkv", n=60), tmp_path / "late.mkv"
    subprocess.run([ffmpeg_exe(), "-v", "error", "-itsoffset", "0.3", "-i", source, "-i", source, "-map", "0:v", "-map",
                    "1:a", "-c", "copy", path], check=True)  # fmt: skip
    assert probe(path).audio_start_s == pytest.approx(-0.3, abs=0.002)
    assert heard(read_audio(path)) == pytest.approx(0.2, abs=0.003)


def test_a_gap_in_the_sound_is_filled_with_silence(make_clip, tmp_path):
    source, path = make_clip("a.mp4", n=60, sound=False), tmp_path / "gap.mkv"
    rate_hz, samples = 16000, np.full((1, 1600), 0.5, np.float32)
    with av.open(str(source)) as pictures, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(pictures.streams.video[0])
        sound = out.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        for packet in pictures.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        for start_s in (0.0, 0.1, 1.0, 1.1):
            frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, round(start_s * rate_hz), Fraction(1, rate_hz)
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    loud = np.abs(read_audio(path)) > 0.25
    assert loud[50:3150].all() and loud[16050:19150].all(), "each piece lies at its own time"
    assert not loud[3250:15950].any()


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000])
def test_any_rate_in_any_rate_out(tmp_path, heard, rate_hz):
    wave = np.zeros(rate_hz, np.float32)
    wave[rate_hz // 2 :][: rate_hz // 100] = 0.8
    path = tmp_path / "a.mkv"
    write_mp4(path, [np.zeros((16, 16, 3), np.uint8)] * 30, 30.0, wave, rate_hz)
    for out_hz in (16000, 44100):
        assert heard(read_audio(path, out_hz), out_hz) == pytest.approx(0.5, abs=0.001)
        assert len(read_audio(path, out_hz)) == out_hz


def test_two_channels_and_their_mean(tmp_path):
    wave = np.stack([np.full(16000, 0.5, np.float32), np.zeros(16000, np.float32)])
    path = tmp_path / "a.mkv"
    write_mp4(path, [np.zeros((16, 16, 3), np.uint8)] * 30, 30.0, wave, 16000)
    both = read_audio(path, channels=2)
    assert both.shape == (2, 16000)
    assert both[:, 8000] == pytest.approx([0.5, 0.0], abs=1e-3)
    assert read_audio(path)[8000] == pytest.approx(0.25, abs=1e-3)


def test_flac_round_trip(tmp_path):
    wave = (np.sin(np.arange(4000) / 20) * 0.9).astype(np.float32)
    write_flac(tmp_path / "a.flac", wave, 16000)
    back, rate_hz = read_flac(tmp_path / "a.flac")
    assert rate_hz == 16000 and back.dtype == np.float32
    assert np.abs(back - wave).max() <= 1 / 32768
    assert (tmp_path / "a.flac").read_bytes() == flac_bytes(wave, 16000), "the same bytes every time"


def test_flac_clips_what_is_too_loud_instead_of_wrapping(tmp_path):
    write_flac(tmp_path / "a.flac", np.array([2.0, -2.0], np.float32), 16000)
    assert read_flac(tmp_path / "a.flac")[0].tolist() == pytest.approx([1.0, -1.0], abs=1e-4)


def test_what_is_no_number_is_heard_as_silence(tmp_path):
    wave = np.full(16000, 0.25, np.float32)
    wave[[100, 200, 300]] = np.nan, np.inf, 1e38
    soundfile.write(tmp_path / "bad.wav", wave, 16000, subtype="FLOAT")
    heard = read_audio(tmp_path / "bad.wav")
    assert heard[[100, 200, 300]].tolist() == [0, 0, 0]
    assert set(np.delete(heard, [100, 200, 300]).tolist()) == {0.25}
    assert len(read_flac(write(tmp_path / "good.flac", heard))[0]) == 16000


def write(path, wave):
    write_flac(path, wave, 16000)
    return path
