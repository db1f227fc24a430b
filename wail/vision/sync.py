"""Does the mouth follow the voice? Mouth opening against loudness, over a range of offsets."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS

MIN_FRAMES = 15
SMOOTH_FRAMES = 3
QUIET_DB = 45.0
"""Loudness further than this under the take's loudest counts as silence: how deep a silence is says nothing."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sync:
    """Pearson correlation of opening and loudness at the best offset; offset > 0 when the sound comes late."""

    score: float
    offset_s: float


def mouth_opening(landmarks: pa.Table, track: int, frames: NDArray[np.int64]) -> Floats:
    """Distance of the inner lips (landmarks 13, 14) over the outer eye distance, per asked frame; NaN where unseen."""
    mine = np.flatnonzero(landmarks["track"].to_numpy() == track)
    xy = landmarks["xy_px"].take(pa.array(mine)).combine_chunks()
    points = np.asarray(xy.flatten()).reshape(len(mine), -1, 2)
    eyes = np.linalg.norm(points[:, 33] - points[:, 263], axis=1)
    opening = np.linalg.norm(points[:, 13] - points[:, 14], axis=1) / np.maximum(eyes, 1e-6)
    out = np.full(len(frames), np.nan)
    where = {int(frame): i for i, frame in enumerate(frames)}
    for frame, value in zip(landmarks["frame"].to_numpy()[mine].tolist(), opening, strict=True):
        if frame in where:
            out[where[frame]] = value
    return out


def synchrony(time_s: Floats, opening: Floats, voice: pa.Table, max_offset_s: float) -> Sync | None:
    """Correlate opening(t) with loudness(t + offset) over offsets of whole grid frames.

    None where the take is too short, the mouth was not seen, or nothing varies. Offsets at which less than all of the
    take has sound are left out. Ties go to the smallest offset.
    """
    known = ~np.isnan(opening)
    if known.sum() < MIN_FRAMES or voice.num_rows < 2:
        return None
    mouth = _smooth(np.interp(time_s, time_s[known], opening[known]))
    voice_s, loudness = voice["time_s"].to_numpy(), voice["loudness_db"].to_numpy().astype(np.float64)
    most = round(max_offset_s * GRID_FPS)
    scores = {}
    for step in sorted(range(-most, most + 1), key=abs):
        at = time_s + step / GRID_FPS
        if at[0] < voice_s[0] - 0.05 or at[-1] > voice_s[-1] + 0.05:
            continue
        heard = np.interp(at, voice_s, loudness)
        heard = _smooth(np.maximum(heard, heard.max() - QUIET_DB))
        if mouth.std() > 1e-4 and heard.std() > 1e-3:
            scores[step] = float(np.corrcoef(mouth, heard)[0, 1])
    if not scores:
        return None
    best = max(scores, key=lambda step: scores[step])
    return Sync(scores[best], best / GRID_FPS)


def _smooth(values: Floats) -> Floats:
    padded = np.pad(values, SMOOTH_FRAMES // 2, mode="edge")
    return np.convolve(padded, np.ones(SMOOTH_FRAMES) / SMOOTH_FRAMES, mode="valid")
