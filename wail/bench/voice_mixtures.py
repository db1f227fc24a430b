"""The detector on mixtures: frames, events, seconds, by background and level; edges; calibration."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wail.bench.degrade import CODECS, degraded, reverberate
from wail.bench.held import Held
from wail.bench.mixtures import LEVELS_DB, Mixture, compose
from wail.bench.recordings import INFANT
from wail.bench.rows import NotMeasured
from wail.bench.scores import (
    FRAMES_PER_S,
    Counts,
    Span,
    calibration_error,
    edge_errors_s,
    event_counts,
    f1_interval,
    frame_counts,
    on_frames,
    pooled,
    reliability,
    second_counts,
)
from wail.bench.spans import spans_of
from wail.voice.detect import VoiceTrack, detect
from wail.voice.segments import SegmentConfig

Measured = dict[str, tuple[float | None, str]]
"""Value (None: not measured) and note of figures by name."""
CLOSE_GAPS, SHORTEST = 30, 30
"""Frames: what counts as a vocalisation. Gaps under 0.3 s are closed, and one under 0.3 s need not be found."""
STRANGERS_SEED, N_STRANGERS = 808, 15
DEGRADE_SEED = 404
N_DEGRADED = 25
"""One of each background at each level."""
PLACES = {"speech": "over adult speech", "tv": "over TV", "music": "over music", "noise": "over noise",
          "quiet": "in quiet"}  # fmt: skip


class Scored(NamedTuple):
    """Counts of one mixture."""

    mixture: Mixture
    frames: Counts
    events: Counts
    annotated_events: Counts
    seconds: Counts


def scored(mixture: Mixture, spans: Sequence[Span]) -> Scored:
    truth = mixture.truth[:, INFANT]
    found = on_frames(spans, len(truth))
    return Scored(mixture, frame_counts(found, truth), event_counts(spans, truth, CLOSE_GAPS, SHORTEST),
                  event_counts(spans, truth), second_counts(found, truth))  # fmt: skip


def score_all(mixtures: Sequence[Mixture], tracks: Sequence[VoiceTrack], config: SegmentConfig) -> list[Scored]:
    return [scored(mixture, spans_of(track, config, len(mixture.truth)))
            for mixture, track in zip(mixtures, tracks, strict=True)]  # fmt: skip


def detector(held: Held) -> Measured:
    every = score_all(held.mixtures, held.tracks, SegmentConfig())
    frames = pooled(one.frames for one in every)
    length_s = sum(len(one.mixture.truth) for one in every) / FRAMES_PER_S
    size = f"{len(every)} mixtures, {length_s / 60:.1f} min"
    out: Measured = {
        "infant voice: frame F1": (frames.f1, f"{size}; {interval([one.frames for one in every])}"),
        "infant voice: frame precision": (frames.precision, size),
        "infant voice: frame recall": (frames.recall, size),
        "infant voice: event F1": (
            pooled(one.events for one in every).f1,
            "IoU >= 0.3, most one-to-one matches; true events with gaps < 0.3 s closed, those < 0.3 s need not be "
            f"found; {interval([one.events for one in every])}"),
        "infant voice: event F1 on truth as annotated": (
            pooled(one.annotated_events for one in every).f1, "every breath between two cries parts them"),
        "infant voice: 1 s F1": (
            pooled(one.seconds for one in every).f1,
            f"active from 10 % on, found and true alike; {interval([one.seconds for one in every])}"),
    }  # fmt: skip
    for kind, place in PLACES.items():
        out[f"{place}: frame F1"] = part_f1([one for one in every if one.mixture.background == kind])
    for level_db in LEVELS_DB:
        noisy = [one for one in every if one.mixture.background != "quiet"]
        out[f"at {level_db:+.0f} dB: frame F1"] = part_f1([one for one in noisy if one.mixture.level_db == level_db])
    out["over sirens, cats, dogs and car horns: frame F1"] = strangers_f1(held)
    out["through rooms and codecs: frame F1"] = degraded_f1(held)
    return out


def interval(counts: Sequence[Counts]) -> str:
    low, high = f1_interval(counts)
    return f"95 % by drawing mixtures anew {low:.2f}-{high:.2f}"


def part_f1(part: Sequence[Scored]) -> tuple[float, str]:
    return pooled(one.frames for one in part).f1, f"{len(part)} mixtures"


def strangers_f1(held: Held) -> tuple[float | None, str]:
    """Infants over recorded sirens, cats, dogs and car horns, which no other mixture holds."""
    try:
        mixtures = compose(held.entries(held.split), STRANGERS_SEED, N_STRANGERS, LEVELS_DB, ("strangers",))
    except NotMeasured as why:
        return None, str(why)
    tracks = [detect(mixture.wave) for mixture in held.follow("strangers", mixtures)]
    return part_f1(score_all(mixtures, tracks, SegmentConfig()))


def degraded_f1(held: Held) -> tuple[float, str]:
    """The first mixtures in a room each, then through a codec in turn."""
    rng, chosen = np.random.default_rng(DEGRADE_SEED), held.mixtures[:N_DEGRADED]
    waves = [degraded(m.wave, k, rng) for k, m in enumerate(held.follow("rooms and codecs", chosen))]
    found = score_all(chosen, [detect(wave) for wave in waves], SegmentConfig())
    clear = pooled(one.frames for one in score_all(chosen, held.tracks[: len(chosen)], SegmentConfig())).f1
    return pooled(one.frames for one in found).f1, (
        f"{len(chosen)} mixtures in rooms (RT60 0.2-0.8 s), then {', '.join(codec.name for codec in CODECS)}; "
        f"as they were: {clear:.3f}")


def edges(held: Held) -> Measured:
    """Onsets and offsets of matched events in the quiet mixtures, as they are and in rooms."""
    quiet = [(mixture, track) for mixture, track in zip(held.mixtures, held.tracks, strict=True)
             if mixture.background == "quiet"]  # fmt: skip
    rng = np.random.default_rng(DEGRADE_SEED)
    mixtures = [mixture for mixture, _ in quiet]
    rooms = [detect(reverberate(mixture.wave, rng)) for mixture in mixtures]
    out: Measured = {}
    for where, tracks in (("clean", [track for _, track in quiet]), ("in rooms", rooms)):
        errors = np.concatenate([
            edge_errors_s(spans_of(track, SegmentConfig(), len(m.truth)), m.truth[:, INFANT], CLOSE_GAPS)
            for m, track in zip(mixtures, tracks, strict=True)])  # fmt: skip
        for name, error in zip(("onset", "offset"), errors.T, strict=True):
            out[f"edges: {name}, {where}, median error"] = edge_figure(error)
    return out


def edge_figure(error_s: NDArray[np.float64]) -> tuple[float | None, str]:
    if not len(error_s):
        return None, "no event was matched"
    late, worse = float(np.median(error_s)), float(np.quantile(np.abs(error_s), 0.9))
    return float(np.median(np.abs(error_s))), (
        f"{len(error_s)} matched events in quiet mixtures; median {late:+.3f} s (late > 0), 90 % within {worse:.2f} s")


def held_over(time_s: NDArray[np.float64], p: NDArray[np.float32], frames: int) -> NDArray[np.float64]:
    """Each step's probability on all the frames [frames] within it: nothing is smoothed in between."""
    step_s = 2 * float(time_s[0])
    step = ((np.arange(frames) + 0.5) / FRAMES_PER_S / step_s).astype(int)
    out: NDArray[np.float64] = p.astype(np.float64)[np.minimum(step, len(p) - 1)]
    return out


def reliability_table(held: Held) -> NDArray[np.float64]:
    p = [held_over(track.time_s, track.p_infant, len(mixture.truth))
         for mixture, track in zip(held.mixtures, held.tracks, strict=True)]  # fmt: skip
    return reliability(np.concatenate(p), np.concatenate([mixture.truth[:, INFANT] for mixture in held.mixtures]))


def calibration(held: Held) -> Measured:
    table = reliability_table(held)
    mean, true, count = table.T
    worst = int(np.argmax(np.where(count > 0.005 * count.sum(), np.abs(mean - true), 0)))
    return {"calibration error of infant probability": (
        calibration_error(table),
        f"15 equal bins over {int(count.sum())} frames of the mixtures; widest gap where {mean[worst]:.2f} was said "
        f"and {true[worst]:.2f} true")}  # fmt: skip
