"""Bad and odd video, as real files through decoding and all of vision: no crash, bounded memory, a reason each."""

import importlib.util
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from schemas.reasons import VISION_REASONS
from wail.media.decode import GridFrame, grid_frames
from wail.media.encode import write_mp4
from wail.media.probe import probe
from wail.vision.analyse import VisionConfig, analyse
from wail.vision.thumbs import ThumbPicker


def of_media(name):
    """A test file of wail.media as a module, for the files that it makes."""
    path = Path(__file__).parents[1] / f"media/{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judged(path):
    """Reasons of the first face of each grid frame, after holding the table to what has to be true of any."""
    result = analyse(grid_frames(path), VisionConfig())
    rows = result.frames.to_pylist()
    facts = probe(path)
    assert result.size_px == (facts.width_px, facts.height_px)
    assert sorted({row["frame"] for row in rows}) == list(range(facts.n_grid_frames)), "each grid frame is there"
    for row in rows:
        assert row["usable"] == (row["reason"] is None)
        assert row["reason"] is None or row["reason"] in VISION_REASONS
        assert (row["track"] is None) == (row["bbox"] is None)
        assert row["track"] is not None or row["reason"] in ("no_face", "profile")
    by_frame = {}
    for row in rows:
        by_frame.setdefault(row["frame"], []).append(row["reason"])
    return [None if None in reasons else reasons[0] for reasons in by_frame.values()]


def sway(picture, n, reach=6):
    """The picture as n frames that move a little, as any camera's do."""
    height, width = picture.shape[:2]
    for k in range(n):
        shift = np.float64([[1, 0, reach * np.sin(k / 5)], [0, 1, reach * np.cos(k / 7)]])
        yield cv2.warpAffine(picture, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)


def encode(path, pictures, pix_fmt, codec="libx264", fps=30, **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.pix_fmt = pix_fmt
        for k, rgb in enumerate(pictures):
            if not k:
                stream.height, stream.width = rgb.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def joined(path, parts):
    """H.264 streams one after the other, each with a picture size of its own."""
    with av.open(str(path), "w") as out:
        start, stream = 0.0, None
        for part in parts:
            with av.open(str(part)) as source:
                own = source.streams.video[0]
                stream = stream or out.add_stream_from_template(own)
                to_annexb = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", own)
                for packet in source.demux(own):
                    if packet.dts is None:
                        continue
                    for ready in to_annexb.filter(packet):
                        ready.pts += round(start / ready.time_base)
                        ready.dts += round(start / ready.time_base)
                        ready.stream = stream
                        out.mux(ready)
                start += probe(part).duration_s
    return path


def test_a_size_that_changes_mid_stream(tmp_path, infant):
    small = cv2.resize(infant, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for name, picture in (("a", infant), ("b", small)):
        write_mp4(tmp_path / f"{name}.mp4", sway(picture, 10), 30.0)
    path = joined(tmp_path / "both.ts", [tmp_path / "a.mp4", tmp_path / "b.mp4"])
    assert judged(path) == [None] * 20


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("ffv1", "gray"), ("libx264", "gray10le"), ("libx264", "yuv422p10le"), ("ffv1", "bgr0")]
)
def test_grey_and_deep_pictures(tmp_path, infant, codec, pix_fmt):
    assert judged(encode(tmp_path / "a.mkv", sway(infant, 6), pix_fmt, codec)) == [None] * 6


@pytest.mark.parametrize("kind", ["pq", "hlg"])
def test_hdr(tmp_path, infant, kind):
    of_media("test_hdr").write_hdr(tmp_path / "a.mp4", infant, kind, n=6)
    assert judged(tmp_path / "a.mp4") == [None] * 6


def test_interlaced(tmp_path, infant):
    fields = list(sway(infant, 24, reach=20))
    woven = []
    for even, odd in zip(fields[::2], fields[1::2], strict=True):
        woven.append(even.copy())
        woven[-1][1::2] = odd[1::2]
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "tff=1"})
        stream.height, stream.width = infant.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.flags |= av.codec.context.Flags.interlaced_dct | av.codec.context.Flags.interlaced_me
        for rgb in woven:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    reasons = judged(tmp_path / "a.mp4")
    assert len(reasons) == 15 and set(reasons) == {None}


@pytest.mark.parametrize(("fps", "n", "grid"), [(1, 3, 90), (240, 64, 8)])
def test_one_and_240_frames_a_second(tmp_path, infant, fps, n, grid):
    write_mp4(tmp_path / "a.mp4", sway(infant, n), float(fps))
    assert judged(tmp_path / "a.mp4") == [None] * grid


def test_thirty_faces_in_a_crowd(tmp_path, infant, infant_and_adult):
    """Five by six people, a few of them infants: no more are followed than the limit, none is lost to a crash."""
    faces = [cv2.resize(picture[:, : picture.shape[0]], (160, 160), interpolation=cv2.INTER_AREA)
             for picture in (infant, infant_and_adult, infant[:, ::-1])]  # fmt: skip
    rows = [np.hstack([faces[(k + row) % 3] for k in range(6)]) for row in range(5)]
    write_mp4(tmp_path / "a.mp4", sway(np.vstack(rows), 24, reach=3), 30.0)
    result = analyse(grid_frames(tmp_path / "a.mp4"), VisionConfig())
    per_frame = np.bincount([row["frame"] for row in result.frames.to_pylist()])
    assert len(per_frame) == 24 and per_frame.min() >= 1
    assert per_frame.max() == VisionConfig().max_faces
    assert all(row["usable"] or row["reason"] in VISION_REASONS for row in result.frames.to_pylist())


def hung(picture, width=640, height=480):
    """The picture as a framed print on a papered wall."""
    rgb = np.full((height, width, 3), (196, 188, 170), np.uint8)
    rgb[:, ::40] = (180, 172, 156)
    rgb[height - 60 :] = (120, 90, 66)
    side = 260
    y, x = 70, 190
    rgb[y - 26 : y + side + 26, x - 26 : x + side + 26] = (60, 40, 26)
    rgb[y - 16 : y + side + 16, x - 16 : x + side + 16] = (240, 238, 232)
    rgb[y : y + side, x : x + side] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    return rgb


def test_a_picture_of_a_baby_on_a_wall_is_not_live(tmp_path, infant):
    write_mp4(tmp_path / "a.mp4", sway(hung(infant), 120, reach=14), 30.0)
    assert set(judged(tmp_path / "a.mp4")) == {"not_live"}


def cartoon(width=320, height=240):
    """A face as children draw it: a disc, dots for eyes, a curve for a mouth."""
    rgb = np.full((height, width, 3), (190, 225, 250), np.uint8)
    cv2.circle(rgb, (width // 2, height // 2), 80, (255, 222, 90), -1, cv2.LINE_AA)
    cv2.circle(rgb, (width // 2, height // 2), 80, (20, 20, 20), 3, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.circle(rgb, (width // 2 + 28 * side, height // 2 - 20), 9, (10, 10, 10), -1, cv2.LINE_AA)
    cv2.ellipse(rgb, (width // 2, height // 2 + 20), (40, 24), 0, 10, 170, (10, 10, 10), 4, cv2.LINE_AA)
    return rgb


def test_a_cartoon_is_not_usable(tmp_path):
    write_mp4(tmp_path / "a.mp4", sway(cartoon(), 20), 30.0)
    assert None not in judged(tmp_path / "a.mp4")


def test_hours_without_a_face_cost_next_to_no_memory(monkeypatch):
    """Scaled down: pictures of noise, each another one. An hour in full is measured by hand (docs/vision.md)."""
    monkeypatch.setattr("wail.vision.analyse.ThumbPicker", lambda: ThumbPicker(most_bytes=50_000))
    noise = np.random.default_rng(3)
    held = np.zeros(400)

    def pictures(n):
        for k in range(n):
            held[k] = tracemalloc.get_traced_memory()[0]
            yield GridFrame(k, k / 30, noise.integers(0, 255, (48, 64, 3), np.uint8))

    tracemalloc.start()
    try:
        result = analyse(pictures(400), VisionConfig(), lambda batch: None)
    finally:
        tracemalloc.stop()
    assert set(result.frames["reason"].to_pylist()) == {"no_face"}
    assert held[399] - held[99] < 300 * 200 + 40_000, "200 bytes a frame, and thumbs to their limit"
