"""A fitted mesh as thin lines over a picture: a net as dense as the face's size bears, its silhouette, lips and lids.

All of a mesh's edges on a small face are a solid blob. `net_edges` therefore draws a coarser net over the same mesh:
vertices chosen far from each other (Gonzalez 1985, farthest-point traversal), joined where their cells on the surface
touch, so that no line crosses the mouth's slit.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from wail.inface.rasterise import mesh_normals, z_pass

Rgb = NDArray[np.uint8]
Colour = tuple[int, int, int]

NET_PX = 14.0
"""Length of the net's lines in the picture."""
STEP = 1.25
"""Nets are made for spacings that grow by this factor, so that a clip needs few of them."""
NEAR_MM = 1.0
SLACK_MM = 2.5
"""A point lies on the visible surface when it is at most so far behind what is seen at its pixel."""
NET_ALPHA, SILHOUETTE_ALPHA, FEATURE_ALPHA = 0.38, 0.6, 0.95
SHIFT = 4
"""Bits of subpixel position in OpenCV's lines."""


@dataclass(frozen=True, eq=False)
class MeshShape:
    """What of a mesh stays the same over time: triangles [F, 3], and its edges [E, 2] with the one or two triangles
    [E, 2] at each (a border's edge names its triangle twice)."""

    triangles: NDArray[np.int64]
    edges: NDArray[np.int64]
    beside: NDArray[np.int64]


def mesh_shape(triangles: NDArray[np.int64]) -> MeshShape:
    """The edges of triangles [F, 3], each once."""
    triangles = np.ascontiguousarray(triangles, np.int64)
    pairs = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, which = np.unique(pairs, axis=0, return_inverse=True)
    owner = np.repeat(np.arange(len(triangles)), 3)
    order = np.argsort(which.ravel(), kind="stable")
    first = np.searchsorted(which.ravel()[order], np.arange(len(edges)))
    last = np.searchsorted(which.ravel()[order], np.arange(len(edges)), side="right") - 1
    return MeshShape(triangles, edges, np.stack([owner[order[first]], owner[order[last]]], 1))


def net_spacing_mm(mm_per_px: float) -> float:
    """Spacing (mm) of the net for a face of this scale: NET_PX, rounded to a power of STEP."""
    return float(STEP ** round(np.log(NET_PX * mm_per_px) / np.log(STEP)))


def net_edges(verts_mm: NDArray[Any], shape: MeshShape, spacing_mm: float) -> NDArray[np.int64]:
    """Pairs of vertices [E, 2] to join by lines about `spacing_mm` long; the mesh's own edges where it is no finer."""
    length = np.linalg.norm(verts_mm[shape.edges[:, 0]] - verts_mm[shape.edges[:, 1]], axis=1)
    used = np.unique(shape.triangles)
    if not len(used) or np.median(length) * STEP >= spacing_mm:
        return shape.edges
    seeds = _spread(np.asarray(verts_mm, np.float64), used, spacing_mm)
    n = len(verts_mm)
    graph = coo_matrix((np.maximum(length, 1e-6), (shape.edges[:, 0], shape.edges[:, 1])), shape=(n, n)).tocsr()
    _, _, cell = dijkstra(graph, directed=False, indices=seeds, min_only=True, return_predecessors=True)
    joined = np.sort(cell[shape.edges], axis=1)
    # A piece of the mesh without any seed belongs to no cell (negative).
    joined = joined[(joined[:, 0] != joined[:, 1]) & (joined[:, 0] >= 0)]
    return np.asarray(np.unique(joined, axis=0), np.int64)


def _spread(verts_mm: NDArray[np.float64], used: NDArray[np.int64], spacing_mm: float) -> NDArray[np.int64]:
    """Of the `used` vertices, some of which none is nearer than `spacing_mm` to another, and none left out further."""
    points = verts_mm[used]
    # The foremost point first: in the head frame the tip of the nose, which a reviewer looks for.
    chosen = [int(points[:, 2].argmax())]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    while distance.max() > spacing_mm:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.asarray(used[chosen])


@dataclass(frozen=True, eq=False)
class Seen:
    """A mesh before the camera: screen [V, 3] (px, px, 1/mm), which vertices [V] and triangles [F] face it, and the
    picture's nearest 1/z [h, w]."""

    screen: NDArray[np.float64]
    faces_camera: NDArray[np.bool_]
    front: NDArray[np.bool_]
    nearest: NDArray[np.float32]


def seen(
    verts_cam_mm: NDArray[np.float64], xy_px: NDArray[np.float64], shape: MeshShape, size: tuple[int, int]
) -> Seen:
    """Look at a mesh [V, 3] (camera frame, mm), projected to `xy_px` [V, 2] of a picture of `size` (w, h)."""
    z = verts_cam_mm[:, 2]
    screen = np.concatenate([xy_px, np.where(z >= NEAR_MM, 1 / np.maximum(z, NEAR_MM), 0)[:, None]], 1)
    normals = mesh_normals(np.ascontiguousarray(verts_cam_mm, np.float32), shape.triangles)
    nearest, _ = z_pass(screen, shape.triangles, size[0], size[1], True)
    a, b, c = (xy_px[shape.triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    # y runs down: what is counter-clockwise from outside has a negative area when it faces the camera.
    return Seen(screen, (normals * verts_cam_mm).sum(1) < 0, area < 0, nearest)


def visible(screen: NDArray[np.float64], nearest: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points [n, 3] (px, px, 1/mm) nothing of the mesh hides; outside the picture nothing is known to."""
    height, width = nearest.shape
    near_enough = screen[:, 2] > 0
    z_mm = 1 / np.where(near_enough, screen[:, 2], 1)
    x, y = (np.floor(np.clip(screen[:, k], -1, max(width, height))).astype(int) for k in (0, 1))
    inside = near_enough & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    shown = np.zeros(len(screen), np.float32)
    shown[inside] = nearest[y[inside], x[inside]]
    hidden = (shown > 0) & (z_mm - SLACK_MM > 1 / np.where(shown > 0, shown, 1))
    return np.asarray(near_enough & ~hidden)


def silhouette(look: Seen, shape: MeshShape) -> NDArray[np.int64]:
    """The edges [E, 2] between triangles that face the camera and others, and the border's of those that do."""
    first, second = look.front[shape.beside[:, 0]], look.front[shape.beside[:, 1]]
    border = shape.beside[:, 0] == shape.beside[:, 1]
    return np.asarray(shape.edges[(first != second) | (border & first)])


def draw_wire(
    canvas: Rgb, look: Seen, shape: MeshShape, net: NDArray[np.int64], features: NDArray[np.float64],
    lines: NDArray[np.int64], colour: Colour,
) -> None:  # fmt: skip
    """Draw a mesh into `canvas` [h, w, 3]: its net and silhouette faint, so that the face under them can be judged, and
    clearly the `lines` [E, 2] between `features` [n, 3] (screen points as in Seen, of lips and lids)."""
    shown = visible(look.screen, look.nearest)
    facing = shown & look.faces_camera
    mask = np.zeros(canvas.shape[:2], np.uint8)
    _stroke(mask, look.screen, net[facing[net].all(1)], NET_ALPHA)
    outline = silhouette(look, shape)
    _stroke(mask, look.screen, outline[shown[outline].all(1)], SILHOUETTE_ALPHA)
    apparent = visible(features, look.nearest)
    _stroke(mask, features, lines[apparent[lines].all(1)], FEATURE_ALPHA)
    blend(canvas, mask, colour)


def _stroke(mask: Rgb, screen: NDArray[np.float64], pairs: NDArray[np.int64], alpha: float) -> None:
    ends = screen[pairs][..., :2] - 0.5  # OpenCV counts from the first pixel's centre
    # Wild fits reach far outside, where subpixel positions overflow.
    ends = ends[(np.abs(ends) < 4 * max(mask.shape)).all((1, 2))]
    if len(ends):
        points = np.round(ends * 2**SHIFT).astype(np.int32)
        cv2.polylines(mask, list(points), False, round(255 * alpha), 1, cv2.LINE_AA, SHIFT)


def blend(canvas: Rgb, mask: Rgb, colour: Colour) -> None:
    """Lay a colour over `canvas` [h, w, 3] as strongly as `mask` [h, w] (0-255) says."""
    drawn = cv2.findNonZero(mask)
    if drawn is None:
        return
    x, y = drawn[:, 0].T
    share = mask[y, x, None].astype(np.uint16)
    mixed = canvas[y, x] * (255 - share) + np.asarray(colour, np.uint16) * share
    canvas[y, x] = ((mixed + 127) // 255).astype(np.uint8)
