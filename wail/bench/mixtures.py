"""Seeded mixtures of held-out recordings, for detection. The seeds were fixed before any threshold was judged by them.

Every background meets every level equally often. Levels: an infant's excerpt is scaled so that the RMS of its active
time stands at the level over the RMS of the whole background; under `quiet` there is only a faint hiss, and levels
mean nothing there. Laughter is left out: the one recording that is held out is weakly labelled (`bench/typing.py`
has it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from wail.bench.recordings import FRAME, active_rms, by_label, excerpt, read_recording, rms
from wail.bench.rows import NotMeasured
from wail.bench.scores import FRAMES_PER_S
from wail.voice.mel import RATE_HZ
from wail.voice.training import corpus

SEEDS = {"train": 303, "tune": 101, "test": 202}
KINDS = ("speech", "tv", "music", "noise", "quiet")
BACKGROUNDS = {"speech": ("adult_speech",), "tv": ("adult_speech", "music"), "music": ("music",), "noise": ("noise",),
               "quiet": (), "strangers": ("stranger",)}  # fmt: skip
"""Labels that each background is made of; `strangers` (sirens, cats, dogs, car horns) are judged by themselves."""
LEVELS_DB = (-5.0, 0.0, 5.0, 10.0, 15.0)
COUNT = 75
"""Three of each background at each level, about half an hour of sound."""
LENGTH_S = (20.0, 30.0)
BED_RMS = 0.02
COO_SHARE = 0.1


@dataclass(frozen=True)
class Mixture:
    """A wave [n * 160] at 16 kHz with truth [n, 5] on frames of 10 ms (0, 1, NaN where nobody knows)."""

    wave: NDArray[np.float32]
    truth: NDArray[np.float32]
    background: str
    level_db: float


def compose(entries: Sequence[corpus.Entry], seed: int, count: int = COUNT,
            levels_db: Sequence[float] = LEVELS_DB, kinds: Sequence[str] = KINDS) -> list[Mixture]:  # fmt: skip
    """Mixtures of 20-30 s with infants at the levels in turn over the kinds of background in turn.

    Raises NotMeasured where the entries lack a kind that mixtures need.
    """
    bank = by_label(entries)
    needed = dict.fromkeys(("cry", *(label for kind in kinds for label in BACKGROUNDS[kind])))
    if lacking := [label for label in needed if not bank.get(label)]:
        raise NotMeasured(f"mixtures need recordings of {', '.join(needed)}, and this part of the data holds none of: "
                          f"{', '.join(lacking)}")  # fmt: skip
    rng = np.random.default_rng(seed)
    pairs = ((kinds[k % len(kinds)], levels_db[k // len(kinds) % len(levels_db)]) for k in range(count))
    return [mixture(bank, kind, level_db, rng) for kind, level_db in pairs]


def mixture(bank: dict[str, list[corpus.Entry]], background: str, level_db: float, rng: np.random.Generator
            ) -> Mixture:  # fmt: skip
    """One mixture of 20-30 s: excerpts of 2-6 s with infants, 0.5-6 s apart, half of them with less bandwidth."""
    n = int(rng.uniform(*LENGTH_S) * FRAMES_PER_S)
    wave, truth = bed(bank, background, n, rng)
    at = int(rng.uniform(0, 3) * FRAMES_PER_S)
    while at < n - 2 * FRAMES_PER_S:
        label = "coo_babble" if bank.get("coo_babble") and rng.random() < COO_SHARE else "cry"
        frames = min(n - at, int(rng.uniform(2, 6) * FRAMES_PER_S))
        piece = excerpt(read_recording(_one(bank[label], rng)), frames, rng)
        gain = BED_RMS * 10 ** (level_db / 20) / max(active_rms(piece), 1e-6)
        sound = narrowed(piece.wave * gain, rng) if rng.random() < 0.5 else piece.wave * gain
        stop = at + len(piece.truth)
        wave[at * FRAME : stop * FRAME] += sound
        truth[at:stop] = joined(truth[at:stop], piece.truth)
        at = stop + int(rng.uniform(0.5, 6) * FRAMES_PER_S)
    peak_db = rng.uniform(-30, -2)
    wave = wave * (10 ** (peak_db / 20) / max(np.abs(wave).max(), 1e-9)) + rng.standard_normal(len(wave)) * 3e-4
    return Mixture(wave.astype(np.float32), truth, background, level_db)


def bed(bank: dict[str, list[corpus.Entry]], background: str, n: int, rng: np.random.Generator
        ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:  # fmt: skip
    """A background [n * 160] of RMS 0.02 with its truth [n, 5]: recordings of equal loudness one after another."""
    wave, truth = np.zeros(n * FRAME), np.zeros((n, 5), np.float32)
    for label in BACKGROUNDS[background]:
        at = 0
        while at < n:
            piece = excerpt(read_recording(_one(bank[label], rng)), n - at, rng)
            stop = at + len(piece.truth)
            wave[at * FRAME : stop * FRAME] += piece.wave / (rms(piece.wave) + 1e-6)
            truth[at:stop] = joined(truth[at:stop], piece.truth)
            at = stop
    level = float(np.sqrt(np.mean(wave**2)))
    return (wave * (BED_RMS / level) if level else wave), truth


def joined(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Truth of two sounds at once: 1 wins over unknown, and unknown over 0."""
    return np.where((a == 1) | (b == 1), 1, a + b).astype(np.float32)


def narrowed(wave: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Low-passed at 3-6.5 kHz: half of all recorded cries are from 8 kHz phones, the backgrounds are not."""
    return np.asarray(sosfilt(butter(4, rng.uniform(3000, 6500), fs=RATE_HZ, output="sos"), wave), np.float64)


def _one(entries: Sequence[corpus.Entry], rng: np.random.Generator) -> corpus.Entry:
    return entries[int(rng.integers(len(entries)))]
