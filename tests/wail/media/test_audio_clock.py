"""Sound lies on the clip's clock, whatever recorded it: a cry, written by ffmpeg, compared with what is read back."""

import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve, resample_poly

from wail.media.audio import read_audio
from wail.media.ffmpeg import ffmpeg_exe
from wail.media.probe import probe
from wail.voice.training import synth

RATE_HZ = 16000
PICTURE = ("-f", "lavfi", "-i", "testsrc=s=128x96:r=30:d=4")
H264 = ("libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "15")
VP8 = ("libvpx", "-deadline", "realtime", "-cpu-used", "8")
REACH = 800


def cry() -> np.ndarray:
    """4 s at 16 kHz, with a little noise so that every stretch can be told from every other."""
    rng = np.random.default_rng(3)
    wave = np.concatenate([np.zeros(8000, np.float32), synth.cry(rng, 3.2).wave, np.zeros(4800, np.float32)])
    return wave + rng.standard_normal(len(wave)).astype(np.float32) * np.float32(1e-4)


CRY = cry()


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    """The cry as WAV of a rate and so many channels; of six it is in the centre alone."""
    folder = tmp_path_factory.mktemp("wav")

    def make(rate_hz, channels=1):
        path = folder / f"{rate_hz}_{channels}.wav"
        if not path.exists():
            wave = resample_poly(CRY, rate_hz // 100, RATE_HZ // 100)
            many = np.zeros((len(wave), channels), np.float32)
            many[:, [2] if channels == 6 else slice(None)] = wave[:, None]
            soundfile.write(path, many, rate_hz, subtype="PCM_16")
        return path

    return make


def run_ffmpeg(*arguments):
    subprocess.run([ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


def off_ms(heard, late_s=0.0, starts_s=(0.6, 1.8, 3.0), length_s=0.4):
    """By how much each stretch of the cry is heard late (ms), by cross-correlation; 1000 where it is not there."""
    lags = []
    for start_s in starts_s:
        piece = CRY[round(start_s * RATE_HZ) :][: round(length_s * RATE_HZ)].astype(float)
        first = round((start_s + late_s) * RATE_HZ) - REACH
        around = np.pad(heard, (REACH, REACH))[first + REACH :][: len(piece) + 2 * REACH].astype(float)
        level = np.sqrt(np.maximum(fftconvolve(around**2, np.ones(len(piece)), mode="valid"), 1e-9))
        match = fftconvolve(around, piece[::-1], mode="valid") / level / np.linalg.norm(piece)
        lags.append((int(match.argmax()) - REACH) * 1000 / RATE_HZ if match.max() > 0.6 else 1000.0)
    return lags


def worst_ms(*arguments, **options):
    return max(map(abs, off_ms(*arguments, **options)))


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_wav_of_every_rate_and_number_of_channels(wav, rate_hz, channels):
    assert worst_ms(read_audio(wav(rate_hz, channels))) < 0.1


IN_VIDEO = [
    ("mp4", H264, "aac", 44100, 2), ("mp4", H264, "aac", 8000, 1), ("mp4", H264, "aac", 48000, 6),
    ("mp4", H264, "ac3", 48000, 6), ("mp4", H264, "libmp3lame", 44100, 1), ("mov", H264, "pcm_s16le", 48000, 1),
    ("mov", H264, "aac", 44100, 1), ("mov", H264, "alac", 44100, 2), ("3gp", ("h263",), "libopencore_amrnb", 8000, 1),
    ("3gp", ("mpeg4",), "aac", 44100, 1), ("webm", VP8, "libopus", 48000, 2), ("webm", VP8, "libvorbis", 44100, 1),
    ("mkv", H264, "libopus", 48000, 6), ("mkv", H264, "aac", 48000, 1), ("mkv", H264, "libvorbis", 44100, 2),
    ("mkv", H264, "ac3", 48000, 6), ("mkv", H264, "pcm_s16le", 8000, 1), ("ts", H264, "aac", 44100, 1),
    ("avi", ("mpeg4",), "pcm_mulaw", 8000, 1), ("flv", ("flv1",), "aac", 44100, 1),
    ("wmv", ("wmv2",), "wmav2", 44100, 1),
]  # fmt: skip


# AVI as ffmpeg writes it holds no start of the sound.
LATE = [(*case, late_s) for late_s in (0.0, 0.37) for case in IN_VIDEO if not (late_s and case[0] == "avi")]


@pytest.mark.parametrize(("suffix", "video", "audio", "rate_hz", "channels", "late_s"), LATE)
def test_sound_in_a_video_is_where_its_container_puts_it(wav, tmp_path, suffix, video, audio, rate_hz, channels,
                                                         late_s):  # fmt: skip
    path = tmp_path / f"a.{suffix}"
    run_ffmpeg(*PICTURE, "-itsoffset", late_s, "-i", wav(rate_hz, channels), "-map", "0:v", "-map", "1:a", "-c:v",
               *video, "-c:a", audio, path)  # fmt: skip
    assert worst_ms(read_audio(path), late_s) <= 2.0


@pytest.mark.parametrize(("suffix", "audio", "rate_hz"), [
    ("mp3", "libmp3lame", 44100), ("m4a", "aac", 44100), ("ogg", "libvorbis", 44100), ("opus", "libopus", 48000),
    ("flac", "flac", 44100), ("aiff", "pcm_s16be", 44100), ("caf", "pcm_s16be", 48000),
    ("amr", "libopencore_amrnb", 8000),
])  # fmt: skip
def test_sound_alone_starts_at_its_first_sample(wav, tmp_path, suffix, audio, rate_hz):
    run_ffmpeg("-i", wav(rate_hz), "-c:a", audio, tmp_path / f"a.{suffix}")
    # An AMR file says nothing of its encoder's 5 ms.
    assert worst_ms(read_audio(tmp_path / f"a.{suffix}")) <= (5.1 if suffix == "amr" else 0.1)


def test_aac_without_an_edit_list_is_a_frame_late_as_the_file_itself_says(wav, tmp_path):
    """Fragmented MP4 holds no priming: by its own stamps, and in every player, the sound is 1024 samples late."""
    run_ffmpeg(*PICTURE, "-i", wav(48000), "-c:v", *H264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov",
               tmp_path / "a.mp4")  # fmt: skip
    assert off_ms(read_audio(tmp_path / "a.mp4")) == pytest.approx([1024 / 48] * 3, abs=0.1)


@pytest.fixture(scope="module")
def plain(wav, tmp_path_factory):
    """Two frames a GOP, so that a copy can be cut; sound and picture from 0 on."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    run_ffmpeg(*PICTURE, "-i", wav(48000), "-c:v", *H264, "-c:a", "aac", path)
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_what_an_edit_list_cuts_off_is_not_heard(plain, tmp_path, suffix):
    """Phones trim without re-encoding: the packets stay, and the edit list hides them."""
    path = tmp_path / f"a.{suffix}"
    run_ffmpeg("-ss", "0.7", "-i", plain, "-c", "copy", path)
    assert worst_ms(read_audio(path), -0.7, starts_s=(1.2, 2.1, 3.0)) <= 2.0


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_a_copy_without_edit_lists_starts_at_its_key_frame(plain, tmp_path, name):
    run_ffmpeg("-ss", "0.7", "-i", plain, "-c", "copy", tmp_path / name)
    assert worst_ms(read_audio(tmp_path / name), -0.5, starts_s=(1.2, 2.1, 3.0)) <= 2.0


@pytest.mark.parametrize(("name", "options"), [
    ("a.mkv", ["-copyts"]), ("a.ts", ["-output_ts_offset", "95000"]), ("a.mp4", ["-copyts"]),
])  # fmt: skip
def test_a_file_whose_clock_starts_elsewhere_is_heard_from_its_own_start(plain, tmp_path, name, options):
    run_ffmpeg("-itsoffset", "7", "-i", plain, "-c", "copy", *options, tmp_path / name)
    wave = read_audio(tmp_path / name)
    assert worst_ms(wave) <= 2.0 and len(wave) / RATE_HZ == pytest.approx(4.0, abs=0.05)


def test_negative_times_are_before_the_clock(plain, tmp_path):
    run_ffmpeg("-itsoffset", "-0.5", "-i", plain, "-c", "copy", "-avoid_negative_ts", "disabled", tmp_path / "a.mp4")
    assert worst_ms(read_audio(tmp_path / "a.mp4"), -0.5, starts_s=(1.2, 2.1, 3.0)) <= 2.0


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_that_starts_before_the_picture(wav, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    run_ffmpeg(*PICTURE, "-itsoffset", "-0.6", "-i", wav(48000), "-map", "0:v", "-map", "1:a", "-c:v", *H264, "-c:a",
               "aac", path)  # fmt: skip
    notes = []
    assert worst_ms(read_audio(path, notes=notes), -0.6, starts_s=(1.2, 2.1, 3.0)) <= 2.0
    if suffix == "mkv":  # an MP4's edit list has cut it off
        assert notes[0] == "The sound starts 0.60 s before the picture; that part is left out."


def test_a_picture_of_variable_frame_rate_moves_no_sound(wav, tmp_path):
    run_ffmpeg(*PICTURE, "-i", wav(44100), "-vf", "select='not(mod(n,3))+lt(random(1),0.3)'", "-fps_mode", "vfr",
               "-c:v", *H264, "-c:a", "aac", tmp_path / "a.mp4")  # fmt: skip
    assert probe(tmp_path / "a.mp4").variable_fps
    assert worst_ms(read_audio(tmp_path / "a.mp4")) <= 0.1


@pytest.mark.parametrize(("suffix", "video", "audio", "rate_hz"), [
    ("mp4", H264, "aac", 48000), ("mkv", H264, "libmp3lame", 48000), ("webm", VP8, "libopus", 48000),
    ("webm", VP8, "libvorbis", 48000), ("3gp", ("h263",), "libopencore_amrnb", 8000), ("ts", H264, "aac", 48000),
])  # fmt: skip
def test_lost_packets_leave_a_hole_that_is_said_and_nothing_moves(wav, tmp_path, suffix, video, audio, rate_hz):
    run_ffmpeg(*PICTURE, "-i", wav(rate_hz), "-c:v", *video, "-c:a", audio, tmp_path / f"a.{suffix}")
    run_ffmpeg("-i", tmp_path / f"a.{suffix}", "-c", "copy", "-bsf:a", "noise=drop='between(pts*tb,1.1,1.7)'",
               tmp_path / f"b.{suffix}")  # fmt: skip
    notes = []
    wave = read_audio(tmp_path / f"b.{suffix}", notes=notes)
    start_s = probe(tmp_path / f"a.{suffix}").audio_start_s or 0.0
    assert worst_ms(wave, starts_s=(0.6, 1.9, 3.0)) <= 2.0
    assert np.abs(wave[round(1.2 * RATE_HZ) : round((1.6 + min(start_s, 0)) * RATE_HZ)]).max() < 1e-3
    assert len(notes) == 1 and notes[0].startswith("1 hole in the sound, 0.6"), notes


def stamped(path, wave, moved, rate_hz=44100):
    """AAC in Matroska, with each packet's time changed by `moved(time in samples)`."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=rate_hz, layout="mono")
        stream.codec_context.time_base = Fraction(1, rate_hz)
        packets = []
        for k in range(0, len(wave) - 1023, 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, k : k + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, k, Fraction(1, rate_hz)
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            packet.pts = packet.dts = round(moved(packet.pts))
            packet.stream = stream
            out.mux(packet)


def test_a_clock_that_drifts_is_followed_to_10_ms(tmp_path):
    wave = resample_poly(CRY, 441, 160).astype(np.float32)
    for rate in (1.006, 0.994):
        stamped(tmp_path / "a.mkv", wave, lambda t, rate=rate: t * rate)
        heard = read_audio(tmp_path / "a.mkv")
        for start_s, late_ms in zip((0.6, 1.8, 3.0), off_ms(heard), strict=True):
            assert late_ms == pytest.approx((start_s + 0.2) * (rate - 1) * 1000, abs=11)


def test_single_stamps_that_stray_tear_nothing(tmp_path):
    rng, wave = np.random.default_rng(0), resample_poly(CRY, 441, 160).astype(np.float32)
    stamped(tmp_path / "a.mkv", wave, lambda t: t + rng.uniform(-0.009, 0.009) * 44100)
    notes = []
    assert worst_ms(read_audio(tmp_path / "a.mkv", notes=notes), length_s=0.2) <= 10 and notes == []
    stamped(tmp_path / "b.mkv", wave, lambda t: t + (0.02 if t // 1024 % 9 == 4 else 0) * 44100)
    assert worst_ms(read_audio(tmp_path / "b.mkv")) <= 0.5


def test_stamps_that_jump_back_are_said(wav, tmp_path):
    """Two recordings in one transport stream, as cameras join them."""
    run_ffmpeg("-i", wav(44100), "-c:a", "aac", tmp_path / "a.ts")
    (tmp_path / "b.ts").write_bytes((tmp_path / "a.ts").read_bytes() * 2)
    notes = []
    assert worst_ms(read_audio(tmp_path / "b.ts", notes=notes)) < 25, "priming that a transport stream cannot name"
    assert len(notes) == 1 and notes[0].endswith("were left out: the file's time stamps jump back."), notes
