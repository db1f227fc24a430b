"""What is behind the people: a cot's sheet, a wall with a shelf, a sofa; still pictures made by code."""

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


def backdrop(kind: str, size_px: tuple[int, int], seed: int) -> U8:
    """A picture uint8 [h, w, 3] of `sheet`, `wall`, `sofa` or `rug`."""
    rng = np.random.default_rng(seed)
    width, height = size_px
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = PAINTERS[kind](x / width, y / height, rng)
    cloth = cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 9)
    cloth = cloth / cloth.std()
    light = 1 + 0.10 * (0.5 - y / height) + 0.05 * cloth
    grain = 1.2 * rng.standard_normal((height, width, 1))
    return np.asarray(np.clip(255 * picture * light[..., None] + grain, 0, 255), np.uint8)


def _tone(rng: np.random.Generator, low: float, high: float) -> NDArray[np.float64]:
    return np.asarray(rng.uniform(low, high) * (1 + rng.uniform(-0.12, 0.12, 3)))


def _sheet(x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Light cloth with small dots and folds."""
    base, dot = _tone(rng, 0.62, 0.75), _tone(rng, 0.35, 0.5)
    u, v = (x * 11 + 0.5 * (np.floor(y * 9) % 2)) % 1 - 0.5, (y * 9) % 1 - 0.5
    dots = np.clip(1.5 - np.hypot(u, v) / 0.08, 0, 1)
    folds = 1 + 0.06 * np.sin(2 * np.pi * (3 * x + 1.5 * y + 0.3 * np.sin(5 * y)))
    return np.asarray((base * (1 - dots[..., None]) + dot * dots[..., None]) * folds[..., None])


def _wall(x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A wall, a shelf with boxes, a skirting board."""
    out = np.broadcast_to(_tone(rng, 0.5, 0.65), (*x.shape, 3)).copy()
    out[(y > 0.2) & (y < 0.23)] = _tone(rng, 0.25, 0.35)
    at = 0.02
    while at < 0.95:
        wide, high = rng.uniform(0.04, 0.12), rng.uniform(0.06, 0.16)
        out[(x > at) & (x < at + wide) & (y > 0.2 - high) & (y < 0.2)] = rng.uniform(0.15, 0.7, 3)
        at += wide + rng.uniform(0.0, 0.1)
    out[y > 0.93] = _tone(rng, 0.3, 0.4)
    return out


def _sofa(x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Cushions with seams under a plain wall."""
    out = np.broadcast_to(_tone(rng, 0.55, 0.7), (*x.shape, 3)).copy()
    cloth = _tone(rng, 0.28, 0.45)
    seam = np.clip(np.abs((x * 3 + 0.2) % 1 - 0.5) * 30, 0.55, 1)
    low = y > 0.35
    out[low] = (cloth * (seam * (1.1 - 0.35 * y))[..., None])[low]
    return out


def _rug(x: NDArray[np.float64], y: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Broad stripes."""
    a, b = _tone(rng, 0.4, 0.55), _tone(rng, 0.25, 0.4)
    stripe = (np.sin(2 * np.pi * (4 * x + 2 * y)) > 0.2)[..., None]
    return np.where(stripe, a, b)


PAINTERS = {"sheet": _sheet, "wall": _wall, "sofa": _sofa, "rug": _rug}
