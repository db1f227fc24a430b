"""Metrics as pure functions. Activity is counted on frames of 10 ms; truth is 1, 0, or NaN where nobody knows."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from wail.voice.segments import close_gaps as closed

FRAMES_PER_S = 100
MIN_IOU = 0.3
ACTIVE_SHARE = 0.1
"""A second counts as active with at least this share of its frames active."""
N_BINS = 15
Span = tuple[int, int]
"""Frames [start, stop)."""


class Counts(NamedTuple):
    """True positives, false positives, false negatives. An empty denominator gives NaN, never a good score."""

    tp: float
    fp: float
    fn: float

    @property
    def precision(self) -> float:
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def pooled(counts: Iterable[Counts]) -> Counts:
    """The sum of counts: scores are of all frames together, not means of clips' scores."""
    total = np.sum([*counts, Counts(0, 0, 0)], axis=0)
    return Counts(*(float(value) for value in total))


def frame_counts(found: NDArray[np.bool_], truth: NDArray[np.float32]) -> Counts:
    """Of activity [n] against truth [n] (0, 1, NaN), over the frames whose truth is known."""
    known = ~np.isnan(truth)
    hit, real = found[known], truth[known] == 1
    return Counts(float((hit & real).sum()), float((hit & ~real).sum()), float((~hit & real).sum()))


def second_counts(found: NDArray[np.bool_], truth: NDArray[np.float32]) -> Counts:
    """Of whole seconds, by one rule for both: active with at least 10 % of the frames active."""
    return frame_counts(by_second(found.astype(np.float32)) == 1, by_second(truth))


def by_second(active: NDArray[np.float32]) -> NDArray[np.float32]:
    """Activity of each whole second [n // 100] from frames [n]: 1, 0, or NaN where unknown frames could decide it."""
    seconds = active[: len(active) // FRAMES_PER_S * FRAMES_PER_S].reshape(-1, FRAMES_PER_S)
    least = FRAMES_PER_S * ACTIVE_SHARE
    sure, possible = (seconds == 1).sum(1), (seconds != 0).sum(1)
    return np.where(sure >= least, 1, np.where(possible >= least, np.nan, 0)).astype(np.float32)


def runs(active: NDArray[np.bool_]) -> list[Span]:
    """Stretches of activity in frames [start, stop)."""
    edges = np.diff(np.r_[0, active.astype(np.int8), 0])
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)]


def on_frames(spans: Iterable[Span], frames: int) -> NDArray[np.bool_]:
    """Activity [frames] of spans: the inverse of `runs`."""
    active = np.zeros(frames, np.bool_)
    for start, stop in spans:
        active[start:stop] = True
    return active


def matched(found: Sequence[Span], real: Sequence[Span], known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """One-to-one matches (index found, index real) at IoU >= 0.3 over the known frames.

    Where one event could match several, the assignment with the most matches is taken, and of these the one with the
    largest sum of IoU (Hungarian algorithm): never more than one match for either side.
    """
    if not len(found) or not len(real):
        return []
    overlap = np.array([[iou(a, b, known) for b in real] for a in found])
    # A match outweighs all that IoU, at most 1 each, can add.
    worth = np.where(overlap >= MIN_IOU, overlap + min(len(found), len(real)) + 1, 0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if worth[i, j] > 0]


def iou(a: Span, b: Span, known: NDArray[np.bool_]) -> float:
    """Intersection over union of two spans, counted in known frames."""
    both = known[max(a[0], b[0]) : min(a[1], b[1])].sum() if min(a[1], b[1]) > max(a[0], b[0]) else 0
    either = known[a[0] : a[1]].sum() + known[b[0] : b[1]].sum() - both
    return float(both / either) if either else 0.0


def judged(found: Sequence[Span], known: NDArray[np.bool_]) -> list[Span]:
    """The found events of which at least half is known: others can be called neither right nor wrong."""
    return [(a, b) for a, b in found if b > a and known[a:b].mean() >= 0.5]


def event_counts(found: Sequence[Span], truth: NDArray[np.float32], close_gaps: int = 0, shortest: int = 0) -> Counts:
    """Of found events against the runs of truth [n].

    With `close_gaps`, truth's shorter gaps are closed first. A true event below `shortest` frames need not be found:
    it is no miss, and what matches it is neither right nor wrong (as objects marked difficult in PASCAL VOC).
    """
    known = ~np.isnan(truth)
    real, found = closed(runs(truth == 1), close_gaps), judged(found, known)
    long = [b - a >= shortest for a, b in real]
    pairs = [long[j] for _, j in matched(found, real, known)]
    return Counts(sum(pairs), len(found) - len(pairs), sum(long) - sum(pairs))


def edge_errors_s(found: Sequence[Span], truth: NDArray[np.float32], close_gaps: int) -> NDArray[np.float64]:
    """Found minus true onset and offset (s) of the matched events [matches, 2]."""
    known = ~np.isnan(truth)
    real, found = closed(runs(truth == 1), close_gaps), judged(found, known)
    pairs = [np.subtract(found[i], real[j]) for i, j in matched(found, real, known)]
    return np.array(pairs, np.float64).reshape(-1, 2) / FRAMES_PER_S


def f1_interval(each: Sequence[Counts], seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """95 % interval of the pooled F1, by drawing the clips anew with replacement (percentile bootstrap, Efron 1979)."""
    table = np.array(each, np.float64)
    rng = np.random.default_rng(seed)
    tp, fp, fn = table[rng.integers(len(table), size=(draws, len(table)))].sum(1).T
    low, high = np.quantile(2 * tp / np.maximum(2 * tp + fp + fn, 1), [0.025, 0.975])
    return float(low), float(high)


def reliability(p: NDArray[np.float64], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean probability, share that is true, and count of each of 15 equal-width bins [15, 3], over known frames."""
    known = ~np.isnan(truth)
    p, real = p[known], truth[known] == 1
    inside = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    count = np.bincount(inside, minlength=N_BINS)
    means = [np.bincount(inside, weights, N_BINS) / np.maximum(count, 1) for weights in (p, real)]
    return np.asarray(np.stack([*means, count], axis=1), np.float64)


def calibration_error(table: NDArray[np.float64]) -> float:
    """Expected calibration error of a reliability table (Naeini et al. 2015): bins' gaps weighed by their counts."""
    mean, true, count = table.T
    return ratio(float((np.abs(mean - true) * count).sum()), float(count.sum()))


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), right for few and for all or none."""
    middle, spread = (hits + z * z / 2) / (n + z * z), z * np.sqrt(hits * (n - hits) / n + z * z / 4) / (n + z * z)
    return max(0.0, float(middle - spread)), min(1.0, float(middle + spread))
