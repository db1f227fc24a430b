"""The people of the composites: infants of 0-24 months, children of 3-12 years and adults, no two alike.

All share the stand-in's mesh and muscles. An infant is the stand-in with traits and age; children and adults are warped
to distances drawn from anthropometry (grown.py). Skin runs over the whole Monk scale. `train`, `tune` and `test` draw
from generators that never meet, so no face is in two of them.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RBFInterpolator

from wail.bench.composites.grown import adult_warp, child_warp, draw_adult
from wail.errors import ConfigError
from wail.inface.standin.identity import random_identity, warp
from wail.inface.standin.muscles import MUSCLES, muscle_displacement
from wail.inface.standin.rest import load_rest
from wail.samples.paint import OUTER_LIPS, Colour, Tones, signed_distance, soft, spot
from wail.samples.person import Person, make_person
from wail.samples.shapes import F64

Kind = Literal["infant", "child", "adult"]
Split = Literal["train", "tune", "test"]
Band = Literal["light", "medium", "dark"]

MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
"""The Monk Skin Tone scale (E. Monk, 2019; skintone.google), light to dark, sRGB."""
BAND_ITA_DEG: tuple[float, float] = (28.0, -30.0)
"""Individual typology angle above which skin is `light` and below which it is `dark` (Chardon et al. 1991: light and
intermediate, tan and brown, dark)."""
BEARD = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 425, 391, 393, 164, 167,
         165, 205)  # fmt: skip
"""Outline of where a beard grows: jaw, chin, upper lip."""
YEARS: dict[str, tuple[float, float]] = {"infant": (0.0, 2.0), "child": (3.0, 12.0), "adult": (18.0, 70.0)}
_SALT = {"train": 11, "tune": 12, "test": 13, "infant": 1, "child": 2, "adult": 3}


@dataclass(frozen=True, eq=False)
class Actor:
    """One person. `traits` [1, 27] and `months` shape the infant mesh before `to_age` warps it on (None: an infant)."""

    kind: Kind
    age_years: float
    male: bool
    tones: Tones
    skin_band: Band
    person: Person
    traits: F64
    months: float
    to_age: RBFInterpolator | None

    def verts(self, activations: ArrayLike) -> NDArray[np.float64]:
        """The face [n, V, 3] (mm, head frame) for muscle activations [n, M] (0-1, order of MUSCLES)."""
        return _verts(self.traits, self.months, self.to_age, np.asarray(activations, float))

    @property
    def neutral_mm(self) -> NDArray[np.float64]:
        """The face [V, 3] at rest."""
        return np.asarray(self.verts(np.zeros((1, len(MUSCLES))))[0])

    @property
    def interocular_mm(self) -> float:
        """Between the outer eye corners (mediapipe 33 and 263), as everywhere in this project."""
        rest = self.neutral_mm
        return float(np.linalg.norm(rest[33] - rest[263]))


def make_actor(kind: Kind, split: Split, seed: int, band: Band | None = None) -> Actor:
    """The `seed`th person of a kind and split; `band` asks for a tone of that band, with the same face.

    Raises ConfigError for an unknown kind, split or band.
    """
    for value, known in ((kind, Kind), (split, Split), (band or "light", Band)):
        if value not in get_args(known):
            raise ConfigError(f"there are no people {value!r}; choose one of {', '.join(get_args(known))}")
    return _cached(kind, split, seed, band)


@lru_cache(maxsize=16)
def _cached(kind: Kind, split: Split, seed: int, band: Band | None) -> Actor:
    face, look = (np.random.default_rng([_SALT[split], _SALT[kind], seed, part]) for part in (1, 2))
    age = float(face.uniform(*YEARS[kind]))
    male = bool(face.random() < 0.5)
    to_age: RBFInterpolator | None = None
    if kind == "infant":
        traits, months = random_identity(face, 1), 12 * age
    else:
        # The rest of a grown face's own shape; its distances come from its measures.
        traits, months = 0.7 * random_identity(face, 1), 6.0
        measures = draw_adult(face, male)
        to_age = adult_warp(measures) if kind == "adult" else child_warp(measures, age)
    tones = draw_tones(look, kind, age, band)
    person = _dressed(_verts(traits, months, to_age, np.zeros((1, len(MUSCLES))))[0], tones, kind, age, male, look)
    return Actor(kind, age, male, tones, skin_band(tones.skin), person, traits, months, to_age)


def _verts(traits: F64, months: float, to_age: RBFInterpolator | None, activations: F64) -> NDArray[np.float64]:
    n = len(activations)
    moved = load_rest().verts_mm + muscle_displacement(activations)
    own = np.asarray(warp(moved, np.repeat(traits, n, 0), np.full(n, months)), np.float64)
    return own if to_age is None else np.asarray(to_age(own.reshape(-1, 3)).reshape(own.shape))


def ita_deg(skin: Colour) -> float:
    """Individual typology angle of an sRGB colour (0-1): atan((L* - 50) / b*), degrees; high is light."""
    lab = cv2.cvtColor(np.array(skin, np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(lab[0] - 50.0, max(float(lab[2]), 1e-3))))


def skin_band(skin: Colour) -> Band:
    """`light`, `medium` or `dark`, by the typology angle."""
    light, dark = BAND_ITA_DEG
    angle = ita_deg(skin)
    return "light" if angle > light else "medium" if angle >= dark else "dark"


def draw_tones(rng: np.random.Generator, kind: Kind, age_years: float, band: Band | None) -> Tones:
    """Colours of one person: a place on the Monk scale (bands alike often), an undertone, hair and eyes to match."""
    wanted = band or get_args(Band)[rng.integers(3)]
    skin = _skin(rng, wanted)
    darkness = 1 - float(np.mean(skin))
    hair = _hair(rng, darkness, age_years)
    if kind == "infant":
        # An infant's hair is thin: the scalp shows through.
        hair = _mix(hair, skin, rng.uniform(0.0, 0.75) * (1 - 0.4 * age_years / 2))
    brow = float(rng.uniform(0.15, 0.7) if kind == "infant" else rng.uniform(0.45, 0.95))
    red = rng.uniform(0.55, 0.8)
    lips = tuple(float(c) for c in np.array(skin) * [rng.uniform(0.82, 0.95), red, red * rng.uniform(0.92, 1.1)])
    return Tones(skin, (lips[0], lips[1], lips[2]), hair, _iris(rng, darkness), brow)


def _skin(rng: np.random.Generator, wanted: Band) -> Colour:
    """A colour of the wanted band: between neighbours on the Monk scale, warmed or cooled."""
    scale = np.array([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in MONK])
    while True:
        place = rng.uniform(0, len(scale) - 1)
        colour = [np.interp(place, np.arange(len(scale)), scale[:, k]) for k in range(3)]
        # Faces are redder than the scale's swatches, infants' not least.
        red = rng.uniform(0.80, 0.95)
        skin = (float(colour[0]), float(colour[1] * red), float(colour[2] * red * rng.uniform(0.9, 1.02)))
        if skin_band(skin) == wanted:
            return skin


def _hair(rng: np.random.Generator, darkness: float, age_years: float) -> Colour:
    fair = rng.random() < 0.5 * (darkness < 0.3)
    base = (0.55, 0.42, 0.26) if fair else (0.16, 0.11, 0.08)
    grey = float(np.clip((age_years - 35) / 40, 0, 1) * rng.uniform(0, 1.2))
    return _mix(tuple(float(c) for c in np.array(base) * rng.uniform(0.4, 1.25)), (0.72, 0.72, 0.72), min(grey, 0.9))


def _iris(rng: np.random.Generator, darkness: float) -> Colour:
    light = rng.random() < 0.6 * (darkness < 0.3)
    base = np.array((0.34, 0.46, 0.56) if light else (0.19, 0.12, 0.07)) * rng.uniform(0.6, 1.25, 3)
    return float(base[0]), float(base[1]), float(base[2])


def _mix(a: tuple[float, ...], b: tuple[float, ...], share: float) -> Colour:
    mixed = (1 - share) * np.array(a) + share * np.array(b)
    return float(mixed[0]), float(mixed[1]), float(mixed[2])


def _dressed(
    neutral_mm: F64, tones: Tones, kind: Kind, age_years: float, male: bool, rng: np.random.Generator
) -> Person:
    """The person, with blotches, a grown face's lines and perhaps a beard painted over the plain skin."""
    hairline = rng.uniform(0.93, 1.05) if kind == "infant" else rng.uniform(0.86, 0.97)
    # The visible iris is about 10.2 mm across at birth, 11.2 at one year, 11.7 in adults (Ronneburger et al. 2006).
    growth = float(np.interp(age_years, [0, 0.5, 1, 2, 6], [0.0, 0.4, 0.65, 0.85, 1.0]))
    iris_mm = (10.2 + 1.5 * growth + 0.4 * np.clip(rng.standard_normal(), -2, 2)) / 2
    clothes, seed = rng.uniform(0.1, 0.9, 3), int(rng.integers(2**31))
    person = make_person(neutral_mm, tones, clothes, seed, float(hairline), float(iris_mm))
    fine = np.asarray(person.smooth @ neutral_mm)
    colours = _blotches(person.colours, fine, neutral_mm, rng)
    if age_years > 25:
        colours = _lines(colours, fine, neutral_mm, (age_years - 25) / 45, rng)
    if kind == "adult" and male and rng.random() < 0.5:
        colours = _beard(colours, fine, neutral_mm, tones, float(rng.choice([0.25, 0.5, 0.85])), rng)
    return replace(person, colours=np.clip(colours, 0, 1))


def _eyes_and_mouth(fine: F64, coarse: F64) -> NDArray[np.float64]:
    """0 in the eyes and the mouth, 1 on skin [n]."""
    xy, keep = fine[:, :2], np.ones(len(fine))
    for ring in (OUTER_LIPS, _RIGHT_EYE, _LEFT_EYE):
        keep *= 1 - soft(signed_distance(xy, coarse[list(ring), :2]) - 1.0, 1.5)
    return np.asarray(keep * (fine[:, 2] > coarse[454, 2] - 5))


_RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
_LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)


def _blotches(colours: F64, fine: F64, coarse: F64, rng: np.random.Generator) -> F64:
    """Redder and lighter patches a few millimetres to centimetres wide: no skin is of one colour."""
    keep, span = _eyes_and_mouth(fine, coarse), float(np.ptp(coarse[[33, 263], 0]))
    out = colours.copy()
    strength = rng.uniform(0.02, 0.09)
    for _ in range(int(rng.integers(10, 28))):
        centre = coarse[int(rng.integers(468))]
        change = 1 + strength * rng.standard_normal() * np.array([0.4, 1.0, 1.0])
        weight = keep * spot(fine, centre, np.full(3, span * rng.uniform(0.03, 0.22)))
        out *= 1 + (change - 1) * weight[:, None]
    return out


def _lines(colours: F64, fine: F64, coarse: F64, amount: float, rng: np.random.Generator) -> F64:
    """The folds from nose to mouth, shadows below the eyes and lines on the forehead of a grown face."""
    out, keep = colours, _eyes_and_mouth(fine, coarse)
    span = float(np.ptp(coarse[[33, 263], 0]))
    folds = [(129, 203, 206, 216), (358, 423, 426, 436), (226, 110, 24, 22), (446, 339, 254, 252), (108, 151, 337)]
    for fold in folds:
        path = coarse[list(fold)]
        dense = np.concatenate([np.linspace(a, b, 8) for a, b in pairwise(path)])
        away = np.linalg.norm(fine[:, None] - dense[None], axis=2).min(1)
        depth = float(np.clip(amount * rng.uniform(0.2, 0.7), 0, 0.5))
        out = out * (1 - depth * keep * np.exp(-((away / (0.022 * span)) ** 2)))[:, None]
    return out


def _beard(
    colours: F64, fine: F64, coarse: F64, tones: Tones, strength: float, rng: np.random.Generator
) -> F64:
    outline = coarse[list(BEARD), :2]
    grows = soft(signed_distance(fine[:, :2], outline), 4.0) * (fine[:, 2] > coarse[132, 2] - 10)
    grows *= 1 - soft(signed_distance(fine[:, :2], coarse[list(OUTER_LIPS), :2]) - 1.0, 1.0)
    strands = np.asarray(tones.hair) * (1 + 0.25 * rng.standard_normal((len(fine), 1)))
    weight = (strength * grows * rng.uniform(0.7, 1.0, len(fine)))[:, None]
    return np.asarray(colours * (1 - weight) + strands * weight)
