"""A person to render: a face mesh made finer and painted, with ears, neck and clothes; infant or adult.

The infant's mesh is the face model's own. The adult has the same topology and muscles, warped to the proportions of
mediapipe's canonical face: longer in the middle and lower face, a smaller forehead, smaller eyes for its size.
Head frame: x to the subject's left, y up, z out of the face, mm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RBFInterpolator

from wail.inface.standin.muscles import muscle_displacement
from wail.inface.standin.rest import load_rest
from wail.inface.subdivide import subdivide
from wail.samples.paint import Tones, eye_colours, mouth_colours, skin_colours, skull_colours
from wail.samples.shapes import F64, I64, Part, capsule, ellipsoid, join

LEVELS = 2
IRIS_MM = 5.0

ADULT_MM: Mapping[int, tuple[float, float, float]] = {
    10: (0, 82.6, 44.8), 9: (0, 48.9, 53.9), 168: (0, 24.7, 57.9), 4: (0, -4.6, 75.9), 2: (0, -20.9, 60.6),
    0: (0, -34.1, 59.8), 13: (0, -39.9, 52.2), 14: (0, -41.4, 52.6), 17: (0, -50.2, 56.0), 152: (0, -94.0, 42.6),
    33: (-44.5, 26.6, 31.7), 133: (-18.6, 25.9, 37.2), 159: (-31.0, 30.3, 40.9), 145: (-31.5, 20.4, 38.5),
    61: (-24.6, -43.4, 42.8), 78: (-21.0, -41.0, 41.8), 234: (-76.6, 23.1, -24.6), 127: (-77.4, 40.1, -19.9),
    132: (-72.2, -20.6, -19.5), 172: (-57.0, -62.6, 6.5), 148: (-17.0, -93.0, 40.0), 21: (-63.4, 75.2, 12.0),
    103: (-46.0, 80.0, 33.0), 50: (-46.6, -6.0, 35.0), 98: (-15.5, -18.0, 54.0), 105: (-37.0, 52.0, 47.0),
    107: (-13.5, 44.5, 53.0), 70: (-53.0, 48.0, 33.0),
}  # fmt: skip
"""An adult's landmarks, midline and right side: mediapipe's canonical face in mm, rounded, with the lips closed."""
SKULL_ENDS_MM: Mapping[tuple[int, int, int], tuple[float, float, float]] = {
    (0, 1, 0): (0, 122, -20), (0, 0, -1): (0, 45, -112), (0, 1, -1): (0, 100, -85),
}  # fmt: skip
"""Where the skull's furthest points (in the direction of the key) lie in the adult."""


@dataclass(frozen=True, eq=False)
class Person:
    """How to dress a face mesh [V, 3] of each frame. smooth [V2, V]; colours [V2, 3]; still: parts that move with the
    head; body: parts that follow only its place and half of its turn."""

    smooth: sp.csr_matrix
    triangles: I64
    colours: F64
    still: Part
    body: Part

    def head(self, verts_mm: ArrayLike) -> Part:
        """The head in its own frame for one frame's coarse vertices."""
        fine = np.asarray(self.smooth @ np.asarray(verts_mm, float))
        return join([Part(fine, self.triangles, self.colours), self.still])


@lru_cache(maxsize=1)
def _mesh() -> tuple[sp.csr_matrix, I64]:
    smooth, triangles = subdivide(load_rest().triangles, LEVELS)
    return sp.csr_matrix(smooth), np.asarray(triangles, np.int64)


def make_person(
    neutral_mm: ArrayLike, tones: Tones, clothes: ArrayLike, seed: int, hairline: float = 0.97,
    iris_mm: float = IRIS_MM,
) -> Person:  # fmt: skip
    """Paint a person on the face at rest [V, 3]. `hairline`: height of the hair's edge, of the forehead's; `iris_mm`:
    radius of the iris."""
    rng = np.random.default_rng(seed)
    smooth, triangles = _mesh()
    coarse = np.asarray(neutral_mm, float)
    rest = np.asarray(smooth @ coarse)
    colours = _painted(rest, coarse, tones, hairline, iris_mm, rng)
    return Person(smooth, triangles, colours, _ears(coarse, tones), _body(coarse, tones, np.asarray(clothes, float)))


def _painted(
    rest: F64, coarse: F64, tones: Tones, hairline: float, iris_mm: float, rng: np.random.Generator
) -> F64:
    """Colours of every region, mixed by how much of each region is in a fine vertex."""
    marks = {i: coarse[i] for i in range(468)}
    top = float(coarse[10, 1])
    layers = {
        "skin": skin_colours(rest, marks, tones, rng),
        "skull": skull_colours(rest, hairline * top, tones, rng),
        "mouth": mouth_colours(rest, coarse[13], coarse[14]),
        "lid_margin": np.tile(np.asarray(tones.skin) * [0.8, 0.6, 0.58], (len(rest), 1)),
    }
    regions = load_rest().regions
    for side in ("left", "right"):
        pupil = coarse[regions[f"eyeball_{side}"][0]]
        layers[f"eyeball_{side}"] = eye_colours(rest, pupil, iris_mm, tones)
    smooth, _ = _mesh()
    total, out = np.zeros(len(rest)), np.zeros((len(rest), 3))
    for name, layer in layers.items():
        weight = np.asarray(smooth @ _indicator(name, smooth.shape[1]))
        out += weight[:, None] * layer
        total += weight
    return np.asarray(np.clip(out / np.maximum(total, 1e-9)[:, None], 0, 1))


def _indicator(prefix: str, n: int) -> F64:
    """1 on the coarse vertices of the regions whose name begins so."""
    out = np.zeros(n)
    for name, ids in load_rest().regions.items():
        if name.startswith(prefix):
            out[ids] = 1.0
    return out


def _ears(coarse: F64, tones: Tones) -> Part:
    parts = []
    for side, spot in ((-1, 234), (1, 454)):
        size = 0.16 * float(coarse[10, 1] - coarse[152, 1])
        ear = ellipsoid((0.28 * size, size, 0.6 * size), np.asarray(tones.skin) * [0.97, 0.86, 0.84], 16, 20)
        place = coarse[spot] + np.array([side * 0.1 * size, 0.0, -0.5 * size])
        parts.append(ear.moved(shift_mm=place))
    return join(parts)


def _body(coarse: F64, tones: Tones, clothes: F64) -> Part:
    """Neck and shoulders below the chin."""
    chin, width = coarse[152], float(coarse[454, 0] - coarse[234, 0])
    base = np.array([0.0, chin[1], chin[2] - 0.52 * width])
    # It begins behind and below the bag of the mouth, which would show it.
    top, bottom = base + np.array([0, 0.02 * width, -5]), base - np.array([0, 0.45 * width, 5])
    neck = capsule(top, bottom, 0.27 * width, 0.30 * width, tones.skin, 24)
    chest = ellipsoid((0.95 * width, 0.85 * width, 0.5 * width), clothes, 28, 40)
    return join([neck, chest.moved(shift_mm=base - [0, 0.98 * width, 10])])


@lru_cache(maxsize=1)
def _to_adult() -> RBFInterpolator:
    """Thin-plate spline from the mean infant at rest to the adult."""
    rest = load_rest().verts_mm
    source = [rest[i] for i in ADULT_MM]
    target = [np.array(p, float) for p in ADULT_MM.values()]
    mirror = {i: int(np.argmin(np.linalg.norm(rest[:468] - rest[i] * [-1, 1, 1], axis=1))) for i in ADULT_MM}
    for i, place in ADULT_MM.items():
        if mirror[i] != i:
            source.append(rest[mirror[i]])
            target.append(np.array(place, float) * [-1, 1, 1])
    for end, place in SKULL_ENDS_MM.items():
        source.append(rest[np.argmax(rest @ np.asarray(end, float))])
        target.append(np.array(place, float))
    return RBFInterpolator(np.array(source), np.array(target), kernel="thin_plate_spline", smoothing=1.0)


def adult_vertices(activations: ArrayLike) -> NDArray[np.float64]:
    """The adult's face [n, V, 3] for muscle activations [n, M]."""
    infant = load_rest().verts_mm + muscle_displacement(activations)
    n, v, _ = infant.shape
    return np.asarray(_to_adult()(infant.reshape(-1, 3)).reshape(n, v, 3))
