"""What one upright crop says about the face in it, measured without trusting that the mesh is right.

Under a pacifier or a fist the mesh is whole and lively, but the picture there is not: the skin's colour, the lips' red
and the dark line between them are gone or lie elsewhere. Everything is measured against the same face in the same
frame, so that light, white balance and skin tone are its own, and an occluder that is there throughout is no norm.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.mesh import CROP_PX
from wail.vision.regions import (
    LIP_BODY,
    LIP_INNER,
    LIP_OUTER,
    SKIN_CHIN,
    SKIN_CORNERS,
    SKIN_MOUTH,
    SKIN_REFERENCE,
    SKIN_UPPER_LIP,
    mirror_index,
)  # fmt: skip
from wail.vision.roi import Array

BLUR_PX = 1.5
"""Smoothing before colours are read: about 2 % of the outer eye distance in a crop."""
BLACK_LEVEL = 4.0
"""Added to grey levels before logarithms, so that sensor noise in the dark says little."""
PROFILE_SAMPLES = 25
COLUMNS = np.array([2, 3, 4, 5, 6, 7, 8])
"""Entries of the upper lip's outline where the mouth is crossed; their partners below are 20 - k."""
BRIGHTER_FREE, BRIGHTER_WEIGHT = 0.1, 0.5
"""Log luma above the brightest of the face's own skin beyond the first counts this much against log-chromaticity."""
MIN_LINE, NO_LINE_WEIGHT = 0.12, 0.6
DETAIL_FLOOR = 1.5
"""Grey levels: detail below this is the codec's."""


@dataclass(frozen=True)
class Look:
    """Measurements of one crop. Log-chromaticity (log R/G, log G/B) does not change with shading."""

    chroma: Array
    """[478, 2] at each landmark."""
    log_luma: Array
    """[478] natural logarithm of the grey level."""
    lip_red: float
    """log R/G of the lips less that of the skin above and below them."""
    lip_dark: float
    """log of skin's grey level over the darkest on the way across the mouth: the line between the lips."""
    line_off: float
    """How far that darkest place lies from the mesh's inner lips, of the way across; the median of seven ways."""
    roughness: float
    """log ratio of fine detail on the skin around the mouth to that on cheeks, nose and forehead."""
    sharpness: float
    """Variance of the Laplacian in the crop's middle, grey levels squared."""
    colourful: float
    """Spread of the crop's log-chromaticity: near 0 in grey and infrared pictures."""


def look(crop: NDArray[np.uint8], points: Array) -> Look:
    """Measure a crop, uint8 [CROP_PX, CROP_PX, 3], with its mesh [478, 3] in crop pixels."""
    smooth = cv2.GaussianBlur(crop, (5, 5), BLUR_PX)
    at_points = _sample(smooth, points[:, :2])
    chroma = _chroma(at_points)
    lips = _chroma(_sample(smooth, ((points[LIP_OUTER, :2] + points[LIP_INNER, :2]) / 2)[LIP_BODY]))
    around = chroma[np.concatenate([SKIN_UPPER_LIP[:5], SKIN_CHIN[:7]])]
    edge = CROP_PX // 5
    laplacian = cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    sparse = _chroma(smooth[edge:-edge:6, edge:-edge:6].reshape(-1, 3).astype(np.float32) + BLACK_LEVEL)
    dark, off = mouth_line(smooth, points)
    return Look(
        chroma, np.log(at_points.mean(1)), float(np.median(lips[:, 0]) - np.median(around[:, 0])), dark, off,
        _roughness(laplacian, points), float(laplacian[edge:-edge, edge:-edge].var()), float(sparse.std(0).mean()),
    )  # fmt: skip


def _sample(image: NDArray[np.uint8], xy: Array) -> Array:
    """Grey levels (plus the black level) at the pixels nearest to crop points [..., 2]."""
    at = np.clip(np.rint(xy), 0, CROP_PX - 1).astype(int)
    return np.asarray(image[at[..., 1], at[..., 0]], np.float32) + np.float32(BLACK_LEVEL)


def _chroma(rgb: Array) -> Array:
    logs = np.log(rgb)
    return np.asarray(logs[:, :2] - logs[:, 1:], np.float32)


def mouth_line(image: NDArray[np.uint8], points: Array) -> tuple[float, float]:
    """(how much darker than the skin the darkest place across the mouth is, how far off the mesh's lips it lies).

    Seven ways lead across the mouth, from the skin above the upper lip to that below the lower one. Between lips, or in
    an open mouth, each is darkest where the mesh has the inner lips; on a fist or a shield the darkest place is
    anywhere. Log of grey levels, and a share of the way; medians of the seven.
    """
    top, bottom = points[LIP_OUTER[COLUMNS], :2], points[LIP_OUTER[20 - COLUMNS], :2]
    across = bottom - top
    length = np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-3)
    margin = across / length * np.maximum(0.35 * length, 0.05 * np.linalg.norm(points[33, :2] - points[263, :2]))
    start, end = top - margin, bottom + margin
    steps = np.linspace(0, 1, PROFILE_SAMPLES, dtype=np.float32)[:, None, None]
    luma = np.log(_sample(image, start + (end - start) * steps).mean(-1))  # [samples, ways]
    inner = luma[4:-4]
    skin = (luma[:2].mean(0) + luma[-2:].mean(0)) / 2
    lips = (points[LIP_INNER[COLUMNS], :2] + points[LIP_INNER[20 - COLUMNS], :2]) / 2
    mesh = ((lips - start) * (end - start)).sum(1) / np.maximum(((end - start) ** 2).sum(1), 1e-3)
    darkest = (inner.argmin(0) + 4) / (PROFILE_SAMPLES - 1)
    return float(np.median(skin - inner.min(0))), float(np.median(np.abs(darkest - mesh)))


def _roughness(laplacian: Array, points: Array) -> float:
    """Detail around the mouth over that of the reference skin, logarithm; the roughest of the three parts counts."""
    detail = cv2.blur(np.abs(laplacian), (5, 5))
    at = np.clip(np.rint(points[:, :2]), 0, CROP_PX - 1).astype(int)
    values = detail[at[:, 1], at[:, 0]]
    parts = [float(np.median(values[part])) for part in (SKIN_UPPER_LIP, SKIN_CHIN, SKIN_CORNERS)]
    return float(np.log((max(parts) + DETAIL_FLOOR) / (np.median(values[SKIN_REFERENCE]) + DETAIL_FLOOR)))


def skin_luma(seen: Look) -> float:
    """Median grey level (0-255) of the face's reference skin."""
    return float(np.exp(np.median(seen.log_luma[SKIN_REFERENCE])) - BLACK_LEVEL)


def no_line(seen: Look) -> float:
    """How far the mouth's line is off, and more where there is hardly any: a plain surface is darkest by chance."""
    return seen.line_off + NO_LINE_WEIGHT * max(0.0, MIN_LINE - seen.lip_dark)


def odd_colour(seen: Look, readable: NDArray[np.bool_], level_error: float) -> float:
    """How foreign the skin around the mouth is, in units of what noise and light explain.

    Each landmark's distance in log-chromaticity is that to the nearest fifth of the face's own skin (cheeks, nose,
    forehead), so that a face lit in two colours is its own norm; what is brighter than any of it is foreign too (white
    plastic), while shade is not. The oddest of the three parts' medians counts. The unit is the scatter of the face's
    own skin plus what an error of `level_error` grey levels does at its luma: colour says little in the dark, and as
    little on dark skin as its noise allows.
    """
    reference = SKIN_REFERENCE[readable[SKIN_REFERENCE]]
    if len(reference) < 5:
        return 0.0
    own, luma = seen.chroma[reference], seen.log_luma[reference]
    near = np.sort(np.linalg.norm(seen.chroma[SKIN_MOUTH][:, None] - own[None], axis=2), axis=1)[:, len(own) // 5]
    brighter = np.maximum(seen.log_luma[SKIN_MOUTH] - np.quantile(luma, 0.9) - BRIGHTER_FREE, 0)
    near = np.hypot(near, BRIGHTER_WEIGHT * brighter)
    scatter = 1.48 * float(np.median(np.linalg.norm(own - np.median(own, axis=0), axis=1)))
    unit = 0.03 + scatter + level_error * float(np.exp(-np.median(luma)))
    ends = np.cumsum([len(SKIN_UPPER_LIP), len(SKIN_CHIN)])
    parts = zip(np.split(near, ends), np.split(readable[SKIN_MOUTH], ends), strict=True)
    return max((float(np.median(values[ok])) for values, ok in parts if ok.sum() >= 3), default=0.0) / unit


def one_sided(seen: Look, readable: NDArray[np.bool_]) -> float:
    """Difference in log-chromaticity between a mouth's two sides, beyond the cheeks' own: something lies on one."""
    partner = mirror_index()
    return max(0.0, _sides(seen, SKIN_MOUTH, partner, readable) - _sides(seen, SKIN_REFERENCE, partner, readable))


def _sides(seen: Look, part: NDArray[np.int64], partner: NDArray[np.int64], readable: NDArray[np.bool_]) -> float:
    both = part[(partner[part] != part) & readable[part] & readable[partner[part]]]
    if len(both) < 3:
        return 0.0
    return float(np.median(np.linalg.norm(seen.chroma[both] - seen.chroma[partner[both]], axis=1)))
