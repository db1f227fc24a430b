"""Figures from clips laid beside their truth, as pure functions of frames; intervals by drawing the clips anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.bench.visibility_run import Clip
from wail.vision.config import VisionConfig
from wail.vision.runs import stretches

Mask = NDArray[np.bool_]
COVERED = 0.3
"""Share of the lips' landmarks behind something from which a mouth is occluded; 0 is free, between is unknown."""
FALSE_REJECTION = 0.05
POSE_MARGIN_DEG = 5.0
"""Nobody's yaw is known better than this: frames so near the limit count neither way."""
DRAWS = 1000
TAKE_FRAMES = 30
"""A take is a second at least."""


@dataclass(frozen=True)
class Group:
    """Frames of several clips that a figure is taken over: `hit` and `known` counts of each clip."""

    hits: NDArray[np.float64]
    known: NDArray[np.float64]

    @property
    def share(self) -> float:
        return float(self.hits.sum() / self.known.sum()) if self.known.sum() else float("nan")

    def interval(self) -> tuple[float, float]:
        """95 % interval of the share, drawing clips with replacement (percentile bootstrap, Efron 1979)."""
        has = self.known > 0
        hits, known = self.hits[has], self.known[has]
        if not len(known):
            return float("nan"), float("nan")
        draws = np.random.default_rng(0).integers(len(known), size=(DRAWS, len(known)))
        low, high = np.quantile(hits[draws].sum(1) / known[draws].sum(1), [0.025, 0.975])
        return float(low), float(high)

    def said(self) -> str:
        """Interval, frames and clips, for a note."""
        if not self.known.sum():
            return "no frames"
        (low, high), clips = self.interval(), int((self.known > 0).sum())
        return f"95 % interval {low:.3f}-{high:.3f}, {int(self.known.sum())} frames of {clips} clips"


def grouped(clips: Sequence[Clip], hit: Callable[[Clip], Mask], known: Callable[[Clip], Mask]) -> Group:
    """Frames that are `known`, and of those the ones that `hit`."""
    pairs = [(hit(clip), known(clip)) for clip in clips]
    return Group(np.array([(h & k).sum() for h, k in pairs], float), np.array([k.sum() for _, k in pairs], float))


def within(clip: Clip, config: VisionConfig, margin_deg: float = POSE_MARGIN_DEG) -> Mask:
    """Frames turned and tilted by less than the limits, less a margin."""
    yaw, pitch = np.abs(clip.face.yaw_deg), np.abs(clip.face.pitch_deg)
    return np.asarray((yaw <= config.max_abs_yaw_deg - margin_deg) & (pitch <= config.max_abs_pitch_deg - margin_deg))


def in_picture(clip: Clip) -> Mask:
    return np.asarray(clip.face.mouth_outside == 0)


def occluded(clip: Clip, config: VisionConfig) -> Mask:
    """Frames whose mouth is truly behind something, in the picture and turned to the camera."""
    return np.asarray((clip.face.mouth_covered >= COVERED) & in_picture(clip) & within(clip, config, 0.0))


def free(clip: Clip, config: VisionConfig) -> Mask:
    """Frames that a careful reviewer would keep: mouth free and in the picture, pose within the limits.

    Clips that are blurred, dark or tiny by design are left out: they have reasons of their own.
    """
    ok = (clip.face.mouth_covered == 0) & in_picture(clip) & within(clip, config)
    return np.asarray(ok & (clip.part != "poor"))


def found_free(clip: Clip, config: VisionConfig) -> Mask:
    return np.asarray(free(clip, config) & clip.seen.found)


def rejected_below(clip: Clip, threshold: float) -> Mask:
    """Frames whose mouth is called hidden: a score below the threshold, or no face at all."""
    return np.asarray(~clip.seen.found | (np.nan_to_num(clip.seen.mouth_visible, nan=-1.0) < threshold))


def operating_threshold(clips: Sequence[Clip], config: VisionConfig) -> float:
    """The highest threshold of mouth_visible that rejects at most 5 % of the free mouths found; NaN where none is."""
    none = [np.zeros(0, np.float32)]
    scores = np.sort(np.concatenate([c.seen.mouth_visible[found_free(c, config)] for c in clips] or none))
    return float(scores[int(np.floor(FALSE_REJECTION * len(scores)))]) if len(scores) else float("nan")


def longest_run(mask: Mask) -> int:
    """Length of the longest stretch of true frames."""
    return max((stop - start for start, stop in stretches(mask)), default=0)


def wrongly_kept(clip: Clip) -> bool:
    """Whether a second of frames in a row is usable though the mouth is truly behind something in each."""
    return longest_run(clip.seen.usable & (clip.face.mouth_covered >= COVERED)) >= TAKE_FRAMES


def changes(mask: Mask) -> NDArray[np.int64]:
    """Frames at which a mask differs from the frame before."""
    return np.asarray(np.flatnonzero(np.diff(mask.astype(int))) + 1)


def boundary_errors(clip: Clip, max_outside: float) -> list[int]:
    """For every true crossing of the border: frames to the nearest change between usable and not (the same way)."""
    out, lost = clip.face.mouth_outside > max_outside, ~clip.seen.usable
    errors = []
    for at in changes(out):
        same = [int(k) for k in changes(lost) if lost[k] == out[at]]
        errors.append(min((abs(k - int(at)) for k in same), default=len(out)))
    return errors


def ratio_of(groups: dict[str, Group], rng: np.random.Generator | None = None) -> float:
    """The largest rate over the smallest, of the groups with frames; NaN without two of them, or without a hit.

    Every group is given one more clip, of average length and of the rate of all together: a group of a few dozen
    clips without a single hit is not infinitely better than another. `rng` draws each group's clips anew.
    """
    drawn = [_drawn(group, rng) for group in groups.values() if group.known.sum()]
    hits, known = (np.array([float(one[k].sum()) for one in drawn]) for k in (0, 1))
    if len(drawn) < 2 or not hits.sum():
        return float("nan")
    length, overall = known.sum() / sum(len(one[0]) for one in drawn), hits.sum() / known.sum()
    rates = (hits + overall * length) / (known + length)
    return float(rates.max() / rates.min())


def _drawn(group: Group, rng: np.random.Generator | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    has = np.flatnonzero(group.known > 0)
    which = has if rng is None else rng.choice(has, len(has))
    return group.hits[which], group.known[which]


def ratio_interval(groups: dict[str, Group]) -> tuple[float, float]:
    """95 % interval of `ratio_of`, drawing clips anew within each group."""
    rng = np.random.default_rng(1)
    ratios = np.array([ratio_of(groups, rng) for _ in range(DRAWS)])
    if np.isnan(ratios).all():
        return float("nan"), float("nan")
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    return float(low), float(high)
