"""The whole analysis at its defaults, as `wail voice` and the pipeline run it: mix and stem, no optional weights."""

from collections.abc import Sequence
from typing import Any

from wail.bench.held import Held
from wail.bench.scores import Span, pooled
from wail.bench.spans import in_frames
from wail.bench.voice_clean import alarm_figures, recall
from wail.bench.voice_mixtures import Measured, Scored, score_all, scored
from wail.bench.voice_stem import stem_of
from wail.voice.analyse import VoiceConfig, analyse
from wail.voice.detect import detect
from wail.voice.segments import SegmentConfig
from wail.voice.separate import Separator

N_STEM = 25
"""Mixtures of which the stem alone is judged: one of each background at each level."""


def shipped(held: Held) -> Measured:
    """Scores of the segments that users get, on the mixtures and on clean recordings."""
    model, config = held.separator, VoiceConfig()
    rows = [analyse(m.wave, config, separator=model).rows for m in held.follow("mix and stem", held.mixtures)]
    found = [scored(m, spans(of, len(m.truth))) for m, of in zip(held.mixtures, rows, strict=True)]
    frames = pooled(one.frames for one in found)
    speech = pooled(one.frames for one in found if one.mixture.background == "speech")
    used = [row for of in rows for row in of]
    stems = sum(row["p_stem"] is not None and row["p_stem"] > row["p_mix"] for row in used)
    note = (f"precision {frames.precision:.2f}, recall {frames.recall:.2f}; "
            f"{stems} of {len(used)} segments are surer in the stem")  # fmt: skip
    return {
        "as shipped, mix and stem: frame F1": (frames.f1, note),
        "as shipped, mix and stem: event F1": (pooled(one.events for one in found).f1, ""),
        "as shipped, mix and stem: 1 s F1": (pooled(one.seconds for one in found).f1, ""),
        "as shipped, over adult speech: frame F1": (speech.f1, ""),
        "stem alone: frame F1": stem_alone(held, model, found),
    } | clean(held, model)


def spans(rows: Sequence[dict[str, Any]], frames: int) -> list[Span]:
    return [span for row in rows if (span := in_frames(row, frames)) is not None]


def clean(held: Held, model: Separator) -> Measured:
    found = [spans(analyse(one.wave, VoiceConfig(), separator=model).rows, len(one.truth))
             for one in held.follow("mix and stem, clean", held.recordings)]  # fmt: skip
    cries = [pair for pair in zip(held.recordings, found, strict=True) if pair[0].label == "cry"]
    return alarm_figures(held.recordings, found, "as shipped, false alarms") | {
        "as shipped, cry recall on clean clips": recall(cries)}  # fmt: skip


def stem_alone(held: Held, model: Separator, both: Sequence[Scored]) -> tuple[float, str]:
    """The detector on the stem, as if there were no mix; beside it, the same mixtures' mix and both."""
    chosen, config = held.mixtures[:N_STEM], SegmentConfig()
    tracks = [detect(stem_of(model, m.wave)) for m in held.follow("stem alone", chosen)]
    mix = pooled(one.frames for one in score_all(chosen, held.tracks[: len(chosen)], config)).f1
    joined = pooled(one.frames for one in both[: len(chosen)]).f1
    return pooled(one.frames for one in score_all(chosen, tracks, config)).f1, (
        f"{len(chosen)} mixtures; of these the mix alone {mix:.3f}, as shipped {joined:.3f}")
