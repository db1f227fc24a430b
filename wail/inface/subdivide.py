"""Loop subdivision as a sparse matrix: a finer, rounder mesh for rendering, computed once and applied to every frame.

Source: C. Loop, Smooth Subdivision Surfaces Based on Triangles, MSc thesis, University of Utah, 1987, with the weights
of J. Warren for inner vertices, and the cubic B-spline rule on borders, which stay borders.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, identity

from wail.errors import shape_message

Ints = NDArray[np.int64]


def subdivide(triangles: Ints, levels: int, n_vertices: int | None = None) -> tuple[csr_matrix, Ints]:
    """The matrix [V2,V] that carries vertices (any unit, any frame) to the finer mesh, and the finer triangles
    [F*4**levels,3].

    Old vertices come first, in their order. `n_vertices` is V where not every vertex is in a triangle. An edge of more
    than two triangles is treated as a border. Raises ValueError for a wrong shape or a negative level.
    """
    triangles = np.asarray(triangles, dtype=np.int64)
    if triangles.ndim != 2 or triangles.shape[1] != 3 or len(triangles) == 0:
        raise ValueError(shape_message("triangles", "(F, 3)", triangles.shape))
    if levels < 0:
        raise ValueError(f"levels must be 0 or more but is {levels}")
    total: csr_matrix = identity(n_vertices or int(triangles.max()) + 1, format="csr")
    for _ in range(levels):
        step, triangles = _once(triangles, total.shape[0])
        total = step @ total
    return total, triangles


def _once(triangles: Ints, n: int) -> tuple[csr_matrix, Ints]:
    half = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    opposite = triangles[:, [2, 0, 1]].ravel()
    edges, edge_of, count = np.unique(np.sort(half, axis=1), axis=0, return_inverse=True, return_counts=True)
    edge_of = edge_of.ravel()
    inner = count == 2
    matrix = _old_vertices(edges, inner, n) + _edge_vertices(edges, edge_of, opposite, inner, n)
    m = edge_of.reshape(-1, 3) + n
    a, b, c = triangles.T
    corners = ((a, m[:, 0], m[:, 2]), (b, m[:, 1], m[:, 0]), (c, m[:, 2], m[:, 1]), (m[:, 0], m[:, 1], m[:, 2]))
    return matrix, np.concatenate([np.stack(corner, 1) for corner in corners])


def _edge_vertices(edges: Ints, edge_of: Ints, opposite: Ints, inner: NDArray[np.bool_], n: int) -> csr_matrix:
    """3/8 of each end and 1/8 of each opposite corner; on a border, half of each end."""
    e = len(edges)
    row = np.arange(e) + n
    end_weight = np.where(inner, 3 / 8, 1 / 2)
    facing = inner[edge_of]
    rows = np.concatenate([row, row, edge_of[facing] + n])
    cols = np.concatenate([edges[:, 0], edges[:, 1], opposite[facing]])
    values = np.concatenate([end_weight, end_weight, np.full(int(facing.sum()), 1 / 8)])
    return coo_matrix((values, (rows, cols)), shape=(n + e, n)).tocsr()


def _old_vertices(edges: Ints, inner: NDArray[np.bool_], n: int) -> csr_matrix:
    """Inside: 1 - k*beta of itself and beta of each of k neighbours. On a border: 3/4 of itself, 1/8 of its two border
    neighbours; a border vertex with other than two border edges stays where it is."""
    border_edges = np.zeros(n, np.int64)
    np.add.at(border_edges, edges[~inner].ravel(), 1)
    degree = np.bincount(edges.ravel(), minlength=n)
    smooth, crease = border_edges == 0, border_edges == 2
    beta = np.where(degree == 3, 3 / 16, 3 / (8 * np.maximum(degree, 1)))
    i = np.concatenate([edges[:, 0], edges[:, 1]])
    j = np.concatenate([edges[:, 1], edges[:, 0]])
    on_border = np.concatenate([~inner, ~inner])
    weight = np.where(smooth[i], beta[i], np.where(crease[i] & on_border, 1 / 8, 0.0))
    own = 1 - np.bincount(i, weight, minlength=n)
    rows, cols = np.concatenate([i, np.arange(n)]), np.concatenate([j, np.arange(n)])
    return coo_matrix((np.concatenate([weight, own]), (rows, cols)), shape=(n + len(edges), n)).tocsr()
