"""The stand-in's resting mesh as shipped (`rest.npz`): what the muscles act on.

Frame: INFACE's head frame, right-handed, x towards the subject's left, y up, z out of the face, mm.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REST_PATH = Path(__file__).with_name("rest.npz")


@dataclass(frozen=True, eq=False)
class RestMesh:
    """The resting infant: verts_mm [V,3], triangles [F,3] (counter-clockwise from outside), vertex lists by region.

    Regions: `skin` (the refined face), `inner_lips` (closed loop from mediapipe 78 along the lower lip to 308 and
    back), `mouth_0..2` and `mouth_tip` (bag behind the lips, rings in the loop's order), `lid_rim_left|right` (loops
    from the outer corner for the right eye), `lid_margin_left|right` (rings in the rims' order), `eyeball_left|right`
    (first the pupil's centre, then rings of 16 outwards), `skull`.
    """

    verts_mm: Floats
    triangles: Ints
    regions: dict[str, Ints]


def save_rest(rest: RestMesh, path: Path = REST_PATH) -> None:
    """Write the mesh; float32 and int32."""
    arrays = {"verts_mm": rest.verts_mm.astype(np.float32), "triangles": rest.triangles.astype(np.int32)}
    regions = {f"region_{name}": ids.astype(np.int32) for name, ids in rest.regions.items()}
    np.savez_compressed(path, **arrays, **regions)


@lru_cache(maxsize=1)
def load_rest() -> RestMesh:
    """The shipped resting mesh."""
    with np.load(REST_PATH) as data:
        regions = {key[7:]: data[key].astype(np.int64) for key in data.files if key.startswith("region_")}
        return RestMesh(data["verts_mm"].astype(float), data["triangles"].astype(np.int64), regions)
