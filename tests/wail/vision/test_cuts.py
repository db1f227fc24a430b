"""Cuts are told from flashes, fades, jolts and noise."""

import cv2
import numpy as np
import pytest

from wail.vision.cuts import CutFinder


def scene(seed: int, tone: int = 128) -> np.ndarray:
    """A picture of soft blobs around one mean tone."""
    rng = np.random.default_rng(seed)
    blobs = cv2.resize(rng.normal(0, 60, (9, 12)).astype(np.float32), (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.clip(blobs[..., None] + (tone, tone - 10, tone - 25), 0, 255).astype(np.uint8)


def says(pictures) -> list[str]:
    finder = CutFinder()
    return [finder(picture) for picture in pictures]


def test_another_shot_is_a_cut_though_its_colours_are_the_same():
    a, b = scene(1), scene(2)
    assert says([a, a, a, b, b]) == ["none", "none", "none", "cut", "none"]


@pytest.mark.parametrize("between", [
    lambda a: np.full_like(a, 255), lambda a: np.zeros_like(a), lambda a: np.clip(a * 0.2 + 200, 0, 255),
    lambda a: a * 0.3, lambda a: np.roll(a, (20, -30), (0, 1)), lambda a: cv2.blur(a, (25, 1)),
], ids=["white flash", "black frame", "flash", "light off", "jolt", "motion blur"])  # fmt: skip
def test_what_passes_is_no_cut(between):
    a = scene(1)
    assert "cut" not in says([a, a, between(a).astype(np.uint8), a, a])


def test_a_cut_through_black_or_white_is_one_cut():
    a, b = scene(1), scene(2)
    for flat in (np.zeros_like(a), np.full_like(a, 255)):
        assert says([a, a, flat, flat, b, b]) == ["none"] * 4 + ["cut", "none"]


def test_a_fade_is_none():
    a, b = scene(1).astype(float), scene(2).astype(float)
    assert set(says([((1 - t) * a + t * b).astype(np.uint8) for t in np.linspace(0, 1, 20)])) == {"none"}


def test_noise_in_the_dark_is_none():
    rng = np.random.default_rng(0)
    dark = scene(1) * 0.05
    assert set(says([np.clip(dark + rng.normal(0, 4, dark.shape), 0, 255).astype(np.uint8) for _ in range(10)])) == {
        "none"}  # fmt: skip


def test_another_size_is_a_cut():
    a = scene(1)
    assert says([a, np.ascontiguousarray(a[::2, ::2])]) == ["none", "cut"]
