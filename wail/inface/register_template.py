"""mediapipe's canonical face made ready to be laid on to another face. Its file belongs to `wail.vision`, which this
package does not import: whoever registers hands its vertices and triangles over.

Frame: x towards the subject's left, y up, z out of the face; centimetres, as in the file.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from wail.errors import ModelError, shape_message
from wail.inface.landmarks import FACE_OVAL, IBUG_TO_MEDIAPIPE, LIDS, LIPS
from wail.inface.register_surface import Floats, Ints, along_surface
from wail.inface.register_warp import Flesh, principal_warps, unit_normals
from wail.inface.standin.geometry import mirror_map, open_holes
from wail.inface.standin.jaw import jaw_weight

N_CANONICAL = 468
NOSE_TIP = 4
OUTER_EYES = (33, 263)
OVER_MOUTH = (164, 165, 391, 167, 393, 92, 322)
UNDER_MOUTH = (18, 83, 313, 182, 406, 200, 201, 421)
NOSE = (1, 2, 4, 5, 6, 98, 327, 97, 326, 168, 195, 197, 64, 294, 48, 278)
BROWS = IBUG_TO_MEDIAPIPE[:10]
REGIONS = {"lips": LIPS, "lids": LIDS, "nose": NOSE, "brows": BROWS}
OVAL_WEIGHT = 0.3
"""The oval is where the template ends and no landmark of the map, so it is held loosely."""
JAW_CM = 1.0
"""The mouth opens in the spline as if the jaw lay this much further away in a fourth dimension."""
SURE = 0.08
"""From this relative difference of the ways to either side of the mouth on, a vertex is of one side for certain."""


@dataclass(frozen=True, eq=False)
class Template:
    """verts [468,3] cm; normals [468,3], with eyes and mouth filled, and flesh_normals, without; flesh: what is bent;
    inner [n]: all landmarks less the oval's; mirror [468]: each one's partner; around: sparse [468,468], the mean of a
    vertex' surroundings (two rings)."""

    verts: Floats
    normals: Floats
    flesh_normals: Floats
    flesh: Flesh
    inner: Ints
    mirror: Ints
    around: csr_matrix

    def relief(self, verts: Floats, normals: Floats) -> Floats:
        """How far each vertex [468] stands out of its surroundings, along its normal."""
        out: Floats = ((verts - self.around @ verts) * normals).sum(1)
        return out


def make_template(verts_cm: NDArray[Any], triangles: Ints) -> Template:
    """From the canonical face's vertices [468,3] (cm) and triangles [898,3]. Raises ModelError for other shapes."""
    verts, triangles = np.asarray(verts_cm, float), np.asarray(triangles, np.int64)
    if verts.shape != (N_CANONICAL, 3):
        raise ModelError(shape_message("the canonical face's vertices", f"({N_CANONICAL}, 3)", verts.shape))
    skin = open_holes(triangles)
    jaw = jaw_weight(N_CANONICAL, skin)
    weight = np.ones(N_CANONICAL)
    weight[list(FACE_OVAL)] = OVAL_WEIGHT
    over, under = np.array(OVER_MOUTH), np.array(UNDER_MOUTH)
    up, down = along_surface(verts, skin, over), along_surface(verts, skin, under)
    share = (down - up) / (down + up)
    side = np.where(np.abs(share) > SURE, np.sign(share), 0).astype(np.int64)
    flesh = Flesh(verts, skin, weight, side, over, under, principal_warps(np.c_[verts, JAW_CM * jaw]))
    inner = np.setdiff1d(np.arange(N_CANONICAL), FACE_OVAL)
    # The coarse search sees a face with eyes and mouth filled, so that rims have normals too.
    filled, open_ = unit_normals(verts, triangles), unit_normals(verts, skin)
    return Template(verts, filled, open_, flesh, inner, mirror_map(verts), _surroundings(skin))


def _surroundings(triangles: Ints) -> csr_matrix:
    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    ring = csr_matrix((np.ones(len(i)), (i, j)), shape=(N_CANONICAL, N_CANONICAL))
    ring = ((ring + ring.T) > 0).astype(float)
    both = ((ring + ring @ ring) > 0).astype(float).tolil()
    both.setdiag(0)
    both = both.tocsr()
    mean: csr_matrix = csr_matrix(both.multiply(1 / np.asarray(both.sum(1))))
    mean.eliminate_zeros()
    return mean
