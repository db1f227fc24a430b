"""Skin as it is: blotched, with spots; colours of a painted head made uneven at every scale that a picture shows."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from wail.bench.composites.patterns import waves
from wail.samples.person import Person
from wail.samples.shapes import F64


def textured(person: Person, verts_mm: ArrayLike, rng: np.random.Generator) -> Person:
    """The person with uneven skin: redness in patches of 8-40 mm, fine grain, a few spots. verts_mm: at rest [V, 3]."""
    rest = np.asarray(person.smooth @ np.asarray(verts_mm, float))
    red = rng.uniform(0.005, 0.03) * waves(rest, 8, 40, rng)
    light = rng.uniform(0.01, 0.035) * waves(rest, 12, 60, rng) + rng.uniform(0.01, 0.04) * waves(rest, 2.2, 7, rng)
    spots = _spots(rest, rng)
    tint = np.stack([0.2 * red, -red - 0.5 * spots, -0.9 * red - 0.45 * spots], 1)
    return replace(person, colours=np.clip(person.colours * (1 + tint + (light - 0.12 * spots)[:, None]), 0, 1))


def _spots(rest: F64, rng: np.random.Generator) -> F64:
    """Rash and milk spots on the front of the face, 0-1 [V]."""
    front = rest[rest[:, 2] > np.quantile(rest[:, 2], 0.5)]
    out = np.zeros(len(rest))
    for at in front[rng.integers(len(front), size=int(rng.choice([0, 2, 6, 20], p=[0.4, 0.25, 0.2, 0.15])))]:
        size = rng.uniform(1.0, 3.5)
        out += rng.uniform(0.2, 0.7) * np.exp(-((rest - at) ** 2).sum(1) / size**2)
    return np.clip(out, 0, 1)
