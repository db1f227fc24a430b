"""HDR video (PQ, HLG, BT.2020) comes out with the colours that an ordinary video of the same scene has."""

import av
import numpy as np
import pytest

from wail.media.cut import cut_span
from wail.media.decode import grid_frames
from wail.media.hdr import to_screen

TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
LUMA = np.array([0.2627, 0.6780, 0.0593])
TRANSFER = {"pq": 16, "hlg": 18, "wide": 14}
MONK = [(246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150), (160, 126, 86),
        (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32)]  # fmt: skip
GREYS = [(k, k, k) for k in (10, 40, 90, 140, 190, 240)]


def stored(rgb, kind):
    """A BT.709 picture's light as the HDR standards store it: 0-1 [h, w, 3]; white is 203 cd/m2."""
    light = (rgb / 255.0) ** 2.4 @ TO_BT2020.T
    if kind == "wide":
        return light ** (1 / 2.4)
    if kind == "pq":
        power = (light * 203 / 10000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    shown = light * 203 / 1000
    scene = shown * np.maximum(shown @ LUMA, 1e-9)[..., None] ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def ten_bit(code):
    """R'G'B' 0-1 [h, w, 3] as BT.2020's Y'CbCr, limited range, 4:2:0."""
    y = code @ LUMA
    half = [plane.reshape(len(y) // 2, 2, -1, 2).mean((1, 3))
            for plane in ((code[..., 2] - y) / 1.8814, (code[..., 0] - y) / 1.4746)]  # fmt: skip
    return [np.round(64 + 876 * y), *(np.round(512 + 896 * plane) for plane in half)]


def write_hdr(path, rgb, kind, n=4, rotation_deg=0):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "8", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *rgb.shape[:2], "yuv420p10le"
        stream.codec_context.color_primaries, stream.codec_context.colorspace = 9, 9
        stream.codec_context.color_trc, stream.codec_context.color_range = TRANSFER[kind], 1
        if rotation_deg:
            stream.set_display_rotation(-rotation_deg)
        for _ in range(n):
            frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], "yuv420p10le")
            for plane, values in zip(frame.planes, ten_bit(stored(rgb, kind)), strict=True):
                line = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                line[:, : values.shape[1]] = values
                plane.update(line.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def patches(colours):
    """A row of squares, 16 px, of the given colours."""
    return np.repeat(np.repeat(np.array(colours, np.uint8)[None], 16, 0), 16, 1)


def middles(rgb):
    return rgb[8, 8::16].astype(int)


@pytest.mark.parametrize("kind", ["pq", "hlg", "wide"])
def test_skin_and_greys_look_as_in_ordinary_video(tmp_path, kind):
    colours = [*MONK, *GREYS]
    write_hdr(tmp_path / "a.mp4", patches(colours), kind)
    frames = list(grid_frames(tmp_path / "a.mp4"))
    assert len(frames) == 4
    off = np.abs(middles(frames[0].rgb) - np.array(colours)).max(1)
    assert off[: len(MONK)].max() <= 6 and off[len(MONK) :].max() <= 3
    if kind != "wide":
        code = stored(patches(colours), kind)
        assert np.abs(255 * code[8, 8::16] - np.array(colours)).max() > 50, "as stored it would be far off"


def test_what_is_brighter_than_white_is_white_and_order_is_kept():
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    for kind in ("pq", "hlg"):
        grey = to_screen(ramp, kind)[0, :, 1].astype(int)
        assert grey[0] == 0 and grey[-1] == 255
        assert (np.diff(grey) >= 0).all()


def test_hdr_held_upright_is_turned_as_well(tmp_path):
    write_hdr(tmp_path / "a.mp4", patches(MONK[4:8]), "hlg", rotation_deg=90)
    rgb = next(iter(grid_frames(tmp_path / "a.mp4"))).rgb
    assert rgb.shape == (64, 16, 3)
    assert np.abs(rgb[8::16, 8].astype(int) - np.array(MONK[4:8])).max() <= 8


def test_a_span_cut_from_hdr_keeps_its_colours(tmp_path):
    write_hdr(tmp_path / "a.mp4", patches(MONK), "hlg", n=20)
    cut_span(tmp_path / "a.mp4", tmp_path / "cut.mp4", 0.2, 0.5)
    rgb = next(iter(grid_frames(tmp_path / "cut.mp4"))).rgb
    assert np.abs(middles(rgb) - np.array(MONK)).max() <= 10
