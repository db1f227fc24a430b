"""What rooms and phones do to a mixture: reverberation, then a round trip through a lossy codec, both on the clock."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from wail.voice.mel import RATE_HZ
from wail.voice.training.codecs import AAC_LOW, AMR_HIGH, OPUS, round_trip

CODECS = (AMR_HIGH, AAC_LOW, OPUS)


def reverberate(wave: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The wave [n] in a room: the direct sound first, then a noise tail dying over 0.2-0.8 s, 0-10 dB below it.

    Plainer than the rooms of training on purpose, and not made by the same code.
    """
    rt60_s, direct_db = rng.uniform(0.2, 0.8), rng.uniform(0, 10)
    time_s = np.arange(int(rt60_s * RATE_HZ)) / RATE_HZ
    # The first reflection comes 3 ms after the direct sound; 60 dB of decay in rt60.
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / rt60_s) * (time_s > 0.003)
    tail *= 10 ** (-direct_db / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    wet = fftconvolve(wave.astype(np.float64), tail)[: len(wave)]
    return np.asarray(wet * (np.abs(wave).max() / max(np.abs(wet).max(), 1e-9)), np.float32)


def degraded(wave: NDArray[np.float32], k: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The wave [n] in a room, then through the k-th codec in turn."""
    return round_trip(reverberate(wave, rng), CODECS[k % len(CODECS)])
