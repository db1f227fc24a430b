"""The accounting: every grid frame of a clip once, kept or with the one reason why not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS
from wail.vision.takes import Take, TakeConfig, frames_between, grid_length, talked_over


def verdicts(
    frames: pa.Table, voice: pa.Table, vocal: pa.Table, takes: Sequence[Take], poor: Mapping[str, set[int]],
    config: TakeConfig,
) -> list[dict[str, Any]]:
    """Rows of table VERDICTS, in the order of the grid.

    The first of these that applies: in a kept take (or `poor_fit` inside it); what vision says of the frame's most
    infant-like face; why the take that it is in was dropped; what was heard instead of an infant.
    """
    by_vision = picture_reasons(frames)
    inside = {int(frame): take for take in takes for frame in take.frames}
    inside |= {int(frame): take for take in takes if take.row["reason"] is None for frame in take.frames}
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
    frame: int, take: Take | None, by_vision: str | None, by_sound: str, poor: Mapping[str, set[int]]
) -> tuple[str | None, str | None]:
    """(reason or None when kept, take_id or None)."""
    if take is not None and take.row["reason"] is None:
        name = take.row["take_id"]
        return ("poor_fit" if frame in poor.get(name, ()) else None), name
    if by_vision is not None:
        return by_vision, None
    if take is not None:
        return take.row["reason"], take.row["take_id"]
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
    time_s = np.arange(count) / GRID_FPS
    adult = _p_adult(voice, time_s) >= config.min_p_adult
    for row in vocal.to_pylist():
        if talked_over(row, config):
            adult |= frames_between(row["start_s"], row["end_s"], count)
    return ["adult_voice" if talks else "no_infant_voice" for talks in adult]


def _p_adult(voice: pa.Table, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    if voice.num_rows == 0:
        return np.zeros(len(time_s))
    return np.interp(time_s, voice["time_s"].to_numpy(), voice["p_adult"].to_numpy())
