"""A frame around a face: four straight edges that form a quadrilateral, as of a print, a telephone or a television.

Lines come from the probabilistic Hough transform (Matas et al. 2000), are refitted to the picture's gradient, and four
of them are a border when almost all of each side shows an edge of the right direction. What a window or a cot behind a
living infant cannot do: stay whole below the face, where neck and shoulders cross it, and end at its corners.
Coordinates: x right, y down, pixels of the shrunk picture.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Annotated

import cv2
import numpy as np
from annotated_types import Ge, Gt, Interval
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
AboveZero = Annotated[float, Gt(0)]
Share = Annotated[float, Interval(ge=0, le=1)]

REACH_PX = 3
"""How far from a Hough line its edge may lie before it is refitted."""
EDGE_PX = 1
"""And after."""
STEP_PX = 1.0
ROOM_PX = 3.0
"""A side that lies nearer to the picture's border than this is the picture's own, or cut off by it."""


@dataclass(frozen=True)
class BorderConfig:
    """What counts as a frame. Shares of a side's length, degrees, grey levels per pixel."""

    long_side_px: Annotated[int, Ge(32)] = 256
    """The picture is shrunk to this."""
    min_gradient: AboveZero = 2.0
    max_candidates: Annotated[int, Ge(4)] = 48
    max_lines: Annotated[int, Ge(4)] = 18
    """Of the candidates, those with most edge along them."""
    min_corner_deg: AboveZero = 62.0
    """Corners of a rectangle seen from any sensible side lie between this and 180 less it."""
    min_side_seen: Share = 0.78
    max_side_gap: Share = 0.25
    """Fingers that hold a picture hide less of a side; a neck before it more."""
    min_below_seen: Share = 0.7
    """Of the stretch of a side below the chin, one outer eye distance wide, where a living face's body would cross."""
    max_continued: Annotated[int, Ge(0)] = 2
    """Of the eight ends of sides, how many may go on in a straight line: stripes and bars do, frames stop."""
    min_eyes_share: Share = 0.145
    """Outer eye distance over the frame's longer side. An infant's is 0.11 of its length, 0.16 of its length from crown
    to rump: in anything that is smaller for its face there is no room for the body, which would have to cross it."""


def colour_gradient(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Sobel gradient i16 [h, w, 2] (x, y; 8 times grey levels a pixel) of the strongest colour at each pixel, so that
    an edge between two colours of one brightness is seen."""
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    across, down = cv2.Sobel(smooth, cv2.CV_16S, 1, 0), cv2.Sobel(smooth, cv2.CV_16S, 0, 1)
    strongest = np.argmax(np.abs(across) + np.abs(down), axis=2)[..., None]
    both = [np.take_along_axis(one, strongest, 2)[..., 0] for one in (across, down)]
    return np.asarray(np.stack(both, -1), np.int16)


def find_border(
    gradient: NDArray[np.int16], hull: F64, down: F64, eyes_px: float, config: BorderConfig
) -> F64 | None:
    """The corners [4, 2] of a frame that contains a face's outline `hull` [n, 2], or None.

    gradient: `colour_gradient` [h, w, 2]; down: unit vector from the eyes to the chin; eyes_px: outer eye distance in
    this picture.
    """
    centre = hull.mean(0)
    normals, offsets = _lines(gradient, hull, centre, eyes_px, config)
    if len(normals) < 4:
        return None
    # No side may be longer than this, so nothing farther along a line, or away from the face, can belong to one.
    far = eyes_px / config.min_eyes_share
    normals, offsets = _refit(gradient, normals, offsets, centre, far, config)
    normals, offsets = _around(normals, offsets, hull - centre)
    if len(normals) < 4:
        return None
    at, edges = _edges(gradient, normals, offsets, centre, far, EDGE_PX, config)
    seen = (edges.max(2) > 0).sum(1)
    best = np.argsort(-seen)[: config.max_lines]
    normals, offsets, edges = normals[best], offsets[best], edges[best]
    return _best(normals, offsets, at, edges, centre, down, eyes_px, gradient.shape, config)


def _lines(
    gradient: NDArray[np.int16], hull: F64, centre: F64, eyes_px: float, config: BorderConfig
) -> tuple[F64, F64]:
    """Lines round the face as unit normals [n, 2] that point away from it and distances [n] from its centre."""
    across, along_y = (np.ascontiguousarray(gradient[..., k]) for k in (0, 1))
    edges = cv2.Canny(across, along_y, 8 * config.min_gradient, 16 * config.min_gradient)
    shortest = max(12.0, 0.8 * eyes_px)
    found = cv2.HoughLinesP(edges, 1, np.pi / 180, 18, minLineLength=shortest, maxLineGap=6)
    if found is None:
        return np.zeros((0, 2)), np.zeros(0)
    ends = np.asarray(found, np.float64).reshape(-1, 2, 2) - centre
    along = ends[:, 1] - ends[:, 0]
    # By the angle they fill as seen from the face: the sides of a frame share 360 degrees, clutter far off has few.
    cosine = (ends[:, 0] * ends[:, 1]).sum(1) / np.maximum(np.linalg.norm(ends, axis=2).prod(1), 1e-9)
    widest = np.argsort(cosine)[:150]
    ends, along = ends[widest], along[widest]
    normals = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1)[:, None]
    offsets = (normals * ends.mean(1)).sum(1)
    normals, offsets = normals * np.sign(offsets)[:, None], np.abs(offsets)
    near = offsets < eyes_px / config.min_eyes_share
    normals, offsets = _around(normals[near], offsets[near], hull - centre)
    return _distinct(normals, offsets, config.max_candidates)


def _around(normals: F64, offsets: F64, hull: F64) -> tuple[F64, F64]:
    """Those lines that leave the whole face on their inner side."""
    free = (hull @ normals.T).max(0) < offsets
    return normals[free], offsets[free]


def _distinct(normals: F64, offsets: F64, most: int) -> tuple[F64, F64]:
    """The first of every bundle of nearly equal lines."""
    kept: list[int] = []
    for i in range(len(normals)):
        same = [j for j in kept if abs(offsets[i] - offsets[j]) < 3.5 and normals[i] @ normals[j] > 0.9976]
        if not same:
            kept.append(i)
        if len(kept) == most:
            break
    return normals[kept], offsets[kept]


def _edges(
    gradient: NDArray[np.int16], normals: F64, offsets: F64, centre: F64, far: float, reach: int, config: BorderConfig
) -> tuple[F64, NDArray[np.float32]]:
    """Strength of the edge across each line [n, t, 2 reach + 1] at places along it [t] (pixels from its foot point)."""
    height, width = gradient.shape[:2]
    at = np.arange(-far, far, STEP_PX)
    along = np.stack([-normals[:, 1], normals[:, 0]], 1)
    aside = np.arange(-reach, reach + 1)
    n, foot = normals.astype(np.float32), (centre + offsets[:, None] * normals).astype(np.float32)
    x, y = (foot[:, k, None, None] + at.astype(np.float32)[:, None] * along.astype(np.float32)[:, k, None, None]
            + aside.astype(np.float32) * n[:, k, None, None] for k in (0, 1))  # fmt: skip
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
    place = np.clip(row, 0, height - 1) * width + np.clip(column, 0, width - 1)
    gx, gy = (gradient[..., k].ravel()[place].astype(np.float32) / 8 for k in (0, 1))
    across = np.abs(gx * n[:, 0, None, None] + gy * n[:, 1, None, None])
    straight = across**2 > 0.81 * (gx**2 + gy**2)
    return at, np.where(inside & straight & (across > config.min_gradient), across, np.float32(0))


def _refit(
    gradient: NDArray[np.int16], normals: F64, offsets: F64, centre: F64, far: float, config: BorderConfig
) -> tuple[F64, F64]:
    """Each line moved and turned onto the edges within REACH_PX of it (weighted least squares)."""
    at, edges = _edges(gradient, normals, offsets, centre, far, REACH_PX, config)
    weight = edges.sum(2).astype(np.float64)
    aside = (edges * np.arange(-REACH_PX, REACH_PX + 1, dtype=np.float32)).sum(2) / np.maximum(weight, 1e-9)
    total = np.maximum(weight.sum(1), 1e-9)
    t0, a0 = (weight * at).sum(1) / total, (weight * aside).sum(1) / total
    spread = np.maximum((weight * (at - t0[:, None]) ** 2).sum(1), 1e-9)
    slope = (weight * (at - t0[:, None]) * (aside - a0[:, None])).sum(1) / spread
    along = np.stack([-normals[:, 1], normals[:, 0]], 1)
    point = (offsets + a0)[:, None] * normals + t0[:, None] * along
    turned = normals - slope[:, None] * along
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    moved = (turned * point).sum(1)
    return turned * np.sign(moved)[:, None], np.abs(moved)


@lru_cache(maxsize=32)
def _fours(n: int) -> I64:
    return np.array(list(combinations(range(n), 4)), np.int64).reshape(-1, 4)


def _best(
    normals: F64, offsets: F64, at: F64, edges: NDArray[np.float32], centre: F64, down: F64, eyes_px: float,
    shape: tuple[int, ...], config: BorderConfig,
) -> F64 | None:  # fmt: skip
    """Among all fours of lines the one whose sides are seen best, if it passes every test."""
    order = np.argsort(np.arctan2(normals[:, 1], normals[:, 0]))
    normals, offsets, seen = normals[order], offsets[order], edges[order].max(2) > 0
    fours = _fours(len(normals))
    angle = np.degrees(np.arctan2(normals[:, 1], normals[:, 0]))[fours]
    turns = np.concatenate([np.diff(angle, axis=1), 360 + angle[:, :1] - angle[:, 3:]], 1)
    fours = fours[((turns > config.min_corner_deg) & (turns < 180 - config.min_corner_deg)).all(1)]
    if len(fours) == 0:
        return None
    corners = _corners(normals[fours], offsets[fours])
    far = np.array([shape[1], shape[0]]) - 1 - ROOM_PX
    inside = ((corners + centre > ROOM_PX) & (corners + centre < far)).all((1, 2))
    sides = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2)
    fits = inside & (eyes_px > config.min_eyes_share * sides.max(1)) & (sides.min(1) > 1.5 * eyes_px)
    fours, corners = fours[fits], corners[fits]
    share = _shares(normals, seen, at, fours, corners)
    for k in np.argsort(-share.min(1) - 0.2 * share.mean(1))[:12]:
        if share[k].min() < config.min_side_seen:
            break
        if _whole(normals[fours[k]], seen[fours[k]], at, corners[k], down, eyes_px, config):
            return np.asarray(corners[k] + centre)
    return None


def _corners(normals: F64, offsets: F64) -> F64:
    """Corners [m, 4, 2] of fours of lines, corner i between line i and the next, relative to the face's centre."""
    following, after = np.roll(normals, -1, 1), np.roll(offsets, -1, 1)
    det = normals[..., 0] * following[..., 1] - normals[..., 1] * following[..., 0]
    x = (offsets * following[..., 1] - after * normals[..., 1]) / det
    y = (normals[..., 0] * after - following[..., 0] * offsets) / det
    return np.stack([x, y], -1)


def _span(normals: F64, corners: F64) -> tuple[F64, F64]:
    """Where along its line each side begins and ends [..., 4]."""
    along = np.stack([-normals[..., 1], normals[..., 0]], -1)
    one, two = (along * np.roll(corners, 1, -2)).sum(-1), (along * corners).sum(-1)
    return np.minimum(one, two), np.maximum(one, two)


def _shares(normals: F64, seen: NDArray[np.bool_], at: F64, fours: I64, corners: F64) -> F64:
    """Share of each side [m, 4] on which an edge is seen."""
    total = np.concatenate([np.zeros((len(seen), 1)), np.cumsum(seen, 1)], 1)
    start, end = _span(normals[fours], corners)
    first, last = (np.clip(np.searchsorted(at, v), 0, len(at)) for v in (start, end))
    return np.asarray((total[fours, last] - total[fours, first]) / np.maximum(last - first, 1))


def _whole(
    normals: F64, seen: NDArray[np.bool_], at: F64, corners: F64, down: F64, eyes_px: float, config: BorderConfig
) -> bool:
    """No side is crossed by anything broad, none below the chin at all, and sides end at the corners."""
    start, end = _span(normals, corners)
    continued = 0
    for side in range(4):
        inner = seen[side, (at >= start[side]) & (at < end[side])]
        if _longest_gap(inner) > config.max_side_gap * len(inner):
            return False
        reach = max(6.0, 0.15 * (end[side] - start[side]))
        for low, high in ((start[side] - reach - 2, start[side] - 2), (end[side] + 2, end[side] + reach + 2)):
            continued += int(seen[side, (at >= low) & (at < high)].mean() > 0.6)
    if continued > config.max_continued:
        return False
    facing = normals @ down
    below = int(np.argmax(facing))
    foot = float((down * (normals[below] @ corners[below]) / facing[below]) @ [-normals[below, 1], normals[below, 0]])
    body = seen[below, (np.abs(at - foot) < 0.5 * eyes_px) & (at >= start[below]) & (at < end[below])]
    return bool(len(body) == 0 or body.mean() >= config.min_below_seen)


def _longest_gap(seen: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[1], seen.astype(np.int8), [1]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
