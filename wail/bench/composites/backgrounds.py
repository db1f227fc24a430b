"""What lies behind the people: each split has its own kinds, from plain walls to clutter."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.patterns import cloth_colour, painted
from wail.samples.backdrop import backdrop

U8 = NDArray[np.uint8]
BACKGROUNDS = {"train": ("sheet", "wall", "printed"), "tune": ("sofa", "bokeh", "printed"),
               "test": ("rug", "clutter", "gradient", "printed")}  # fmt: skip
"""Kinds by split. `printed` is cloth with the split's own patterns."""
PLAIN = ("sheet", "wall", "sofa", "rug")


def background(kind: str, split: str, size_px: tuple[int, int], seed: int) -> U8:
    """A still picture uint8 [h, w, 3]."""
    if kind in PLAIN:
        picture = backdrop(kind, size_px, seed).astype(np.float64)
        tint = np.random.default_rng(seed).uniform(0.35, 1.35) * np.random.default_rng(seed + 1).uniform(0.85, 1.15, 3)
        return np.asarray(np.clip(picture * tint, 0, 255), np.uint8)
    return PAINTERS[kind](split, size_px, np.random.default_rng(seed))


def _printed(split: str, size_px: tuple[int, int], rng: np.random.Generator) -> U8:
    width, height = size_px
    scale = rng.uniform(0.25, 1.2)
    u, v = np.meshgrid(np.arange(width) * scale, np.arange(height) * scale)
    folds = 1 + 0.12 * cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 12) * 20
    colours = painted(u.ravel(), v.ravel(), split, rng).reshape(height, width, 3)
    return _u8(colours * np.clip(folds, 0.5, 1.3)[..., None])


def _clutter(split: str, size_px: tuple[int, int], rng: np.random.Generator) -> U8:
    """Boxes, balls and rods of all colours, heaped."""
    picture = np.tile(255 * cloth_colour(rng), (size_px[1], size_px[0], 1)).astype(np.float64)
    for _ in range(int(rng.integers(25, 70))):
        at = tuple(int(v) for v in rng.uniform(0, size_px))
        colour = [float(v) for v in 255 * cloth_colour(rng)]
        size = float(rng.uniform(0.02, 0.18)) * max(size_px)
        turn = float(rng.uniform(0, 180))
        kind = int(rng.integers(3))
        if kind == 0:
            box = cv2.boxPoints((at, (size, size * float(rng.uniform(0.2, 1.5))), turn)).astype(np.int32)
            cv2.fillPoly(picture, [box], colour, cv2.LINE_AA)
        elif kind == 1:
            axes = int(size / 2) + 1, int(size * rng.uniform(0.2, 0.5)) + 1
            cv2.ellipse(picture, at, axes, turn, 0, 360, colour, -1)
        else:
            to = tuple(int(v) for v in np.add(at, size * 2 * np.array([np.cos(turn), np.sin(turn)])))
            cv2.line(picture, at, to, colour, int(rng.integers(1, 6)), cv2.LINE_AA)
    return _u8(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 2.5))) / 255)


def _bokeh(split: str, size_px: tuple[int, int], rng: np.random.Generator) -> U8:
    """Soft discs of light on a dim room."""
    picture = np.tile(120 * cloth_colour(rng), (size_px[1], size_px[0], 1)).astype(np.float64)
    for _ in range(int(rng.integers(10, 40))):
        at = tuple(int(v) for v in rng.uniform(0, size_px))
        layer = picture.copy()
        radius, colour = int(rng.uniform(0.02, 0.12) * max(size_px)) + 1, [float(v) for v in 255 * cloth_colour(rng)]
        cv2.circle(layer, at, radius, colour, -1)
        picture += rng.uniform(0.3, 0.8) * (layer - picture)
    return _u8(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(1.5, 5))) / 255)


def _gradient(split: str, size_px: tuple[int, int], rng: np.random.Generator) -> U8:
    """A wall or a floor in falling light, with the shadow of a window's bars."""
    width, height = size_px
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0.2, 1.0) * (x * np.cos(turn) + y * np.sin(turn))
    bars = np.sin(2 * np.pi * rng.uniform(2, 6) * (x * np.cos(turn + 1) + y * np.sin(turn + 1))) > 0.6
    light = light * (1 - rng.uniform(0, 0.35) * cv2.GaussianBlur(bars.astype(np.float64), (0, 0), 3))
    return _u8(cloth_colour(rng) * light[..., None])


def _u8(picture: NDArray[np.float64]) -> U8:
    return np.asarray(np.clip(255 * picture, 0, 255), np.uint8)


PAINTERS: dict[str, Callable[[str, tuple[int, int], np.random.Generator], U8]] = {
    "printed": _printed, "clutter": _clutter, "bokeh": _bokeh, "gradient": _gradient}  # fmt: skip
