"""A small histogram as inline SVG, drawn by hand: some bars and one line need no plotting library."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS
from wail.review.scores import Score
from wail.review.wording import KEPT_COLOUR

BINS = 40
WIDTH, HEIGHT, BASE = 400, 132, 108
"""Of the view box; the bars stand on BASE."""
LEFT, RIGHT, TOP = 8, 392, 16

Counts = NDArray[np.int64]


def histogram_svg(score: Score, counts: Counts, colour: str, threshold: float | None, title: str) -> str:
    """Bars of `counts` [3, BINS], frames dropped for the reason, kept, and dropped for others, with the threshold.

    Heights go by the square root, so that the few doubtful frames beside thousands of sure ones can be seen.
    """
    full = max(float(counts.sum(0).max()), 1.0)
    width = (RIGHT - LEFT) / BINS
    bars = [_bar(LEFT + k * width, width, counts[:, k], full, colour, _bin_text(score, k)) for k in range(BINS)]
    line = "" if threshold is None else _threshold(score, threshold)
    label = f"Histogram of {score.title}, frames dropped as {title.lower()} and others"
    return (f'<svg class="hist" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(bars)}'
            f'<path d="M{LEFT} {BASE}H{RIGHT}" stroke="var(--muted)"/>{_ticks(score)}{line}</svg>')  # fmt: skip


def _bar(x: float, width: float, counts: Counts, full: float, colour: str, where: str) -> str:
    """One bin: this reason's frames below, then kept ones, then all others."""
    total = int(counts.sum())
    if not total:
        return ""
    height = (BASE - TOP) * float(np.sqrt(total / full))
    parts, y = [], float(BASE)
    for count, fill in zip(counts.tolist(), (colour, KEPT_COLOUR, "var(--other)"), strict=True):
        high = height * count / total
        y -= high
        if count:
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width - 0.8:.1f}" height="{high:.1f}" fill="{fill}"/>')
    named = zip(("this reason", "kept", "other reasons"), counts.tolist(), strict=True)
    seconds = " · ".join(f"{name} {count / GRID_FPS:.1f} s" for name, count in named if count)
    return f"<g><title>{where}: {seconds}</title>{''.join(parts)}</g>"


def _bin_text(score: Score, k: int) -> str:
    ends = [score.text(_value(score, place)) for place in (k / BINS, (k + 1) / BINS)]
    return f"{ends[0]}–{ends[1]}"


def _value(score: Score, place: float) -> float:
    if score.log:
        return float(score.low * (score.high / score.low) ** place)
    return score.low + place * (score.high - score.low)


def _ticks(score: Score) -> str:
    texts = [(place, score.text(_value(score, place))) for place in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return "".join(
        f'<text x="{LEFT + place * (RIGHT - LEFT):.0f}" y="{BASE + 14}" text-anchor="{_anchor(place)}">{text}</text>'
        for place, text in texts
    )


def _threshold(score: Score, threshold: float) -> str:
    place = float(score.place(threshold))
    x = LEFT + place * (RIGHT - LEFT)
    return (f'<path class="limit" d="M{x:.1f} {TOP - 6}V{BASE + 3}"/>'
            f'<text class="limit" x="{x:.1f}" y="{TOP - 8}" text-anchor="{_anchor(place)}">'
            f"limit {score.text(threshold)}</text>")  # fmt: skip


def _anchor(place: float) -> str:
    return "start" if place < 0.15 else "end" if place > 0.85 else "middle"


def binned(score: Score, values: NDArray[np.float64], groups: Sequence[NDArray[np.bool_]]) -> Counts:
    """How many values [n] of each group (a mask [n]) lie in each bin; what has no value is left out."""
    known = np.isfinite(values)
    bins = np.minimum((score.place(values[known]) * BINS).astype(np.int64), BINS - 1)
    return np.stack([np.bincount(bins[mask[known]], minlength=BINS) for mask in groups])
