"""One picture of an animation: its sound and evenly spread frames above it."""

from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from wail.media.audio import read_audio
from wail.media.decode import grid_frames
from wail.store import atomic_path

RATE_HZ = 16000
N_FRAMES = 9
CROP_SHARE = 0.86
"""The middle of the picture, where the face is."""


def write_strip(animation: Path, out: Path, title: str) -> Path:
    """Draw `N_FRAMES` frames of a video, evenly spread in time, over its loudness."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    frames = [one.rgb for one in grid_frames(animation)]
    wave = read_audio(animation, RATE_HZ)
    length_s = len(frames) / 30
    chosen = np.linspace(0, len(frames) - 1, N_FRAMES + 2).round().astype(int)[1:-1]
    figure = plt.figure(figsize=(12, 2.6), dpi=100, layout="constrained")
    grid = figure.add_gridspec(2, N_FRAMES, height_ratios=(3, 1))
    for place, index in enumerate(chosen):
        axes = figure.add_subplot(grid[0, place])
        axes.imshow(middle(frames[index]))
        axes.set_axis_off()
    axes = figure.add_subplot(grid[1, :])
    hop = RATE_HZ // 30
    level = np.sqrt(np.square(wave[: len(wave) // hop * hop].reshape(-1, hop)).mean(axis=1))
    time_s = np.arange(len(level)) / 30
    axes.fill_between(time_s, -level, level, color="#2a7f9e", linewidth=0)
    for index in chosen:
        axes.axvline(index / 30, color="#999999", linewidth=0.6)
    axes.set_xlim(0, length_s)
    axes.set_yticks([])
    axes.set_xlabel("s", loc="right", fontsize=8)
    axes.set_title(title, fontsize=8, loc="left")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, metadata={"Software": None})
    plt.close(figure)
    return out


def middle(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = (round(side * (1 - CROP_SHARE) / 2) for side in rgb.shape[:2])
    return rgb[height : rgb.shape[0] - height, width : rgb.shape[1] - width]
