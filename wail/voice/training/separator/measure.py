"""Measures a separator on seeded mixtures of groups it never saw, for choosing between trainings.

`python -m wail.voice.training.separator.measure --data DIR [--weights FOLDER]` uses the tuning part alone; what is
reported comes from `wail bench voice`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.voice.si_sdr import si_sdr
from wail.voice.training import corpus
from wail.voice.training.separator import data

Wave = NDArray[np.float32]
BEHIND = {"speech": ("adult_speech",), "music": ("music",), "tv": ("adult_speech", "music"), "noise": ("noise",)}


def mixtures(folder: Path, count: int, seconds: float = 8.0, seed: int = 7) -> dict[str, list[tuple[Wave, Wave]]]:
    """`count` pairs (mix, target), [n] each, per kind of background at 0 dB over the active parts."""
    entries = [e for e in corpus.read_index(folder) if corpus.part_of(e) == "tune"]
    bank = data.real_takes(entries, speeds=((1, 1),))
    rng, n = np.random.default_rng(seed), round(seconds * data.RATE_HZ)
    return {kind: [_mixture(bank, parts, rng, n) for _ in range(count)] for kind, parts in BEHIND.items()}


def _mixture(bank: data.Bank, parts: Sequence[str], rng: np.random.Generator, n: int) -> tuple[Wave, Wave]:
    infant = bank["infant"][int(rng.integers(len(bank["infant"])))]
    target = data._window(infant.wave * infant.gate.astype(np.float32), -int(rng.integers(data.RATE_HZ)), n)
    behind = np.zeros(n, np.float32)
    for part in parts:
        take = bank[part][int(rng.integers(len(bank[part])))]
        piece = data._stretch(take.wave, rng, n)
        behind += piece / np.float32(max(data.active_rms(piece), 1e-6))
    target = target / np.float32(data.active_rms(target))
    mix = target + behind / np.float32(max(data.active_rms(behind), 1e-6))
    return (mix * np.float32(0.05)).astype(np.float32), (target * np.float32(0.05)).astype(np.float32)


def gains_db(pairs: Sequence[tuple[Wave, Wave]], stem: Callable[[Wave], Wave]) -> NDArray[np.float64]:
    """SI-SDR of the stem less that of the mix, dB, per pair."""
    return np.array([si_sdr(stem(mix), target) - si_sdr(mix, target) for mix, target in pairs])
