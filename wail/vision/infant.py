"""Whether a face is an infant's, rather than a child's or an adult's, from its proportions.

An infant's face is short below the eyes: a short nose, a small jaw; its chin is narrow for the distance of its eyes,
and its irises, nearly full-grown at birth, are large in it. Each figure is measured in head axes on the mesh
and divided by the outer eye distance, so pose, roll and size are factored out; what is left of pose, and what an open
mouth, a smile or squeezed lids do, is taken off by regression on them. The figures are weighed together by Fisher's
linear discriminant; how far the answer goes depends on how many frames were seen, and how well.

The constants come from `python -m wail.bench.people_fit` (see there).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from wail.vision.geometry import RIGID
from wail.vision.roi import Array

FIGURES = ("eyes_to_nose_foot", "nose_foot_to_chin", "chin_width")
"""What tells an infant's face, in outer eye distances. (The nose's own width tells little more, and the landmark
network shows it differently on rendered and on real faces.)"""
STATES = ("aperture", "aperture_squared", "mouth_width", "lids", "turn", "turn_squared", "nod", "nod_squared")
"""What moves the figures without the face being another: expression (outer eye distances) and pose (sines)."""
NAMES = (*FIGURES, "iris", *STATES)
"""What `proportions` gives, in this order."""
OfFigures = tuple[float, float, float]
OfStates = tuple[float, float, float, float, float, float, float, float]
_N = len(FIGURES)
_RINGS = np.array([[469, 471], [474, 476]])


@dataclass(frozen=True)
class Poles:
    """Where infants and adults lie as the landmark network shows them, and how much each figure counts."""

    infant: OfFigures = (0.397, 0.6442, 0.6366)
    adult: OfFigures = (0.4927, 0.788, 0.7)
    """Means of FIGURES at rest and facing the camera."""
    weight: OfFigures = (-118.64, -56.5, -16.89)
    """Log-odds for an infant per outer eye distance of each figure."""
    states: tuple[OfStates, OfStates, OfStates] = (
        (0.0805, -0.025, 0.0204, 0.2387, 0.0327, -0.0317, -0.0455, 0.3267),
        (0.629, -0.733, 0.1559, 0.2518, 0.0464, -0.1002, 0.172, 0.1365),
        (0.0985, -0.0644, 0.1399, -0.064, 0.0328, -0.0761, 0.1476, 0.0169),
    )
    """Change of each figure (row) per unit of each of STATES ..."""
    rest: OfStates = (0.0358, 0.0013, 0.503, 0.1037, 0.2198, 0.0483, 0.0156, 0.015)
    """... from this state."""
    iris_adult: Annotated[float, Ge(0)] = 0.143
    """An iris wider than this is an infant's: 11.0 mm over 73 mm at six months, 11.7 over 89 mm in adults. A small one
    says nothing, as lids hide it, most of all in a cry."""
    iris_weight: Annotated[float, Ge(0)] = 60.0
    iris_most: Annotated[float, Ge(0)] = 1.0
    """Log-odds per outer eye distance, and at most."""
    frame_sd: Annotated[float, Ge(0)] = 4.05
    """Unrest of the log-odds of one frame that faces the camera; it is shared by the frames of half a second ..."""
    frame_sd_per_deg: Annotated[float, Ge(0)] = 0.0472
    """... and grows by this for each degree beyond 15 out of the picture plane ..."""
    face_sd: Annotated[float, Gt(0)] = 4.534
    """... against the spread of the log-odds over faces of one kind."""
    prior_log_odds: float = 0.0
    most: Annotated[float, Gt(0)] = 6.0
    """No proportions are worth more log-odds than this."""


CORRELATED_FRAMES = 15
STRAIGHT_DEG = 15.0
BEST_DEG = 30.0


def proportions(points: Array, rotation: NDArray[np.float64]) -> NDArray[np.float32]:
    """The figures of `NAMES` of one mesh [478, 3] (crop pixels), given its R_head_to_camera."""
    head = (points - points[RIGID].mean(0)) @ rotation
    eyes = max(float(np.linalg.norm(head[33] - head[263])), 1e-6)
    eye_line = head[[33, 133, 362, 263], 1].mean()
    irises = np.linalg.norm(head[_RINGS[:, 0], :2] - head[_RINGS[:, 1], :2], axis=1).mean()
    lids = np.linalg.norm(head[[159, 386]] - head[[145, 374]], axis=1).mean()
    aperture = float(np.linalg.norm(head[13] - head[14])) / eyes
    turn, nod = abs(float(rotation[2, 0])), float(rotation[2, 1])
    return np.array([
        (eye_line - head[2, 1]) / eyes, (head[2, 1] - head[152, 1]) / eyes, abs(head[149, 0] - head[378, 0]) / eyes,
        irises / eyes, aperture, aperture**2, abs(head[61, 0] - head[291, 0]) / eyes, lids / eyes,
        turn, turn**2, nod, nod**2,
    ], np.float32)  # fmt: skip


def at_rest(figures: NDArray[np.float32], poles: Poles = Poles()) -> NDArray[np.float64]:
    """FIGURES [n, 3] with expression and pose taken off, from rows [n, 12] of `proportions`."""
    moved = np.asarray(figures[:, _N + 1:], np.float64) - np.array(poles.rest)
    return np.asarray(figures[:, :_N] - moved @ np.array(poles.states).T)


def infant_evidence(
    figures: NDArray[np.float32], turned_deg: NDArray[np.float32], poles: Poles = Poles()
) -> dict[str, float]:
    """Log-odds for an infant by each of FIGURES and the iris, the prior, and `seen`: the factor (0-1) by which few,
    turned or unsteady frames pull their sum towards the prior. Arguments as for `p_infant_face`."""
    if len(figures) == 0:
        return {**dict.fromkeys((*FIGURES, "iris"), 0.0), "prior": poles.prior_log_odds, "seen": 0.0}
    limit = max(BEST_DEG, float(np.quantile(turned_deg, 0.25)))
    chosen = turned_deg <= limit
    middle = (np.array(poles.infant) + np.array(poles.adult)) / 2
    face = np.median(at_rest(figures[chosen], poles), axis=0)
    by_figure = (face - middle) * np.array(poles.weight)
    iris = float(np.median(figures[chosen, NAMES.index("iris")]))
    by_iris = float(np.clip((iris - poles.iris_adult) * poles.iris_weight, 0, poles.iris_most))
    count = (int(chosen.sum()) + CORRELATED_FRAMES - 1) / CORRELATED_FRAMES
    turned = max(0.0, float(np.median(turned_deg[chosen])) - STRAIGHT_DEG)
    unrest = (poles.frame_sd + poles.frame_sd_per_deg * turned) ** 2 / count
    return {**dict(zip(FIGURES, by_figure.tolist(), strict=True)), "iris": by_iris, "prior": poles.prior_log_odds,
            "seen": poles.face_sd**2 / (poles.face_sd**2 + unrest)}  # fmt: skip


def p_infant_face(figures: NDArray[np.float32], turned_deg: NDArray[np.float32], poles: Poles = Poles()) -> float:
    """Probability that a track's face is an infant's.

    figures: [n, 12] of `proportions`; turned_deg: [n] how far each frame's face is turned out of the picture plane. The
    best-turned frames count (at most 30 degrees, or the best quarter); few frames pull the answer towards the prior,
    and so do turned ones, where depth, which the mesh guesses, enters every figure.
    """
    found = infant_evidence(figures, turned_deg, poles)
    total = sum(found[name] for name in (*FIGURES, "iris"))
    odds = found["prior"] + found["seen"] * float(np.clip(total, -poles.most, poles.most))
    return float(1 / (1 + np.exp(-odds)))
