"""Runs of frames that could be takes: one track usable, an infant heard, with visible silence at either end."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS

Bools = NDArray[np.bool_]
NO_INFANT = ("not_infant", "not_live")
"""Reasons of faces that no infant's voice can come from."""


@dataclass(frozen=True)
class Seen:
    """Per track, over the clip's grid frames [count]: where vision would keep it, where its mouth has left the picture,
    and where it is an infant's face in the picture, usable or not."""

    count: int
    usable: Mapping[int, Bools]
    leaving: Mapping[int, Bools]
    infants: Mapping[int, Bools]


@dataclass(frozen=True)
class Heard:
    """Over the clip's grid frames [count]: where an infant vocalises and no adult talks over it; the pauses between two
    vocalisations; where an adult talks, alone or over an infant."""

    voiced: Bools
    pauses: Bools
    adult: Bools


def grid_length(frames: pa.Table) -> int:
    """Number of grid frames of a clip."""
    return int(frames["frame"].to_numpy().max()) + 1 if frames.num_rows else 0


def see(frames: pa.Table) -> Seen:
    """Table FRAMES by track."""
    count = grid_length(frames)
    rows = frames.filter(pc.is_valid(frames["track"]))
    frame, track = rows["frame"].to_numpy(), rows["track"].to_numpy()
    reason = np.array([name or "" for name in rows["reason"].to_pylist()], dtype=object)
    usable = rows["usable"].to_numpy(zero_copy_only=False).astype(bool)
    flags = (usable, reason == "out_of_frame", ~np.isin(reason, NO_INFANT))
    by_kind = [_by_track(frame[which], track[which], count) for which in flags]
    return Seen(count, *by_kind)


def _by_track(frame: NDArray[np.int64], track: NDArray[np.int64], count: int) -> dict[int, Bools]:
    out: dict[int, Bools] = {}
    for name in np.unique(track).tolist():
        out[name] = np.zeros(count, bool)
        out[name][frame[track == name]] = True
    return out


def hear(
    voice: pa.Table, vocal: pa.Table, count: int, max_pause_s: float, min_p_adult: float,
    talked_over: Callable[[Mapping[str, Any]], bool],
) -> Heard:  # fmt: skip
    """Tables VOICE and VOCAL on the grid. `talked_over` says of a row of VOCAL whether an adult's voice spoils it."""
    every = sorted(vocal.to_pylist(), key=lambda row: row["start_s"])
    rows = [row for row in every if not talked_over(row)]
    voiced, pauses, adult = np.zeros(count, bool), np.zeros(count, bool), np.zeros(count, bool)
    for row in rows:
        voiced[grid_slice(row["start_s"], row["end_s"])] = True
    for before, after in pairwise(rows):
        if before["label"] == after["label"] and after["start_s"] - before["end_s"] <= max_pause_s:
            pauses[grid_slice(before["end_s"], after["start_s"])] = True
    if voice.num_rows:
        p_adult = np.interp(np.arange(count) / GRID_FPS, voice["time_s"].to_numpy(), voice["p_adult"].to_numpy())
        adult = np.asarray((p_adult >= min_p_adult) & ~voiced)
    for row in every:
        if talked_over(row):
            adult[grid_slice(row["start_s"], row["end_s"])] = True
    return Heard(voiced, pauses & ~voiced, adult & ~voiced)


def grid_slice(start_s: float, end_s: float) -> slice:
    """Grid frames with start_s <= time < end_s."""
    first, last = (max(0, int(np.ceil(at_s * GRID_FPS - 1e-6))) for at_s in (start_s, end_s))
    return slice(first, last)


def infants_beside(seen: Seen, track: int, run: NDArray[np.int64]) -> dict[int, Bools]:
    """The other infants' faces in the picture: where in the run [n] each is."""
    inside = {other: flags[run] for other, flags in seen.infants.items() if other != track}
    return {other: flags for other, flags in inside.items() if flags.any()}


def runs(
    seen: Seen, heard: Heard, track: int, max_gap_frames: int, pad_s: float, max_run_s: float
) -> Iterator[NDArray[np.int64]]:
    """Each run of one track: its voice, the pauses in it, and up to `pad_s` of visible silence at either end.

    Short gaps are bridged, but not where the mouth left the picture in them. Padding is usable frames in which no
    adult talks. Runs longer than `max_run_s` are cut into equal parts.
    """
    usable = seen.usable[track]
    closed = bridge(usable, max_gap_frames, seen.leaving.get(track, np.zeros_like(usable)))
    for first, last in stretches(closed):
        voiced = heard.voiced[first:last]
        # A pause stays only between two voices of this very run.
        inner = np.maximum.accumulate(voiced) & np.maximum.accumulate(voiced[::-1])[::-1]
        core = voiced | (heard.pauses[first:last] & inner)
        quiet = usable[first:last] & ~heard.adult[first:last]
        for start, stop in stretches(grown(core, round(pad_s * GRID_FPS), quiet)):
            parts = int(np.ceil((stop - start) / (max_run_s * GRID_FPS)))
            for run in np.array_split(np.arange(first + start, first + stop), parts):
                if heard.voiced[run].any():
                    yield run


def grown(core: Bools, most: int, allowed: Bools) -> Bools:
    """`core` with up to `most` further frames at each end of every stretch, as long as they are allowed."""
    out = core.copy()
    for _ in range(most):
        beside = np.zeros_like(out)
        beside[1:] |= out[:-1]
        beside[:-1] |= out[1:]
        out |= beside & allowed
    return out


def bridge(usable: Bools, most: int, never: Bools | None = None) -> Bools:
    """Close gaps of at most `most` frames between usable ones, but for those with a frame of `never` in them."""
    at = np.flatnonzero(usable)
    closed = usable.copy()
    for left, right in pairwise(at.tolist()):
        if 1 < right - left <= most + 1 and not (never is not None and never[left:right].any()):
            closed[left:right] = True
    return closed


def stretches(flags: Bools) -> list[tuple[int, int]]:
    """Runs of True as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
