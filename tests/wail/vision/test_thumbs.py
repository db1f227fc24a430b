"""Thumbs are few, evenly spread, and show no recognisable face."""

import numpy as np
import pytest

from wail.vision.roi import Roi
from wail.vision.thumbs import FACE_BLOCKS, ThumbPicker, pixelated


def test_no_face_is_more_than_a_few_blocks_wide(infant, upright_view):
    thumb = pixelated(infant, [upright_view.roi])
    assert thumb.shape[0] == 96
    face = upright_view.roi.size_px * 96 / infant.shape[0]
    x, y = (round(v * 96 / infant.shape[0]) for v in (upright_view.roi.x_px, upright_view.roi.y_px))
    row = thumb[y, max(0, int(x - face / 2)) : int(x + face / 2)]
    changes = (np.abs(np.diff(row.astype(int), axis=0)).sum(1) > 0).sum()
    assert changes <= FACE_BLOCKS + 1


@pytest.mark.parametrize("count", [1, 5, 12, 100, 3000])
def test_thumbs_are_spread_over_the_clip(count):
    picker = ThumbPicker()
    for frame in range(count):
        picker.offer(frame, np.full((8, 16, 3), frame % 256, np.uint8), [])
    frames = [frame for frame, _ in picker.picked()]
    assert len(frames) == min(count, 12)
    assert frames[0] == 0
    assert frames[-1] >= 0.9 * (count - 1)
    if count > 24:
        assert np.diff(frames).max() <= 2.1 * np.diff(frames).min()


def test_all_thumbs_have_one_size_even_where_pictures_do_not():
    picker = ThumbPicker()
    picker.offer(0, np.zeros((10, 20, 3), np.uint8), [])
    picker.offer(1, np.zeros((20, 10, 3), np.uint8), [Roi(5, 5, 50, 0)])
    assert {rgb.shape for _, rgb in picker.picked()} == {(96, 192, 3)}
