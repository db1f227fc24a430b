import errno
import struct
import subprocess
import tracemalloc
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from wail.errors import MediaError
from wail.media import audio
from wail.media.audio import (
    audio_blocks,
    flac_bytes,
    read_audio,
    read_flac,
    read_flac_blocks,
    write_flac,
    write_flac_blocks,
)
from wail.media.encode import write_mp4
from wail.media.ffmpeg import ffmpeg_exe
from wail.media.probe import probe
from wail.voice.training import synth


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


# Channels.


@pytest.mark.parametrize(("layout", "channel", "gain_db"), [
    ("5.1", 2, -10.7), ("5.1", 0, -13.7), ("5.1", 4, -16.7), ("7.1", 2, -12.9), ("quad", 2, -13.7), ("3.0", 2, -7.7),
])  # fmt: skip
def test_every_speaker_is_heard_and_the_centre_best(tmp_path, layout, channel, gain_db):
    count = {"5.1": 6, "7.1": 8, "quad": 4, "3.0": 3}[layout]
    wave = np.zeros((16000, count), np.float32)
    wave[:, channel] = 0.5 * np.sin(np.arange(16000) / 5)
    soundfile.write(tmp_path / "a.wav", wave, 16000)
    subprocess.run([ffmpeg_exe(), "-v", "error", "-channel_layout", layout, "-i", tmp_path / "a.wav", "-c:a", "flac",
                    "-strict", "-2", tmp_path / "b.mkv"], check=True)  # fmt: skip
    heard_db = 20 * np.log10(read_audio(tmp_path / "b.mkv").std() / wave[:, channel].std())
    assert heard_db == pytest.approx(gain_db, abs=0.1)


@pytest.mark.parametrize("count", [8, 16])
def test_channels_of_no_known_place_are_all_heard(tmp_path, count):
    """From eight planar channels on, PyAV reads beyond its planes."""
    wave = np.zeros((16000, count), np.float32)
    wave[:, count - 1] = 0.5
    soundfile.write(tmp_path / "a.wav", wave, 16000)
    assert read_audio(tmp_path / "a.wav")[8000] == pytest.approx(0.5 / count, rel=0.01)
    assert read_audio(tmp_path / "a.wav", channels=2).shape == (2, 16000)


@pytest.mark.parametrize(("suffix", "codec"), [("wav", "pcm_s16le"), ("m4a", "aac"), ("webm", "libopus")])
def test_opposite_channels_do_not_cancel_and_it_is_said(tmp_path, suffix, codec):
    voice = resample_poly(synth.cry(np.random.default_rng(4), 3.0).wave, 3, 1)
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(len(voice)) / 48000)
    soundfile.write(tmp_path / "s.wav", np.stack([voice + hum, hum - voice], axis=1), 48000)
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", tmp_path / "s.wav", "-c:a", codec, tmp_path / f"a.{suffix}"],
                   check=True)  # fmt: skip
    notes = []
    heard = read_audio(tmp_path / f"a.{suffix}", notes=notes)
    assert heard.std() == pytest.approx(voice.std(), rel=0.1)
    assert len(notes) == 1 and "each other's opposite" in notes[0] and notes[0].startswith("For 3 s")
    left, right = read_audio(tmp_path / f"a.{suffix}", 44100, channels=2)
    assert np.corrcoef(np.diff(left), np.diff(right))[0, 1] > 0.9, "a separator of stereo gets them in phase too"


def test_stereo_in_phase_or_of_two_sounds_is_left_as_it_is(tmp_path):
    rng, notes = np.random.default_rng(0), []
    left, right = rng.standard_normal((2, 32000)) * 0.1
    for name, pair in (("same", (left, left)), ("two", (left, right)), ("one", (left, 0 * left))):
        soundfile.write(tmp_path / f"{name}.wav", np.stack(pair, axis=1), 16000, subtype="FLOAT")
        heard = read_audio(tmp_path / f"{name}.wav", notes=notes)
        assert np.abs(heard - (pair[0] + pair[1]) / 2).max() < 1e-4
    assert notes == []


def test_a_stream_whose_form_changes_is_heard_to_its_end(tmp_path):
    """Broadcasts go from stereo to 5.1 and back, and recordings are joined that have other rates."""
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    parts = []
    for k, (count, rate_hz) in enumerate(((2, 48000), (6, 48000), (1, 44100))):
        soundfile.write(tmp_path / "s.wav", np.repeat(wave[:, None], count, axis=1), 48000)
        subprocess.run([ffmpeg_exe(), "-v", "error", "-y", "-i", tmp_path / "s.wav", "-ar", str(rate_hz), "-c:a",
                        "aac", "-output_ts_offset", str(k), tmp_path / "p.ts"], check=True)  # fmt: skip
        parts.append((tmp_path / "p.ts").read_bytes())
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    heard = read_audio(tmp_path / "a.ts")
    assert len(heard) == pytest.approx(48000, abs=1000)
    assert all(heard[k * 16000 + 2000 : k * 16000 + 14000].std() > 0.1 for k in range(3))


# Blocks.


@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_put_together_are_the_whole(tmp_path, monkeypatch, channels):
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "a.wav", rng.standard_normal((5 * 44100 + 77, 2)) * 0.1, 44100)
    whole = read_audio(tmp_path / "a.wav", channels=channels)
    monkeypatch.setattr(audio, "BLOCK_S", 2)
    blocks = list(audio_blocks(tmp_path / "a.wav", channels=channels))
    assert [block.shape[-1] for block in blocks] == [32000, 32000, whole.shape[-1] - 64000]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=-1), whole)
    assert all(block.ndim == (1 if channels == 1 else 2) for block in blocks)


def test_blocks_of_a_silent_film_are_silent(make_clip, monkeypatch):
    monkeypatch.setattr(audio, "BLOCK_S", 1)
    blocks = list(audio_blocks(make_clip(n=75, sound=False)))
    assert [len(block) for block in blocks] == [16000, 16000, 8000] and not any(block.any() for block in blocks)


def test_late_sound_in_blocks(make_clip, monkeypatch, heard):
    path = make_clip("a.mp4", n=150, audio_delay_s=2.4)
    monkeypatch.setattr(audio, "BLOCK_S", 1)
    blocks = list(audio_blocks(path))
    assert not any(block.any() for block in blocks[:2])
    assert heard(np.concatenate(blocks)) == pytest.approx(2.9, abs=0.003)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for minutes in (2, 8):
        soundfile.write(tmp_path / "a.flac", np.zeros(8000 * 60 * minutes, np.float32), 8000)
        tracemalloc.start()
        assert sum(len(block) for block in audio_blocks(tmp_path / "a.flac")) == 16000 * 60 * minutes
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Six minutes more are 23 MB.
    assert peaks[1] - peaks[0] < 1e6


def test_flac_in_blocks_has_the_bytes_of_flac_at_once(tmp_path):
    wave = np.random.default_rng(0).standard_normal(50_000).astype(np.float32) * 0.5
    assert write_flac_blocks(tmp_path / "b.flac", (wave[:20_000], wave[20_000:]), 16000) == 50_000
    write_flac(tmp_path / "a.flac", wave, 16000)
    assert (tmp_path / "a.flac").read_bytes() == (tmp_path / "b.flac").read_bytes()
    blocks = list(read_flac_blocks(tmp_path / "b.flac", block_s=2))
    assert [len(block) for block in blocks] == [32000, 18000]
    np.testing.assert_array_equal(np.concatenate(blocks), read_flac(tmp_path / "a.flac")[0])


# Damage.


@pytest.mark.parametrize("rate_hz", [7, 1_000_000_000])
def test_rates_that_are_none_of_sound_are_refused(tmp_path, rate_hz):
    soundfile.write(tmp_path / "a.wav", np.zeros(1000, np.float32), 16000, subtype="PCM_16")
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[24:32] = struct.pack("<II", rate_hz, min(2 * rate_hz, 2**32 - 1))
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(MediaError, match=f"claims {rate_hz} samples a second; 4000 to 768000 can hold a voice") as said:
        read_audio(tmp_path / "a.wav")
    assert said.value.failure == "unsupported"


@pytest.mark.parametrize("rate_hz", [16000, 192_000])
def test_one_sample_is_one_sample(tmp_path, rate_hz):
    soundfile.write(tmp_path / "a.wav", np.full(1, 0.5, np.float32), rate_hz)
    assert len(read_audio(tmp_path / "a.wav")) == 1


def test_sound_that_cannot_be_decoded_from_the_middle_on_is_said(tmp_path):
    wave = np.random.default_rng(0).standard_normal(16000 * 8) * 0.1
    soundfile.write(tmp_path / "s.wav", wave, 16000)
    subprocess.run([ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=30:d=8", "-i",
                    tmp_path / "s.wav", "-c:a", "ac3", "-ac", "2", tmp_path / "a.mkv"], check=True)  # fmt: skip
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", tmp_path / "a.mkv", "-c", "copy", "-bsf:a",
                    "noise=amount='if(gt(pts*tb,4),2,0)'", tmp_path / "b.mkv"], check=True)  # fmt: skip
    notes = []
    heard = read_audio(tmp_path / "b.mkv", notes=notes)
    assert heard[16000:60000].std() > 0.05 and len(heard) >= 8 * 16000
    assert notes, "damage is said"


def test_what_is_no_number_is_counted(tmp_path):
    wave = np.full(16000, 0.25, np.float32)
    wave[100:300] = np.nan
    soundfile.write(tmp_path / "bad.wav", wave, 16000, subtype="FLOAT")
    notes = []
    read_audio(tmp_path / "bad.wav", notes=notes)
    assert notes == ["200 samples of the sound are no numbers or beyond any scale, and were heard as silence."]


def test_eight_audio_streams(tmp_path):
    soundfile.write(tmp_path / "s.wav", np.full(16000, 0.25, np.float32), 16000)
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", tmp_path / "s.wav", *["-map", "0:a"] * 8, tmp_path / "a.mkv"],
                   check=True)  # fmt: skip
    notes = []
    assert read_audio(tmp_path / "a.mkv", notes=notes)[8000] == pytest.approx(0.25, abs=0.01)
    assert notes == ["The file has 8 audio streams; the one that FFmpeg ranks first was heard."]


@pytest.mark.parametrize(("seconds", "said"), [
    (1.0, "The sound ends 2.00 s before the picture; silence follows it."),
    (5.0, "The sound ends 2.00 s after the picture, and is heard to its end."),
])  # fmt: skip
def test_sound_shorter_or_longer_than_the_picture_is_said(make_clip, tmp_path, seconds, said):
    soundfile.write(tmp_path / "s.wav", np.full(round(seconds * 16000), 0.25, np.float32), 16000)
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", make_clip("v.mkv", n=90, sound=False), "-i", tmp_path / "s.wav",
                    "-c", "copy", tmp_path / "a.mkv"], check=True)  # fmt: skip
    notes = []
    assert len(read_audio(tmp_path / "a.mkv", notes=notes)) == pytest.approx(max(3.0, seconds) * 16000, abs=32)
    assert notes == [said]


def test_a_disk_that_is_full_or_broken_is_named_when_sound_is_written(tmp_path, monkeypatch):
    def refuse(self, data):
        raise soundfile.LibsndfileError(2)  # "System error", whatever the system said

    monkeypatch.setattr(soundfile.SoundFile, "write", refuse)
    for free, code in ((0, errno.ENOSPC), (10**9, errno.EIO)):
        monkeypatch.setattr(audio.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        with pytest.raises(OSError) as failed:
            audio.write_flac_blocks(tmp_path / "a.flac", [np.zeros(16_000, np.float32)], 16_000)
        assert (failed.value.errno, failed.value.filename) == (code, str(tmp_path / "a.flac"))
