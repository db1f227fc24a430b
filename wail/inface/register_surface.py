"""The surface that a face is looked for on: cleaned, sampled, and asked for nearest points.

Any unit and frame, as its caller gives it; triangles wind counter-clockwise seen from outside.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from wail.errors import ModelError, shape_message
from wail.inface.rasterise import mesh_normals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MIN_VERTICES = 400
"""Fewer cannot hold 434 landmarks apart."""
N_SAMPLES = 24000
K_NEAREST = 12
KEPT_AREA = 0.12
"""Loose parts with less than this share of the surface (eyeballs, teeth, hair) are not searched."""


@dataclass(frozen=True, eq=False)
class Places:
    """Nearest places on a surface, one for each of n points: where [n,3], triangle [n] (of all the mesh's), barycentric
    [n,3], unit normal [n,3], found [n] (False: none that faces the same way was near)."""

    where: Floats
    triangle: Ints
    barycentric: Floats
    normal: Floats
    found: Bools


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh to search. verts [V,3]; triangles [F,3], all; kept [F]: those that are searched; normals [V,3] unit;
    samples [S,3] with their triangle [S] and normal [S,3], evenly spread by area after every kept triangle's middle."""

    verts: Floats
    triangles: Ints
    kept: Bools
    normals: Floats
    samples: Floats
    sample_triangle: Ints
    sample_normals: Floats
    n_even: int
    trees: dict[float, cKDTree] = field(default_factory=dict)

    @property
    def even(self) -> slice:
        """The samples that are spread evenly by area."""
        return slice(len(self.samples) - self.n_even, len(self.samples))

    def moved(self, scale: float, rotation: Floats, shift: Floats) -> "Surface":
        """The same surface at `scale * rotation @ x + shift`."""

        def turn(x: Floats) -> Floats:
            return x @ rotation.T

        samples = scale * turn(self.samples) + shift
        return Surface(scale * turn(self.verts) + shift, self.triangles, self.kept, turn(self.normals), samples,
                       self.sample_triangle, turn(self.sample_normals), self.n_even)  # fmt: skip

    def nearest(self, points: Floats, normals: Floats, turn: float, min_cos: float = 0.3) -> Places:
        """The nearest places to points [n,3] with unit normals [n,3], among those that face much the same way.

        Near is `distance**2 + (turn * difference of the normals)**2`; `turn` is a length.
        """
        k = min(K_NEAREST, len(self.samples))
        near = self._facing(turn).query(np.concatenate([points, turn * normals], 1), k=k)[1].reshape(len(points), k)
        triangle = self.sample_triangle[near]
        corners = self.verts[self.triangles[triangle]]
        share = barycentric(points[:, None], corners)
        at = (share[..., None] * corners).sum(-2)
        normal = (share[..., None] * self.normals[self.triangles[triangle]]).sum(-2)
        normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
        cos = (normal * normals[:, None]).sum(-1)
        away = ((at - points[:, None]) ** 2).sum(-1) + turn**2 * (2 - 2 * cos) + np.where(cos >= min_cos, 0, 1e12)
        best = away.argmin(1)
        row = np.arange(len(points))
        return Places(at[row, best], triangle[row, best], share[row, best], normal[row, best],
                      cos[row, best] >= min_cos)  # fmt: skip

    def nearest_of_all(self, points: Floats) -> tuple[Ints, Floats]:
        """The nearest triangle [n] to points [n,3], loose parts such as eyeballs included, and the barycentric weights
        [n,3] of the nearest place on it."""
        corners = self.verts[self.triangles]
        share = np.stack([barycentric(point, corners) for point in points])
        away = np.linalg.norm((share[..., None] * corners).sum(-2) - points[:, None], axis=-1)
        best: Ints = away.argmin(1)
        return best, share[np.arange(len(points)), best]

    def only(self, which: Bools) -> "Surface":
        """The same surface with some of its samples [S]."""
        n_even = int(which[self.even].sum())
        return Surface(self.verts, self.triangles, self.kept, self.normals, self.samples[which],
                       self.sample_triangle[which], self.sample_normals[which], n_even)  # fmt: skip

    def _facing(self, turn: float) -> cKDTree:
        if turn not in self.trees:
            self.trees[turn] = cKDTree(np.concatenate([self.samples, turn * self.sample_normals], 1))
        return self.trees[turn]


def make_surface(verts: Floats, triangles: Ints) -> Surface:
    """Clean and sample a mesh. Raises ModelError for wrong shapes, values that are not finite, indices out of range, or
    too few vertices."""
    verts, triangles = np.asarray(verts, float), np.asarray(triangles, np.int64)
    _check(verts, triangles)
    verts, triangles = np.ascontiguousarray(verts), np.ascontiguousarray(triangles)
    joined = _welded(verts)
    corners = verts[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    kept = _large_parts(joined[triangles], area) & (area > 0)
    # Normals over welded vertices, so that seams do not show; of the kept parts alone.
    normals = np.asarray(mesh_normals(verts, joined[triangles[kept]]), float)[joined]
    centre = np.flatnonzero(kept)
    rng = np.random.default_rng(0)
    edges = np.cumsum(area[kept])
    # Jittered and in random order: even steps would fall in with patterns in the order of the triangles.
    at_area = rng.permutation(np.arange(N_SAMPLES) + rng.random(N_SAMPLES)) / N_SAMPLES * edges[-1]
    chosen = centre[np.minimum(np.searchsorted(edges, at_area), len(centre) - 1)]
    share = np.concatenate([np.full((len(centre), 3), 1 / 3), rng.dirichlet(np.ones(3), N_SAMPLES)])
    at = np.concatenate([centre, chosen])
    samples = (share[..., None] * verts[triangles[at]]).sum(1)
    normal = (share[..., None] * normals[triangles[at]]).sum(1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    return Surface(verts, triangles, kept, normals, samples, at, normal, N_SAMPLES)


def along_surface(verts: Floats, triangles: Ints, sources: Ints) -> Floats:
    """Length [V] of the shortest way along the edges from any of some vertices; infinite where there is none.

    Vertices at the same place count as one.
    """
    joined = _welded(verts)
    edges = np.unique(np.sort(joined[triangles][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    length = np.linalg.norm(verts[edges[:, 0]] - verts[edges[:, 1]], axis=1)
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(verts), len(verts))).tocsr()
    way: Floats = dijkstra(graph, directed=False, indices=np.unique(joined[sources]), min_only=True)[joined]
    return way


def barycentric(points: Floats, corners: Floats) -> Floats:
    """Barycentric weights [...,3] of the points of triangles [...,3,3] nearest to points [...,3].

    C. Ericson, Real-Time Collision Detection, 2004, section 5.1.5.
    """
    a, b, c = np.moveaxis(corners, -2, 0)
    ab, ac = b - a, c - a

    def dot(x: Floats, y: Floats) -> Floats:
        total: Floats = (x * y).sum(-1)
        return total

    d1, d2 = dot(ab, points - a), dot(ac, points - a)
    d3, d4 = dot(ab, points - b), dot(ac, points - b)
    d5, d6 = dot(ab, points - c), dot(ac, points - c)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.stack([va, vb, vc], -1) / (va + vb + vc)[..., None]
        on_ab, on_ac, on_bc = d1 / (d1 - d3), d2 / (d2 - d6), (d4 - d3) / ((d4 - d3) + (d5 - d6))
    zero, one = np.zeros_like(d1), np.ones_like(d1)
    cases = [
        ((d1 <= 0) & (d2 <= 0), (one, zero, zero)),
        ((d3 >= 0) & (d4 <= d3), (zero, one, zero)),
        ((vc <= 0) & (d1 >= 0) & (d3 <= 0), (1 - on_ab, on_ab, zero)),
        ((d6 >= 0) & (d5 <= d6), (zero, zero, one)),
        ((vb <= 0) & (d2 >= 0) & (d6 <= 0), (1 - on_ac, zero, on_ac)),
        ((va <= 0) & (d4 - d3 >= 0) & (d5 - d6 >= 0), (zero, 1 - on_bc, on_bc)),
    ]
    out: Floats = np.nan_to_num(inside)
    for where, share in reversed(cases):  # the first case that holds counts
        out = np.where(where[..., None], np.stack(share, -1), out)
    return out


def border_edges(triangles: Ints) -> Ints:
    """Edges [n,2] of one triangle only."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    found: Ints = unique[count == 1]
    return found


def _check(verts: Floats, triangles: Ints) -> None:
    if verts.ndim != 2 or verts.shape[1] != 3:
        raise ModelError(shape_message("mean_vertices", "(V, 3)", verts.shape))
    if triangles.ndim != 2 or triangles.shape[1] != 3 or len(triangles) == 0:
        raise ModelError(shape_message("triangles", "(F >= 1, 3)", triangles.shape))
    if not np.isfinite(verts).all():
        raise ModelError(f"mean_vertices must be finite, but {int((~np.isfinite(verts)).any(1).sum())} of {len(verts)} "
                         "are not: the file is damaged, get it again")  # fmt: skip
    if triangles.min() < 0 or triangles.max() >= len(verts):
        raise ModelError(f"triangles must index {len(verts)} vertices, but run from {triangles.min()} to "
                         f"{triangles.max()}")  # fmt: skip
    used = len(np.unique(triangles))
    if used < MIN_VERTICES:
        raise ModelError(f"{used} of the model's vertices are in a triangle, but at least {MIN_VERTICES} are needed to "
                         "tell 434 landmarks apart: this is no model of a face in full resolution")  # fmt: skip


def _welded(verts: Floats) -> Ints:
    """For each vertex the first one at the same place [V]."""
    step = max(float(np.ptp(verts, axis=0).max()), 1e-30) * 1e-6
    _, first, where = np.unique(np.round(verts / step).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    joined: Ints = first[where.ravel()]
    return joined


def _large_parts(triangles: Ints, area: Floats) -> Bools:
    """Which triangles lie in a connected part of some size [F]."""
    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    n = int(triangles.max()) + 1
    part = connected_components(coo_matrix((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False)[1][triangles[:, 0]]
    total = np.bincount(part, area)
    large: Bools = total[part] >= KEPT_AREA * total.sum()
    return large
