"""The reliability diagram: how often an infant sounds where the detector says so with a given probability."""

from pathlib import Path

import matplotlib.figure
import numpy as np
from numpy.typing import NDArray

from wail.bench.scores import N_BINS, calibration_error
from wail.store import atomic_path


def plot_reliability(table: NDArray[np.float64], path: Path) -> None:
    """Draw a reliability table [bins, 3] (`wail.bench.scores.reliability`) into a PNG."""
    mean, true, count = table.T
    used = count > 0
    figure = matplotlib.figure.Figure(figsize=(5, 5), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    above.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    above.plot(mean[used], true[used], marker="o", color="tab:blue")
    above.set(ylabel="share true", ylim=(0, 1), title=f"expected calibration error {calibration_error(table):.3f}")
    below.bar((np.arange(N_BINS) + 0.5) / N_BINS, count / max(count.sum(), 1), 0.9 / N_BINS, color="0.6")
    below.set(xlabel="probability of infant voice", ylabel="share of frames", xlim=(0, 1))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
