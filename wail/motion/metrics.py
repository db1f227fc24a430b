"""How far generated motion is from the truth: lip vertex error, aperture DTW, and correlation of aperture.

Published code computes four different numbers under the name LVE and none for the other three, so each formula is
stated here in full. Every metric is of one take; a table averages over takes, each counting once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating[Any]]


def lip_vertex_error(predicted_mm: Reals, target_mm: Reals) -> tuple[float, float]:
    """LVE of lip vertices [n, L, 3]: per frame the largest distance of any lip vertex, then the mean over frames.

    Returns it of the distance (mm) and of its square (mm^2). No alignment: both meshes are in the head frame.
    """
    distance = np.linalg.norm(predicted_mm.astype(np.float64) - target_mm, axis=-1)
    worst = distance.max(axis=1)
    return float(worst.mean()), float((worst**2).mean())


def dtw(a: Reals, b: Reals, radius: int) -> float:
    """Dynamic time warping of two signals [n], [m]: the cheapest monotone path's mean cost |a_i - b_j|.

    Sakoe & Chiba 1978 with steps (1, 0), (0, 1), (1, 1), all of weight 1, within |i - j| <= radius (widened to the
    difference of lengths). The path is the one of least summed cost, on a tie the one that steps (1, 1), then (1, 0);
    the sum is divided by its number of cells.
    """
    n, m = len(a), len(b)
    radius = max(radius, abs(n - m))
    cost = np.full((n + 1, m + 1), np.inf)
    cells = np.zeros((n + 1, m + 1), dtype=np.int64)
    cost[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(max(1, i - radius), min(m, i + radius) + 1):
            before = min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=cost.__getitem__)
            cost[i, j] = cost[before] + abs(float(a[i - 1]) - float(b[j - 1]))
            cells[i, j] = cells[before] + 1
    return float(cost[n, m] / cells[n, m])


def pearson(a: Reals, b: Reals) -> float:
    """Pearson correlation of two signals [n]; 0 where one of them does not move, for it then follows nothing."""
    x, y = a.astype(np.float64) - np.mean(a, dtype=np.float64), b.astype(np.float64) - np.mean(b, dtype=np.float64)
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if _moves(a) and _moves(b) else 0.0


def concordance(a: Reals, b: Reals) -> float:
    """Concordance correlation (Lin 1989): 2 cov / (var a + var b + (mean a - mean b)^2), moments over n.

    0 where one of the signals does not move.
    """
    mean_a, mean_b = float(np.mean(a, dtype=np.float64)), float(np.mean(b, dtype=np.float64))
    x, y = a.astype(np.float64) - mean_a, b.astype(np.float64) - mean_b
    if not (_moves(a) and _moves(b)):
        return 0.0
    return float(2 * np.mean(x * y) / (np.mean(x * x) + np.mean(y * y) + (mean_a - mean_b) ** 2))


def _moves(signal: Reals) -> bool:
    # Rounding of a still face's decoded aperture is about 1e-6 mm; a correlation with that would be noise.
    return bool(np.ptp(signal) > 1e-4)
