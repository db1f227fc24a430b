"""Faces past infancy: where an adult's or a child's landmarks lie, and the warp that takes the mean infant there.

An adult is mediapipe's canonical face (wail.samples.person.ADULT_MM) made wider, longer or narrower part by part until
its distances are those drawn from anthropometry; a child lies between the two-year-old and the adult it grows into.
Head frame: x to the subject's left, y up, z out of the face, mm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import RBFInterpolator

from wail.inface.standin.identity import N_IDENTITY, warp
from wail.inface.standin.rest import load_rest
from wail.samples.person import ADULT_MM, SKULL_ENDS_MM
from wail.samples.shapes import F64

EYE_LINE_MM, BASE_MM, STOMION_MM, CHIN_MM = 26.2, -20.9, -40.6, -94.0
"""Heights of the canonical adult's eye corners, nose's foot, lips' meeting and chin."""
NASION_ABOVE_EYES_MM = 5.0
"""Soft-tissue nasion lies about this far above the line of the eye corners in an adult."""


@dataclass(frozen=True)
class Measures:
    """Distances of one face, mm, by Farkas's names: ex-ex, en-en, n-sn, sn-sto, sto-gn, zy-zy, go-go, al-al, ch-ch,
    and the nose's protrusion sn-prn."""

    ex_ex: float
    en_en: float
    n_sn: float
    sn_sto: float
    sto_gn: float
    zy_zy: float
    go_go: float
    al_al: float
    ch_ch: float
    sn_prn: float


MEN = Measures(91.2, 33.3, 54.8, 22.3, 50.7, 137.1, 105.6, 34.9, 54.5, 19.5)
WOMEN = Measures(87.8, 31.8, 50.6, 20.1, 43.4, 130.0, 94.5, 31.4, 50.2, 19.0)
SPREAD = Measures(3.4, 2.6, 3.2, 2.1, 3.7, 4.6, 5.5, 2.1, 3.3, 1.9)
"""Means and standard deviations of young North American adults, rounded, after L. G. Farkas, Anthropometry of the Head
and Face (1994)."""
PEOPLES: tuple[Measures, ...] = (
    Measures(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    Measures(1.06, 1.0, 0.94, 1.14, 1.06, 0.99, 1.02, 1.24, 1.03, 0.86),
    Measures(1.05, 1.10, 0.97, 1.08, 1.0, 1.04, 1.04, 1.13, 0.97, 0.84),
)
"""What other populations' means are to those: wider eyes and noses, shorter noses, longer lips, as orders of size after
L. G. Farkas et al., J Craniofac Surg 16:615 (2005), and the Korean adults of Maxillofac Plast Reconstr Surg 41:9
(2019): n-sn 51.0 / 47.6, ex-ex 98.2 / 94.4, al-al 43.2 / 40.7 mm. The shorter nose for the eyes' distance makes these
adults harder to tell from infants, so they have to be among those that a classifier is judged on."""
CANONICAL = Measures(89.0, 37.2, 52.1, 19.7, 53.4, 141.0, 114.0, 35.5, 49.2, 15.3)
"""What the same distances are on the canonical adult's own mesh, by the landmarks that stand for them here."""
GROWN_SHARE: tuple[tuple[float, float], ...] = (
    (2.0, 0.0), (3.0, 0.13), (4.0, 0.22), (6.0, 0.38), (8.0, 0.52), (10.0, 0.65), (12.0, 0.77),
    (15.0, 0.92), (18.0, 1.0),
)  # fmt: skip
"""Age in years, and the share of the growth of the face's height (n-gn) from two years to adulthood that is done by
then: about 85 mm at two, 96 at six, 104 at ten, 118 in adults (Farkas 1994, rounded)."""


def draw_adult(rng: np.random.Generator, male: bool) -> Measures:
    """One adult's distances: its sex's means, a population (or two mixed), its own size, its own deviations."""
    first, second = rng.choice(len(PEOPLES), 2)
    share = rng.choice([0.0, rng.uniform(0, 1)])
    mean, sd = _row(MEN if male else WOMEN), _row(SPREAD)
    people = (1 - share) * _row(PEOPLES[first]) + share * _row(PEOPLES[second])
    # A third of the variance is shared by all distances: large and small heads.
    own = 0.58 * rng.standard_normal() + 0.82 * rng.standard_normal(len(mean))
    return Measures(*(mean * people + sd * np.clip(own, -2.5, 2.5)))


def grown_share(age_years: float) -> float:
    """Linear between the rows of GROWN_SHARE."""
    ages, shares = zip(*GROWN_SHARE, strict=True)
    return float(np.interp(age_years, np.array(ages), np.array(shares)))


def _row(measures: Measures) -> F64:
    return np.array([getattr(measures, name) for name in Measures.__dataclass_fields__])


def adult_landmarks(measures: Measures) -> dict[int, F64]:
    """The landmarks of ADULT_MM [3] (midline and right side), moved so that the distances are those given."""
    return {i: _moved(i, np.array(place, float), measures) for i, place in ADULT_MM.items()}


def _moved(landmark: int, place: F64, to: Measures) -> F64:
    x, y, z = place
    x *= _width_scale(landmark, to)
    z = (z - 45.0) * _ratio("sn_prn", to) + 45.0 if landmark in (4, 2) else z
    return np.array([x, _height(y, to), z])


def _ratio(name: str, to: Measures) -> float:
    return float(getattr(to, name) / getattr(CANONICAL, name))


def _width_scale(landmark: int, to: Measures) -> float:
    named = {33: "ex_ex", 133: "en_en", 98: "al_al", 61: "ch_ch", 78: "ch_ch", 172: "go_go", 148: "go_go", 234: "zy_zy"}
    if landmark in named:
        return _ratio(named[landmark], to)
    if landmark in (159, 145, 105, 107, 70):
        return (_ratio("ex_ex", to) + _ratio("en_en", to)) / 2 if landmark in (159, 145, 107) else _ratio("ex_ex", to)
    return (_ratio("zy_zy", to) + _ratio("go_go", to)) / 2 if landmark == 132 else _ratio("zy_zy", to)


def _height(y: float, to: Measures) -> float:
    """Heights below the eyes are stretched between eye line, nose's foot, stomion and chin; those above stay."""
    nose = to.n_sn - NASION_ABOVE_EYES_MM
    new = [EYE_LINE_MM, EYE_LINE_MM - nose, EYE_LINE_MM - nose - to.sn_sto,
           EYE_LINE_MM - nose - to.sn_sto - to.sto_gn]  # fmt: skip
    old = [EYE_LINE_MM, BASE_MM, STOMION_MM, CHIN_MM]
    return y if y >= EYE_LINE_MM else float(np.interp(y, old[::-1], new[::-1]) + min(0.0, y - CHIN_MM))


def child_measured(infant_mm: F64, adult: Mapping[int, F64], age_years: float) -> dict[int, F64]:
    """Landmarks between a two-year-old's face [V, 3] and the adult it grows into, by age."""
    share = grown_share(age_years)
    return {i: (1 - share) * infant_mm[i] + share * place for i, place in adult.items()}


def face_warp(landmarks: Mapping[int, F64], skull_share: float = 1.0) -> RBFInterpolator:
    """Thin-plate spline from the mean infant at rest to a face with these landmarks (right side and midline)."""
    rest, mirror = load_rest().verts_mm, _mirror()
    source, target = [], []
    for i, place in landmarks.items():
        source.append(rest[i])
        target.append(place)
        if mirror[i] != i:
            source.append(rest[mirror[i]])
            target.append(place * [-1, 1, 1])
    for end, adult_end in SKULL_ENDS_MM.items():
        tip = rest[np.argmax(rest @ np.asarray(end, float))]
        source.append(tip)
        target.append((1 - skull_share) * tip + skull_share * np.asarray(adult_end, float))
    return RBFInterpolator(np.array(source), np.array(target), kernel="thin_plate_spline", smoothing=1.0)


@lru_cache(maxsize=1)
def _mirror() -> dict[int, int]:
    rest = load_rest().verts_mm[:468]
    return {i: int(np.argmin(np.linalg.norm(rest - rest[i] * [-1, 1, 1], axis=1))) for i in ADULT_MM}


@lru_cache(maxsize=1)
def two_year_old() -> F64:
    """The mean infant's vertices [V, 3] at 24 months."""
    grown = warp(load_rest().verts_mm[None], np.zeros((1, N_IDENTITY)), np.array([24.0]))
    return np.asarray(grown[0], float)


def adult_warp(measures: Measures) -> RBFInterpolator:
    return face_warp(adult_landmarks(measures))


def child_warp(measures: Measures, age_years: float) -> RBFInterpolator:
    """The warp to a child of this age who grows into an adult of these measures."""
    # The skull is nearly full-grown by six, long before the face.
    skull = grown_share(age_years) ** 0.5
    return face_warp(child_measured(two_year_old(), adult_landmarks(measures), age_years), skull)


