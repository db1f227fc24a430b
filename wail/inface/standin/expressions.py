"""Random, plausible muscle activations for training the stand-in, and its named expressions."""

import numpy as np
from numpy.typing import NDArray

from wail.inface.standin.muscles import MUSCLES, N_MUSCLES, activation

Floats = NDArray[np.float64]

NAMED = {
    "neutral": {},
    "cry": {"jaw_open": 0.75, "levator_labii": 0.8, "depressor_labii": 0.8, "risorius": 0.7, "depressor_anguli": 0.5,
            "zygomatic_major": 0.35, "corrugator": 0.9, "procerus": 0.6, "orbicularis_oculi": 0.9, "lid_close": 0.9,
            "nasalis": 0.7},
    "whimper": {"jaw_open": 0.15, "mentalis": 0.6, "depressor_anguli": 0.8, "corrugator": 0.7, "frontalis_inner": 0.6,
                "depressor_labii": 0.3, "lid_close": 0.2},
    "laugh": {"jaw_open": 0.45, "zygomatic_major": 1.0, "levator_labii": 0.3, "orbicularis_oculi": 0.5,
              "lid_close": 0.25, "risorius": 0.2},
    "smile": {"jaw_open": 0.08, "zygomatic_major": 0.8, "orbicularis_oculi": 0.3, "buccinator": 0.2},
    "pout": {"mentalis": 1.0, "depressor_anguli": 0.7, "orbicularis_oris": 0.3, "corrugator": 0.5,
             "frontalis_inner": 0.6},
    "coo": {"jaw_open": 0.3, "orbicularis_oris": 0.8, "frontalis_outer": 0.3, "frontalis_inner": 0.3},
    "babble": {"jaw_open": 0.4, "levator_palpebrae": 0.2},
    "surprise": {"jaw_open": 0.5, "frontalis_inner": 0.9, "frontalis_outer": 0.9, "levator_palpebrae": 0.9},
    "sleep": {"lid_close": 1.0},
    "yawn": {"jaw_open": 1.0, "lid_close": 0.8, "nasalis": 0.4, "frontalis_inner": 0.4},
}  # fmt: skip
"""Expressions by name, as activations of `muscles.activation`."""


def random_activations(rng: np.random.Generator, n: int) -> Floats:
    """Activations [n,M]: mixtures of named expressions, single muscles, left and right alike with some asymmetry."""
    named = np.stack([activation(**parts) for parts in NAMED.values()])
    share = rng.dirichlet(np.full(len(named), 0.25), n) * rng.beta(2, 1.2, (n, 1)) * 1.15
    mixed = share @ named
    single = rng.random((n, N_MUSCLES)) * (rng.random((n, N_MUSCLES)) < 0.2)
    even = np.array([MUSCLES.index(name.replace("_right", "_left")) for name in MUSCLES])
    single = np.where(rng.random((n, 1)) < 0.7, single[:, even], single)
    weight = rng.choice([0.0, 0.5, 1.0], (n, 1), p=[0.35, 0.35, 0.3])
    out = mixed * (1 - weight * rng.random((n, 1))) + single * weight
    out *= 1 + 0.2 * rng.normal(size=out.shape)
    jaw = MUSCLES.index("jaw_open")
    out[:, jaw] = np.where(rng.random(n) < 0.25, rng.random(n), out[:, jaw])
    lids = rng.random((n, 1)) < 0.2
    both = [MUSCLES.index("lid_close_left"), MUSCLES.index("lid_close_right")]
    out[:, both] = np.where(lids, np.minimum(1, 1.3 * rng.random((n, 1))), out[:, both])
    clipped: Floats = np.clip(out, 0, 1)
    return clipped
