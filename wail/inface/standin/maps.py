"""The stand-in's landmark file: exact, as its vertex i < 468 is mediapipe's landmark i."""

import numpy as np

from wail.inface.landmarks import (
    IRIS_CENTRES,
    MAP_VERSION,
    MP434,
    MP434_NAME,
    LandmarkMap,
    ModelMaps,
    as_ibug,
    vertex_groups,
)
from wail.inface.standin.rest import RestMesh


def standin_maps(rest: RestMesh) -> ModelMaps:
    """Both maps and the groups."""
    mp434 = landmark_map(rest)
    ibug = as_ibug(mp434)
    return ModelMaps(len(rest.verts_mm), {mp434.name: mp434, ibug.name: ibug}, vertex_groups(mp434))


def landmark_map(rest: RestMesh) -> LandmarkMap:
    """mp434 on the stand-in: landmark i is vertex i, the iris centres are the eyeballs' first vertices."""
    place = {i: i for i in MP434 if i < 468}
    place |= {
        i: int(rest.regions[f"eyeball_{side}"][0]) for i, side in zip(IRIS_CENTRES, ("right", "left"), strict=True)
    }
    corners = np.array([rest.triangles[np.argmax((rest.triangles == place[i]).any(1))] for i in MP434])
    at = corners == np.array([place[i] for i in MP434])[:, None]
    weight = np.array([0.0 if i in IRIS_CENTRES else 1.0 for i in MP434], np.float32)
    return LandmarkMap(MP434_NAME, MAP_VERSION, np.array(MP434), corners, at.astype(np.float32), weight)
