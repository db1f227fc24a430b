"""What a camera does to a rendered picture: defocus, a hand's shake, infrared, vignetting, noise."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.lights import Light

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
INFRARED = np.array([0.8, 0.15, 0.05], np.float32)
"""Near infrared sees skin about as its red does: lips hardly differ from it (Anderson and Parrish 1981)."""
INFRARED_GAMMA = 0.75
"""Dark skin is brighter there than in visible light."""


def camera(
    light: Light, size_px: tuple[int, int], blur_px: float, shake_px: float, rng: np.random.Generator
) -> Callable[[U8], U8]:
    """A function from rendered to taken pictures uint8 [h, w, 3] of one clip."""
    width, height = size_px
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot((x - width / 2) / width, (y - height / 2) / height)
    fall = (1 - float(rng.uniform(0.6, 1.1) if light.infrared else rng.uniform(0, 0.25)) * away**2)[..., None]
    grain = rng.normal(0, light.noise, (8, height, width, 1 if light.infrared else 3)).astype(np.float32)
    # Sensors' noise is coarser than a pixel once a phone has smoothed and scaled it.
    grain = np.stack([_coarse(layer, float(rng.uniform(0.0, 0.7))) for layer in grain])
    streak = _streak(shake_px, float(rng.uniform(0, np.pi)))

    def take(rgb: U8) -> U8:
        picture = rgb
        if blur_px > 0:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur_px), np.uint8)
        if streak is not None:
            picture = np.asarray(cv2.filter2D(picture, -1, streak), np.uint8)
        out = picture.astype(np.float32)
        if light.infrared:
            out = 255 * ((out @ INFRARED) / 255)[..., None] ** INFRARED_GAMMA
        out = out * fall + np.roll(grain[int(rng.integers(8))], int(rng.integers(height)), axis=0)
        return np.asarray(np.clip(np.broadcast_to(out, (*out.shape[:2], 3)) + 0.5, 0, 255), np.uint8)

    return take


def _coarse(layer: F32, sigma_px: float) -> F32:
    if sigma_px < 0.3:
        return layer
    smooth = cv2.GaussianBlur(layer, (0, 0), sigma_px).reshape(layer.shape)
    return np.asarray(smooth * (layer.std() / max(float(smooth.std()), 1e-6)), np.float32)


def _streak(length_px: float, turn: float) -> F32 | None:
    if length_px < 1:
        return None
    half = int(np.ceil(length_px / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for t in np.linspace(-length_px / 2, length_px / 2, 4 * half):
        x, y = half + t * np.cos(turn), half + t * np.sin(turn)
        kernel[round(y), round(x)] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)
