"""Interlaced video comes out as whole pictures, at the same times, one for one."""

import av
import numpy as np
import pytest

from wail.media.cut import cut_span
from wail.media.decode import grid_frames
from wail.media.deinterlace import deinterlaced


def bar(at, height=64, width=96):
    """A bright bar, 16 px wide, on grey; drawn at twice the frame rate, one position for each field."""
    rgb = np.full((height, width, 3), 60, np.uint8)
    rgb[:, at : at + 16] = 200
    return rgb


def fields(k):
    """Frame k as a camera of 50 fields a second stores it: even lines first, odd ones 1/50 s later."""
    rgb = bar(8 + 4 * k)
    rgb[1::2] = bar(10 + 4 * k)[1::2]
    return rgb


def write(path, n=16, fps=25, interlaced=True):
    with av.open(str(path), "w") as container:
        options = {"crf": "5", "preset": "ultrafast", "x264-params": f"tff={int(interlaced)}:bframes=0"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        if interlaced:
            stream.codec_context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
        for k in range(n):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(fields(k), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def combing(rgb):
    """Mean difference of each line from the mean of its neighbours: large where two fields do not belong together."""
    grey = rgb.astype(float).mean(2)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


def decoded(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame) for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_the_fields_are_parted_and_every_frame_keeps_its_time(tmp_path, name):
    path = write(tmp_path / name)
    plain = decoded(path)
    assert all(frame.interlaced_frame for _, frame in plain)
    whole = list(deinterlaced(decoded(path)))
    assert [time_s for time_s, _ in whole] == [time_s for time_s, _ in plain]
    before = combing(plain[8][1].to_ndarray(format="rgb24"))
    after = combing(whole[8][1].to_ndarray(format="rgb24"))
    assert before > 5 and after < before / 5
    columns = whole[8][1].to_ndarray(format="rgb24")[32].mean(1) > 130
    assert abs(np.flatnonzero(columns).mean() - (8 + 4 * 8 + 8)) < 2.5, "of this frame's own time"


def test_on_the_grid_no_picture_is_combed(tmp_path):
    frames = list(grid_frames(write(tmp_path / "a.mp4", n=25)))
    assert len(frames) == 30
    assert max(combing(frame.rgb) for frame in frames) < 2


def test_progressive_video_is_left_alone(tmp_path):
    path = write(tmp_path / "a.mp4", interlaced=False)
    plain = decoded(path)
    assert [frame for _, frame in deinterlaced(plain)] == [frame for _, frame in plain], "the very same frames"


def test_a_stream_that_changes_from_progressive_to_interlaced_and_changes_size(tmp_path):
    import cv2

    progressive = decoded(write(tmp_path / "p.mp4", n=5, interlaced=False))
    laced = [(1.0 + time_s, frame) for time_s, frame in decoded(write(tmp_path / "i.mp4", n=5))]
    small = cv2.resize(fields(3), (48, 32))
    other = [(2.0, av.VideoFrame.from_ndarray(small, format="rgb24").reformat(format="yuv420p"))]
    out = list(deinterlaced([*progressive, *laced, *other]))
    assert [time_s for time_s, _ in out] == [time_s for time_s, _ in [*progressive, *laced, *other]]
    assert (out[-1][1].width, out[-1][1].height) == (48, 32)
    assert combing(out[7][1].to_ndarray(format="rgb24")) < 2
    assert list(deinterlaced([])) == []


def test_a_cut_makes_them_whole_too(tmp_path):
    cut_span(write(tmp_path / "a.mp4", n=25), tmp_path / "cut.mp4", 0.2, 0.6)
    frames = list(grid_frames(tmp_path / "cut.mp4"))
    assert len(frames) == 12
    assert max(combing(frame.rgb) for frame in frames) < 2
