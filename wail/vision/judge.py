"""Per track and frame: visible shares, usable or not, and one reason by a fixed order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from schemas.reasons import VISION_REASONS
from wail.vision import fusion
from wail.vision.config import VisionConfig
from wail.vision.infant import p_infant_face
from wail.vision.records import Records
from wail.vision.visibility import face_visible

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """The records of believed tracks with their verdicts, entry by entry."""

    records: Records
    p_infant_face: Floats
    p_live: Floats
    hidden: Floats
    """Probability that the mouth is behind something."""
    visible: Floats
    mouth_visible: Floats
    reasons: list[str | None]
    """Why the face is not usable; None where it is."""
    score_only: bool = False
    """All faces count as usable, whatever the reasons say."""


def judge(
    records: Records, config: VisionConfig, p_live: Mapping[int, float], clip_frames: int | None = None
) -> Judged:
    """Verdicts of a whole clip, in the order of `records` (by frame, then track). p_live: of each track.

    Tracks shorter than `min_track_frames` are taken for mistakes and left out, unless the clip itself is as short. The
    pitch of infants comes back corrected.
    """
    records = believed(records, min(config.min_track_frames, clip_frames or config.min_track_frames))
    p_infant, hidden, visible, mouth = (np.zeros(len(records)) for _ in range(4))
    live = np.array([p_live.get(int(track), 1.0) for track in records["track"]], np.float64)
    reasons: list[str | None] = [None] * len(records)
    for mine in by_track(records):
        track = records[mine]
        p_infant[mine] = track_p_infant(track, config)
        if p_infant[mine[0]] >= config.min_p_infant_face:
            track["pitch_deg"] = config.infant_pitch_gain * (track["pitch_deg"] - config.infant_pitch_bias_deg)
            records["pitch_deg"][mine] = track["pitch_deg"]
        hidden[mine] = fusion.hidden(smoothed(np.nan_to_num(track["evidence"]), config.smooth_frames), config.fusion)
        visible[mine], mouth[mine] = visible_shares(track, hidden[mine], config.smooth_frames)
        said = first_reasons(flags(track, p_infant[mine], live[mine], visible[mine], mouth[mine], config))
        steadied = steady_reasons(track["frame"].tolist(), said, config.hysteresis_frames)
        for i, reason in zip(mine, steadied, strict=True):
            reasons[i] = reason
    return Judged(records, p_infant, live, hidden, visible, mouth, reasons, config.score_only)


def believed(records: Records, least: int) -> Records:
    """Without the tracks that are seen in fewer frames than `least`."""
    tracks, counts = np.unique(records["track"], return_counts=True)
    return records[np.isin(records["track"], tracks[counts >= least])]


def by_track(records: Records) -> Iterator[NDArray[np.int64]]:
    """The places of each track's records, in order of time."""
    order = np.argsort(records["track"], kind="stable")
    edges = np.flatnonzero(np.diff(records["track"][order])) + 1
    return (part for part in np.split(order, edges) if len(part))


def track_p_infant(track: Records, config: VisionConfig) -> float:
    """Probability that a track's face is an infant's, over all its frames."""
    turned = np.hypot(track["yaw_deg"], track["pitch_deg"])
    return p_infant_face(track["proportions"], turned, config.infant)


def smoothed(values: NDArray[np.floating[Any]], frames: int) -> Floats:
    """Running median over a track's frames [n, ...]."""
    size = (frames,) + (1,) * (values.ndim - 1)
    return np.asarray(median_filter(values.astype(np.float64), size=size, mode="nearest"))


def visible_shares(track: Records, hidden: Floats, frames: int) -> tuple[Floats, Floats]:
    """(visible share of the face, of the mouth) per frame of a track."""
    visible = face_visible(track["face_seen"], track["mouth_seen"], hidden)
    return smoothed(visible, frames), smoothed(track["mouth_seen"] * (1 - hidden), frames)


def flags(
    track: Records, p_infant: Floats, p_live: Floats, visible: Floats, mouth_visible: Floats, config: VisionConfig
) -> dict[str, Bools]:
    """Every reason that applies, per frame of one track. Roll is none: infants lie at any angle."""
    light = np.minimum(track["skin_luma"] / config.full_skin_luma, 1.0)
    return {
        "not_infant": p_infant < config.min_p_infant_face,
        "not_live": p_live < config.min_p_live,
        "out_of_frame": track["outside_share"] > config.max_outside_share,
        "profile": np.abs(track["yaw_deg"]) > config.max_abs_yaw_deg,
        "tilted": np.abs(track["pitch_deg"]) > config.max_abs_pitch_deg,
        "mouth_occluded": mouth_visible < config.min_mouth_visible,
        "face_occluded": visible < config.min_visible,
        "too_small": track["interocular_px"] < config.min_interocular_px,
        "blurred": track["sharpness"] < config.min_sharpness * light,
        "dark": track["skin_luma"] < config.min_skin_luma,
        "low_confidence": track["presence"] < config.min_confidence,
    }


def first_reasons(applies: Mapping[str, Bools]) -> list[str | None]:
    """Per frame the primary reason: the first that applies, in the order of `schemas.reasons.VISION_REASONS`."""
    names = [name for name in VISION_REASONS if name in applies]
    table = np.array([applies[name] for name in names])
    first = np.where(table.any(0), table.argmax(0), -1)
    return [names[k] if k >= 0 else None for k in first]


def steady_reasons(frames: Sequence[int], reasons: Sequence[str | None], most: int) -> list[str | None]:
    """`steady` on each stretch of consecutive frames: a loss in between is a border of its own."""
    out: list[str | None] = []
    stretches = groupby(range(len(frames)), key=lambda i: frames[i] - i)
    for _, stretch in stretches:
        out += steady([reasons[i] for i in stretch], most)
    return out


def steady(reasons: Sequence[str | None], most: int) -> list[str | None]:
    """Let runs of at most `most` equal verdicts inside a sequence give way to the run before them.

    A short usable run goes where both neighbours are unusable; a short unusable one where both are usable, and a short
    reason between two others takes the first one's. Runs at either end stay.
    """
    runs = [(value, len(list(group))) for value, group in groupby(reasons)]
    values = [value for value, _ in runs]
    for i in range(1, len(runs) - 1):
        before, after = values[i - 1], values[i + 1]
        if runs[i][1] <= most and (before is None) == (after is None):
            values[i] = before
    return [value for value, (_, length) in zip(values, runs, strict=True) for _ in range(length)]
