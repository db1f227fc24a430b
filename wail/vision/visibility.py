"""How visible each landmark is, 0-1: turned away, outside the picture, or behind something.

mediapipe's own visibility field is always 0 (google-ai-edge/mediapipe #5450), and its mesh looks whole under anything,
so everything here comes from the mesh's geometry, the hands' outlines and the picture's colours.
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Interval
from numpy.typing import NDArray

from wail.vision.regions import (
    MOUTH,
    SKIN_CHIN,
    SKIN_CORNERS,
    SKIN_MOUTH,
    SKIN_REFERENCE,
    SKIN_UPPER_LIP,
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
    lip_red: AtLeastZero = 0.09
    """Lips less redder than this than the skin around them are lips unseen ..."""
    lip_red_width: AboveZero = 0.02
    lip_dark: AtLeastZero = 0.22
    """... the more so if no line at least this much darker crosses the mouth; without colour this decides alone."""
    lip_dark_width: AboveZero = 0.03
    open_dark: AtLeastZero = 0.7
    """A gap this much darker than the skin is an open mouth, red lips or not: a crying face can be all red."""
    open_dark_width: AboveZero = 0.08
    colourful: AtLeastZero = 0.03
    """Log-chromaticity scatter of a crop under which the picture counts as grey."""
    mirror: AtLeastZero = 0.038
    """Disagreement with the mirrored mesh, outer eye distances."""
    mirror_width: AboveZero = 0.006
    covered_share: Annotated[float, Interval(ge=0, le=1)] = 0.30
    """Share of the skin around the mouth that may be covered before the lips count as covered too."""
    covered_share_width: AboveZero = 0.05


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


def lips_unseen(red: float, dark: float, colourful: float, config: OcclusionConfig) -> float:
    """Probability that what lies where the mesh has lips is no pair of lips: neither red nor with a dark line."""
    not_dark = 1 - float(logistic(dark, config.lip_dark, config.lip_dark_width))
    if colourful < config.colourful:
        return not_dark
    not_red = 1 - float(logistic(red, config.lip_red, config.lip_red_width))
    not_open = 1 - float(logistic(dark, config.open_dark, config.open_dark_width))
    return not_red * max(not_dark, 0.6 * not_open)


def around_mouth(covered: Array, seen: NDArray[np.bool_]) -> float:
    """The largest share of covered skin above, below or beside the lips."""
    shares = [float(covered[part[seen[part]]].mean()) if seen[part].any() else 0.0
              for part in (SKIN_UPPER_LIP, SKIN_CHIN, SKIN_CORNERS)]  # fmt: skip
    return max(max(shares) * 0.75, float(covered[SKIN_MOUTH].mean()))


def by_colour(share: float, config: OcclusionConfig) -> float:
    """Probability that the mouth is hidden, from the share of covered skin around it."""
    return float(logistic(share, config.covered_share, config.covered_share_width))


def by_mirror(disagreement: float, config: OcclusionConfig) -> float:
    """The same from the disagreement with the mirrored mesh, which alone never makes certain."""
    return 0.8 * float(logistic(disagreement, config.mirror, config.mirror_width))


def mouth_hidden(evidence: Array | NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability [n] that the mouth is behind something: any one piece of evidence [n, k] suffices (noisy or).

    NaN is evidence that was not taken, and says nothing.
    """
    return np.asarray(1 - np.prod(1 - np.nan_to_num(np.asarray(evidence, np.float64)), axis=-1))


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
