"""Tiny clips whose every frame says its own number, and whose sound is a click at a known time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from wail.media.encode import write_mp4

RATE_HZ = 16000
CLICK_S = 0.5


def numbered(n: int, height: int = 48, width: int = 64) -> Iterator[np.ndarray]:
    """Frame k: left half grey 16 (k mod 16) + 8, right half grey 16 (k div 16) + 8; a red corner at the top left."""
    for k in range(n):
        rgb = np.zeros((height, width, 3), np.uint8)
        rgb[:, : width // 2] = k % 16 * 16 + 8
        rgb[:, width // 2 :] = k // 16 * 16 + 8
        rgb[: height // 6, : width // 8] = (255, 0, 0)
        yield rgb


def number_of(rgb: np.ndarray) -> int:
    height, width = rgb.shape[:2]
    low, high = (round((rgb[height // 2, x].mean() - 8) / 16) for x in (width // 4, 3 * width // 4))
    return low + 16 * high


def click(duration_s: float = 2.0, at_s: float = CLICK_S, rate_hz: int = RATE_HZ) -> np.ndarray:
    wave = np.zeros(round(duration_s * rate_hz), np.float32)
    wave[round(at_s * rate_hz) :][:80] = 0.9
    return wave


def click_s(wave: np.ndarray, rate_hz: int = RATE_HZ) -> float:
    loud = np.flatnonzero(np.abs(wave) > 0.3)
    assert loud.size, "no click in the sound"
    return float(loud[0] / rate_hz)


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "clip.mp4", n: int = 60, fps: float = 30.0, *, sound: bool = True, height: int = 48,
             width: int = 64, **options) -> Path:  # fmt: skip
        path = tmp_path / name
        wave, rate_hz = (click(), RATE_HZ) if sound else (None, None)
        write_mp4(path, numbered(n, height, width), fps, wave, rate_hz, **options)
        return path

    return make


@pytest.fixture(scope="session")
def seen() -> Callable[[np.ndarray], int]:
    return number_of


@pytest.fixture(scope="session")
def heard() -> Callable[..., float]:
    return click_s
