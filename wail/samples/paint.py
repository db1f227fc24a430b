"""Colours of a head, per vertex, from where each vertex lies at rest: skin, lips, lids, brows, nostrils, hair, eyes.

Contours are mediapipe's landmark rings at rest, seen from the front; edges are soft over about a millimetre, so that
nothing depends on the mesh. Colours are sRGB in 0-1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wail.samples.shapes import F64

LEFT_LIDS = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
RIGHT_LIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Tones:
    """The colours of one person."""

    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    brow: float = 0.55
    """How much of the hair's colour the brows show, 0-1."""


FAIR = Tones((0.93, 0.75, 0.66), (0.80, 0.45, 0.43), (0.42, 0.30, 0.20), (0.30, 0.42, 0.52))
LIGHT = Tones((0.88, 0.68, 0.56), (0.74, 0.42, 0.38), (0.20, 0.13, 0.09), (0.30, 0.20, 0.13))
OLIVE = Tones((0.78, 0.58, 0.44), (0.66, 0.36, 0.32), (0.12, 0.09, 0.07), (0.22, 0.14, 0.09))
BROWN = Tones((0.60, 0.41, 0.29), (0.50, 0.26, 0.23), (0.07, 0.06, 0.05), (0.14, 0.09, 0.06), 0.7)
DARK = Tones((0.44, 0.29, 0.21), (0.38, 0.19, 0.18), (0.04, 0.035, 0.03), (0.10, 0.06, 0.04), 0.75)


def blend(base: F64, colour: ArrayLike, weight: NDArray[np.float64]) -> F64:
    """`base` [n, 3] mixed with one colour by weight [n]."""
    w = np.clip(weight, 0, 1)[:, None]
    return np.asarray(base * (1 - w) + np.asarray(colour, float) * w)


def signed_distance(points: F64, polygon: F64) -> F64:
    """Distance [n] of points [n, 2] to a closed polygon [m, 2], negative inside."""
    x, y = points[:, 0], points[:, 1]
    nearest, inside = np.full(len(points), np.inf), np.zeros(len(points), bool)
    # Edge by edge: arrays of [n, m, 2] would not fit a cache.
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        dx, dy = x - ax, y - ay
        share = np.clip((dx * ex + dy * ey) / max(ex * ex + ey * ey, 1e-12), 0, 1)
        nearest = np.minimum(nearest, (dx - share * ex) ** 2 + (dy - share * ey) ** 2)
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ex * dy / ey + ax)
    return np.where(inside, -np.sqrt(nearest), np.sqrt(nearest))


def soft(distance: F64, width: float) -> F64:
    """1 well inside (negative), 0 well outside, over +-width."""
    return np.asarray(np.clip(0.5 - distance / (2 * width), 0, 1))


def spot(points: F64, centre: F64, radii: ArrayLike) -> F64:
    """A smooth bump [n] of one about a centre with radii per axis."""
    return np.asarray(np.exp(-(((points - centre) / np.asarray(radii, float)) ** 2).sum(-1)))


def skin_colours(rest_mm: F64, landmarks_mm: Mapping[int, F64], tones: Tones, mottle: np.random.Generator) -> F64:
    """Colours [n, 3] of the face's skin; landmarks_mm: positions at rest by mediapipe number."""
    def flat(ids: tuple[int, ...]) -> F64:
        return np.array([landmarks_mm[i][:2] for i in ids])

    xy = rest_mm[:, :2]
    colours = np.tile(np.asarray(tones.skin, float), (len(rest_mm), 1))
    colours *= 1 + 0.012 * mottle.standard_normal((len(rest_mm), 1))
    red = np.asarray(tones.skin) * [1.0, 0.78, 0.78]
    eye_span = float(np.linalg.norm(landmarks_mm[33] - landmarks_mm[263]))
    for cheek in (50, 280):
        colours = blend(colours, red, 0.55 * spot(xy, landmarks_mm[cheek][:2], (0.2 * eye_span, 0.18 * eye_span)))
    colours = blend(colours, red, 0.35 * spot(xy, landmarks_mm[4][:2], (0.1 * eye_span, 0.08 * eye_span)))
    for wing in (59, 289):
        side = landmarks_mm[wing][:2] + np.array([0, 0.02 * eye_span])
        colours = blend(colours, red * 0.7, 0.45 * spot(xy, side, (0.035 * eye_span, 0.06 * eye_span)))
    for brow in (RIGHT_BROW, LEFT_BROW):
        colours = blend(colours, tones.hair, tones.brow * soft(signed_distance(xy, flat(brow)), 1.2))
    colours = blend(colours, tones.lips, 0.9 * soft(signed_distance(xy, flat(OUTER_LIPS)), 1.0))
    return _openings(colours, xy, rest_mm, landmarks_mm, tones, eye_span)


def _openings(
    colours: F64, xy: F64, rest_mm: F64, landmarks_mm: Mapping[int, F64], tones: Tones, eye_span: float
) -> F64:
    """Lid lines, eye sockets and nostrils."""
    shade = np.asarray(tones.skin) * [0.62, 0.5, 0.48]
    for lids, inner, outer in ((RIGHT_LIDS, 133, 33), (LEFT_LIDS, 362, 263)):
        ring = np.array([landmarks_mm[i][:2] for i in lids])
        distance = signed_distance(xy, ring)
        mid = (landmarks_mm[inner][:2] + landmarks_mm[outer][:2]) / 2
        upper = np.clip((xy[:, 1] - mid[1]) / (0.03 * eye_span) + 0.5, 0.25, 1)
        colours = blend(colours, shade, 0.35 * upper * soft(distance - 0.05 * eye_span, 0.05 * eye_span))
        colours = blend(colours, np.asarray(tones.hair) * 0.6, 0.85 * upper * soft(distance - 0.9, 0.8))
    for wing, column in ((60, 97), (290, 326)):
        centre = (landmarks_mm[wing][:2] + landmarks_mm[column][:2]) / 2
        near = spot(xy, centre, (0.042 * eye_span, 0.022 * eye_span))
        colours = blend(colours, np.asarray(tones.lips) * 0.3, 0.95 * near)
    return colours


def eye_colours(verts_mm: F64, pupil_mm: F64, iris_radius_mm: float, tones: Tones) -> F64:
    """Colours [n, 3] of an eyeball: sclera, iris, pupil, by the distance at rest from the pupil's centre."""
    away = np.linalg.norm(verts_mm - pupil_mm, axis=1)
    colours = np.tile([0.93, 0.91, 0.90], (len(verts_mm), 1))
    colours = blend(colours, np.asarray(tones.iris) * 0.5, soft(away - iris_radius_mm, 0.4))
    colours = blend(colours, tones.iris, soft(away - 0.8 * iris_radius_mm, 0.5))
    return blend(colours, (0.02, 0.02, 0.02), soft(away - 0.45 * iris_radius_mm, 0.4))


def mouth_colours(verts_mm: F64, upper_mm: F64, lower_mm: F64) -> F64:
    """Colours [n, 3] of the bag behind the lips, darker with depth; the lower side lighter, as a tongue would be.

    upper_mm, lower_mm: the inner lips' middle points at rest.
    """
    depth = np.clip((upper_mm[2] - verts_mm[:, 2]) / 16, 0, 1)
    middle = (upper_mm[1] + lower_mm[1]) / 2
    below = np.clip((middle - verts_mm[:, 1]) / 3 + 0.2, 0, 1)
    colours = np.tile([0.50, 0.19, 0.19], (len(verts_mm), 1))
    colours = blend(colours, (0.60, 0.27, 0.28), below)
    return blend(colours, (0.13, 0.03, 0.04), 1.25 * depth * (1 - 0.35 * below))


def skull_colours(verts_mm: F64, hairline_mm: float, tones: Tones, mottle: np.random.Generator) -> F64:
    """Skin below the hairline (a height at the front that falls towards the nape), hair above."""
    line = hairline_mm + 0.75 * np.minimum(verts_mm[:, 2] - 20, 0)
    colours = np.tile(np.asarray(tones.skin, float), (len(verts_mm), 1))
    strands = np.asarray(tones.hair) * (1 + 0.2 * mottle.standard_normal((len(verts_mm), 1)))
    weight = soft(line - verts_mm[:, 1], 4.0)[:, None]
    return np.asarray(np.clip(colours * (1 - weight) + strands * weight, 0, 1))
