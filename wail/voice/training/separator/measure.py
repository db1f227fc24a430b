"""Measures the separator on seeded mixtures of the tuning groups, to choose between trainings:
`python -m wail.voice.training.separator.measure --data DIR [--weights FOLDER]`.

What is reported of held-out groups comes from `wail bench voice`.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.voice.infant_stem import FOLDER, load_infant_separator
from wail.voice.si_sdr import si_sdr
from wail.voice.training import corpus
from wail.voice.training.separator import data

log = logging.getLogger(__name__)
Wave = NDArray[np.float32]
BEHIND = {"speech": ("adult_speech",), "music": ("music",), "tv": ("adult_speech", "music"), "noise": ("noise",)}
LEVEL = 0.05


def mixtures(takes: data.Bank, count: int, seconds: float = 8.0, seed: int = 7) -> dict[str, list[tuple[Wave, Wave]]]:
    """`count` pairs (mix, target), [n] each, per kind of background, at 0 dB over the parts that sound."""
    rng, n = np.random.default_rng(seed), round(seconds * data.RATE_HZ)
    return {kind: [_mixture(takes, parts, rng, n) for _ in range(count)] for kind, parts in BEHIND.items()}


def _mixture(takes: data.Bank, parts: Sequence[str], rng: np.random.Generator, n: int) -> tuple[Wave, Wave]:
    infant = takes["infant"][int(rng.integers(len(takes["infant"])))]
    target = _levelled(data.window(infant.wave * infant.gate.astype(np.float32), -int(rng.integers(n // 8)), n))
    behind = np.zeros(n, np.float32)
    for part in parts:
        take = takes[part][int(rng.integers(len(takes[part])))]
        behind += _levelled(data.stretch(take.wave, rng, n))
    return target + _levelled(behind), target


def _levelled(wave: Wave) -> Wave:
    return wave * np.float32(LEVEL / max(data.active_rms(wave), 1e-9))


def gains_db(pairs: Sequence[tuple[Wave, Wave]], stem: Callable[[Wave], Wave]) -> NDArray[np.float64]:
    """SI-SDR of the stem less that of the mix, dB, per pair."""
    return np.array([si_sdr(stem(mix), target) - si_sdr(mix, target) for mix, target in pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv and segments.csv")
    parser.add_argument("--weights", type=Path, default=FOLDER)
    parser.add_argument("--count", type=int, default=40, help="mixtures per kind of background")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    separator = load_infant_separator(options.weights)
    entries = [e for e in corpus.read_index(options.data) if corpus.part_of(e) == "tune"]
    for kind, pairs in mixtures(data.real_takes(entries, speeds=((1, 1),)), options.count).items():
        gains = gains_db(pairs, lambda mix: separator.stem(mix, data.RATE_HZ))
        low, median, high = np.quantile(gains, (0.25, 0.5, 0.75))
        log.info("%-8s SI-SDR %+.2f dB (quartiles %+.2f, %+.2f), worse in %d of %d", kind, median, low, high,
                 (gains < 0).sum(), len(gains))  # fmt: skip


if __name__ == "__main__":
    main()
