"""Takes: runs of frames in which one infant's face is usable while an infant vocalises."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Gt, Interval
from numpy.typing import NDArray

from wail.errors import ConfigError
from wail.media.probe import GRID_FPS
from wail.vision.sync import Sync, mouth_opening, synchrony

Bools = NDArray[np.bool_]
AtLeastZero = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class TakeConfig:
    """What makes a run of usable frames a take."""

    min_take_s: AtLeastZero = 1.0
    """Shortest take, padding included."""
    max_take_s: Annotated[float, Gt(0)] = 30.0
    """Longer ones are cut into equal parts, since a take is fitted in one piece."""
    max_gap_frames: Annotated[int, Ge(0)] = 3
    """Unusable frames between usable ones of the same track that are bridged, and marked."""
    pad_s: AtLeastZero = 0.3
    """Usable frames kept before and after the voice, so that openings and closings are whole."""
    max_pause_s: AtLeastZero = 1.0
    """Pauses of this length between vocalisations of one label stay in: breaths belong to a cry."""
    max_adult_overlap: Share = 0.5
    """Share of a vocalisation in which an adult may speak as well ..."""
    sure_probability: Share = 0.9
    """... unless the infant is heard with this probability: speech detectors take some cries for speech."""
    min_p_adult: Share = 0.5
    """Adult speech probability from which a frame without infant voice is called `adult_voice`."""
    min_sync_score: Annotated[float, Interval(ge=-1, le=1)] = 0.1
    """A take whose mouth follows the voice less than this, at every offset, is `voice_elsewhere` ..."""
    min_sync_s: AtLeastZero = 2.0
    """... if it is at least this long: shorter ones cannot tell."""
    max_offset_s: AtLeastZero = 0.5

    def __post_init__(self) -> None:
        if self.max_take_s < self.min_take_s:
            raise ConfigError(f"takes.max_take_s = {self.max_take_s:g} is below takes.min_take_s = "
                              f"{self.min_take_s:g}, so no take could be: change one of them")  # fmt: skip


@dataclass(frozen=True)
class Take:
    """A row of table TAKES (`row["reason"]` says why it was dropped), its grid frames, and which are bridged."""

    row: dict[str, Any]
    frames: NDArray[np.int64]
    bridged: Bools


def make_takes(
    clip_id: str, frames: pa.Table, landmarks: pa.Table, voice: pa.Table, vocal: pa.Table, config: TakeConfig
) -> list[Take]:
    """All takes of a clip, kept and dropped, by start then track. Tables as in schemas.tables."""
    count = grid_length(frames)
    heard, pauses = vocal_frames(vocal, count, config)
    found = [
        _take(clip_id, track, run, bridged, heard, landmarks, voice, vocal, config)
        for track, usable in usable_by_track(frames, count).items()
        for run, bridged in _runs(usable, heard, pauses, config)
    ]
    return sorted(found, key=lambda take: (take.frames[0], take.row["track"]))


def grid_length(frames: pa.Table) -> int:
    """Number of grid frames of a clip."""
    return int(frames["frame"].to_numpy().max()) + 1 if frames.num_rows else 0


def usable_by_track(frames: pa.Table, count: int) -> dict[int, Bools]:
    """Per track: which grid frames vision would keep [count]."""
    usable = frames["usable"].to_numpy(zero_copy_only=False)
    out: dict[int, Bools] = {}
    for frame, track, good in zip(frames["frame"].to_pylist(), frames["track"].to_pylist(), usable, strict=True):
        if track is not None and good:
            out.setdefault(track, np.zeros(count, bool))[frame] = True
    return out


def talked_over(row: Mapping[str, Any], config: TakeConfig) -> bool:
    """Whether an adult's voice spoils a vocalisation (a row of VOCAL)."""
    return bool(row["adult_overlap"] > config.max_adult_overlap and row["probability"] < config.sure_probability)


def frames_between(start_s: float, end_s: float, count: int) -> Bools:
    """Grid frames with start_s <= time < end_s [count]."""
    time_s = np.arange(count) / GRID_FPS
    return np.asarray((time_s >= start_s) & (time_s < end_s))


def vocal_frames(vocal: pa.Table, count: int, config: TakeConfig) -> tuple[Bools, Bools]:
    """Grid frames in which an infant vocalises and no adult talks over it, and those of the pauses between [count]."""
    heard, pauses = np.zeros(count, bool), np.zeros(count, bool)
    rows = sorted((row for row in vocal.to_pylist() if not talked_over(row, config)), key=lambda row: row["start_s"])
    for row in rows:
        heard |= frames_between(row["start_s"], row["end_s"], count)
    for before, after in pairwise(rows):
        if before["label"] == after["label"] and after["start_s"] - before["end_s"] <= config.max_pause_s:
            pauses |= frames_between(before["end_s"], after["start_s"], count)
    return heard, pauses & ~heard


def bridge(usable: Bools, most: int) -> Bools:
    """Close gaps of at most `most` frames between usable ones."""
    at = np.flatnonzero(usable)
    closed = usable.copy()
    for left, right in pairwise(at.tolist()):
        if 1 < right - left <= most + 1:
            closed[left:right] = True
    return closed


def stretches(flags: Bools) -> list[tuple[int, int]]:
    """Runs of True as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _runs(
    usable: Bools, heard: Bools, pauses: Bools, config: TakeConfig
) -> Iterator[tuple[NDArray[np.int64], Bools]]:
    """Each run of usable frames around voice: its frames, and which are bridged."""
    closed = bridge(usable, config.max_gap_frames)
    pad = round(config.pad_s * GRID_FPS)
    for first, last in stretches(closed):
        voiced = heard[first:last]
        near = np.convolve(voiced, np.ones(2 * pad + 1, int), mode="full")[pad : pad + len(voiced)] > 0
        # A pause stays only between two voices of this very run.
        inner = np.maximum.accumulate(voiced) & np.maximum.accumulate(voiced[::-1])[::-1]
        for start, stop in stretches(near | (pauses[first:last] & inner)):
            parts = int(np.ceil((stop - start) / (config.max_take_s * GRID_FPS)))
            for run in np.array_split(np.arange(first + start, first + stop), parts):
                if heard[run].any():
                    yield run, ~usable[run]


def _take(
    clip_id: str, track: int, run: NDArray[np.int64], bridged: Bools, heard: Bools, landmarks: pa.Table,
    voice: pa.Table, vocal: pa.Table, config: TakeConfig,
) -> Take:  # fmt: skip
    label, probability = main_label(run[heard[run]], vocal)
    opening = mouth_opening(landmarks, track, run)
    sync = synchrony(run / GRID_FPS, opening, voice, config.max_offset_s)
    row = {
        "take_id": take_id(clip_id, track, int(run[0])), "track": track, "start_s": float(run[0] / GRID_FPS),
        "end_s": float((run[-1] + 1) / GRID_FPS), "n_frames": len(run), "bridged": int(bridged.sum()), "label": label,
        "probability": probability, "sync_score": sync.score if sync else None,
        "av_offset_s": sync.offset_s if sync else None, "reason": _dropped(len(run), sync, config),
    }  # fmt: skip
    return Take(row, run, bridged)


def _dropped(n_frames: int, sync: Sync | None, config: TakeConfig) -> str | None:
    if n_frames < round(config.min_take_s * GRID_FPS):
        return "too_short"
    if sync and n_frames >= config.min_sync_s * GRID_FPS and sync.score < config.min_sync_score:
        return "voice_elsewhere"
    return None


def take_id(clip_id: str, track: int, first_frame: int) -> str:
    return hashlib.sha256(f"{clip_id}:{track}:{first_frame}".encode()).hexdigest()[:16]


def main_label(voiced: NDArray[np.int64], vocal: pa.Table) -> tuple[str, float]:
    """The label that fills most of some frames, and the mean probability over them, by `vocal`'s segments."""
    seconds: dict[str, float] = {}
    weighted = total = 0.0
    for row in vocal.to_pylist():
        inside = float(((voiced / GRID_FPS >= row["start_s"]) & (voiced / GRID_FPS < row["end_s"])).sum())
        seconds[row["label"]] = seconds.get(row["label"], 0.0) + inside
        weighted, total = weighted + inside * row["probability"], total + inside
    label = max(sorted(seconds), key=lambda name: seconds[name])
    return label, weighted / total
