"""The accounting: every grid frame of a clip once, kept or with the one reason why not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from wail.media.probe import GRID_FPS
from wail.vision.runs import grid_length, hear
from wail.vision.takes import TakeConfig, take_frames, talked_over


def verdicts(
    frames: pa.Table, voice: pa.Table, vocal: pa.Table, takes: Sequence[Mapping[str, Any]],
    poor: Mapping[str, set[int]], config: TakeConfig,
) -> list[dict[str, Any]]:
    """Rows of table VERDICTS, in the order of the grid; `takes` are rows of table TAKES.

    The first of these that applies: in a kept take (or `poor_fit` inside it); what vision says of the frame's most
    infant-like face; why the take that it is in was dropped; what was heard instead of an infant.
    """
    by_vision = picture_reasons(frames)
    # A frame of two infants' takes belongs to the one that is kept.
    ordered = sorted(takes, key=lambda take: take["reason"] is None)
    inside = {frame: take for take in ordered for frame in take_frames(take).tolist()}
    count = grid_length(frames)
    by_sound = sound_reasons(voice, vocal, count, config)
    rows = []
    for frame in range(count):
        take = inside.get(frame)
        reason, name = _verdict(frame, take, by_vision.get(frame, "no_face"), by_sound[frame], poor)
        rows.append({"frame": frame, "time_s": frame / GRID_FPS, "keep": reason is None, "reason": reason,
                     "take_id": name})  # fmt: skip
    return rows


def _verdict(
    frame: int, take: Mapping[str, Any] | None, by_vision: str | None, by_sound: str, poor: Mapping[str, set[int]]
) -> tuple[str | None, str | None]:
    """(reason or None when kept, take_id or None)."""
    if take is not None and take["reason"] is None:
        name = take["take_id"]
        return ("poor_fit" if frame in poor.get(name, ()) else None), name
    if by_vision is not None:
        return by_vision, None
    if take is not None:
        return take["reason"], take["take_id"]
    return by_sound, None


def picture_reasons(frames: pa.Table) -> dict[int, str | None]:
    """Per grid frame: None where any face is usable, else the reason of the face that is most likely an infant's."""
    best: dict[int, tuple[float, str | None]] = {}
    columns = (frames[name].to_pylist() for name in ("frame", "p_infant_face", "usable", "reason"))
    for frame, p_infant, usable, reason in zip(*columns, strict=True):
        rank = 2.0 if usable else (p_infant if p_infant is not None else -1.0)
        if frame not in best or rank > best[frame][0]:
            best[frame] = rank, None if usable else reason
    return {frame: reason for frame, (_, reason) in best.items()}


def sound_reasons(voice: pa.Table, vocal: pa.Table, count: int, config: TakeConfig) -> list[str]:
    """Per grid frame: `adult_voice` where an adult talks (alone, or over an infant), else `no_infant_voice`."""
    heard = hear(voice, vocal, count, config.max_pause_s, config.min_p_adult, lambda row: talked_over(row, config))
    return ["adult_voice" if talks else "no_infant_voice" for talks in heard.adult.tolist()]
