"""Identity and age of the stand-in: a smooth warp of space, so that lids still meet and lips still touch after it.

Frame: x subject's left, y up, z out of the face, mm. Each trait is a Gaussian window that shifts what is inside it,
mirrored for the right half; one unit of a trait is one standard deviation. Sizes and growth follow published
anthropometry, see ATTRIBUTION.md: WHO head circumference for age 0-24 months, and standard deviations of 3 % of
overall size and 1-3 mm of facial distances (Farkas 1994; White et al. 2004; Brons et al. 2019).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Trait(NamedTuple):
    """Shift by shift_mm (left side) within width_mm of place_mm. kind: both sides mirrored, midline, or opposite."""

    name: str
    kind: str
    place_mm: tuple[float, float, float]
    width_mm: float
    shift_mm: tuple[float, float, float]


TRAITS = (
    Trait("face_width", "both", (58, -5, 0), 30, (2.4, 0, 0)),
    Trait("head_width", "both", (62, 35, -30), 45, (3.0, 0, 0)),
    Trait("head_height", "midline", (0, 95, -30), 45, (0, 4.0, 0)),
    Trait("forehead_depth", "midline", (0, 55, 46), 28, (0, 0, 2.2)),
    Trait("eye_spacing", "both", (24, 10, 30), 14, (1.1, 0, 0)),
    Trait("fissure_length", "both", (36, 10, 32), 7, (0.9, 0, -0.2)),
    Trait("eye_level", "both", (24, 10, 30), 16, (0, 1.2, 0)),
    Trait("canthal_tilt", "both", (37, 10, 31), 9, (0, 0.8, 0)),
    Trait("eye_depth", "both", (24, 10, 30), 14, (0, 0, 1.0)),
    Trait("brow_level", "both", (26, 26, 42), 10, (0, 1.2, 0.5)),
    Trait("nose_width", "both", (12, -11, 48), 6, (0.9, 0, 0)),
    Trait("nose_length", "midline", (0, -10, 53), 9, (0, -1.2, 0)),
    Trait("nose_depth", "midline", (0, -7, 56), 9, (0, 0, 1.2)),
    Trait("nose_bridge", "midline", (0, 9, 47), 8, (0, 0, 1.0)),
    Trait("mouth_level", "midline", (0, -32, 46), 15, (0, 1.2, 0)),
    Trait("mouth_width", "both", (17, -31, 42), 8, (1.1, 0, 0)),
    Trait("mouth_depth", "midline", (0, -31, 48), 12, (0, 0, 1.2)),
    Trait("chin_height", "midline", (0, -60, 34), 15, (0, -2.0, 0)),
    Trait("chin_depth", "midline", (0, -52, 40), 14, (0, 0, 1.6)),
    Trait("jaw_width", "both", (44, -40, 10), 18, (2.0, 0, 0)),
    Trait("cheek_fullness", "both", (38, -25, 24), 14, (1.2, 0, 1.2)),
    Trait("cheekbone", "both", (40, -3, 28), 12, (0.5, 0, 1.0)),
    Trait("nose_asymmetry", "midline", (0, -8, 52), 13, (0.6, 0, 0)),
    Trait("chin_asymmetry", "midline", (0, -55, 36), 20, (0.9, 0, 0)),
    Trait("eye_asymmetry", "opposite", (24, 12, 32), 16, (0, 0.4, 0)),
    Trait("cheek_asymmetry", "opposite", (42, -20, 15), 22, (0.8, 0, 0.5)),
)
SIZE_SD = 0.03
N_IDENTITY = len(TRAITS) + 1
"""Length of an identity vector: overall size, then the traits."""

AGE_MONTHS = (0.0, 24.0)
MEAN_AGE_MONTHS = 6.0
"""The age at which WHO's median head circumference is that of INFACE's average head (42.8 cm)."""
# WHO Child Growth Standards 2007, head circumference for age, median, boys and girls averaged.
HEAD_MONTHS = (0, 1, 2, 3, 4, 6, 9, 12, 18, 24)
HEAD_CM = (34.2, 36.9, 38.7, 40.0, 41.1, 42.75, 44.4, 45.5, 46.8, 47.7)
# Traits that change with age beyond overall size, in standard deviations per unit of relative growth.
GROWTH = {"nose_depth": 8.0, "nose_length": 4.0, "nose_bridge": 8.0, "head_height": -5.0, "cheek_fullness": -4.0}
# What only age changes: the face below the eyes grows faster than the skull, the eyes slower.
LOWER_FACE_STRETCH, EYE_SHRINKAGE = 0.3, 0.6
EYE_LINE_MM, EYES_MM, EYES_WIDTH_MM = 4.0, (24.3, 10.2, 30.0), 15.0


def relative_size(age_months: Floats) -> Floats:
    """Head circumference at this age over that at MEAN_AGE_MONTHS [...]."""
    size: Floats = np.interp(age_months, HEAD_MONTHS, HEAD_CM) / np.interp(MEAN_AGE_MONTHS, HEAD_MONTHS, HEAD_CM)
    return size


def warp(verts: NDArray[Any], identity: Floats, age_months: Floats) -> NDArray[np.float32]:
    """Vertices [n,V,3] of the mean infant as those of infants with traits [n,27] at these ages [n]."""
    size = relative_size(age_months)
    amount = identity[:, 1:].copy()
    for name, slope in GROWTH.items():
        amount[:, [t.name for t in TRAITS].index(name)] += slope * (size - 1)
    out = verts.astype(np.float32)
    x, y, z = (np.ascontiguousarray(out[..., k]) for k in range(3))
    for trait, a in zip(TRAITS, amount.T.astype(np.float32), strict=True):
        for sign in (1, -1) if trait.kind != "midline" else (1,):
            px, py, pz = trait.place_mm
            window = (x - sign * px) ** 2 + (y - py) ** 2 + (z - pz) ** 2
            window = np.exp(window * (-0.5 / trait.width_mm**2)) * a[:, None]
            flip = np.array([sign, 1, 1]) * (sign if trait.kind == "opposite" else 1)
            for axis, shift in enumerate(np.array(trait.shift_mm) * flip):
                if shift:
                    out[..., axis] += shift * window
    _grow(out, (size - 1).astype(np.float32)[:, None])
    whole: NDArray[np.float32] = out * ((1 + SIZE_SD * identity[:, :1]) * size[:, None])[..., None].astype(np.float32)
    return whole


def _grow(verts: NDArray[np.float32], growth: NDArray[np.float32]) -> None:
    """Age's own change of proportion, in place; growth [n,1] is relative size less one."""
    for sign in (1, -1):
        offset = verts - np.array(EYES_MM, np.float32) * np.array([sign, 1, 1], np.float32)
        window = np.exp((offset**2).sum(-1) * np.float32(-0.5 / EYES_WIDTH_MM**2))
        verts -= EYE_SHRINKAGE * (growth * window)[..., None] * offset
    below = (EYE_LINE_MM - verts[..., 1]) / 6
    verts[..., 1] -= LOWER_FACE_STRETCH * growth * 6 * np.logaddexp(0, below).astype(np.float32)


def random_identity(rng: np.random.Generator, n: int) -> Floats:
    """Traits [n,27], normal, cut at 2.5 standard deviations."""
    return np.clip(rng.normal(size=(n, N_IDENTITY)), -2.5, 2.5)
