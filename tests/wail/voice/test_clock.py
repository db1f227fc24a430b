"""Segments lie where the voice is, whatever the file: the same cry, late or not, in ffmpeg's containers and codecs."""

import subprocess

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from wail.media.audio import read_audio
from wail.media.ffmpeg import ffmpeg_exe
from wail.voice.detect import detect
from wail.voice.segments import SegmentConfig, vocal_segments
from wail.voice.training import synth

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=128x96:r=30:d=5")
LATE_S = 0.37
VP8 = ("libvpx", "-deadline", "realtime", "-cpu-used", "8")
FILES = {
    "a.wav": ((), ("-c:a", "pcm_s16le"), 8000, 1), "b.wav": ((), ("-c:a", "pcm_s16le"), 44100, 6),
    "a.mp4": (("libx264",), ("-c:a", "aac"), 44100, 2), "b.mp4": (("libx264",), ("-c:a", "aac"), 48000, 6),
    "a.mov": (("libx264",), ("-c:a", "pcm_s16le"), 48000, 1), "a.mkv": (("libx264",), ("-c:a", "ac3"), 48000, 6),
    "a.3gp": (("h263",), ("-c:a", "libopencore_amrnb", "-b:a", "12.2k"), 8000, 1),
    "b.3gp": (("mpeg4",), ("-c:a", "aac"), 16000, 1), "a.webm": (VP8, ("-c:a", "libopus"), 48000, 2),
    "b.webm": (VP8, ("-c:a", "libvorbis"), 44100, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def cry():
    rng = np.random.default_rng(8)
    wave = np.concatenate([np.zeros(9000, np.float32), synth.cry(rng, 3.5).wave])
    return wave + rng.standard_normal(len(wave)).astype(np.float32) * np.float32(1e-4)


def spans(wave):
    return [(row["start_s"], row["end_s"]) for row in vocal_segments(detect(wave), None, SegmentConfig())]


@pytest.mark.parametrize("name", FILES)
def test_segments_start_and_end_where_they_do_in_the_undisturbed_wave(cry, tmp_path, name):
    video, audio, rate_hz, channels = FILES[name]
    wave = resample_poly(cry, rate_hz // 100, 160)
    many = np.zeros((len(wave), channels), np.float32)
    many[:, [2] if channels == 6 else slice(None)] = wave[:, None]
    soundfile.write(tmp_path / "s.wav", many, rate_hz)
    late_s = LATE_S if video else 0.0
    source = ("-i", tmp_path / "s.wav")
    inputs = (*PICTURE, "-itsoffset", str(late_s), *source, "-map", "0:v", "-map", "1:a", "-c:v", *video)
    subprocess.run([ffmpeg_exe(), "-v", "error", *(inputs if video else source), *audio, tmp_path / name], check=True)
    heard = spans(read_audio(tmp_path / name))
    want = spans(np.pad(cry, (round(late_s * 16000), 0)))
    assert len(heard) == len(want) >= 2
    off_s = np.abs(np.subtract(heard, want))
    # A codec may tip a single edge over by a step of 32 ms; the clock would move them all.
    assert np.median(off_s) <= 0.02 and off_s.max() <= 0.07
