"""Plain vertex colours for the stand-in, so that its eyes, lips and mouth show. No infant's texture is behind them."""

import numpy as np
from numpy.typing import NDArray

from wail.inface.standin.jaw import LIP_CORNERS, LOWER_LIP, UPPER_LIP
from wail.inface.standin.rest import RestMesh, load_rest

SKIN, LIPS, LID_EDGE = (0.88, 0.68, 0.58), (0.81, 0.51, 0.48), (0.66, 0.45, 0.40)
SCLERA, IRIS, PUPIL = (0.95, 0.95, 0.94), (0.27, 0.33, 0.42), (0.02, 0.02, 0.02)
MOUTH = ((0.60, 0.25, 0.25), (0.42, 0.13, 0.14), (0.25, 0.06, 0.07), (0.20, 0.05, 0.05))
BROW = (0.74, 0.55, 0.45)
BROW_LANDMARKS = (46, 53, 52, 65, 70, 63, 105, 66, 276, 283, 282, 295, 300, 293, 334, 296)
PUPIL_END, IRIS_END = 17, 49
"""An eyeball's vertices before these are pupil (centre and one ring) and iris (two more rings of 16)."""


def vertex_colours() -> NDArray[np.float32]:
    """Colours [V,3], 0-1, of the stand-in's vertices, for `render_mesh` and `write_glb`."""
    rest = load_rest()
    out = np.tile(np.array(SKIN, np.float32), (len(rest.verts_mm), 1))
    out[with_midpoints(rest, BROW_LANDMARKS)] = BROW
    out[with_midpoints(rest, LOWER_LIP + UPPER_LIP + LIP_CORNERS)] = LIPS
    out[rest.regions["inner_lips"]] = LIPS
    for name, colour in zip(("mouth_0", "mouth_1", "mouth_2", "mouth_tip"), MOUTH, strict=True):
        out[rest.regions[name]] = colour
    for side in ("left", "right"):
        eye = rest.regions[f"eyeball_{side}"]
        out[eye], out[eye[:IRIS_END]], out[eye[:PUPIL_END]] = SCLERA, IRIS, PUPIL
        out[rest.regions[f"lid_margin_{side}"]] = out[rest.regions[f"lid_rim_{side}"]] = LID_EDGE
    return out


def with_midpoints(rest: RestMesh, landmarks: tuple[int, ...]) -> NDArray[np.int64]:
    """These landmarks' vertices, and the refined ones that lie between two of them."""
    edges = np.unique(np.sort(rest.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    chosen = np.isin(edges[:, 0], landmarks) & (edges[:, 1] >= 468)
    middle, count = np.unique(edges[chosen, 1], return_counts=True)
    return np.concatenate([np.array(landmarks), middle[count >= 2]])
