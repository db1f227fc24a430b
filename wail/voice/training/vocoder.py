"""Changes the pitch of a voice and its vocal tract apart from each other: grown voices as high as an infant's, and
one infant's cries as another's."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import istft, resample, stft

RATE_HZ = 16_000
WINDOW, HOP = 1024, 256
LIFTER = 22
"""Cepstral coefficients of the spectral envelope: no harmonics of an F0 below 720 Hz are left in it."""


def revoiced(wave: NDArray[np.float32], ratio: float, tract: float = 1.0) -> NDArray[np.float32]:
    """The wave [n] at 16 kHz with F0 times `ratio` and resonances times `tract` (1 keeps them), the same length.

    Stretched in time by overlap-add at matching places (WSOLA, Verhelst and Roelands 1993), read faster, then each
    frame's cepstrally smoothed envelope is replaced by that of the original.
    """
    faster = resample(stretch(wave.astype(np.float64), ratio), len(wave))
    _, _, before = stft(wave, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    _, _, after = stft(faster, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    wanted = _envelope(before)
    bins = np.clip(np.arange(len(wanted)) / tract, 0, len(wanted) - 1).round().astype(int)
    gain = np.exp(np.clip(wanted[bins] - _envelope(after), -4.0, 4.0))
    _, out = istft(after * gain, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    return np.asarray(np.pad(out, (0, max(0, len(wave) - len(out))))[: len(wave)], np.float32)


def _envelope(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Natural-log amplitude, cepstrally smoothed: [bins, frames]."""
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-6), axis=0)
    cepstrum[LIFTER:-LIFTER] = 0
    return np.asarray(np.fft.rfft(cepstrum, axis=0).real, np.float64)


def stretch(wave: NDArray[np.float64], ratio: float, window: int = 640, search: int = 200) -> NDArray[np.float64]:
    """The wave `ratio` times as long at the same pitch: [round(n * ratio)]."""
    hop, shape = window // 2, np.hanning(window + 1)[:-1]
    padded = np.pad(wave, (search, window + 2 * search + hop))
    out = np.zeros(round(len(wave) * ratio) + window)
    follow = padded[search : search + window]
    for start in range(0, len(out) - window, hop):
        at = min(round(start / ratio), len(wave))
        near = padded[at : at + window + 2 * search]
        best = int(np.argmax(np.correlate(near, follow, "valid"))) if start else search
        out[start : start + window] += near[best : best + window] * shape
        follow = padded[at + best + hop : at + best + hop + window]
        follow = np.pad(follow, (0, window - len(follow)))
    return out[: round(len(wave) * ratio)]
