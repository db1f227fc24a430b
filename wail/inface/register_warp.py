"""The template bent on to the face: non-rigid ICP with decreasing stiffness (Amberg et al., CVPR 2007), in which the
displacement is a thin-plate spline in its principal warps (Bookstein, PAMI 1989). Affine changes cost nothing, so an
adult's proportions do not hold an infant's back; all else costs its bending energy.

A fourth coordinate, how far a point follows the lower jaw, takes part in the spline, so that lips that touch can part.
Unit and frame: the template's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.inface.rasterise import mesh_normals
from wail.inface.register_surface import Places, Surface, along_surface

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STIFFNESS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
STEPS = 5
TURN = 0.3
"""How far (cm) normals that are a unit apart count as."""
PARTED_FROM = 3
"""The stage from which on the two lips are told apart."""
N_WARPS = 220
ALONG = 0.005
"""Weight of a pull along the surface against one towards it: little, so that points may slide to where they belong."""


@dataclass(frozen=True, eq=False)
class Warps:
    """basis [n,k] of displacements, its bending energy [k] (0 for the affine ones)."""

    basis: Floats
    bending: Floats


def principal_warps(points: Floats, n_warps: int = N_WARPS) -> Warps:
    """The smoothest displacements of points [n,d]. Kernel -r, conditionally positive definite in any dimension."""
    n = len(points)
    kernel = -np.linalg.norm(points[:, None] - points[None], axis=-1)
    affine = np.concatenate([np.ones((n, 1)), points - points.mean(0)], 1)
    q, _ = np.linalg.qr(affine, mode="complete")
    rest = q[:, affine.shape[1] :]
    values, vectors = np.linalg.eigh(rest.T @ kernel @ rest)
    order = np.argsort(-values)[: n_warps - affine.shape[1]]
    flat = q[:, : affine.shape[1]]
    return Warps(np.concatenate([flat, rest @ vectors[:, order]], 1),
                 np.concatenate([np.zeros(flat.shape[1]), 1 / values[order]]))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Flesh:
    """The template to bend. verts [n,3]; triangles of its skin, eyes and mouth open; weight [n]: how much a vertex is
    drawn to the surface; side [n]: which lip's side of the mouth line it is on for certain, 1 above, -1 below, else 0;
    above, below: vertices of the skin over and under the lips."""

    verts: Floats
    triangles: Ints
    weight: Floats
    side: Ints
    above: Ints
    below: Ints
    warps: Warps


def bend(
    surface: Surface, flesh: Flesh, stiffness: tuple[float, ...] = STIFFNESS, steps: int = STEPS
) -> tuple[Floats, Places]:
    """The template's vertices [n,3] after bending on to the surface, and their places on it."""
    now, finder = flesh.verts, Finder(surface, flesh, None)
    for k, alpha in enumerate(stiffness):
        if k == PARTED_FROM:
            finder = Finder(surface, flesh, finder(now))
        for _ in range(steps):
            places = finder(now)
            now = flesh.verts + _solved(flesh, places, alpha)
    return now, finder(now)


class Finder:
    """Finds places for the template's vertices. Once the skin about the mouth has its places, those of the upper lip
    are looked for on the upper lip only, of the lower on the lower: of the two the one to which the way along the
    surface, not through the air, is shorter."""

    def __init__(self, surface: Surface, flesh: Flesh, places: Places | None) -> None:
        self.flesh = flesh
        self.parts = [(np.ones(len(flesh.verts), bool), surface)]
        if places is not None:
            side = mouth_side(surface, places, flesh)[surface.triangles[surface.sample_triangle]].mean(1)
            if (side > 0).any() and (side < 0).any():  # else there is no mouth, as the checks will say
                self.parts = [(flesh.side == 0, surface), (flesh.side > 0, surface.only(side > 0)),
                              (flesh.side < 0, surface.only(side < 0))]  # fmt: skip

    def __call__(self, verts: Floats) -> Places:
        normals = unit_normals(verts, self.flesh.triangles)
        found = [(rows, part.nearest(verts[rows], normals[rows], TURN)) for rows, part in self.parts]
        out = {}
        for name in ("where", "triangle", "barycentric", "normal", "found"):
            first = getattr(found[0][1], name)
            out[name] = np.empty((len(verts), *first.shape[1:]), first.dtype)
            for rows, places in found:
                out[name][rows] = getattr(places, name)
        return Places(**out)


def mouth_side(surface: Surface, places: Places, flesh: Flesh) -> Floats:
    """For each vertex of a surface [V] 1 where it is nearer to the skin over the mouth than to that under it, by the
    way along the surface, else -1."""
    ways = []
    for rows in (flesh.above, flesh.below):
        corner = surface.triangles[places.triangle[rows], places.barycentric[rows].argmax(1)]
        ways.append(along_surface(surface.verts, surface.triangles[surface.kept], corner))
    return np.where(ways[0] <= ways[1], 1.0, -1.0)


def unit_normals(verts: Floats, triangles: Ints) -> Floats:
    """Vertex normals [n,3]."""
    return np.asarray(mesh_normals(np.ascontiguousarray(verts, np.float32), triangles), float)


def _solved(flesh: Flesh, places: Places, alpha: float) -> Floats:
    """Displacements [n,3] that bring the points to the planes of their nearest places, against bending."""
    basis, k = flesh.warps.basis, flesh.warps.basis.shape[1]
    pull = places.normal[:, :, None] * places.normal[:, None] * (1 - ALONG) + ALONG * np.eye(3)
    pull *= (flesh.weight * places.found)[:, None, None]
    right = basis.T @ np.einsum("nab,nb->na", pull, places.where - flesh.verts)
    left = np.empty((k, 3, k, 3))
    for a in range(3):
        for b in range(a, 3):
            left[:, a, :, b] = left[:, b, :, a] = basis.T @ (basis * pull[:, a, b, None])
    left[np.arange(k), :, np.arange(k), :] += np.eye(3) * (alpha * flesh.warps.bending + 1e-9)[:, None, None]
    x = np.linalg.solve(left.reshape(3 * k, 3 * k), right.ravel())
    moved: Floats = basis @ x.reshape(k, 3)
    return moved
