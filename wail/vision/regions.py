"""Which of the 478 landmarks lie where on the face (mediapipe's numbering)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from wail.vision.geometry import canonical_face

Index = NDArray[np.int64]

LIP_OUTER = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146])
LIP_INNER = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95])
"""Both run round the mouth from the subject's right corner, upper lip first; entry k of one faces k of the other."""

LIP_BODY = np.array([3, 4, 5, 6, 7, 13, 14, 15, 16, 17])
"""Entries of the two above away from the corners, where the red of the lip is widest."""

SKIN_UPPER_LIP = np.array([164, 165, 391, 167, 393, 92, 322])
SKIN_CHIN = np.array([18, 200, 199, 83, 313, 201, 421, 175, 208, 428])
SKIN_CORNERS = np.array([186, 410, 57, 287, 43, 273, 194, 418, 212, 432])
SKIN_MOUTH = np.concatenate([SKIN_UPPER_LIP, SKIN_CHIN, SKIN_CORNERS])
"""Skin around the mouth: what a pacifier's shield, a bottle or a hand over the mouth covers."""

SKIN_REFERENCE = np.array([50, 280, 101, 330, 117, 346, 6, 195, 197, 9, 108, 337, 151, 36, 266, 205, 425])
"""Skin that is seldom covered together with the mouth: cheeks under the eyes, nose, forehead."""

LIPS = np.concatenate([LIP_OUTER, LIP_INNER])
MOUTH = np.concatenate([LIPS, SKIN_MOUTH])

NOT_SKIN = np.unique(np.concatenate([
    LIP_OUTER, LIP_INNER,
    [12, 38, 268, 11, 72, 302, 15, 16, 86, 316, 85, 315, 76, 306, 62, 292, 77, 307, 180, 404, 74, 304, 73, 303],
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 468, 469, 470, 471, 472],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 473, 474, 475, 476, 477],
    [46, 53, 52, 65, 55, 70, 63, 105, 66, 107, 276, 283, 282, 295, 285, 300, 293, 334, 296, 336],
    [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149],
    [150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 98, 327, 97, 326, 2, 20, 250, 60, 290],
]))  # fmt: skip
"""Lips, eyes, brows, nostrils and the outline, where the colour need not be the skin's."""


@cache
def mirror_index() -> Index:
    """Landmark k's partner on the other side of the face [478]."""
    verts = canonical_face()[0]
    flipped = verts * np.array([-1, 1, 1], np.float32)
    partner = np.argmin(((flipped[:, None] - verts[None]) ** 2).sum(-1), axis=1)
    # Iris rings: 468-472 and 473-477 are centre, right, top, left, bottom in the picture's sense.
    irises = [473, 476, 475, 474, 477, 468, 471, 470, 469, 472]
    return np.concatenate([partner, np.array(irises)])


@cache
def skin_mask() -> NDArray[np.bool_]:
    """Landmarks that lie on bare skin [478]."""
    mask = np.ones(478, bool)
    mask[NOT_SKIN] = False
    return mask
