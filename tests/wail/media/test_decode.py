import av
import numpy as np
import pytest
from PIL import Image

from wail.errors import MediaError
from wail.media.decode import grid_frames, on_grid
from wail.media.encode import write_mp4
from wail.media.picture import Turn, apply_turn
from wail.media.probe import probe


def numbers(path, seen):
    return [seen(frame.rgb) for frame in grid_frames(path)]


def nearest(times_s, n):
    """Said another way: the frame whose time is nearest to each grid time, the later one when two are as near."""
    times = np.asarray(times_s)
    return [len(times) - 1 - int(np.argmin(np.round(np.abs(times - k / 30), 4)[::-1])) for k in range(n)]


@pytest.mark.parametrize(
    ("name", "fps", "n"),
    [("a.mp4", 30, 60), ("a.mp4", 25, 50), ("a.webm", 25, 50), ("a.mov", 30000 / 1001, 60), ("a.mkv", 30000 / 1001, 60),
     ("a.mp4", 50, 100), ("a.mp4", 60, 120), ("a.mp4", 15, 30), ("a.mkv", 24, 48)],
)  # fmt: skip
def test_each_grid_time_shows_the_frame_nearest_in_time(make_clip, seen, name, fps, n):
    path = make_clip(name, n, fps)
    got = numbers(path, seen)
    assert len(got) == probe(path).n_grid_frames
    assert len(got) == pytest.approx(n / fps * 30, abs=1)
    assert got == nearest(np.arange(n) / fps, len(got))


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.webm"])
def test_variable_frame_rate_is_placed_by_timestamp_not_by_index(make_clip, seen, name):
    times_s = np.cumsum([0.0] + [1 / 30] * 15 + [1 / 15] * 8 + [1 / 24] * 20)
    path = make_clip(name, len(times_s), times_s=times_s)
    got = numbers(path, seen)
    by_index = [round(k * len(times_s) / len(got)) for k in range(len(got))]
    # Containers round times to a millisecond, so a tie may fall either way: compare times, not indices.
    errors = np.abs(times_s[got] - np.arange(len(got)) / 30)
    assert errors.max() <= 1 / 30 + 0.002
    assert np.abs(times_s[np.minimum(by_index, len(times_s) - 1)] - np.arange(len(got)) / 30).max() > 0.1
    assert probe(path).variable_fps


def test_a_long_still_frame_stays_until_its_successor_is_due(make_clip, seen):
    path = make_clip("still.mkv", 3, times_s=[0.0, 1.0, 1.5])
    got = numbers(path, seen)
    assert got[:30] == [0] * 29 + [1], "shown at most one grid step early"


def test_times_are_those_of_the_grid_and_pictures_cannot_be_written(make_clip):
    frames = list(grid_frames(make_clip(n=6, fps=15)))
    assert [frame.time_s for frame in frames] == [frame.frame / 30 for frame in frames]
    assert [frame.frame for frame in frames] == list(range(12))
    with pytest.raises(ValueError, match="read-only"):
        frames[0].rgb[0, 0] = 0


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_display_rotation_is_applied(make_clip, seen, rotation_deg):
    path = make_clip(n=5, rotation_deg=rotation_deg)
    with av.open(str(path)) as container:
        stored = (container.streams.video[0].height, container.streams.video[0].width)
    assert stored == ((64, 48) if rotation_deg in (90, 270) else (48, 64)), "the stored picture is turned"
    frames = list(grid_frames(path))
    assert frames[0].rgb.shape == (48, 64, 3)
    assert [seen(frame.rgb) for frame in frames] == [0, 1, 2, 3, 4]
    red = frames[0].rgb[2, 2].astype(int)
    assert red[0] > 200 and red[1:].max() < 60, "the red corner is at the top left again"
    assert probe(path).rotation_deg == rotation_deg


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_of_a_camera_picture(tmp_path, orientation):
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:24, :32] = (255, 0, 0)
    upright[24:, 32:] = (0, 0, 255)
    undo = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: np.rot90(a, 2), 4: lambda a: a[::-1],
            5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, 1),
            7: lambda a: np.rot90(a.swapaxes(0, 1), 2), 8: lambda a: np.rot90(a, -1)}  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "p.jpg"
    Image.fromarray(np.ascontiguousarray(undo[orientation](upright))).save(path, exif=exif, quality=95)
    (frame,) = grid_frames(path)
    assert frame.rgb.shape == upright.shape
    assert np.abs(frame.rgb.astype(int) - upright).mean() < 8


def test_a_mirrored_and_turned_picture():
    rgb = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, 2)
    assert apply_turn(rgb, Turn(False, 90))[..., 0].tolist() == [[3, 0], [4, 1], [5, 2]]
    assert apply_turn(rgb, Turn(True, 0))[..., 0].tolist() == [[2, 1, 0], [5, 4, 3]]


def encode_raw(path, frames, codec, pix_fmt, source_format, options=None, aspect=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for array in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format=source_format)))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx264", "yuv420p10le"), ("ffv1", "gray"), ("libx264", "yuv444p")])
def test_ten_bit_and_grey_become_rgb(tmp_path, codec, pix_fmt):
    path = tmp_path / "a.mkv"
    encode_raw(path, [np.full((48, 64), 100, np.uint8)] * 3, codec, pix_fmt, "gray")
    frames = list(grid_frames(path))
    assert len(frames) == 3
    assert frames[0].rgb.dtype == np.uint8 and frames[0].rgb.shape == (48, 64, 3)
    assert np.abs(frames[0].rgb.astype(int) - 100).max() <= 2


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    path = tmp_path / "a.mp4"
    encode_raw(path, [np.full((48, 64, 3), 100, np.uint8)] * 3, "libx264", "yuv420p", "rgb24", aspect=2)
    assert (probe(path).width_px, probe(path).height_px) == (128, 48)
    assert next(iter(grid_frames(path))).rgb.shape == (48, 128, 3)


def test_frames_that_change_size_are_scaled_to_the_first(tmp_path, make_clip, seen):
    """Two H.264 streams of different size, one after the other, as a phone call or a television stream has them."""
    path = tmp_path / "two.ts"
    with av.open(str(path), "w") as out:
        for part, (height, width) in enumerate([(48, 64), (96, 160)]):
            with av.open(str(make_clip(f"{part}.mp4", 10, sound=False, height=height, width=width))) as source:
                if part == 0:
                    stream = out.add_stream_from_template(source.streams.video[0])
                to_annexb = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is None:
                        continue
                    for ready in to_annexb.filter(packet):
                        ready.pts += part * round(1 / 3 / ready.time_base)
                        ready.dts += part * round(1 / 3 / ready.time_base)
                        ready.stream = stream
                        out.mux(ready)
    frames = list(grid_frames(path))
    assert {frame.rgb.shape for frame in frames} == {(48, 64, 3)}
    assert [seen(frame.rgb) for frame in frames] == [*range(10), *range(10)]


def test_odd_sizes_are_padded_by_the_encoder_not_cropped(tmp_path):
    write_mp4(tmp_path / "odd.mp4", [np.full((31, 45, 3), 90, np.uint8)] * 2, 30.0)
    assert next(iter(grid_frames(tmp_path / "odd.mp4"))).rgb.shape == (32, 46, 3)


def test_sound_alone_has_no_pictures(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no video, only sound") as error:
        next(iter(grid_frames(tmp_path / "a.m4a")))
    assert error.value.failure == "unsupported"


def test_a_damaged_stretch_loses_only_its_own_frames(make_clip, seen):
    path = make_clip("a.mp4", 60, sound=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    got = numbers(path, seen)
    assert len(got) == probe(path).n_grid_frames
    assert got[:10] == list(range(10)), "what lies before the damage is untouched"


def test_on_grid_passes_over_frames_out_of_order():
    frames = [(0.0, "a"), (0.1, "b"), (0.05, "late"), (0.2, "c")]
    assert [p for _, p in on_grid(frames, 7)] == ["a", "a", "b", "b", "b", "c", "c"]
