"""Jaw rotation, and the smooth weights on the skin that muscles and jaw share.

Frame: x subject's left, y up, z out of the face, mm. A weight says how far a vertex follows the lower jaw (0-1). It is
harmonic on the surface: 1 on chin and lower lip, 0 on nose, upper lip and skull, in between the solution of Laplace's
equation on the mesh graph, so that the two lips part although they touch.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

JAW_AXIS_MM = (0.0, -4.0, -14.0)
"""A point on the axis through both temporomandibular joints, just before the ears; the axis runs along x."""

LOWER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324, 96, 89, 179, 86, 15, 316, 403, 319, 325, 77, 90, 180, 85, 16, 315,
             404, 320, 307, 146, 91, 181, 84, 17, 314, 405, 321, 375)  # fmt: skip
CHIN = (18, 83, 182, 313, 406, 200, 201, 421, 199, 208, 428, 175, 171, 396, 152, 148, 377, 176, 400, 140, 369, 32, 262,
        194, 418, 211, 431, 106, 335, 204, 424)  # fmt: skip
UPPER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415, 183, 42, 41, 38, 12, 268, 271, 272, 407, 184, 74, 73, 72, 11, 302,
             303, 304, 408, 185, 40, 39, 37, 0, 267, 269, 270, 409)  # fmt: skip
LIP_CORNERS = (78, 308, 62, 292, 76, 306, 61, 291)
STILL = (164, 2, 97, 326, 98, 327, 129, 358, 203, 423, 36, 266, 142, 371, 50, 280, 101, 330, 117, 346, 116, 345, 123,
         352, 227, 447, 234, 454, 127, 356, 10, 168, 6, 5, 4, 1, 33, 133, 263, 362, 145, 374)  # fmt: skip
CORNER_WEIGHT = 0.42


def graph_laplacian(n: int, triangles: Ints) -> csr_matrix:
    """Degree minus adjacency of the mesh graph [n,n]."""
    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    one = np.ones(len(i))
    adjacency = csr_matrix((one, (i, j)), shape=(n, n))
    adjacency = ((adjacency + adjacency.T) > 0).astype(float)
    return diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency


def harmonic(n: int, triangles: Ints, fixed: dict[int, float] | dict[int, Floats]) -> Floats:
    """Values at all n vertices, harmonic on the mesh graph except where fixed. Vertices in no triangle get 0."""
    laplacian = graph_laplacian(n, triangles)
    ids = np.array(list(fixed), dtype=np.int64)
    values = np.array(list(fixed.values()), dtype=float)
    out = np.zeros((n, *values.shape[1:]))
    out[ids] = values
    free = np.setdiff1d(np.unique(triangles), ids)
    right = -(laplacian[free][:, ids] @ values)
    out[free] = spsolve(laplacian[free][:, free].tocsc(), right).reshape(len(free), *values.shape[1:])
    return out


def jaw_weight(n: int, triangles: Ints, still: tuple[int, ...] = ()) -> Floats:
    """How far each skin vertex follows the jaw [n], 0-1; `triangles` are the skin's alone, with the mouth open.

    `still` names further vertices that do not move.
    """
    fixed = dict.fromkeys(STILL + UPPER_LIP + still, 0.0) | dict.fromkeys(LOWER_LIP + CHIN, 1.0)
    # Towards the corners the lips give way step by step, else they would tear.
    for chain, end in ((UPPER_LIP, 0.0), (LOWER_LIP, 1.0)):
        for row in range(0, len(chain), 9):
            for k, share in ((0, 0.55), (1, 0.25), (2, 0.08)):
                value = end + share * (CORNER_WEIGHT - end)
                fixed[chain[row + k]] = fixed[chain[row + 8 - k]] = value
    fixed |= dict.fromkeys(LIP_CORNERS, CORNER_WEIGHT)
    return harmonic(n, triangles, fixed)


def rotate_jaw(verts: Floats, weight: Floats, angle_rad: Floats | float, slide_mm: Floats | float = 0.0) -> Floats:
    """The vertices [...,V,3] with the jaw opened by angle_rad [...] (>0 opens) and slid forward by slide_mm, times
    weight.
    """
    angle = np.asarray(angle_rad)[..., None] * weight
    centre = np.array(JAW_AXIS_MM)
    y, z = verts[..., 1] - centre[1], verts[..., 2] - centre[2]
    cos, sin = np.cos(angle), np.sin(angle)
    turned_y, turned_z = cos * y - sin * z, sin * y + cos * z
    slid = np.asarray(slide_mm)[..., None] * weight
    x = np.broadcast_to(verts[..., 0], turned_y.shape)
    return np.stack([x, turned_y + centre[1], turned_z + centre[2] + slid], -1)


def close_lips(verts: Floats, triangles: Ints, inner_lips: Ints, gap_mm: float = 0.5) -> Floats:
    """Bring the warped face's parted lips together: first the jaw, then what is left by the lips themselves."""
    weight = jaw_weight(len(verts), triangles)
    gap = verts[13, 1] - verts[14, 1] - gap_mm
    reach = verts[14, 2] - JAW_AXIS_MM[2]
    closed = rotate_jaw(verts, weight, -gap / reach)
    return _meet(closed, inner_lips, gap_mm)


def _meet(verts: Floats, rim: Ints, gap_mm: float) -> Floats:
    n = len(rim)
    lower, upper = rim[1 : n // 2], rim[: n // 2 : -1]
    gap = verts[upper] - verts[lower]
    wanted = np.zeros_like(gap)
    wanted[:, 1] = gap_mm * np.sin(np.pi * (np.arange(len(gap)) + 1) / (len(gap) + 1))
    pull = (wanted - gap) / 2
    out = verts.copy()
    # The further from the lips' line, the less; upper and lower lip each follow their own rim.
    for ids, move, sign in ((upper, pull, 1.0), (lower, -pull, -1.0)):
        side = sign * (verts[:, 1] - np.interp(verts[:, 0], *_sorted(verts[rim]))) > -0.3
        near = np.exp(-((verts[:, None] - verts[ids][None]) ** 2).sum(-1) / (2 * 3.0**2)) * side[:, None]
        near[rim] = 0
        out += (near @ move) / np.maximum(near.sum(1, keepdims=True), 1.0)
        out[ids] += move
    return out


def _sorted(points: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(points[:, 0])
    return points[order, 0], points[order, 1]
