"""The stand-in's resting mesh, made from mediapipe's canonical face and INFACE's landmark positions. Build time only.

Frame: INFACE's head frame, right-handed, x towards the subject's left, y up, z out of the face, millimetres. The
canonical face is right-handed with y up and z out as well, so its positive x is the subject's left too (its landmark
263, the outer corner of the left eye, lies there); the csv's side is not named by its source and follows from the same
reasoning.

Vertex i < 468 is mediapipe's landmark i. After those come the refined surface, the inside of the mouth, the lid
margins, the eyeballs and the skull; the two pupils (landmarks 468 and 473) are the first vertices of the eyeballs.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from wail.errors import ModelError, shape_message

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_CANONICAL = 468
EYE_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
EYE_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
FACE_OVAL = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    323,
    361,
    288,
    397,
    365,
    379,
    378,
    400,
    377,
    152,
    148,
    176,
    149,
    150,
    136,
    172,
    58,
    132,
    93,
    234,
    127,
    162,
    21,
    54,
    103,
    67,
    109,
)

# INFACE landmark (row of the csv) -> the mean of these mediapipe landmarks. Right and midline; the left is mirrored.
CORRESPONDENCE = {
    0: (33,), 1: (133,), 2: (159,), 3: (145,), 39: (160,), 40: (158,), 41: (153,), 42: (144,),
    10: (9,), 11: (168,), 12: (139, 143), 14: (4,), 15: (2,), 16: (220,), 17: (64,), 18: (98,), 19: (97,), 38: (195,),
    24: (0,), 25: (13,), 26: (14,), 27: (17,), 28: (61,), 30: (37,), 55: (39,), 56: (185,),
    59: (82,), 60: (81,), 61: (80,), 62: (78,), 67: (87,), 68: (178,), 69: (88,), 73: (84,), 74: (181,), 75: (146,),
    81: (18,), 32: (199, 175), 33: (152,), 34: (234, 93), 108: (127,), 109: (132,), 114: (10,),
    36: (63, 53), 47: (70, 46), 48: (105, 52), 49: (66, 65), 50: (107, 55),
}  # fmt: skip
LEFT_ROW = {
    0: 4,
    1: 5,
    2: 6,
    3: 7,
    39: 43,
    40: 44,
    41: 45,
    42: 46,
    12: 13,
    16: 20,
    17: 21,
    18: 22,
    19: 23,
    28: 29,
    30: 31,
    55: 57,
    56: 58,
    59: 63,
    60: 64,
    61: 65,
    62: 66,
    67: 70,
    68: 71,
    69: 72,
    73: 76,
    74: 77,
    75: 78,
    34: 35,
    108: 110,
    109: 111,
    36: 37,
    47: 51,
    48: 52,
    49: 53,
    50: 54,
    85: 96,
    86: 97,
    88: 99,
    89: 100,
    90: 101,
    91: 102,
    106: 107,
}
# Rows whose place along the surface is not known, only that the cheek passes through them.
CHEEK_ROWS = (85, 86, 88, 89, 90, 91, 106)

EYEBALL_CENTRE_MM = (24.3, 10.2, 27.2)  # left; fitted to the lid and pupil rows of the csv
EYEBALL_RADIUS_MM = 11.0
LID_CLEARANCE_MM = 0.7


def read_canonical(path: Path) -> tuple[Floats, Ints]:
    """Vertices [468,3] (cm, as in the file) and triangles [898,3] of mediapipe's canonical_face_model.obj."""
    verts, faces = [], []
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            verts.append([float(x) for x in rest])
        elif kind == "f":
            faces.append([int(x.split("/")[0]) - 1 for x in rest])
    if len(verts) != N_CANONICAL:
        raise ModelError(shape_message(f"the vertices of {path.name}", f"({N_CANONICAL}, 3)", (len(verts), 3)))
    return np.array(verts), np.array(faces)


def read_landmarks(path: Path) -> Floats:
    """INFACE's average landmarks [118,3], mm."""
    rows = np.loadtxt(path, delimiter=",")
    if rows.shape != (118, 3):
        raise ModelError(shape_message(f"the landmarks of {path.name}", "(118, 3)", rows.shape))
    return rows


def mirror_map(verts: Floats) -> Ints:
    """For each vertex the index of its mirror image at -x [V]."""
    image = verts * [-1, 1, 1]
    nearest: Ints = np.argmin(np.linalg.norm(verts[None] - image[:, None], axis=-1), axis=1).astype(np.int64)
    return nearest


def open_holes(triangles: Ints) -> Ints:
    """Drop the triangles that fill the eyes and the mouth."""
    keep = np.ones(len(triangles), bool)
    for ring in (EYE_RIGHT, EYE_LEFT, INNER_LIPS):
        keep &= ~np.isin(triangles, ring).all(axis=1)
    kept: Ints = triangles[keep]
    return kept


def warp_to_infant(verts_cm: Floats, landmarks_mm: Floats) -> Floats:
    """Thin plate spline from the canonical face to INFACE's landmarks, symmetric; then the cheeks pulled on to their
    rows.
    """
    verts = verts_cm * 8.05
    mirror = mirror_map(verts)
    verts = (verts + verts[mirror] * [-1, 1, 1]) / 2
    source, target = [], []
    for row, ids in CORRESPONDENCE.items():
        place = _symmetric_row(landmarks_mm, row)
        source.append(verts[list(ids)].mean(0))
        target.append(place)
        if row in LEFT_ROW:
            source.append(verts[mirror[list(ids)]].mean(0))
            target.append(place * [-1, 1, 1])
    warped: Floats = RBFInterpolator(np.array(source), np.array(target), kernel="thin_plate_spline", smoothing=2.0)(
        verts
    )
    return _pull_cheeks(warped, landmarks_mm)


def _symmetric_row(landmarks_mm: Floats, row: int) -> Floats:
    """The right-hand (x < 0) position averaged with its mirrored partner; x = 0 on the midline."""
    if row not in LEFT_ROW:
        middle: Floats = landmarks_mm[row] * [0, 1, 1]
        return middle
    place: Floats = (landmarks_mm[row] + landmarks_mm[LEFT_ROW[row]] * [-1, 1, 1]) / 2
    return place


def _pull_cheeks(verts: Floats, landmarks_mm: Floats) -> Floats:
    anchors = np.array([_symmetric_row(landmarks_mm, row) for row in CHEEK_ROWS])
    anchors = np.concatenate([anchors, anchors * [-1, 1, 1]])
    front = verts[:, 2] > 0
    depth = RBFInterpolator(verts[front, :2], verts[front, 2], kernel="linear", neighbors=12)(anchors[:, :2])
    lift = anchors[:, 2] - depth
    weight = np.exp(-((verts[:, None, :2] - anchors[None, :, :2]) ** 2).sum(-1) / (2 * 7.0**2))
    fixed = np.ones(len(verts))
    fixed[verts[:, 2] < 0] = 0
    out = verts.copy()
    out[:, 2] += fixed * (weight @ lift) / np.maximum(weight.sum(1), 1.0)
    return out


def vertex_normals(verts: Floats, triangles: Ints) -> Floats:
    """Area-weighted unit normals [V,3]."""
    corner = verts[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal = np.zeros_like(verts)
    for k in range(3):
        np.add.at(normal, triangles[:, k], face)
    out: Floats = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return out


def refine(verts: Floats, triangles: Ints) -> tuple[Floats, Ints, dict[tuple[int, int], int]]:
    """Each triangle into four; old vertices stay, new ones lie on the cubic edges of Vlachos et al., Curved PN
    Triangles, 2001.

    Also returns the new vertex of each edge (i < j).
    """
    normal = vertex_normals(verts, triangles)
    edge = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, where = np.unique(edge, axis=0, return_inverse=True)
    a, b = verts[unique[:, 0]], verts[unique[:, 1]]
    bend = ((a - b) * normal[unique[:, 1]]).sum(1, keepdims=True) * normal[unique[:, 1]]
    bend += ((b - a) * normal[unique[:, 0]]).sum(1, keepdims=True) * normal[unique[:, 0]]
    middle = (a + b) / 2 - bend / 8
    m = where.reshape(-1, 3) + len(verts)
    t = triangles
    parts = ((t[:, 0], m[:, 0], m[:, 2]), (t[:, 1], m[:, 1], m[:, 0]), (t[:, 2], m[:, 2], m[:, 1]), tuple(m.T))
    finer = np.concatenate([np.stack(part, 1) for part in parts])
    return np.concatenate([verts, middle]), finer, {(int(i), int(j)): len(verts) + k for k, (i, j) in enumerate(unique)}


def refined_loop(loop: tuple[int, ...], middle: dict[tuple[int, int], int]) -> Ints:
    """A closed loop of old vertices with the edges' new vertices between them."""
    out = []
    for i, j in zip(loop, loop[1:] + loop[:1], strict=True):
        out += [i, middle[min(i, j), max(i, j)]]
    return np.array(out, dtype=np.int64)


def strip(outer: Ints, inner: Ints) -> Ints:
    """Triangles between two closed loops of equal length; they face the side from which `outer` runs
    counter-clockwise.
    """
    o2, i2 = np.roll(outer, -1), np.roll(inner, -1)
    return np.concatenate([np.stack([outer, o2, i2], 1), np.stack([outer, i2, inner], 1)])
