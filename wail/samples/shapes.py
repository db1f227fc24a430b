"""Small closed meshes: ellipsoids, tapered capsules, tori. Millimetres, triangles counter-clockwise seen from outside.

Each function returns a `Part`; `join` puts parts together with their colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """verts_mm [V, 3], triangles [F, 3], colours [V, 3] in 0-1."""

    verts_mm: F64
    triangles: I64
    colours: F64

    def moved(self, rotation: ArrayLike | None = None, shift_mm: ArrayLike = (0.0, 0.0, 0.0)) -> "Part":
        """The part rotated by a 3x3 matrix, then shifted."""
        verts = self.verts_mm if rotation is None else self.verts_mm @ np.asarray(rotation, float).T
        return replace(self, verts_mm=verts + np.asarray(shift_mm, float))


def join(parts: Sequence[Part]) -> Part:
    """One part out of several."""
    offsets = np.cumsum([0, *(len(p.verts_mm) for p in parts)])
    return Part(
        np.concatenate([p.verts_mm for p in parts]),
        np.concatenate([p.triangles + o for p, o in zip(parts, offsets, strict=False)]),
        np.concatenate([p.colours for p in parts]),
    )


def plain(n: int, colour: ArrayLike) -> F64:
    """One colour for n vertices."""
    return np.tile(np.asarray(colour, float), (n, 1))


def grid_triangles(rows: int, columns: int, closed: bool = True) -> I64:
    """Triangles of a rows x columns grid of vertices, row-major; `closed` joins the last column to the first."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    a, b = r * columns + c, r * columns + (c + 1) % columns
    down, across = a + columns, b + columns
    quads = np.stack([np.stack([a, down, b], -1), np.stack([b, down, across], -1)], 2)
    return np.asarray(quads.reshape(-1, 3), np.int64)


def ellipsoid(radii_mm: Sequence[float], colour: ArrayLike, rows: int = 24, columns: int = 32) -> Part:
    """An ellipsoid about the origin."""
    lat, lon = np.meshgrid(
        np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns, endpoint=False), indexing="ij"
    )
    unit = np.stack([np.sin(lat) * np.cos(lon), np.cos(lat), np.sin(lat) * np.sin(lon)], -1).reshape(-1, 3)
    triangles = grid_triangles(rows, columns)[:, ::-1]
    return Part(unit * np.asarray(radii_mm, float), triangles, plain(len(unit), colour))


def capsule(
    start_mm: ArrayLike, end_mm: ArrayLike, start_radius_mm: float, end_radius_mm: float, colour: ArrayLike,
    columns: int = 16,
) -> Part:  # fmt: skip
    """A tapered tube with round ends from one point to another: a finger's bone, an arm."""
    a, b = np.asarray(start_mm, float), np.asarray(end_mm, float)
    axis = b - a
    length = float(np.linalg.norm(axis))
    axis = axis / length
    side = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    caps = np.linspace(0, np.pi / 2, 6)
    along = np.concatenate([-start_radius_mm * np.cos(caps), length * np.linspace(0.1, 0.9, 7),
                            length + end_radius_mm * np.sin(caps)])
    radius = np.concatenate([start_radius_mm * np.sin(caps),
                             np.linspace(start_radius_mm, end_radius_mm, 9)[1:-1], end_radius_mm * np.cos(caps)])
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    ring = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * other
    verts = a + along[:, None, None] * axis + np.maximum(radius, 1e-3)[:, None, None] * ring
    triangles = grid_triangles(len(along), columns)[:, ::-1]
    return Part(verts.reshape(-1, 3), triangles, plain(len(along) * columns, colour))


def torus(radius_mm: float, tube_mm: float, colour: ArrayLike, rows: int = 32, columns: int = 12) -> Part:
    """A ring about the z axis."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, rows), np.linspace(0, 2 * np.pi, columns, endpoint=False),
                       indexing="ij")
    r = radius_mm + tube_mm * np.cos(v)
    verts = np.stack([r * np.cos(u), r * np.sin(u), tube_mm * np.sin(v)], -1).reshape(-1, 3)
    return Part(verts, grid_triangles(rows, columns), plain(len(verts), colour))
