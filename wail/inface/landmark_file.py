"""The landmark file beside a model: which of its points are which detector's landmarks, format version 2.

One JSON object: `version`, `vertices` (of the model), `frame` (how the file's own frame lies in the head frame), `maps`
(by name, each `columns` and `rows`: landmark, triangle_vertices, barycentric, weight) and `groups` (by name, vertices
ascending).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError, shape_message

MAP_VERSION = 2
COLUMNS = ("landmark", "triangle_vertices", "barycentric", "weight")
AGAIN = "register the model again (`wail inface register`)"


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """n landmarks on a model: landmark [n] (the detector's own number), triangle_vertices [n,3], barycentric [n,3],
    weight [n].

    A weight of 0 means: known where it is, not to be fitted.
    """

    name: str
    version: int
    landmark: NDArray[np.int64]
    triangle_vertices: NDArray[np.int64]
    barycentric: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class FileFrame:
    """How a model file's own frame lies in the head frame (right-handed, x towards the subject's left, y up, z out of
    the face, mm): `head_mm = unit_mm * rotation @ file + translation_mm`. The rotation is proper, row by row.
    """

    unit_mm: float = 1.0
    rotation: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    translation_mm: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class ModelMaps:
    """All that the file holds: maps by name, vertex groups by name ([n] ascending), the frame, the vertex count."""

    n_vertices: int
    maps: Mapping[str, LandmarkMap]
    groups: Mapping[str, NDArray[np.int64]]
    frame: FileFrame = field(default_factory=FileFrame)


def write_maps(maps: ModelMaps, path: Path) -> None:
    """Write the file, one landmark a line."""
    parts = [f'"version": {MAP_VERSION}', f'"vertices": {maps.n_vertices}',
             f'"frame": {json.dumps(vars(maps.frame))}',
             '"maps": {\n' + ",\n".join(_map_text(one) for one in maps.maps.values()) + "}",
             '"groups": {\n' + ",\n".join(f"{json.dumps(name)}: {json.dumps(ids.tolist())}"
                                          for name, ids in maps.groups.items()) + "}"]  # fmt: skip
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("{" + ",\n".join(parts) + "}\n")
    temporary.replace(path)


def read_maps(path: Path, n_vertices: int) -> ModelMaps:
    """Read and check the file of a model with `n_vertices`. Raises ModelError for whatever does not fit."""
    try:
        data = json.loads(path.read_text())
        version = int(data["version"])
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is no landmark file ({error!r}): {AGAIN}") from error
    if version != MAP_VERSION:
        raise ModelError(f"{path} has version {version}, but {MAP_VERSION} is read: {AGAIN}")
    try:
        maps = _parsed(data)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no landmark file ({error!r}): it needs vertices, frame, maps (rows of "
                         f"{', '.join(COLUMNS)}) and groups; {AGAIN}") from error  # fmt: skip
    _check(maps, n_vertices, path)
    return maps


def _map_text(one: LandmarkMap) -> str:
    columns = (one.landmark, one.triangle_vertices, one.barycentric, one.weight)
    rows = [json.dumps([int(i), t.tolist(), [round(float(x), 6) for x in b], float(w)])
            for i, t, b, w in zip(*columns, strict=True)]  # fmt: skip
    return f'{json.dumps(one.name)}: {{"columns": {json.dumps(COLUMNS)}, "rows": [\n' + ",\n".join(rows) + "]}"


def _parsed(data: dict[str, Any]) -> ModelMaps:
    maps = {name: _parsed_map(name, one["rows"]) for name, one in data["maps"].items()}
    groups = {name: np.array(ids, np.int64) for name, ids in data["groups"].items()}
    frame = data["frame"]
    rotation = tuple(tuple(float(x) for x in row) for row in frame["rotation"])
    return ModelMaps(int(data["vertices"]), maps, groups,
                     FileFrame(float(frame["unit_mm"]), rotation, tuple(float(x) for x in frame["translation_mm"])),
                     )  # fmt: skip


def _parsed_map(name: str, rows: list[Any]) -> LandmarkMap:
    landmark, triangle, barycentric, weight = zip(*rows, strict=True)
    return LandmarkMap(name, MAP_VERSION, np.array(landmark, np.int64), np.array(triangle, np.int64),
                       np.array(barycentric, np.float32), np.array(weight, np.float32))  # fmt: skip


def _check(maps: ModelMaps, n_vertices: int, path: Path) -> None:
    if maps.n_vertices != n_vertices:
        raise ModelError(f"{path} is for {maps.n_vertices} vertices, but the model has {n_vertices}: it belongs to "
                         f"another model; {AGAIN}")  # fmt: skip
    for one in maps.maps.values():
        _check_map(one, n_vertices, path)
    for name, ids in maps.groups.items():
        if ids.ndim != 1 or len(ids) == 0 or ids.min() < 0 or ids.max() >= n_vertices:
            raise ModelError(f"group {name!r} in {path} must list some of the vertices 0-{n_vertices - 1}: {AGAIN}")
    _check_frame(maps.frame, path)


def _check_map(one: LandmarkMap, n_vertices: int, path: Path) -> None:
    triangle, n = one.triangle_vertices, len(one.landmark)
    for name, got, want in (("triangle_vertices", triangle, (n, 3)), ("barycentric", one.barycentric, (n, 3)),
                            ("weight", one.weight, (n,))):  # fmt: skip
        if got.shape != want:
            raise ModelError(shape_message(f"{name} of {one.name} in {path}", str(want), got.shape))
    if triangle.min() < 0 or triangle.max() >= n_vertices:
        wrong = triangle[(triangle < 0) | (triangle >= n_vertices)][0]
        raise ModelError(f"{path} names vertex {wrong}, but the model has {n_vertices}: it belongs to another model; "
                         f"{AGAIN}")  # fmt: skip
    if len(set(one.landmark.tolist())) != n:
        raise ModelError(f"{path} names a landmark of {one.name} twice: {AGAIN}")
    if not np.allclose(one.barycentric.sum(1), 1, atol=1e-4):
        raise ModelError(f"barycentric weights of {one.name} in {path} must add up to 1: {AGAIN}")
    if not (np.isfinite(one.weight) & (one.weight >= 0)).all():
        raise ModelError(f"weights of {one.name} in {path} must be 0 or more: {AGAIN}")


def _check_frame(frame: FileFrame, path: Path) -> None:
    lengths = [len(row) for row in frame.rotation]
    if lengths != [3, 3, 3] or len(frame.translation_mm) != 3:
        raise ModelError(f"frame.rotation in {path} must have shape (3, 3) and translation_mm (3,), but there are rows "
                         f"of {lengths} and {len(frame.translation_mm)} numbers: {AGAIN}")  # fmt: skip
    rotation = np.array(frame.rotation)
    proper = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) and np.linalg.det(rotation) > 0
    if not (proper and 0 < frame.unit_mm < np.inf and np.isfinite(frame.translation_mm).all()):
        raise ModelError(f"frame in {path} must be a rotation without mirroring, a positive unit_mm and a finite "
                         f"translation: {AGAIN}")  # fmt: skip


def landmarks_beside(model_file: Path) -> Path:
    """Where the landmark file of a received model file is."""
    return model_file.with_name(f"{model_file.stem}.landmarks.json")
