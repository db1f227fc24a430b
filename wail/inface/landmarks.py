"""Which points of a face model are a detector's landmarks, and what is measured with them.

`mp434`: mediapipe's 478 landmarks less the 36 of the face oval (they slide along the silhouette) and the 8 ring points
of the irises; our reading of the 434 of the report, whose own list is not public. The two iris centres are in the map
with weight 0, as gaze is not modelled. `ibug68`: points 17-67 of iBUG's 68 (face-alignment); the jaw's 0-16 are left
out, since they too slide along the silhouette and so are no points of the mesh. A point of the mesh is a triangle's
three vertices with barycentric weights. Frame: the model's head frame, mm.

Lips and lids as vertex groups have one vertex for each landmark, the nearest, so that a maximum over them (as LVE
takes) is over a like set whatever the mesh's density.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wail.errors import ModelError
from wail.inface.landmark_file import MAP_VERSION, FileFrame, LandmarkMap, ModelMaps, read_maps, write_maps
from wail.inface.model import FaceModel, map_path

__all__ = [
    "FACE_OVAL", "GROUPS", "IBUG68", "IBUG_TO_MEDIAPIPE", "IRIS_CENTRES", "IRIS_RINGS", "LIDS", "LIPS",
    "LOWER_INNER_LIP", "MAP_VERSION", "MP434", "MP434_NAME", "N_MEDIAPIPE", "UPPER_INNER_LIP", "FileFrame",
    "LandmarkMap", "ModelMaps", "aperture_mm", "as_ibug", "decode_landmarks", "landmark_positions", "lid_vertices",
    "lip_vertices", "load_map", "load_maps", "map_path", "model_maps", "nearest_vertices", "pick", "vertex_group",
    "vertex_groups", "write_maps",
]  # fmt: skip

N_MEDIAPIPE = 478
MP434_NAME, IBUG68 = "mp434", "ibug68"
FIRST_IBUG = 17
IBUG_TO_MEDIAPIPE = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 195, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""mediapipe's landmark for each of iBUG's points 17-67: brows, nose, eyes, outer lips, inner lips."""
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
             152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
IRIS_RINGS = (469, 470, 471, 472, 474, 475, 476, 477)
IRIS_CENTRES = (468, 473)
MP434 = tuple(i for i in range(N_MEDIAPIPE) if i not in FACE_OVAL + IRIS_RINGS)
UPPER_INNER_LIP, LOWER_INNER_LIP = 13, 14
UPPER_LIP = (185, 40, 39, 37, 0, 267, 269, 270, 409, 191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375, 95, 88, 178, 87, 14, 317, 402, 318, 324)
LIPS = tuple(sorted({61, 291, 78, 308, *UPPER_LIP, *LOWER_LIP}))
"""mediapipe's FACEMESH_LIPS: the outer and the inner border of both lips, 40 landmarks."""
UPPER_LID_RIGHT, LOWER_LID_RIGHT = (246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155)
UPPER_LID_LEFT, LOWER_LID_LEFT = (466, 388, 387, 386, 385, 384, 398), (249, 390, 373, 374, 380, 381, 382)
LIDS = tuple(sorted({33, 133, 263, 362, *UPPER_LID_RIGHT, *LOWER_LID_RIGHT, *UPPER_LID_LEFT, *LOWER_LID_LEFT}))
"""mediapipe's FACEMESH_LEFT_EYE and FACEMESH_RIGHT_EYE: the rims of the lids, 32 landmarks."""
GROUPS: Mapping[str, tuple[int, ...]] = {
    "lips": LIPS, "upper_lip": UPPER_LIP, "lower_lip": LOWER_LIP, "lids": LIDS,
    "upper_lid_right": UPPER_LID_RIGHT, "lower_lid_right": LOWER_LID_RIGHT,
    "upper_lid_left": UPPER_LID_LEFT, "lower_lid_left": LOWER_LID_LEFT,
}  # fmt: skip
"""Vertex groups of the file and the landmarks they lie at. `lips` and `lids` hold the corners too, their parts do not;
left and right are the subject's."""


def model_maps(model: FaceModel) -> ModelMaps:
    """The model's landmark file. Raises ModelError where there is none, or where it does not fit the model."""
    path = map_path(model)
    if not path.is_file():
        raise ModelError(f"{model.name} has no landmark map {path.name} beside it: which of its points are mediapipe's "
                         f"landmarks has to be registered once, with `wail inface register {model.path}`")  # fmt: skip
    return read_maps(path, len(model.mean_verts_mm))


def load_map(model: FaceModel, name: str = MP434_NAME) -> LandmarkMap:
    """One of the model's landmark maps. Raises ModelError where there is none, or where it does not fit the model."""
    maps = model_maps(model).maps
    if name not in maps:
        raise ModelError(f"{map_path(model)} has no map {name!r} (it has {', '.join(maps) or 'none'}): register the "
                         "model again with `wail inface register`")  # fmt: skip
    return maps[name]


def load_maps(model: FaceModel) -> dict[str, LandmarkMap]:
    """All landmark maps of the model, by name. Raises ModelError as `load_map` does."""
    return dict(model_maps(model).maps)


def as_ibug(mp434: LandmarkMap) -> LandmarkMap:
    """`ibug68` as far as it follows from `mp434`: iBUG's points 17-67."""
    points = pick(mp434, IBUG_TO_MEDIAPIPE)
    number = np.arange(FIRST_IBUG, FIRST_IBUG + len(IBUG_TO_MEDIAPIPE))
    return LandmarkMap(IBUG68, mp434.version, number, points.triangle_vertices, points.barycentric, points.weight)


def vertex_groups(mp434: LandmarkMap) -> dict[str, NDArray[np.int64]]:
    """The vertices nearest to each group's landmarks, ascending, by the group's name."""
    return {name: nearest_vertices(mp434, landmarks) for name, landmarks in GROUPS.items()}


def nearest_vertices(landmark_map: LandmarkMap, landmarks: tuple[int, ...]) -> NDArray[np.int64]:
    """The vertex with the greatest share in each of these landmarks, ascending, none twice."""
    rows = pick(landmark_map, landmarks)
    nearest: NDArray[np.int64] = np.unique(
        rows.triangle_vertices[np.arange(len(landmarks)), rows.barycentric.argmax(1)]
    )
    return nearest


def landmark_positions(verts_mm: Tensor, landmark_map: LandmarkMap) -> Tensor:
    """Positions [...,n,3] (mm) of the map's landmarks on whole meshes [...,V,3]."""
    triangle = torch.as_tensor(landmark_map.triangle_vertices, device=verts_mm.device)
    share = torch.as_tensor(landmark_map.barycentric, device=verts_mm.device, dtype=verts_mm.dtype)
    places: Tensor = (verts_mm[..., triangle, :] * share[..., None]).sum(-2)
    return places


def decode_landmarks(model: FaceModel, latents: Tensor, landmark_map: LandmarkMap) -> Tensor:
    """Positions [...,n,3] (mm) of the map's landmarks for raw latents [...,97]; the rest is not decoded."""
    vertices, where = np.unique(landmark_map.triangle_vertices, return_inverse=True)
    verts = model.decode(latents, torch.as_tensor(vertices, device=latents.device))
    triangle = torch.as_tensor(where.reshape(landmark_map.triangle_vertices.shape), device=latents.device)
    share = torch.as_tensor(landmark_map.barycentric, device=latents.device, dtype=verts.dtype)
    places: Tensor = (verts[..., triangle, :] * share[..., None]).sum(-2)
    return places


def pick(landmark_map: LandmarkMap, landmarks: tuple[int, ...]) -> LandmarkMap:
    """The map's rows of these mediapipe landmarks, in their order. Raises ModelError for one that is not in it."""
    row = {int(i): k for k, i in enumerate(landmark_map.landmark)}
    missing = [i for i in landmarks if i not in row]
    if missing:
        raise ModelError(
            f"the landmark map {landmark_map.name} lacks mediapipe's landmarks {missing}, which are needed here"
        )
    keep = [row[i] for i in landmarks]
    return LandmarkMap(landmark_map.name, landmark_map.version, landmark_map.landmark[keep],
                       landmark_map.triangle_vertices[keep], landmark_map.barycentric[keep],
                       landmark_map.weight[keep])  # fmt: skip


def aperture_mm(model: FaceModel, latents: Tensor, landmark_map: LandmarkMap | None = None) -> Tensor:
    """Mouth aperture [...]: the distance (mm) between the mesh's points of mediapipe 13 and 14 for raw latents
    [...,97].

    Differentiable. `landmark_map` saves reading the model's own again. Raises ModelError where the model has none.
    """
    lips = pick(landmark_map or load_map(model), (UPPER_INNER_LIP, LOWER_INNER_LIP))
    ends = decode_landmarks(model, latents, lips)
    distance: Tensor = (ends[..., 0, :] - ends[..., 1, :]).norm(dim=-1)
    return distance


def lip_vertices(model: FaceModel, landmark_map: LandmarkMap | None = None) -> Tensor:
    """The lips' vertices [L], ascending: the lip set of metrics and losses. From `landmark_map` where given, else the
    model's group `lips`. Raises ModelError where the model has none.
    """
    if landmark_map is not None:
        return torch.as_tensor(nearest_vertices(landmark_map, LIPS))
    return vertex_group(model, "lips")


def lid_vertices(model: FaceModel) -> Tensor:
    """The vertices [L] of all four lids' rims, ascending. Raises ModelError where the model has none."""
    return vertex_group(model, "lids")


def vertex_group(model: FaceModel, name: str) -> Tensor:
    """A vertex group [n] of the model's landmark file, ascending; names as in GROUPS. Raises ModelError."""
    groups = model_maps(model).groups
    if name not in groups:
        raise ModelError(f"{map_path(model)} has no vertex group {name!r} (it has {', '.join(groups) or 'none'}): "
                         "register the model again with `wail inface register`")  # fmt: skip
    return torch.as_tensor(groups[name])
