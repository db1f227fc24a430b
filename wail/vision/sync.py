"""Does the mouth follow the voice, and by how much does the sound come late?

Two tracks on the 30 fps grid are compared: how far the mouth is open (mouth.py) and how loud the voice is in the band
that follows it (table VOICE, `band_db`). Each is taken twice, as it stands above its own slow drift and as its rate of
change (openings and onsets), and correlated over offsets of -0.5..0.5 s. Whatever two tracks reach by chance depends on
their length and their rhythm, so it is measured on the same two tracks moved against each other in a circle, and turned
about in time (surrogates by circular shift: Andrzejak et al. 2003), and taken off: 0 is chance, 1 a perfect match.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from wail.media.probe import GRID_FPS

Floats = NDArray[np.float64]

MIN_FRAMES = 30
QUIET_DB = 40.0
"""Loudness further than this under the loudest counts as silence: how deep a silence is says nothing."""
TREMBLE_FRAMES = 1.0
DRIFT_FRAMES = 8.0
"""Standard deviations of the Gaussians that take out tremble and drift: 0.03 s and 0.27 s."""
USUAL_OFFSET_S = 0.5
"""Standard deviation of a Gaussian weight on correlations: sound half a second off is rarer than sound in place."""
TREMBLE = 0.005
"""By how much landmarks of a still mouth tremble (standard deviation, outer eye distances): movement of that size is
none, whatever it goes with."""
SURROGATES = 40
GUARD_FRAMES = 4
STEADY_DB = 1.5
"""Loudness that varies less says nothing about any mouth."""
MAX_CHANCE = 0.7
"""Tracks with so little in them that chance alone gets this far tell nothing."""
OPEN, HELD = 0.1, 0.2
"""A mouth open by OPEN (outer eye distances) that varies by less than HELD of it is held open: no voice moves it."""
FROZEN = 0.0025
"""A mouth that moves less than this (standard deviation, outer eye distances) is a picture's: a living one held open by
a cry trembles by TREMBLE or more."""
MIN_LOOKS_HZ = 8.0
"""A mouth seen anew less often (slow video, each picture shown several times) cannot tell what moves it."""
SHUT = 0.03
"""Opening below which lips are together, tremble of the landmarks included: 2 mm of an infant's."""
LOUD_DB = 15.0
"""A voice is loud within so much of its loudest."""


@dataclass(frozen=True)
class Sync:
    """What one stretch of mouth and sound say.

    `curve` [2 * most + 1]: correlation at each offset in frames, from -most on; `surrogates` [k, 2 * most + 1]: the
    same of pairs that do not belong together; `weight`: frames compared, those in which the mouth was seen.
    """

    curve: Floats
    surrogates: Floats
    weight: float

    @property
    def correlation(self) -> float:
        """At the best offset, less where that is an unusual one."""
        return float(usual(self.curve).max())

    @property
    def chance(self) -> float:
        """What tracks like these reach at their best offset without belonging together."""
        return float(usual(self.surrogates).max(1).mean())

    @property
    def score(self) -> float:
        """Correlation above chance: 0 at chance, 1 at a perfect match, -1..1."""
        return max(-1.0, (self.correlation - self.chance) / (1 - self.chance))

    @property
    def offset_s(self) -> float:
        """Where the curve peaks, between frames by a parabola; > 0 when the sound comes late."""
        return peak_s(self.curve)


def loudness(voice: pa.Table, frames: NDArray[np.int64]) -> Floats:
    """`band_db` of table VOICE at grid frames, which may lie outside the clip: its ends go on."""
    if voice.num_rows == 0:
        return np.full(len(frames), -100.0)
    return np.interp(frames / GRID_FPS, voice["time_s"].to_numpy(), voice["band_db"].to_numpy().astype(np.float64))


def synchrony(drive: Floats, loud: Floats, opening: Floats) -> Sync | None:
    """Compare a mouth with a voice.

    drive, opening: [n] at consecutive grid frames, NaN where the mouth was not seen (mouth.py); loud: [n + 2 * most],
    dB, from `most` frames before the first to `most` after the last. None where they cannot tell: less than a second
    seen, a steady sound, a mouth held open, a picture that seldom changes, or too little in both. A mouth frozen open
    tells: it follows nothing.
    """
    known = ~np.isnan(drive)
    if known.sum() < MIN_FRAMES:
        return None
    at = np.arange(len(drive))
    mouth = np.interp(at, at[known], drive[known])
    heard = np.maximum(loud, loud.max() - QUIET_DB)
    moved = float(_looks(mouth)[0].var())
    frozen = moved < FROZEN**2
    if heard.std() < STEADY_DB or (not frozen and (held_open(opening[known]) or seldom(drive[known]))):
        return None
    most = (len(loud) - len(drive)) // 2
    real = moved / (moved + TREMBLE**2)
    found = Sync(real * _curve(mouth, heard), real * _surrogates(mouth, heard, most), float(known.sum()))
    return found if found.chance <= MAX_CHANCE else None


def held_open(opening: Floats) -> bool:
    low, middle, high = np.quantile(opening, [0.1, 0.5, 0.9])
    return bool(middle > OPEN and high - low < HELD * middle)


def seldom(drive: Floats) -> bool:
    """Whether so few pictures show the mouth anew that it cannot be said to follow a sound."""
    return bool(GRID_FPS * (np.diff(drive) != 0).mean() < MIN_LOOKS_HZ)


def shut_share(opening: Floats, loud: Floats, voiced: NDArray[np.bool_]) -> float:
    """Share of the loud part of a voice during which the lips are together, 0-1; all [n] at the same grid frames.

    0 where nothing is loud or the mouth was not seen.
    """
    if not voiced.any():
        return 0.0
    at = voiced & (loud >= loud[voiced].max() - LOUD_DB) & ~np.isnan(opening)
    return float((opening[at] < SHUT).mean()) if at.any() else 0.0


def pooled(found: Sequence[Sync]) -> Sync:
    """What several takes of one soundtrack say together, each by its length."""
    weights = np.array([one.weight for one in found])
    least = min(len(one.surrogates) for one in found)
    # The last ones: those turned about, of which every take has as many.
    surrogates = np.average([one.surrogates[len(one.surrogates) - least :] for one in found], axis=0, weights=weights)
    return Sync(np.average([one.curve for one in found], axis=0, weights=weights), surrogates, float(weights.sum()))


def pooled_offset_s(found: Sequence[Sync]) -> float:
    """The offset that all takes of one soundtrack share: where their curves, by length and score, peak together."""
    curve = sum(one.weight * max(one.score, 0.0) * one.curve for one in found)
    return peak_s(np.asarray(curve)) if np.any(curve) else pooled(found).offset_s


def usual(curves: Floats) -> Floats:
    """Correlations [..., 2 * most + 1] weighted by how usual their offsets are."""
    most = curves.shape[-1] // 2
    offset_s = np.arange(-most, most + 1) / GRID_FPS
    return np.asarray(curves * np.exp(-0.5 * (offset_s / USUAL_OFFSET_S) ** 2))


def peak_s(curve: Floats) -> float:
    """Offset of the highest weighted value, seconds; its place between frames is the unweighted curve's."""
    return (peak(curve, int(np.argmax(usual(curve)))) - len(curve) // 2) / GRID_FPS


def peak(curve: Floats, best: int) -> float:
    """Place of a peak at sample `best`, between samples by the parabola through it and its neighbours."""
    if not 0 < best < len(curve) - 1:
        return float(best)
    before, top, after = curve[best - 1 : best + 2]
    bend = before - 2 * top + after
    return best + (float(np.clip(0.5 * (before - after) / bend, -1, 1)) if bend < 0 else 0.0)


def _looks(track: Floats) -> tuple[Floats, Floats]:
    """Above its own drift, and its rate of change."""
    calm = gaussian_filter1d(track, TREMBLE_FRAMES, mode="nearest")
    return calm - gaussian_filter1d(track, DRIFT_FRAMES, mode="nearest"), np.gradient(calm)


def _curve(mouth: Floats, heard: Floats) -> Floats:
    """Mean of both looks' correlations (by Fisher's z) at every offset."""
    both = [_sliding(a, b) for a, b in zip(_looks(mouth), _looks(heard), strict=True)]
    return np.asarray(np.tanh(np.mean(np.arctanh(np.clip(both, -0.99, 0.99)), axis=0)))


def _sliding(mouth: Floats, heard: Floats) -> Floats:
    """Pearson correlation of `mouth` [n] with every stretch of n of `heard`; 0 where either does not vary."""
    windows = np.lib.stride_tricks.sliding_window_view(heard, len(mouth))
    windows = windows - windows.mean(1, keepdims=True)
    own = mouth - mouth.mean()
    size = np.sqrt((windows**2).sum(1) * (own @ own))
    return np.where(size > 1e-9, windows @ own / np.maximum(size, 1e-9), 0.0)


def _surrogates(mouth: Floats, heard: Floats, most: int) -> Floats:
    """Curves [k, 2 * most + 1] of the mouth with the sound moved in a circle beyond every offset, and turned about."""
    n = len(heard)
    clear = 2 * most + GUARD_FRAMES
    moved = [np.roll(heard, int(by)) for by in np.unique(np.linspace(clear, n - clear, SURROGATES // 2).astype(int))
             if clear <= by <= n - clear]  # fmt: skip
    turned = [np.roll(heard[::-1], int(by)) for by in np.linspace(0, n, SURROGATES // 2, endpoint=False)]
    return np.array([_curve(mouth, one) for one in (*moved, *turned)])
