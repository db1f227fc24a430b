"""What is printed on cloth and toys: colours per vertex from coordinates on the surface; each split has its own."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wail.samples.shapes import F64

Painter = Callable[[F64, F64, np.random.Generator], F64]


def waves(points_mm: F64, from_mm: float, to_mm: float, rng: np.random.Generator, count: int = 14) -> F64:
    """Smooth noise [n] of unit size at points [n, d]: random plane waves with lengths between the two."""
    n_axes = points_mm.shape[1]
    way = rng.standard_normal((count, n_axes))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    length = np.exp(rng.uniform(np.log(from_mm), np.log(to_mm), count))
    phase = points_mm @ (way * (2 * np.pi / length)[:, None]).T + rng.uniform(0, 2 * np.pi, count)
    return np.asarray(np.sin(phase).sum(1) * np.sqrt(2 / count))


def cloth_colour(rng: np.random.Generator) -> F64:
    """Any colour that cloth or plastic has: pale, strong, dark, or near skin's own."""
    kind = rng.choice(["pale", "strong", "dark", "skinlike", "white"], p=[0.3, 0.3, 0.15, 0.15, 0.1])
    if kind == "white":
        return np.asarray(rng.uniform(0.85, 0.97) * np.ones(3))
    if kind == "skinlike":
        return np.asarray(np.array([0.85, 0.65, 0.53]) * rng.uniform(0.5, 1.05) * (1 + rng.uniform(-0.05, 0.05, 3)))
    hue = rng.dirichlet([0.8, 0.8, 0.8])
    hue = hue / hue.max()
    if kind == "pale":
        return np.asarray(rng.uniform(0.7, 0.95) * (0.6 + 0.4 * hue))
    if kind == "strong":
        return np.asarray(rng.uniform(0.5, 0.9) * (0.1 + 0.9 * hue))
    return np.asarray(rng.uniform(0.05, 0.3) * (0.4 + hue))


def painted(
    u_mm: ArrayLike, v_mm: ArrayLike, split: str, rng: np.random.Generator, base: ArrayLike | None = None
) -> F64:
    """Colours [n, 3] at surface coordinates in mm, in one of the split's patterns; `base`: the ground's colour."""
    u, v = np.asarray(u_mm, float), np.asarray(v_mm, float)
    ground = cloth_colour(rng) if base is None else np.asarray(base, float)
    name = str(rng.choice(PATTERNS[split]))
    share = PAINTERS[name](u, v, rng)
    # On a ground of skin's colour the print stays faint: that is the hard case.
    ink = cloth_colour(rng) if base is None else ground * rng.uniform(0.85, 1.1)
    grain = 1 + 0.03 * waves(np.stack([u, v], 1), 1.5, 8, rng)
    return np.asarray(np.clip((ground + share[:, None] * (ink - ground)) * grain[:, None], 0, 1))


def _plain(u: F64, v: F64, rng: np.random.Generator) -> F64:
    return np.zeros(len(u))


def _stripes(u: F64, v: F64, rng: np.random.Generator) -> F64:
    turn, width = rng.uniform(0, np.pi), rng.uniform(5, 20)
    return _edge(np.sin(2 * np.pi * (u * np.cos(turn) + v * np.sin(turn)) / width))


def _dots(u: F64, v: F64, rng: np.random.Generator) -> F64:
    step = rng.uniform(8, 22)
    a, b = (u / step + 0.5 * (np.floor(v / step) % 2)) % 1 - 0.5, (v / step) % 1 - 0.5
    return _edge((rng.uniform(0.2, 0.36) - np.hypot(a, b)) * 4)


def _checks(u: F64, v: F64, rng: np.random.Generator) -> F64:
    step = rng.uniform(8, 24)
    return _edge(np.sin(np.pi * u / step) * np.sin(np.pi * v / step) * 3)


def _rings(u: F64, v: F64, rng: np.random.Generator) -> F64:
    at, step = rng.uniform(-20, 20, 2), rng.uniform(8, 18)
    return _edge(np.sin(2 * np.pi * np.hypot(u - at[0], v - at[1]) / step))


def _plaid(u: F64, v: F64, rng: np.random.Generator) -> F64:
    step, thin = rng.uniform(14, 34), rng.uniform(-0.3, 0.5)
    across, down = (_edge(np.sin(2 * np.pi * w / step) - thin) for w in (u, v))
    return 0.5 * (across + down)


def _zigzag(u: F64, v: F64, rng: np.random.Generator) -> F64:
    step = rng.uniform(10, 22)
    return _edge(np.sin(2 * np.pi * (v + 0.5 * np.abs((u % step) - step / 2)) / (0.8 * step)))


def _blotches(u: F64, v: F64, rng: np.random.Generator) -> F64:
    return _edge(waves(np.stack([u, v], 1), 10, 40, rng) - rng.uniform(-0.2, 0.7))


def _edge(value: F64) -> NDArray[np.float64]:
    return np.asarray(np.clip(0.5 + 2.5 * value, 0, 1))


PAINTERS: dict[str, Painter] = {"plain": _plain, "stripes": _stripes, "dots": _dots, "checks": _checks, "rings": _rings,
                                "plaid": _plaid, "zigzag": _zigzag, "blotches": _blotches}  # fmt: skip
PATTERNS = {"train": ("plain", "stripes", "dots"), "tune": ("plain", "checks", "rings"),
            "test": ("plain", "plaid", "zigzag", "blotches")}  # fmt: skip
"""Prints that the splits use: only plain cloth is common to all."""
