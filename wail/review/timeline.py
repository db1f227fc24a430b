"""Lanes on one time axis: the drawing half of a clip's timeline."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS
from wail.review import svg
from wail.review.wording import text_colour

MAX_POINTS = 500
"""Points of one drawn line; more cannot be told apart at the timeline's width."""


def bare_axes(made: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Axes without spines or ticks over the given part (left, bottom, width, height: 0-1) of the figure."""
    axes: Axes = made.add_axes(box)
    axes.set_axis_off()
    return axes


class Timeline:
    """Lanes drawn from top to bottom on one time axis. (One axes for all of them draws five times faster than many.)"""

    def __init__(self, duration_s: float, lanes: Sequence[tuple[str, float]]) -> None:
        self.duration_s = max(duration_s, 1 / GRID_FPS)
        self.gap = 0.22
        height = sum(size + self.gap for _, size in lanes) + 0.5
        self.figure = svg.figure(10.6, 0.42 * height)
        self.axes = bare_axes(self.figure, (0.115, 0.0, 0.875, 1.0))
        self.axes.set_xlim(0, self.duration_s)
        self.axes.set_ylim(height, 0)
        self.bottom = {}
        y = 0.06
        for name, size in lanes:
            self.bottom[name] = (y + size, size)
            y += size + self.gap
        self._ticks(y, height)

    def _ticks(self, y: float, height: float) -> None:
        step = next(s for s in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 1e9) if self.duration_s / s <= 14)
        for t in np.arange(0, self.duration_s + 1e-9, step):
            self.axes.plot([t, t], [0, y - self.gap], color=svg.LINE, linewidth=0.5, zorder=0)
            self.axes.text(t, y + 0.1, f"{t:g} s", ha="center", va="center", color=svg.MUTED, fontsize=7)

    def label(self, lane: str, lines: Sequence[tuple[str, str]], gap: float = 0.44) -> None:
        """Name a lane at the left: (text, colour) one under the other."""
        bottom, size = self.bottom[lane]
        y = bottom - size / 2 - gap * (len(lines) - 1) / 2
        for text, colour in lines:
            self.axes.text(-0.045 * self.duration_s, y, text, ha="right", va="center", color=colour,
                           fontsize=7.5, fontweight="bold" if colour == svg.INK else "normal")  # fmt: skip
            y += gap

    def guides(self, lane: str, values: Sequence[float], low: float, high: float, unit: str = "") -> None:
        """Faint lines at `values` of a lane that spans low to high."""
        for value in values:
            y = float(self.to_y(lane, np.array([value]), low, high)[0])
            self.axes.plot([0, self.duration_s], [y, y], color=svg.LINE, linewidth=0.5, zorder=0)
            self.axes.text(-0.006 * self.duration_s, y, f"{value:g}{unit}", ha="right", va="center",
                           color=svg.MUTED, fontsize=5.8)  # fmt: skip

    def to_y(self, lane: str, values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
        bottom, size = self.bottom[lane]
        return bottom - size * np.clip((values - low) / (high - low), 0, 1)

    def line(self, lane: str, t: NDArray[Any], values: NDArray[Any], low: float, high: float, colour: str,
             fill: bool = False, **style: Any) -> None:  # fmt: skip
        """Draw values over time (thinned where there are too many); NaN breaks the line."""
        t, values = thinned(t, values)
        y = self.to_y(lane, values, low, high)
        if fill and len(t):
            bottom = self.bottom[lane][0]
            self.axes.fill(np.r_[t[0], t, t[-1]], np.r_[bottom, y, bottom], color=colour, alpha=0.25, linewidth=0)
        self.axes.plot(t, y, color=colour, **{"linewidth": 1.0, "solid_joinstyle": "round", **style})

    def limit(self, lane: str, value: float | None, low: float, high: float, colour: str) -> None:
        """A dashed line at a threshold, where there is one."""
        if value is None:
            return
        y = float(self.to_y(lane, np.array([value]), low, high)[0])
        self.axes.plot([0, self.duration_s], [y, y], color=colour, linewidth=0.7, linestyle=(0, (2, 2)), alpha=0.75)

    def bar(self, lane: str, start_s: float, end_s: float, colour: str, name: str, short: str = "",
            hollow: bool = False, more: str = "") -> None:  # fmt: skip
        """A bar from start to end with its name in it, or its short name, or none, as there is room; `more` is said
        when it is pointed at."""
        bottom, size = self.bottom[lane]
        width = end_s - start_s
        patch = Rectangle((start_s, bottom - size), width, size, linewidth=0.9 if hollow else 0.5,
                          facecolor="none" if hollow else colour, edgecolor=colour if hollow else svg.SURFACE)
        patch.set_gid(svg.title(f"{name}: {start_s:.2f}–{end_s:.2f} s ({width:.2f} s){more}"))
        self.axes.add_patch(patch)
        text = next((t for t in (name, short) if t and width / self.duration_s > 0.0070 * len(t) + 0.006), "")
        if not text:
            return
        ink = svg.INK if hollow else text_colour(colour)
        self.axes.text(start_s + width / 2, bottom - size / 2, text, ha="center", va="center_baseline",
                       color=ink, fontsize=6.8, parse_math=False)  # fmt: skip


def thinned(t: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most MAX_POINTS points that keep each bin's lowest and highest value, so that no peak is lost."""
    if len(t) <= MAX_POINTS:
        return np.asarray(t), np.asarray(values, dtype=np.float64)
    edges = np.linspace(0, len(t), MAX_POINTS // 2 + 1).astype(int)
    index: list[int] = []
    for a, b in pairwise(edges):
        part = np.asarray(values[a:b], dtype=np.float64)
        if not np.isfinite(part).any():
            index.append(int(a))
            continue
        index += sorted({a + int(np.nanargmin(part)), a + int(np.nanargmax(part))})
    return np.asarray(t)[index], np.asarray(values, dtype=np.float64)[index]


def broken(t: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Put NaN where frames are missing, so that a line does not run across the gap."""
    gaps = np.flatnonzero(np.diff(t) > 1.5 / GRID_FPS) + 1
    return np.insert(np.asarray(t, dtype=np.float64), gaps, t[gaps - 1]), np.insert(values, gaps, np.nan)
