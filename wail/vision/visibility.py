"""How visible each landmark is, 0-1: turned away, outside the picture, or behind something.

mediapipe's own visibility field is always 0 (google-ai-edge/mediapipe #5450), and its mesh looks whole under anything,
so everything here comes from the mesh's geometry, the hands' outlines and the picture's colours.
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from wail.vision.regions import (
    MOUTH,
    SKIN_REFERENCE,
    skin_mask,
)  # fmt: skip
from wail.vision.roi import Array

MESH_POINTS = 468

AboveZero = Annotated[float, Gt(0)]
AtLeastZero = Annotated[float, Ge(0)]


@dataclass(frozen=True)
class OcclusionConfig:
    """Where each piece of evidence turns, and how sharply. Chromaticities are differences of natural logarithms."""

    skin_distance: AtLeastZero = 0.14
    """Distance in colour from the face's own skin at which a skin landmark is as likely covered as not ..."""
    skin_chroma_spread: AtLeastZero = 2.0
    """... plus this many times the scatter of the reference skin's chromaticity (noise, coloured light) ..."""
    skin_luma_spread: AtLeastZero = 0.3
    """... and this many times that of its log luma (light from one side) ..."""
    level_error: AtLeastZero = 5.0
    """... and what an error of this many grey levels (compression, noise, haze) does to a logarithm at its luma."""
    skin_width: AboveZero = 0.03
    brighter_weight: AtLeastZero = 0.4
    """Log luma above the reference skin's counts this much against log-chromaticity."""
    darker_free: AtLeastZero = 0.3
    """Skin may be this much darker (log luma) than the reference, under the chin or in a fold, at no cost ..."""
    darker_weight: AtLeastZero = 0.3
    """... and the rest counts this much."""


def logistic(value: float | Array, centre: float, width: float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip((np.asarray(value, np.float64) - centre) / width, -40, 40))))


def facing(normals: Array) -> Array:
    """Self-occlusion per landmark from crop-frame normals: 0 turned away, 1 tilted by less than 75 degrees."""
    return np.asarray(np.clip((-normals[:, 2] + 0.05) / 0.31, 0, 1), np.float32)


def inside_picture(xy_px: Array, width_px: int, height_px: int) -> NDArray[np.bool_]:
    return np.asarray(
        (xy_px[:, 0] >= 0) & (xy_px[:, 1] >= 0) & (xy_px[:, 0] <= width_px - 1) & (xy_px[:, 1] <= height_px - 1)
    )


def skin_covered(chroma: Array, log_luma: Array, seen: NDArray[np.bool_], config: OcclusionConfig) -> Array:
    """Probability that each landmark is covered by something of another colour than the face's own skin.

    chroma: [478, 2] log-chromaticity; log_luma: [478]; seen: [478] landmarks that can be read at all. The reference is
    the median over cheeks, nose and forehead of the same frame: light and white balance are the face's own. Shading
    moves luma, not chromaticity, so luma counts less. Landmarks that are no skin (lips, eyes, brows, outline) get 0.
    """
    reference = SKIN_REFERENCE[seen[SKIN_REFERENCE]]
    if len(reference) < 5:
        return np.zeros(len(chroma), np.float32)
    colour = np.linalg.norm(chroma - np.median(chroma[reference], axis=0), axis=1)
    brighter = log_luma - np.median(log_luma[reference])
    luma = np.maximum(config.brighter_weight * brighter, config.darker_weight * (-brighter - config.darker_free))
    limit = (
        config.skin_distance
        + config.skin_chroma_spread * 1.48 * float(np.median(colour[reference]))
        + config.skin_luma_spread * 1.48 * float(np.median(np.abs(brighter[reference])))
        + config.level_error * float(np.exp(-np.median(log_luma[reference])))
    )
    odd = logistic(np.hypot(colour, np.maximum(luma, 0)), limit, config.skin_width)
    return np.asarray(np.where(skin_mask() & seen, odd, 0.0), np.float32)


def seen_locally(turned: Array, inside: NDArray[np.bool_], covered: Array, hands: NDArray[np.bool_]) -> Array:
    """Visibility f32 [478] of each landmark by itself: the product of what each cause leaves."""
    return np.asarray(turned * inside * (1 - covered) * ~hands, np.float32)


def seen_shares(local: Array, turned: Array) -> tuple[float, float]:
    """Mean visibility (of the face without its mouth, of the mouth). The iris points are left out.

    Of the mouth only the half turned towards the camera counts: what yaw alone hides is the pose's own reason.
    """
    near = MOUTH[turned[MOUTH] > 0.5]
    mouth = float(local[near].mean()) if len(near) >= len(MOUTH) // 3 else 0.0
    return float(local[elsewhere()].mean()), mouth


def with_mouth_hidden(local: Array, hidden: float) -> Array:
    """Visibility [478] once the mouth as a whole is judged."""
    seen = local.copy()
    seen[MOUTH] *= np.float32(1 - hidden)
    return seen


def face_visible(face_seen: Array, mouth_seen: Array, hidden: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean visibility of a whole face [n] from that of its parts."""
    share = len(MOUTH) / MESH_POINTS
    return np.asarray((1 - share) * face_seen + share * mouth_seen * (1 - hidden))


@cache
def elsewhere() -> NDArray[np.int64]:
    """The mesh's points that are no part of the mouth; without the iris points."""
    return np.setdiff1d(np.arange(MESH_POINTS), MOUTH)
