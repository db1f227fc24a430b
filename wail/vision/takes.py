"""Takes: runs of frames in which one infant's face is usable while that infant vocalises."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from annotated_types import Ge, Gt, Interval
from numpy.typing import NDArray

from wail.errors import ConfigError
from wail.media.probe import GRID_FPS
from wail.vision.mouth import Mouth, at_frames
from wail.vision.runs import Bools, Heard, Seen, hear, infants_beside, runs, see, stretches
from wail.vision.sync import Sync, loudness, pooled, pooled_offset_s, shut_share, synchrony

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
    min_sync_score: Annotated[float, Interval(ge=-1, le=1)] = 0.2
    """A take whose mouth follows the voice less than this (0 is chance, 1 perfect) is `voice_elsewhere`, unless it is
    above chance and all takes of its face together reach this ..."""
    min_sync_s: AtLeastZero = 2.0
    """... if at least so much of its mouth was compared, what is around the take included: less cannot tell."""
    max_shut_share: Share = 0.5
    """A cry or laugh of which a larger share is loud behind shut lips that do not clearly follow it, at any offset, is
    `voice_elsewhere`, too."""
    clear_sync_score: Annotated[float, Interval(ge=-1, le=1)] = 0.3
    """With another infant in the picture, the mouth that follows the voice at least so well vocalises ..."""
    clear_margin: AtLeastZero = 0.15
    """... if it does so by this much better than the other's; else it is `several_faces`."""
    sync_context_s: AtLeastZero = 1.0
    """How far around a take its mouth is watched, where it is usable and no adult talks: silence tells, too."""
    max_offset_s: AtLeastZero = 0.5

    def __post_init__(self) -> None:
        if self.max_take_s < self.min_take_s:
            raise ConfigError(f"takes.max_take_s = {self.max_take_s:g} is below takes.min_take_s = "
                              f"{self.min_take_s:g}, so no take could be: change one of them")  # fmt: skip


@dataclass(frozen=True)
class Take:
    """A row of table TAKES (`row["reason"]` says why it was dropped), its grid frames, which of them are bridged, and
    what its mouth and the sound say (None where they cannot tell); `shut`: the share of the loud voice behind shut
    lips."""

    row: dict[str, Any]
    frames: NDArray[np.int64]
    bridged: Bools
    sync: Sync | None
    shut: float = 0.0


@dataclass(frozen=True)
class Clip:
    """What takes are made of: tables of the clip, and what was drawn from them once."""

    clip_id: str
    seen: Seen
    heard: Heard
    mouths: Mapping[int, Mouth]
    voice: pa.Table
    vocal: pa.Table
    config: TakeConfig


def make_takes(
    clip_id: str, frames: pa.Table, mouths: Mapping[int, Mouth], voice: pa.Table, vocal: pa.Table, config: TakeConfig
) -> list[Take]:
    """All takes of a clip, kept and dropped, by start then track. Tables as in schemas.tables."""
    seen = see(frames)
    heard = hear(voice, vocal, seen.count, config.max_pause_s, config.min_p_adult, lambda row: talked_over(row, config))
    clip = Clip(clip_id, seen, heard, mouths, voice, vocal, config)
    found = [
        take
        for track in seen.usable
        for run in runs(seen, heard, track, config.max_gap_frames, config.pad_s, config.max_take_s)
        for take in _takes_of(clip, track, run)
    ]
    found.sort(key=lambda take: (take.frames[0], take.row["track"]))
    return _one_offset(_judged(found, config))


def talked_over(row: Mapping[str, Any], config: TakeConfig) -> bool:
    """Whether an adult's voice spoils a vocalisation (a row of VOCAL)."""
    return bool(row["adult_overlap"] > config.max_adult_overlap and row["probability"] < config.sure_probability)


def take_frames(row: Mapping[str, Any]) -> NDArray[np.int64]:
    """Grid frames of a row of table TAKES."""
    first = round(row["start_s"] * GRID_FPS)
    return np.arange(first, first + row["n_frames"])


def _takes_of(clip: Clip, track: int, run: NDArray[np.int64]) -> Iterator[Take]:
    """The takes of one run: mostly one; where another infant is in the picture, as the mouths decide."""
    beside = {other: inside for other, inside in infants_beside(clip.seen, track, run).items()
              if inside.sum() > clip.config.max_gap_frames}  # fmt: skip
    sync = _sync(clip, track, run)
    if not beside or _is_clear(sync, [_sync(clip, other, run) for other in beside], clip.config):
        yield _take(clip, track, run, sync)
        return
    for other in beside:
        rivals = [sync, *(_sync(clip, one, run) for one in beside if one != other)]
        if _is_clear(_sync(clip, other, run), rivals, clip.config):
            yield _take(clip, track, run, sync, "voice_elsewhere")
            return
    crowded = np.any(list(beside.values()), axis=0)
    for flags, reason in ((crowded, "several_faces"), (~crowded, None)):
        for first, last in stretches(flags):
            part = run[first:last]
            if clip.heard.voiced[part].any():
                yield _take(clip, track, part, _sync(clip, track, part), reason)


def _is_clear(own: Sync | None, others: Sequence[Sync | None], config: TakeConfig) -> bool:
    """Whether one mouth follows the voice, and clearly better than every other that can be read."""
    if own is None or own.score < config.clear_sync_score:
        return False
    return all(other is None or own.score - other.score >= config.clear_margin for other in others)


def _sync(clip: Clip, track: int, run: NDArray[np.int64]) -> Sync | None:
    """A track's mouth against the sound, over a run and what is usable around it."""
    usable = clip.seen.usable.get(track)
    if usable is None:
        return None
    reach = round(clip.config.sync_context_s * GRID_FPS)
    free = usable & ~clip.heard.adult
    first, last = int(run[0]), int(run[-1]) + 1
    while first > max(0, run[0] - reach) and free[first - 1]:
        first -= 1
    while last < min(len(free), run[-1] + 1 + reach) and free[last]:
        last += 1
    frames = np.arange(first, last)
    opening, drive = at_frames(clip.mouths.get(track), frames)
    drive = np.where(usable[frames], drive, np.nan)
    most = round(clip.config.max_offset_s * GRID_FPS)
    return synchrony(drive, loudness(clip.voice, np.arange(first - most, last + most)), opening)


def _take(clip: Clip, track: int, run: NDArray[np.int64], sync: Sync | None, reason: str | None = None) -> Take:
    """`reason`: why it is dropped, where that is known before its length and its sound are looked at."""
    bridged = ~clip.seen.usable[track][run]
    voiced = clip.heard.voiced[run]
    label, probability = main_label(run[voiced], clip.vocal)
    opening, _ = at_frames(clip.mouths.get(track), run)
    shut = shut_share(np.where(bridged, np.nan, opening), loudness(clip.voice, run), voiced)
    row = {
        "take_id": take_id(clip.clip_id, track, int(run[0])), "track": track, "start_s": float(run[0] / GRID_FPS),
        "end_s": float((run[-1] + 1) / GRID_FPS), "n_frames": len(run), "bridged": int(bridged.sum()), "label": label,
        "probability": probability, "sync_score": sync.score if sync else None,
        "av_offset_s": sync.offset_s if sync else None,
        "reason": reason,
    }  # fmt: skip
    return Take(row, run, bridged, sync, shut)


def _judged(takes: list[Take], config: TakeConfig) -> list[Take]:
    """The takes with their reasons, where they have none yet."""
    by_track: dict[int, list[Sync]] = {}
    for take in takes:
        if take.sync is not None and take.row["reason"] is None:
            by_track.setdefault(take.row["track"], []).append(take.sync)
    together = {track: pooled(found).score for track, found in by_track.items()}
    return [
        replace(take, row={**take.row, "reason": take.row["reason"] or _dropped(take, together, config)})
        for take in takes
    ]


def _dropped(take: Take, together: Mapping[int, float], config: TakeConfig) -> str | None:
    """Why a take is dropped, given its tracks' pooled scores; None where it is kept."""
    if len(take.frames) < round(config.min_take_s * GRID_FPS):
        return "too_short"
    # One can hum behind shut lips, but neither cry nor laugh. A mouth that clearly follows is only early or late.
    follows = take.sync is not None and take.sync.score >= config.clear_sync_score
    if take.row["label"] != "babble" and take.shut > config.max_shut_share and not follows:
        return "voice_elsewhere"
    if take.sync is None or take.sync.weight < config.min_sync_s * GRID_FPS:
        return None
    weak = take.sync.score < config.min_sync_score
    foreign = take.sync.score <= 0 or together[take.row["track"]] < config.min_sync_score
    return "voice_elsewhere" if weak and foreign else None


def _one_offset(takes: list[Take]) -> list[Take]:
    """A soundtrack is late by one and the same time: what all takes with their own voice say of it together."""
    own = [take.sync for take in takes if take.sync is not None and take.row["reason"] != "voice_elsewhere"]
    if not own:
        return takes
    offset_s = pooled_offset_s(own)
    return [
        take if take.row["reason"] == "voice_elsewhere" else replace(take, row={**take.row, "av_offset_s": offset_s})
        for take in takes
    ]


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
