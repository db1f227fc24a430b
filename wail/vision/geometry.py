"""mediapipe's canonical face, head pose from a mesh, and the mesh's normals.

Frames of reference: head: x towards the subject's left, y up, z out of the face (the canonical model's own axes, in
centimetres). Crop and picture: x right, y down, z away from the camera. `R_head_to_camera = Rz(roll) F Ry(yaw)
Rx(-pitch)`, F = diag(1, -1, -1); yaw > 0 turns the face to the subject's left, pitch > 0 up, roll > 0 clockwise in the
picture.

The model is google-ai-edge/mediapipe's `canonical_face_model.obj` (Apache-2.0), unchanged: see ATTRIBUTION.md.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

RIGID = np.array([
    33, 133, 362, 263,             # eye corners
    168, 6, 197, 195, 5, 4, 1,     # bridge and tip of the nose
    8, 9, 151, 10, 109, 338,       # forehead, middle
    98, 327, 2,                    # nostril wings, foot of the nose
    127, 356, 162, 389,            # temples
])  # fmt: skip
"""Landmarks that expressions hardly move. Brows, cheeks, lips and jaw are left out."""

FLIP = np.diag([1.0, -1.0, -1.0])


@cache
def canonical_face() -> tuple[Array, NDArray[np.int64]]:
    """The canonical face: vertices f32 [468, 3] in centimetres (head frame), triangles [898, 3]."""
    verts, faces = [], []
    for line in Path(__file__).with_name("canonical_face_model.obj").read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            verts.append([float(w) for w in words[:3]])
        elif kind == "f":
            faces.append([int(w.split("/")[0]) - 1 for w in words])
    return np.array(verts, np.float32), np.array(faces, np.int64)


def head_rotation(points: Array) -> tuple[NDArray[np.float64], float, float]:
    """Rotation of a mesh against the canonical face, by orthogonal Procrustes on `RIGID` points (Kabsch, Umeyama).

    points: [478, 3] in crop pixels, z away from the camera. Returns R_head_to_camera [3, 3], the scale in pixels per
    centimetre, and the RMS residual of the rigid points as a fraction of the outer eye distance.
    """
    model = canonical_face()[0][RIGID].astype(np.float64)
    seen = points[RIGID].astype(np.float64)
    model, seen = model - model.mean(0), seen - seen.mean(0)
    u, s, vt = np.linalg.svd(seen.T @ model)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / (model**2).sum())
    residual = np.sqrt(((seen - scale * model @ rotation.T) ** 2).sum(1).mean())
    return rotation, scale, float(residual / max(np.linalg.norm(points[33] - points[263]), 1e-6))


def angles_deg(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in degrees of R_head_to_camera = Rz(roll) F Ry(yaw) Rx(-pitch); roll in 0-360."""
    # Rz leaves the third row alone; F negates Ry Rx's: (sin yaw, cos yaw sin pitch, -cos yaw cos pitch).
    # The first column of F Ry is (cos yaw, 0, sin yaw), so Rz turns its top two entries to the roll.
    yaw = np.arctan2(rotation[2, 0], np.hypot(rotation[2, 1], rotation[2, 2]))
    pitch = np.arctan2(rotation[2, 1], -rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll) % 360.0)


def vertex_normals(points: Array) -> Array:
    """Unit normals f32 [478, 3] of a mesh in crop axes, pointing out of the face; z < 0 faces the camera.

    The ten iris points (468-477) have no triangles: they take the normal of their eye's inner corner region.
    """
    corners = points[canonical_face()[1]]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(points), 3), np.float64)
    normals[:468] = _corner_sums() @ area.astype(np.float64)
    normals[468:473], normals[473:478] = normals[[33, 133, 159, 145]].sum(0), normals[[263, 362, 386, 374]].sum(0)
    # The canonical triangles wind anticlockwise seen from outside in a y-up frame. Crop axes are that frame turned by
    # F, a rotation, so the winding holds and the normals still point out.
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9), np.float32)


@cache
def _corner_sums() -> Any:
    """Sparse [468, 898]: 1 where a triangle has a vertex."""
    from scipy.sparse import csr_matrix

    verts, triangles = canonical_face()
    ones = np.ones(triangles.size)
    return csr_matrix((ones, (triangles.ravel(), np.repeat(np.arange(len(triangles)), 3))),
                      shape=(len(verts), len(triangles)))  # fmt: skip
