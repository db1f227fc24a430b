"""Textures, shapes and colours that mean nothing by themselves: what training pictures are randomised with.

Pictures are float32 [h, w, 3] in 0-1; masks float32 [h, w] in 0-1.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.samples.paint import BROWN, DARK, FAIR, LIGHT, OLIVE

F32 = NDArray[np.float32]
Rng = np.random.Generator

SKINS = tuple(tones.skin for tones in (FAIR, LIGHT, OLIVE, BROWN, DARK))


def noise(rng: Rng, side_px: int, cells: float, octaves: int = 3) -> F32:
    """Smooth noise [side, side] of mean 0 and spread 1, `cells` bumps across in its coarsest octave."""
    out = np.zeros((side_px, side_px), np.float32)
    for k in range(octaves):
        n = max(2, round(cells * 2**k))
        if n >= side_px:
            break
        grid = rng.standard_normal((n, n)).astype(np.float32)
        out += np.float32(0.6**k) * cv2.resize(grid, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return np.asarray((out - out.mean()) / max(float(out.std()), 1e-6), np.float32)


def colour(rng: Rng) -> F32:
    """A colour of a thing: any, pastel, grey, or one of skin."""
    kind = rng.random()
    if kind < 0.35:
        out = rng.uniform(0, 1, 3)
    elif kind < 0.55:
        out = 1 - rng.uniform(0, 0.35, 3)
    elif kind < 0.75:
        out = rng.uniform(0, 1) * (1 + rng.uniform(-0.06, 0.06, 3))
    else:
        out = skin_colour(rng).astype(float)
    return np.asarray(np.clip(out, 0, 1), np.float32)


def skin_colour(rng: Rng) -> F32:
    """A colour between two of the skins."""
    a, b = (np.array(SKINS[rng.integers(len(SKINS))]) for _ in range(2))
    mix = rng.random()
    return np.asarray(np.clip((a * mix + b * (1 - mix)) * (1 + rng.normal(0, 0.05, 3)), 0, 1), np.float32)


def pattern(rng: Rng, side_px: int) -> F32:
    """Weights [side, side] in 0-1 of a second colour: stripes, dots, checks, knit, patches, or speckles."""
    y, x = np.mgrid[0:side_px, 0:side_px].astype(np.float32) / side_px
    turn, warp = rng.uniform(0, np.pi), rng.uniform(0, 0.06)
    x = x + np.float32(warp) * noise(rng, side_px, 3, 2)
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    n = float(np.exp(rng.uniform(np.log(4), np.log(50))))
    kind = rng.integers(6)
    wave: NDArray[np.floating[Any]]
    if kind == 0:
        wave = np.sin(2 * np.pi * n * u)
    elif kind == 1:
        wave = np.hypot((u * n) % 1 - 0.5, (v * n) % 1 - 0.5) * -8 + rng.uniform(1, 3)
    elif kind == 2:
        wave = np.sin(2 * np.pi * n * u) * np.sin(2 * np.pi * n * v) * 6
    elif kind == 3:
        wave = np.sin(2 * np.pi * 2 * n * u + 2 * np.sin(2 * np.pi * n * v))
    elif kind == 4:
        wave = noise(rng, side_px, min(n, 12)) * rng.uniform(1, 6)
    else:
        wave = noise(rng, side_px, 40, 2) * 1.5 - 1
    return np.asarray(np.clip(0.5 + 0.5 * wave, 0, 1), np.float32)


def textured(rng: Rng, side_px: int, base: F32) -> F32:
    """A picture [side, side, 3] of a thing of one colour, plain or with a pattern in another, never quite even."""
    out = np.broadcast_to(base, (side_px, side_px, 3)).astype(np.float32)
    if rng.random() < 0.45:
        weight = (pattern(rng, side_px) * np.float32(rng.uniform(0.2, 1)))[..., None]
        out = np.asarray(out * (1 - weight) + colour(rng) * weight, np.float32)
    rough = np.float32(rng.uniform(0, 0.06)) * noise(rng, side_px, rng.uniform(3, 60))
    return np.asarray(np.clip(out * (1 + rough)[..., None], 0, 1), np.float32)


def fill(side_px: int, outline_px: NDArray[np.float64]) -> F32:
    """Mask [side, side] of a polygon [k, 2], edges smooth over a pixel."""
    mask = np.zeros((side_px, side_px), np.uint8)
    cv2.fillPoly(mask, [np.round(outline_px * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def blob(rng: Rng, side_px: int, centre_px: NDArray[np.float64], radius_px: float) -> F32:
    """A closed shape about a centre: smooth, or with corners; longer one way than the other."""
    if rng.random() < 0.65:
        at = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        radius = 1 + sum(rng.normal(0, 0.35 / k) * np.cos(k * at + rng.uniform(0, 6.3)) for k in (2, 3, 4, 5))
    else:
        at = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 9)))
        radius = rng.uniform(0.7, 1.3, len(at))
    ring = np.stack([np.cos(at), np.sin(at)], 1) * np.maximum(radius, 0.25)[:, None]
    long, turn = np.exp(rng.normal(0, 0.25)), rng.uniform(0, np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    return fill(side_px, centre_px + radius_px * (ring * [long, 1 / long]) @ np.array([[cos, sin], [-sin, cos]]))


def strip(rng: Rng, side_px: int, through_px: NDArray[np.float64], half_px: float) -> F32:
    """A band through a point, at any angle, ending somewhere or nowhere."""
    turn = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    ends = rng.uniform(0.3, 4.0) * half_px, rng.uniform(2.0, 10.0) * half_px
    narrow = rng.uniform(0.6, 1.2)
    corners = [-ends[0] * along + across * half_px, ends[1] * along + across * half_px * narrow,
               ends[1] * along - across * half_px * narrow, -ends[0] * along - across * half_px]  # fmt: skip
    return fill(side_px, through_px + np.array(corners))


def edge(rng: Rng, side_px: int, through_px: NDArray[np.float64]) -> F32:
    """Everything on one side of a wavy line through a point: a blanket's hem, a sleeve, a shoulder."""
    turn = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    steps = np.linspace(-1.5, 1.5, 40)[:, None] * side_px
    wave = rng.uniform(0, 0.05) * side_px * np.sin(steps / side_px * rng.uniform(2, 25) + rng.uniform(0, 6.3))
    line = through_px + steps * along + wave * across
    return fill(side_px, np.concatenate([line, line[::-1] + 3 * side_px * across]))


def rounded(mask: F32, round_px: float, light: NDArray[np.float64], ambient: float) -> F32:
    """Shading [h, w] of a mask as a thing with rounded edges, lit from a direction (to the light; x right, y down)."""
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    fall = np.clip(1 - inside / np.float32(max(round_px, 1.0)), 0, 1)
    height = cv2.GaussianBlur(np.float32(max(round_px, 1.0)) * np.sqrt(1 - fall * fall), (0, 0), 1.0)
    return lambert(height, light, ambient)


def lambert(height_px: F32, light: NDArray[np.float64], ambient: float) -> F32:
    """Shading [h, w] of a height field in pixels."""
    gx, gy = cv2.Sobel(height_px, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(height_px, cv2.CV_32F, 0, 1, scale=1 / 8)
    x, y, z = light / np.linalg.norm(light)
    facing = (-gx * x - gy * y + z) / np.sqrt(gx * gx + gy * gy + 1)
    return np.asarray(ambient + (1 - ambient) * np.clip(facing, 0, 1), np.float32)


def over(picture: F32, thing: F32, alpha: F32) -> F32:
    """`thing` laid over a picture where `alpha` is 1."""
    return np.asarray(picture + (thing - picture) * alpha[..., None], np.float32)
