"""Whether a face is an infant's, from its proportions.

An infant's face is short below the eyes (small jaw, short nose), narrow in the mouth, and its irises, nearly full-grown
at birth, are large in it. Each figure is measured in head axes on the mesh, so pose is factored out, and divided by the
outer eye distance; jaw opening is taken off; the median over a track's well-turned frames counts.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from wail.vision.geometry import RIGID
from wail.vision.roi import Array

NAMES = ("eyes_to_chin", "eyes_to_mouth", "eyes_to_nose_foot", "jaw_width", "iris")
FiveFigures = tuple[float, float, float, float, float]
"""One of each of `NAMES`."""


@dataclass(frozen=True)
class Poles:
    """Where infants and adults lie, in outer eye distances, and how much each figure counts.

    Anthropometry gives the direction and size of each difference (canonical adult against INFACE's average infant:
    eyes to chin 1.35 / 0.93, to mouth 0.78 / 0.60, to the nose's foot 0.53 / 0.34). mediapipe's mesh shows about two
    thirds of it, so the poles are what it puts out for infants and adults.
    """

    infant: FiveFigures = (0.97, 0.635, 0.410, 1.15, 0.160)
    adult: FiveFigures = (1.20, 0.745, 0.510, 1.25, 0.125)
    weight: FiveFigures = (1.0, 0.5, 2.0, 0.5, 0.5)
    """The nose's foot is hardly moved by any expression; the mouth's height is, most of all in a cry."""
    steepness: Annotated[float, Ge(0)] = 3.5
    """Log-odds at a pole: exp(3.5) = 33 to 1, for the tails of both populations, and children between them."""


def proportions(points: Array, rotation: NDArray[np.float64]) -> NDArray[np.float32]:
    """The figures of `NAMES` of one mesh [478, 3] (crop pixels), given its R_head_to_camera."""
    head = (points - points[RIGID].mean(0)) @ rotation
    eyes = float(np.linalg.norm(head[33] - head[263]))
    eye_line = head[[33, 133, 362, 263], 1].mean()
    aperture = float(np.linalg.norm(head[13] - head[14]))
    rings = head[[[469, 471], [470, 472], [474, 476], [475, 477]], :2]
    iris = np.linalg.norm(rings[:, 0] - rings[:, 1], axis=1).mean()
    return np.array([
        eye_line - head[152, 1] - aperture,
        eye_line - head[[61, 291], 1].mean(),
        eye_line - head[2, 1],
        np.linalg.norm(head[172] - head[397]),
        iris,
    ], np.float32) / np.float32(max(eyes, 1e-6))  # fmt: skip


def infant_evidence(figures: NDArray[np.float32], poles: Poles = Poles()) -> NDArray[np.float64]:
    """Each figure's place between the poles: 1 at the infant's, -1 at the adult's, held to -1.5..1.5.

    A small iris says nothing (0): lids hide it, most of all in a cry. A large one is an infant's.
    """
    infant, adult = np.array(poles.infant), np.array(poles.adult)
    place = np.clip((figures - (infant + adult) / 2) / ((infant - adult) / 2), -1.5, 1.5)
    place[..., NAMES.index("iris")] = np.maximum(place[..., NAMES.index("iris")], 0)
    return np.asarray(place)


def p_infant_face(figures: NDArray[np.float32], turned_deg: NDArray[np.float32], poles: Poles = Poles()) -> float:
    """Probability that a track's face is an infant's.

    figures: [n, 5] of `proportions`; turned_deg: [n] how far each frame's face is turned out of the picture plane. The
    best-turned frames count (at most 25 degrees, or the best quarter); few frames pull the answer towards 0.5.
    """
    if len(figures) == 0:
        return 0.5
    limit = max(25.0, float(np.quantile(turned_deg, 0.25)))
    chosen = figures[turned_deg <= limit]
    place = infant_evidence(np.median(chosen, axis=0), poles)
    weight = np.array(poles.weight)
    trust = len(chosen) / (len(chosen) + 3.0)
    # Beyond 25 degrees depth, which the mesh guesses, enters every figure.
    trust *= float(np.clip(1.5 - limit / 50.0, 0.3, 1.0))
    return float(1 / (1 + np.exp(-poles.steepness * trust * (weight @ place) / weight.sum())))
