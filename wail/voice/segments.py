"""From probabilities to vocalisations: hysteresis, short gaps closed, short bursts dropped, a label for each."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from schemas.reasons import EXPERIMENTAL as EXPERIMENTAL
from schemas.reasons import LABELS as LABELS
from wail.errors import ConfigError
from wail.voice.detect import VoiceTrack

Span = tuple[int, int]
"""Steps [start, stop)."""


@dataclass(frozen=True)
class SegmentConfig:
    """Thresholds on `p_infant`, chosen on mixtures of held-out groups (`wail bench voice --split tune`)."""

    enter: float = 0.5
    leave: float = 0.4
    close_gap_s: Annotated[float, Ge(0)] = 0.3
    """Gaps shorter than this are closed: a breath between two cries."""
    keep_s: Annotated[float, Ge(0)] = 0.2
    """Vocalisations found at least this long are kept: a burst of 0.3 s can be found a little shorter."""
    stem_bias: Annotated[float, Ge(0)] = 1.0
    """Log-odds taken off what the detector hears in a stem. It learnt on mixes, and what a separator leaves of other
    sounds is like an infant to it: of stems' steps at 0.55 (0.75, 0.85) an infant is in 0.30 (0.48, 0.66)."""
    stem_margin: Annotated[float, Ge(0)] = 1.5
    """Further log-odds by which the stem has to be surer than the mix to be preferred, and above the thresholds for a
    segment of its own: the larger of two looks is too large by chance, and false alarms are doubled."""
    adult: Annotated[float, Interval(ge=0, le=1)] = 0.5
    """Steps at or above this count as adult speech in `adult_overlap`."""

    def __post_init__(self) -> None:
        if not 0 < self.leave <= self.enter <= 1:
            raise ConfigError(f"Voice thresholds need 0 < leave <= enter <= 1, but leave is {self.leave} and enter is "
                              f"{self.enter}: change one of them.")  # fmt: skip


def vocal_segments(mix: VoiceTrack, stem: VoiceTrack | None, config: SegmentConfig) -> list[dict[str, Any]]:
    """Rows of schemas VOCAL, in order of time: start_s, end_s, label, probability, p_mix, p_stem, adult_overlap.

    Segments are looked for in the mix and in the separated stem; where both have some that overlap, those of the one
    that hears the infant better there are kept. Silence (below -80 dB of full scale) never counts as voice, whatever
    the network makes of it.
    """
    if not len(mix.time_s):
        return []
    sounds = mix.loudness_db > -80
    spans = spans_of(mix, sounds, config)
    if stem is not None:
        stem = less_sure(stem, config.stem_bias)
        harder = less_sure(stem, config.stem_margin)
        both = better(spans, spans_of(harder, sounds, config), mix, harder)
        spans = close_gaps(both, gap_steps(mix, config))
    return [_row(mix, stem, a, b, config) for a, b in spans]


def less_sure(track: VoiceTrack, log_odds: float) -> VoiceTrack:
    """The track with so much taken off the log-odds of an infant."""
    p = track.p_infant.astype(np.float64)
    return replace(track, p_infant=(p / (p + np.exp(log_odds) * (1 - p))).astype(np.float32))


def spans_of(track: VoiceTrack, sounds: NDArray[np.bool_], config: SegmentConfig) -> list[Span]:
    """Steps [start, stop) of each vocalisation in one track; `sounds` [n] says which steps are not silent."""
    p = np.where(sounds, track.p_infant, 0)
    spans = hysteresis(p, config.enter, config.leave)
    return drop_short(close_gaps(spans, gap_steps(track, config)), config.keep_s / step_of(track))


def gap_steps(track: VoiceTrack, config: SegmentConfig) -> int:
    return round(config.close_gap_s / step_of(track))


def step_of(track: VoiceTrack) -> float:
    """Seconds from step to step: the first one's centre lies half of it after the start."""
    return 2 * float(track.time_s[0])


def better(in_mix: list[Span], in_stem: list[Span], mix: VoiceTrack, stem: VoiceTrack) -> list[Span]:
    """Of each group of overlapping segments those of the track whose mean probability over all the group's steps is
    the higher, in order of time; segments that the other track has nothing beside stay.

    Means are over the same steps for both, so that one sure burst in a poor stem does not stand for a whole cry.
    """
    kept: list[Span] = []
    for group in groups([*in_mix, *in_stem]):
        steps = np.unique(np.concatenate([np.arange(a, b) for a, b in group]))
        preferred = in_stem if stem.p_infant[steps].mean() > mix.p_infant[steps].mean() else in_mix
        kept += sorted(set(group) & set(preferred)) or group
    return kept


def groups(spans: list[Span]) -> list[list[Span]]:
    """Segments that overlap, directly or through others, together; both in order of time."""
    made: list[list[Span]] = []
    stop = 0
    for one in sorted(spans):
        if made and one[0] < stop:
            made[-1].append(one)
        else:
            made.append([one])
        stop = max(stop, one[1])
    return made


def hysteresis(p: NDArray[np.float32], enter: float, leave: float) -> list[Span]:
    """Runs [start, stop) of `p >= leave` that reach `enter` somewhere."""
    edges = np.diff(np.r_[0, (p >= leave).astype(np.int8), 0])
    runs = zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    return [(int(a), int(b)) for a, b in runs if p[a:b].max() >= enter]


def close_gaps(spans: list[Span], shorter_than: int) -> list[Span]:
    """Joins spans whose gap is shorter than so many steps."""
    joined: list[Span] = []
    for a, b in spans:
        if joined and a - joined[-1][1] < shorter_than:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    return joined


def drop_short(spans: list[Span], at_least: float) -> list[Span]:
    """Spans of at least so many steps (to a half: a 0.3 s burst is 9.4 steps of 32 ms)."""
    return [(a, b) for a, b in spans if b - a + 0.5 >= at_least]


def _row(mix: VoiceTrack, stem: VoiceTrack | None, a: int, b: int, config: SegmentConfig) -> dict[str, Any]:
    p_mix = float(mix.p_infant[a:b].mean())
    p_stem = None if stem is None else float(stem.p_infant[a:b].mean())
    heard = mix if stem is None or p_stem is None or p_stem <= p_mix else stem
    # Each step's kind is weighed by how sure it is that an infant sounds: closed gaps say little.
    weight = heard.p_infant[a:b] + 1e-6
    kinds = [float(np.average(getattr(heard, f"p_{name}")[a:b], weights=weight)) for name in LABELS]
    return {
        "start_s": a * step_of(mix),
        "end_s": b * step_of(mix),
        "label": LABELS[int(np.argmax(kinds))],
        "probability": max(p_mix, p_stem or 0.0),
        "p_mix": p_mix,
        "p_stem": p_stem,
        "adult_overlap": float((mix.p_adult[a:b] >= config.adult).mean()),
    }
