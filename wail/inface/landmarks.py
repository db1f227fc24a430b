"""Which points of a face model are mediapipe's landmarks, and what is measured with them.

`mp434`: mediapipe's 478 landmarks less the 36 of the face oval (they slide along the silhouette) and the 8 ring points
of the irises; our reading of the 434 of the report, whose own list is not public. The two iris centres are in the map
with weight 0, as gaze is not modelled. A point of the mesh is a triangle's three vertices with barycentric weights.
Frame: the model's head frame, mm.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wail.errors import ModelError, shape_message
from wail.inface.model import FaceModel

MAP_VERSION = 1
N_MEDIAPIPE = 478
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
             152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
IRIS_RINGS = (469, 470, 471, 472, 474, 475, 476, 477)
IRIS_CENTRES = (468, 473)
MP434 = tuple(i for i in range(N_MEDIAPIPE) if i not in FACE_OVAL + IRIS_RINGS)
UPPER_INNER_LIP, LOWER_INNER_LIP = 13, 14
LIPS = tuple(sorted({
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
}))  # fmt: skip
"""mediapipe's FACEMESH_LIPS: the outer and the inner border of both lips, 40 landmarks."""


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """n landmarks on a model: landmark [n] (mediapipe's number), triangle_vertices [n,3], barycentric [n,3], weight
    [n].

    A weight of 0 means: known where it is, not to be fitted.
    """

    name: str
    version: int
    landmark: NDArray[np.int64]
    triangle_vertices: NDArray[np.int64]
    barycentric: NDArray[np.float32]
    weight: NDArray[np.float32]


def map_path(model: FaceModel) -> Path:
    """Where a model's map is: beside its file, `<model>.landmarks.json`; the stand-in's is `landmarks.json`."""
    if model.is_stand_in:
        return Path(__file__).parent / "standin" / "landmarks.json"
    return model.path.with_name(f"{model.path.stem}.landmarks.json")


def load_map(model: FaceModel) -> LandmarkMap:
    """The model's landmark map. Raises ModelError where there is none, or where it does not fit the model."""
    path = map_path(model)
    if not path.is_file():
        raise ModelError(f"{model.name} has no landmark map {path.name} beside it: which of its points are mediapipe's "
                         f"landmarks has to be registered once, with `wail inface register {model.path}`")  # fmt: skip
    return _checked(_parse(path), len(model.mean_verts_mm), path)


def save_map(landmark_map: LandmarkMap, path: Path) -> None:
    """Write a map as JSON, one landmark a line."""
    columns = (landmark_map.landmark, landmark_map.triangle_vertices, landmark_map.barycentric, landmark_map.weight)
    rows = [json.dumps([int(i), t.tolist(), [round(float(x), 6) for x in b], float(w)])
            for i, t, b, w in zip(*columns, strict=True)]  # fmt: skip
    head = f'{{"name": {json.dumps(landmark_map.name)}, "version": {landmark_map.version},\n'
    fields = '"columns": ["landmark", "triangle_vertices", "barycentric", "weight"],\n"rows": [\n'
    path.write_text(head + fields + ",\n".join(rows) + "\n]}\n")


def _parse(path: Path) -> LandmarkMap:
    try:
        data = json.loads(path.read_text())
        landmark, triangle, barycentric, weight = zip(*data["rows"], strict=True)
        return LandmarkMap(str(data["name"]), int(data["version"]),
                           np.array(landmark, np.int64), np.array(triangle, np.int64),
                           np.array(barycentric, np.float32), np.array(weight, np.float32))  # fmt: skip
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is no landmark map ({error!r}): it needs name, version and rows of landmark, "
                         "triangle_vertices, barycentric, weight; register the model again") from error  # fmt: skip


def _checked(landmark_map: LandmarkMap, n_vertices: int, path: Path) -> LandmarkMap:
    triangle = landmark_map.triangle_vertices
    if landmark_map.version != MAP_VERSION:
        raise ModelError(
            f"{path} has version {landmark_map.version}, but {MAP_VERSION} is read: register the model again"
        )
    if triangle.shape != (len(landmark_map.landmark), 3) or landmark_map.barycentric.shape != triangle.shape:
        raise ModelError(
            shape_message(f"triangle_vertices in {path}", f"({len(landmark_map.landmark)}, 3)", triangle.shape)
        )
    if triangle.min() < 0 or triangle.max() >= n_vertices:
        raise ModelError(
            f"{path} names vertex {triangle.max()}, but the model has {n_vertices}: it belongs to another model"
        )
    if len(set(landmark_map.landmark.tolist())) != len(landmark_map.landmark):
        raise ModelError(f"{path} names a landmark twice: register the model again")
    if not np.allclose(landmark_map.barycentric.sum(1), 1, atol=1e-4):
        raise ModelError(f"barycentric weights in {path} must add up to 1: register the model again")
    return landmark_map


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
    """The vertices [L] nearest to mediapipe's 40 lip landmarks, ascending: the lip set of metrics and losses."""
    lips = pick(landmark_map or load_map(model), LIPS)
    nearest = lips.triangle_vertices[np.arange(len(LIPS)), lips.barycentric.argmax(1)]
    return torch.as_tensor(np.unique(nearest))
