"""Pieces of evidence that the mouth is behind something, and what they say together.

Each piece is a measurement with the value at which it is as likely to come from a covered mouth as from a free one, and
how fast that turns: a logistic. Together they are a logistic regression on these log-odds (weights not negative). Some
pieces can only accuse: skin of the right colour around a mouth does not show that it is free, since hands have it too.
Weights and centres are fitted on the tuning composites and on degraded pictures (`wail bench` has the composites).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

LIMIT = 4.0
"""No piece says more than these log-odds: exp(4) = 55 to 1."""


@dataclass(frozen=True)
class Piece:
    """One measurement: log-odds (value - centre) / width, held to +-LIMIT, times weight."""

    centre: float
    width: Annotated[float, Gt(0)]
    weight: Annotated[float, Ge(0)]
    floor: float = -LIMIT
    """Lower log-odds count as this: 0 for a piece that can only accuse."""


@dataclass(frozen=True)
class Fusion:
    """The pieces; each field is a kind of evidence, `by_*` of table EVIDENCE."""

    colour: Piece = Piece(2.2, 0.5, 0.6, 0.0)
    """Distance of the skin around the mouth from the face's own skin, in what noise and light explain."""
    lips: Piece = Piece(-0.075, 0.055, 0.75)
    """Log R/G of the skin around the lips less that of the lips."""
    line: Piece = Piece(0.17, 0.075, 0.1)
    """How far from the mesh's lips the darkest line across the mouth lies, of the way across."""
    texture: Piece = Piece(1.1, 0.15, 0.3, 0.0)
    """Log ratio of fine detail around the mouth to that of cheeks, nose and forehead: skin is smooth, wool is not."""
    symmetry: Piece = Piece(0.2, 0.05, 0.6, 0.0)
    """Difference in log-chromaticity of the mouth's two sides beyond that of the cheeks."""
    mesh: Piece = Piece(0.0, 1.0, 0.5)
    """How far the mesh's lips move when the crop is mirrored, or shifted and scaled (evidence_mesh.py)."""
    network: Piece = Piece(0.5, 0.12, 0.95)
    """The occlusion network's mean probability over the mouth."""
    fan: Piece = Piece(0.5, 0.12, 0.4, 0.0)
    """How much less FAN sees of the mouth than of the rest (fan.py), where it is asked; set by reason, not fitted: its
    weights were not at hand."""
    hand: Piece = Piece(0.4, 0.1, 0.8, 0.0)
    """Share of the mouth in a hand's outline."""
    log_odds: float = -0.1
    """With nothing known."""

    def __post_init__(self) -> None:
        if not any(getattr(self, kind).weight > 0 for kind in KINDS):
            raise ValueError("fusion: every weight is 0, so nothing could ever be found covered: leave one above 0")


KINDS = ("colour", "lips", "line", "texture", "symmetry", "mesh", "network", "fan", "hand")


def log_odds(measured: Mapping[str, float], fusion: Fusion) -> NDArray[np.float32]:
    """Log-odds [len(KINDS)] of each measurement by itself; NaN where it was not taken."""
    out = np.full(len(KINDS), np.nan, np.float32)
    for k, kind in enumerate(KINDS):
        piece = getattr(fusion, kind)
        if kind in measured:
            out[k] = np.clip((measured[kind] - piece.centre) / piece.width, -LIMIT, LIMIT)
    return out


def probability(odds: NDArray[np.floating]) -> NDArray[np.float64]:  # type: ignore[type-arg]
    return np.asarray(1 / (1 + np.exp(-np.asarray(odds, np.float64))))


def hidden(odds: NDArray[np.floating], fusion: Fusion) -> NDArray[np.float64]:  # type: ignore[type-arg]
    """Probability [...] that the mouth is behind something, from log-odds [..., len(KINDS)]; NaN says nothing."""
    pieces = [getattr(fusion, kind) for kind in KINDS]
    weights, floors = np.array([piece.weight for piece in pieces]), np.array([piece.floor for piece in pieces])
    return probability(fusion.log_odds + np.maximum(np.nan_to_num(np.asarray(odds, np.float64)), floors) @ weights)
