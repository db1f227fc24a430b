"""Thumbs show no recognisable face, every reason of a clip, and cost the same memory for any length."""

from itertools import groupby

import numpy as np
import pytest

from wail.vision.roi import Roi
from wail.vision.thumbs import EVEN, FACE_BLOCKS, ROWS, ThumbPicker, pixelated


def grey(value, shape=(16, 32)):
    return np.full((*shape, 3), value, np.uint8)


def test_no_face_is_more_than_a_few_blocks_wide(infant, upright_view):
    width = round(infant.shape[1] * ROWS / infant.shape[0])
    thumb = pixelated(infant, [upright_view.roi], width)
    assert thumb.shape == (ROWS, width, 3)
    assert len({row.tobytes() for row in thumb}) <= np.ceil(FACE_BLOCKS * infant.shape[0] / upright_view.roi.size_px)
    scale = ROWS / infant.shape[0]
    face, x, y = (v * scale for v in (upright_view.roi.size_px, upright_view.roi.x_px, upright_view.roi.y_px))
    row = thumb[round(y), max(0, int(x - face / 2)) : int(x + face / 2)]
    assert len(list(groupby(row.tolist()))) <= FACE_BLOCKS + 1


def test_a_face_that_was_just_lost_is_drawn_as_coarsely_as_before(infant, upright_view):
    picker = ThumbPicker()
    for frame in range(200):
        picker.offer(frame, infant, [upright_view.roi] if frame < 10 else [])
    thumbs = dict(picker.picked())
    rows = {frame: len({row.tobytes() for row in rgb}) for frame, rgb in thumbs.items()}
    most = np.ceil(FACE_BLOCKS * infant.shape[0] / upright_view.roi.size_px)
    assert all(count <= most for frame, count in rows.items() if frame <= 99)
    assert rows[199] == ROWS, "long after it there is no face to hide"


@pytest.mark.parametrize("count", [1, 5, 12, 100, 3000])
def test_thumbs_are_spread_over_the_clip(count):
    picker = ThumbPicker(most_bytes=200 * ROWS * 32 * 3)
    for frame in range(count):
        picker.offer(frame, grey(frame % 256), [])
    frames = [frame for frame, _ in picker.picked()]
    assert len(frames) == min(count, EVEN)
    assert frames[0] == 0
    assert frames[-1] >= 0.9 * (count - 1)
    if count > 24:
        assert np.diff(frames).max() <= 2.1 * np.diff(frames).min()


def test_every_reason_of_a_long_clip_has_pictures_in_bounded_memory():
    """Half an hour: a short loss of the face, unlike what is around it, among long stretches that hardly change."""
    noise = np.random.default_rng(5)
    picker = ThumbPicker(most_bytes=300 * ROWS * 32 * 3)
    reasons: dict[int, str | None] = {}
    for frame in range(54_000):
        short = 40_000 <= frame < 40_012
        reasons[frame] = "mouth_occluded" if short else "dark" if frame < 30_000 else None
        picker.offer(frame, grey(90 if short else 20 if frame < 30_000 else 200) + noise.integers(0, 3, (16, 32, 1),
                     np.uint8), [])  # fmt: skip
        assert len(picker._kept) <= 300
    told = {reasons[frame] for frame, _ in picker.picked(reasons)}
    assert told == {"mouth_occluded", "dark", None}
    assert len(picker.picked(reasons)) < 80


def test_pictures_of_a_reason_are_from_its_ends_too():
    picker = ThumbPicker()
    reasons: dict[int, str | None] = {frame: "profile" if 100 <= frame < 170 else None for frame in range(300)}
    for frame in range(300):
        picker.offer(frame, grey(frame % 256), [])
    own = [frame for frame, _ in picker.picked(reasons) if reasons[frame] == "profile"]
    assert own[0] == 100 and own[-1] == 169 and len(own) in range(4, 12)
    free = [frame for frame, _ in picker.picked(reasons) if reasons[frame] is None]
    assert {99, 170} <= set(free) and len(free) >= 24


def test_all_thumbs_have_one_size_even_where_pictures_do_not():
    picker = ThumbPicker()
    picker.offer(0, grey(0, (10, 20)), [])
    picker.offer(1, grey(0, (20, 10)), [Roi(5, 5, 50, 0)])
    picker.offer(2, grey(0, (1, 5000)), [])
    assert {rgb.shape for _, rgb in picker.picked()} == {(ROWS, 32, 3)}
    assert ThumbPicker().picked({3: "dark"}) == []
