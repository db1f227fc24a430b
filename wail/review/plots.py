"""The report's plots: the funnel, and one timeline per clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from schemas.reasons import EXPERIMENTAL
from wail.media.probe import GRID_FPS
from wail.review import svg
from wail.review.accounting import Funnel
from wail.review.read import NO_LIMITS, ClipData, Limits, ShardTake
from wail.review.timeline import Timeline, bare_axes, broken
from wail.review.wording import ADULT_COLOUR, KEPT_COLOUR, LABEL_COLOURS, STEPS, label_text, reason_text, text_colour

EVIDENCE_COLOURS = {
    "mouth_hidden": svg.INK, "by_network": svg.ADULT, "by_colour": svg.LAUGH, "by_lips": svg.MOUTH,
    "by_hand": svg.INFANT, "by_mesh": svg.YAW, "by_mirror": svg.YAW,
}  # fmt: skip
"""Columns of table EVIDENCE that are drawn, where the table has them: the verdict on the mouth, and what it rests on
most. All of them are in the file and under the pictures."""
TRACK_STYLES = ("solid", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))

@dataclass(frozen=True)
class Span:
    """A run of grid frames with one verdict; `reason` is None where they were kept."""

    start_s: float
    end_s: float
    reason: str | None


def verdict_spans(verdicts: pa.Table) -> list[Span]:
    """Runs of equal verdicts, in time; frames that are missing break a run."""
    frames = verdicts["frame"].to_numpy()
    names = [None if keep else reason or "unexplained" for keep, reason in
             zip(verdicts["keep"].to_pylist(), verdicts["reason"].to_pylist(), strict=True)]  # fmt: skip
    starts = [i for i in range(len(names)) if i == 0 or names[i] != names[i - 1] or frames[i] != frames[i - 1] + 1]
    ends = [*starts[1:], len(names)]
    return [Span(int(frames[a]) / GRID_FPS, (int(frames[b - 1]) + 1) / GRID_FPS, names[a])
            for a, b in zip(starts, ends, strict=True)]  # fmt: skip


def span_style(reason: str | None) -> tuple[str, str]:
    """(title, colour) of a span."""
    return ("Kept", KEPT_COLOUR) if reason is None else (reason_text(reason).title, reason_text(reason).colour)


def funnel_svg(numbers: Funnel) -> str:
    """A waterfall from the seconds in to the seconds kept, each step's loss split by reason."""
    rows = _waterfall(numbers)
    made = svg.figure(10.6, 0.34 * len(rows) + 0.1)
    axes = bare_axes(made, (0.0, 0.0, 1.0, 1.0))
    full = max(numbers.seconds_in, 1e-9)
    axes.set_xlim(-0.2 * full, 1.16 * full)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    left = full
    for y, (name, parts) in enumerate(rows):
        axes.text(-0.012 * full, y, name, ha="right", va="center", color=svg.INK, fontsize=8)
        amount = sum(seconds for _, _, seconds in parts)
        falls = name not in ("Seconds in", "Kept")
        start = left - amount if falls else 0.0
        at = start
        for label, colour, seconds in sorted(parts, key=lambda part: part[2]):
            _box(axes, at, y - 0.34, seconds, 0.68, colour, f"{label}: {seconds:.1f} s", full)
            at += seconds
        sign = "−" if falls and amount else ""
        axes.text(max(at, left if falls else 0) + 0.01 * full, y, f"{sign}{amount:.1f} s  ({amount / full:.0%})",
                  ha="left", va="center", color=svg.INK, fontsize=8)  # fmt: skip
        left = start if falls else left
    words = "; ".join(f"{name} {sum(p[2] for p in parts):.1f} s" for name, parts in rows)
    return svg.to_svg(made, "funnel", f"From seconds in to seconds kept: {words}")


def _waterfall(numbers: Funnel) -> list[tuple[str, list[tuple[str, str, float]]]]:
    rows: list[tuple[str, list[tuple[str, str, float]]]] = [("Seconds in", [("In", svg.MUTED, numbers.seconds_in)])]
    if numbers.seconds_unread:
        rows.append(("Not read", [("Failed or skipped", svg.LINE, numbers.seconds_unread)]))
    for step in STEPS:
        parts = [(reason_text(name).title, reason_text(name).colour, seconds)
                 for name, seconds in numbers.seconds_by_reason.items()
                 if reason_text(name).step == step and seconds]  # fmt: skip
        if parts or step != "Reviewer":
            rows.append((step, parts))
    return [*rows, ("Kept", [("Kept", KEPT_COLOUR, numbers.seconds_kept)])]


def _box(axes: Axes, x: float, y: float, w: float, h: float, colour: str, tip: str, full: float) -> None:
    """A filled box with a tooltip, and its name in it where there is room."""
    patch = Rectangle((x, y), w, h, facecolor=colour, edgecolor=svg.SURFACE, linewidth=0.6)
    patch.set_gid(svg.title(tip))
    axes.add_patch(patch)
    name = tip.split(":")[0]
    if colour.startswith("#0") or w / full < 0.0068 * len(name) + 0.006:
        return
    axes.text(x + w / 2, y + h / 2, name, ha="center", va="center_baseline", color=text_colour(colour), fontsize=6.8,
              parse_math=False)  # fmt: skip


def clip_svg(clip: ClipData, shards: Mapping[str, ShardTake], limits: Limits = NO_LIMITS) -> str:
    """One clip's timeline: verdicts, takes, voice, loudness, faces, fits; only the lanes that there is data for.

    Dashed lines are the run's thresholds.
    """
    lanes = [("verdict", 0.8)] if "verdicts" in clip.tables else []
    takes = clip.tables["takes"].to_pylist() if "takes" in clip.tables else []
    lanes += [("takes", 0.62)] if takes else []
    lanes += [("vocal", 0.62)] if _filled(clip, "vocal") else []
    lanes += [("voice", 1.5), ("adult", 0.45), ("kind", 0.9), ("loudness", 0.7)] if _filled(clip, "voice") else []
    lanes += [("yaw", 1.3), ("visible", 1.3)] if _filled(clip, "frames") else []
    lanes += [("hidden", 1.9)] if _filled(clip, "evidence") and _filled(clip, "frames") else []
    lanes += [("residual", 0.9)] if clip.fits else []
    apertures = {take["take_id"]: shards[take["take_id"]] for take in takes if take["take_id"] in shards}
    lanes += [("aperture", 0.9)] if apertures else []
    line = Timeline(clip.duration_s, lanes)
    _draw_verdicts(line, clip, takes)
    if _filled(clip, "vocal"):
        _draw_vocal(line, clip.tables["vocal"].to_pylist())
    if _filled(clip, "voice"):
        _draw_voice(line, clip, limits)
    if _filled(clip, "frames"):
        _draw_faces(line, clip.tables["frames"], limits)
        if _filled(clip, "evidence"):
            _draw_evidence(line, clip.tables["evidence"])
    if clip.fits:
        _draw_residuals(line, clip, limits)
    if apertures:
        _draw_apertures(line, apertures)
    return svg.to_svg(line.figure, clip.clip_id, f"Timeline of clip {clip.clip_id}, {clip.duration_s:.1f} s")


def _filled(clip: ClipData, name: str) -> bool:
    return name in clip.tables and len(clip.tables[name]) > 0


def _draw_verdicts(line: Timeline, clip: ClipData, takes: Sequence[Mapping[str, Any]]) -> None:
    if "verdicts" in clip.tables:
        line.label("verdict", [("Verdict", svg.INK)])
        for span in verdict_spans(clip.tables["verdicts"]):
            name, colour = span_style(span.reason)
            line.bar("verdict", span.start_s, span.end_s, colour, name)
    if takes:
        line.label("takes", [("Takes", svg.INK)])
    for take in takes:
        name, colour = span_style(take["reason"])
        label = label_text(take["label"])
        text = label if take["reason"] is None else f"{label}, dropped: {name.lower()}"
        line.bar("takes", take["start_s"], take["end_s"], colour, text, short=label,
                 hollow=take["reason"] is not None)  # fmt: skip


def _draw_vocal(line: Timeline, rows: Sequence[Mapping[str, Any]]) -> None:
    """What was found, with its kind and probability; where it was heard better and how much an adult talks over it is
    said when it is pointed at."""
    line.label("vocal", [("Found", svg.INK)])
    for row in rows:
        stem = "" if row["p_stem"] is None else f", stem {row['p_stem']:.2f}"
        note = ", label experimental" if row["label"] in EXPERIMENTAL else ""
        line.bar("vocal", row["start_s"], row["end_s"], LABEL_COLOURS[row["label"]],
                 f"{label_text(row['label'])} {row['probability']:.2f}", short=label_text(row["label"]),
                 more=f"; mix {row['p_mix']:.2f}{stem}; an adult speaks in {row['adult_overlap']:.0%} of it{note}")


def _draw_voice(line: Timeline, clip: ClipData, limits: Limits) -> None:
    voice = clip.tables["voice"]
    t = voice["time_s"].to_numpy()
    for value, colour in ((limits.p_infant, svg.INFANT), (limits.p_infant_leave, svg.INFANT),
                          (limits.p_adult, svg.ADULT)):  # fmt: skip
        line.limit("voice", value, 0, 1, colour)
    line.label("adult", [("Adult speech", svg.ADULT)])
    least = 0.5 if limits.p_adult is None else limits.p_adult
    for start_s, end_s in spans_above(t, voice["p_adult"].to_numpy(), least):
        line.bar("adult", start_s, end_s, ADULT_COLOUR, "adult speech", short="adult")
    line.label("voice", [("Voice", svg.INK), ("infant", svg.INFANT), ("adult", svg.ADULT)])
    line.guides("voice", [0, 0.5, 1], 0, 1)
    line.line("voice", t, voice["p_infant"].to_numpy(), 0, 1, svg.INFANT, fill=True)
    line.line("voice", t, voice["p_adult"].to_numpy(), 0, 1, svg.ADULT, linestyle=(0, (3, 1.2)))
    line.label("kind", [(label_text(kind), colour) for kind, colour in
                        (("cry", svg.INFANT), ("laugh", svg.LAUGH), ("babble", svg.BABBLE))], gap=0.36)  # fmt: skip
    line.guides("kind", [0, 1], 0, 1)
    for name, colour in (("p_babble", svg.BABBLE), ("p_laugh", svg.LAUGH), ("p_cry", svg.INFANT)):
        line.line("kind", t, voice[name].to_numpy(), 0, 1, colour)
    line.label("loudness", [("Loudness", svg.INK)])
    line.guides("loudness", [-60, -30], -80, 0, " dB")
    line.line("loudness", t, voice["loudness_db"].to_numpy(), -80, 0, svg.LOUD, fill=True, linewidth=0.7)


def spans_above(t: NDArray[Any], p: NDArray[Any], least: float) -> list[tuple[float, float]]:
    """(start_s, end_s) of the runs in which p is at least so much; t are the steps' middles."""
    edges = np.flatnonzero(np.diff(np.r_[0, (p >= least).astype(int), 0]))
    half = float(t[1] - t[0]) / 2 if len(t) > 1 else 0.016
    return [(float(t[a]) - half, float(t[b - 1]) + half) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _draw_faces(line: Timeline, frames: pa.Table, limits: Limits) -> None:
    tracks = sorted({track for track in frames["track"].to_pylist() if track is not None})
    many = f"{len(tracks)} tracks" if len(tracks) != 1 else "1 track"
    line.label("yaw", [("Head", svg.INK), ("yaw", svg.YAW), ("pitch", svg.LOUD), (many, svg.MUTED)], gap=0.36)
    line.guides("yaw", [-90, 0, 90], -90, 90, "°")
    line.label("visible", [("Face", svg.INK), ("visible", svg.VISIBLE), ("mouth visible", svg.MOUTH),
                           ("infant's", svg.INFANT)], gap=0.36)  # fmt: skip
    line.guides("visible", [0, 0.5, 1], 0, 1)
    for value, colour in ((limits.yaw_deg, svg.YAW), (limits.pitch_deg, svg.LOUD)):
        for side in (-1, 1):
            line.limit("yaw", None if value is None else side * value, -90, 90, colour)
    line.limit("visible", limits.visible, 0, 1, svg.VISIBLE)
    line.limit("visible", limits.mouth_visible, 0, 1, svg.MOUTH)
    line.limit("visible", limits.p_infant_face, 0, 1, svg.INFANT)
    for index, track in enumerate(tracks):
        rows = frames.filter(pa.compute.equal(frames["track"], track))
        t = rows["time_s"].to_numpy()
        style = TRACK_STYLES[index % len(TRACK_STYLES)]
        for lane, column, low, high, colour in (
            ("yaw", "pitch_deg", -90, 90, svg.LOUD),
            ("yaw", "yaw_deg", -90, 90, svg.YAW),
            ("visible", "p_infant_face", 0, 1, svg.INFANT),
            ("visible", "visible", 0, 1, svg.VISIBLE),
            ("visible", "mouth_visible", 0, 1, svg.MOUTH),
        ):
            values = rows[column].to_numpy(zero_copy_only=False).astype(np.float64)
            line.line(lane, *broken(t, values), low, high, colour, linestyle=style)


def _draw_evidence(line: Timeline, evidence: pa.Table) -> None:
    """How sure it is that something is over the mouth, and what speaks for it, of the first tracks."""
    names = [name for name in EVIDENCE_COLOURS if name in evidence.column_names][:6]
    line.label("hidden", [("Mouth hidden" if name == "mouth_hidden" else name.replace("_", " "), EVIDENCE_COLOURS[name])
                          for name in names], gap=0.34)  # fmt: skip
    line.guides("hidden", [0, 1], 0, 1)
    for index, track in enumerate(sorted(set(evidence["track"].to_pylist()))[: len(TRACK_STYLES)]):
        rows = evidence.filter(pa.compute.equal(evidence["track"], track))
        t = rows["frame"].to_numpy() / GRID_FPS
        for name in reversed(names):
            values = rows[name].to_numpy(zero_copy_only=False).astype(np.float64)
            line.line("hidden", *broken(t, values), 0, 1, EVIDENCE_COLOURS[name], linestyle=TRACK_STYLES[index],
                      linewidth=1.3 if name == "mouth_hidden" else 0.7)  # fmt: skip


def _draw_residuals(line: Timeline, clip: ClipData, limits: Limits) -> None:
    line.label("residual", [("Fit error", svg.INK), ("of eye dist.", svg.RESIDUAL)], gap=0.38)
    worst = [float(np.nanmax(fit.table["residual"].to_numpy())) for fit in clip.fits.values() if len(fit.table)]
    high = max(0.1, 1.1 * (limits.residual or 0.0), *worst)
    line.guides("residual", [0, round(high / 2, 2)], 0, high)
    line.limit("residual", limits.residual, 0, high, svg.RESIDUAL)
    for fit in clip.fits.values():
        t = fit.table["frame"].to_numpy() / GRID_FPS
        line.line("residual", *broken(t, fit.table["residual"].to_numpy().astype(np.float64)), 0, high, svg.RESIDUAL)


def _draw_apertures(line: Timeline, takes: Mapping[str, ShardTake]) -> None:
    high = max(5.0, *(float(np.nanmax(take.aperture_mm, initial=0.0)) for take in takes.values()))
    line.label("aperture", [("Mouth", svg.INK), ("opening, mm", svg.APERTURE)], gap=0.38)
    line.guides("aperture", [0, round(high / 2)], 0, high)
    for take in takes.values():
        t = take.start_s + np.arange(len(take.aperture_mm)) / GRID_FPS
        line.line("aperture", t, take.aperture_mm, 0, high, svg.APERTURE, fill=True)
