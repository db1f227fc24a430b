"""From probabilities to vocalisations: hysteresis, short gaps closed, short bursts dropped, a label for each."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from wail.errors import ConfigError
from wail.voice.detect import VoiceTrack

LABELS = ("cry", "laugh", "babble")
EXPERIMENTAL = ("laugh", "babble")
"""Labels that rest on little data: shown as experimental wherever people read them."""


@dataclass(frozen=True)
class SegmentConfig:
    """Thresholds on `p_infant`, chosen on mixtures of held-out groups (`wail.voice.training.evaluate --split tune`)."""

    enter: float = 0.6
    leave: float = 0.4
    close_gap_s: Annotated[float, Ge(0)] = 0.3
    """Gaps shorter than this are closed: a breath between two cries."""
    keep_s: Annotated[float, Ge(0)] = 0.3
    """Vocalisations at least this long are kept."""
    adult: Annotated[float, Interval(ge=0, le=1)] = 0.5
    """Steps at or above this count as adult speech in `adult_overlap`."""

    def __post_init__(self) -> None:
        if not 0 < self.leave <= self.enter <= 1:
            raise ConfigError(f"Voice thresholds need 0 < leave <= enter <= 1, but leave is {self.leave} and enter is "
                              f"{self.enter}: change one of them.")  # fmt: skip


def infant_probability(mix: VoiceTrack, stem: VoiceTrack | None) -> NDArray[np.float32]:
    """What is thresholded [n]: the mix, raised by the separated stem where that hears more.

    The larger of the two, since a stem can only add evidence: where separation destroyed the voice, the mix stands.
    """
    return mix.p_infant if stem is None else np.maximum(mix.p_infant, stem.p_infant)


def vocal_segments(mix: VoiceTrack, stem: VoiceTrack | None, config: SegmentConfig) -> list[dict[str, Any]]:
    """Rows of schemas VOCAL, in order of time: start_s, end_s, label, probability, p_mix, p_stem, adult_overlap.

    Silence (below -80 dB of full scale) never counts as voice, whatever the network makes of it.
    """
    if not len(mix.time_s):
        return []
    p = np.where(mix.loudness_db > -80, infant_probability(mix, stem), 0)
    step_s = 2 * float(mix.time_s[0])
    spans = hysteresis(p, config.enter, config.leave)
    spans = drop_short(close_gaps(spans, round(config.close_gap_s / step_s)), config.keep_s / step_s)
    return [_row(mix, stem, p, a, b, step_s, config) for a, b in spans]


def hysteresis(p: NDArray[np.float32], enter: float, leave: float) -> list[tuple[int, int]]:
    """Runs [start, stop) of `p >= leave` that reach `enter` somewhere."""
    edges = np.diff(np.r_[0, (p >= leave).astype(np.int8), 0])
    runs = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    return [(int(a), int(b)) for a, b in runs if p[a:b].max() >= enter]


def close_gaps(spans: list[tuple[int, int]], shorter_than: int) -> list[tuple[int, int]]:
    """Joins spans whose gap is shorter than so many steps."""
    joined: list[tuple[int, int]] = []
    for a, b in spans:
        if joined and a - joined[-1][1] < shorter_than:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined


def drop_short(spans: list[tuple[int, int]], at_least: float) -> list[tuple[int, int]]:
    """Spans of at least so many steps (to a half: a 0.3 s burst is 9.4 steps of 32 ms)."""
    return [(a, b) for a, b in spans if b - a + 0.5 >= at_least]


def _row(mix: VoiceTrack, stem: VoiceTrack | None, p: NDArray[np.float32], a: int, b: int, step_s: float,
         config: SegmentConfig) -> dict[str, Any]:  # fmt: skip
    # Each step's kind is weighed by how sure it is that an infant sounds: closed gaps say little.
    weight = p[a:b] + 1e-6
    kinds = []
    for name in LABELS:
        heard = getattr(mix, f"p_{name}")[a:b]
        if stem is not None:
            heard = np.maximum(heard, getattr(stem, f"p_{name}")[a:b])
        kinds.append(float(np.average(heard, weights=weight)))
    return {
        "start_s": a * step_s,
        "end_s": b * step_s,
        "label": LABELS[int(np.argmax(kinds))],
        "probability": float(p[a:b].mean()),
        "p_mix": float(mix.p_infant[a:b].mean()),
        "p_stem": None if stem is None else float(stem.p_infant[a:b].mean()),
        "adult_overlap": float((mix.p_adult[a:b] >= config.adult).mean()),
    }
