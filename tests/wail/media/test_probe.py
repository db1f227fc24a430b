import struct
import subprocess
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from wail.errors import MediaError
from wail.media.audio import read_audio, write_flac
from wail.media.decode import grid_frames
from wail.media.encode import write_mp4
from wail.media.ffmpeg import ffmpeg_exe
from wail.media.opening import DEFAULT_LIMITS, MediaLimits
from wail.media.probe import n_grid_frames, probe


def refusal(path, limits=DEFAULT_LIMITS) -> MediaError:
    with pytest.raises(MediaError) as error:
        probe(path, limits)
    assert path.name in str(error.value), "the message names the file"
    assert "/" not in str(error.value).replace(path.name, "").replace("fetch or", ""), "and not where it lies"
    return error.value


def test_a_plain_clip(make_clip):
    facts = probe(make_clip(n=50, fps=25))
    assert (facts.container, facts.video_codec, facts.audio_codec) == ("mov", "h264", "aac")
    assert (facts.width_px, facts.height_px, facts.rotation_deg) == (64, 48, 0)
    assert (facts.average_fps, facts.variable_fps) == (pytest.approx(25), False)
    assert (facts.duration_s, facts.n_grid_frames) == (pytest.approx(2), 60)
    assert (facts.audio_start_s, facts.audio_duration_s) == (pytest.approx(0), pytest.approx(2))
    assert (facts.audio_rate_hz, facts.audio_channels, facts.n_streams) == (16000, 1, 2)


def test_size_and_turn_are_those_of_display(make_clip):
    facts = probe(make_clip(n=3, rotation_deg=90, width=80))
    assert (facts.width_px, facts.height_px, facts.rotation_deg) == (80, 48, 90)


@pytest.mark.parametrize(("duration_s", "frames"), [(2.0, 60), (2.001, 60), (2.02, 61), (1 / 30, 1), (0.0, 1)])
def test_grid_frames_start_before_the_end_but_for_rounding(duration_s, frames):
    assert n_grid_frames(duration_s) == frames


def test_empty_file(tmp_path):
    (tmp_path / "a.mp4").touch()
    error = refusal(tmp_path / "a.mp4")
    assert error.failure == "corrupt" and "0 bytes" in str(error)


def test_missing_file(tmp_path):
    assert refusal(tmp_path / "a.mp4").failure == "gone"


@pytest.mark.parametrize("content", [b"hello, this is a text\n" * 40, b"<!doctype html><html><body>no</body></html>",
                                     bytes(range(256)) * 64])  # fmt: skip
def test_what_is_no_media_under_a_video_name(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    assert refusal(tmp_path / "a.mp4").failure in ("unsupported", "corrupt")


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{inner}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{inner}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
           "m=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_opens_no_other_file(make_clip, tmp_path, kind):
    inner = make_clip("inner.mp4", 3)
    path = tmp_path / ("a.m3u8" if kind == "hls" else "a.mp4")
    path.write_text(PLAYLISTS[kind].format(inner=inner.name))
    error = refusal(path)
    assert error.failure == "unsupported"
    assert "none of those allowed" in str(error)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_a_truncated_file_is_refused(make_clip, name, keep):
    path = make_clip(name, n=120)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    assert refusal(path).failure == "corrupt"


def test_video_only(make_clip):
    path = make_clip(sound=False)
    facts = probe(path)
    assert facts.audio_codec is None and facts.audio_start_s is None
    wave = read_audio(path)
    assert wave.shape == (32000,) and not wave.any(), "silence as long as the picture"


def test_audio_only(tmp_path):
    write_flac(tmp_path / "a.flac", np.zeros(8000, np.float32), 16000)
    facts = probe(tmp_path / "a.flac")
    assert facts.video_codec is None
    assert (facts.width_px, facts.height_px, facts.n_grid_frames) == (0, 0, 0)
    assert (facts.duration_s, facts.audio_start_s) == (pytest.approx(0.5), 0)


def test_a_cover_picture_is_no_video(tmp_path, make_clip):
    write_flac(tmp_path / "a.flac", np.zeros(8000, np.float32), 16000)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "c.png")
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", tmp_path / "a.flac", "-i", tmp_path / "c.png", "-map", "0",
                    "-map", "1", "-disposition:v", "attached_pic", tmp_path / "b.mp3"], check=True)  # fmt: skip
    assert probe(tmp_path / "b.mp3").video_codec is None


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_a_hundred_megapixels_are_refused_by_the_header(tmp_path):
    (tmp_path / "a.png").write_bytes(png_header(10000, 10000))
    error = refusal(tmp_path / "a.png")
    assert error.failure == "too_large"
    assert "10000 x 10000" in str(error)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.ts"])
def test_a_video_with_more_pixels_than_allowed_is_refused(make_clip, name):
    error = refusal(make_clip(name, n=3), MediaLimits(max_pixels=64 * 48 - 1))
    assert error.failure == "too_large" and "64 x 48" in str(error)


def test_a_hundred_megapixel_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("mjpeg", rate=30)
        stream.height, stream.width, stream.pix_fmt = 10000, 10000, "yuvj420p"
        grey = np.full((15000, 10000), 128, np.uint8)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="yuvj420p")))
        out.mux(stream.encode(None))
    error = refusal(tmp_path / "a.mp4")
    assert error.failure == "too_large" and "10000 x 10000" in str(error)


def test_one_pixel(tmp_path):
    write_mp4(tmp_path / "a.mp4", [np.full((1, 1, 3), 200, np.uint8)] * 3, 30.0)
    facts = probe(tmp_path / "a.mp4")
    assert (facts.width_px, facts.height_px) == (2, 2), "padded to the codec's least"
    assert [frame.rgb.shape for frame in grid_frames(tmp_path / "a.mp4")] == [(2, 2, 3)] * 3


def test_one_pixel_picture(tmp_path):
    Image.fromarray(np.full((1, 1, 3), 200, np.uint8)).save(tmp_path / "a.png")
    assert [frame.rgb.tolist() for frame in grid_frames(tmp_path / "a.png")] == [[[[200, 200, 200]]]]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_a_picture_is_a_video_of_one_frame(tmp_path, suffix):
    Image.fromarray(np.full((30, 41, 3), 99, np.uint8)).save(tmp_path / f"a.{suffix}")
    facts = probe(tmp_path / f"a.{suffix}")
    assert (facts.width_px, facts.height_px, facts.n_grid_frames) == (41, 30, 1)
    assert (facts.duration_s, facts.audio_codec) == (1 / 30, None)
    (frame,) = grid_frames(tmp_path / f"a.{suffix}")
    assert np.abs(frame.rgb.astype(int) - 99).max() <= 2
    assert read_audio(tmp_path / f"a.{suffix}").shape == (533,)


@pytest.mark.parametrize("name", ["with space.mp4", "it's \"quoted\".mp4", "%03d.mp4", "-dash.mp4", "a:b.mp4", "ü.mp4"])
def test_any_file_name(make_clip, tmp_path, name, monkeypatch):
    make_clip("plain.mp4", 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name)).n_grid_frames == 3
    assert read_audio(Path(name)).any()


@pytest.mark.parametrize(
    ("limits", "rule"),
    [(MediaLimits(max_bytes=100), "100 allowed"), (MediaLimits(max_duration_s=1.5), "1.5 s allowed"),
     (MediaLimits(max_streams=1), "1 allowed")],
)  # fmt: skip
def test_caps(make_clip, limits, rule):
    error = refusal(make_clip(), limits)
    assert error.failure == "too_large" and rule in str(error)


def test_pictures_without_times_are_refused(make_clip, tmp_path):
    raw = tmp_path / "raw.h264"
    command = [ffmpeg_exe(), "-v", "error", "-i", make_clip(), "-an", "-c", "copy", "-f", "h264", raw]
    subprocess.run(command, check=True)
    with pytest.raises(MediaError, match="carry no times") as caught:
        probe(raw)
    assert caught.value.failure == "unsupported"
