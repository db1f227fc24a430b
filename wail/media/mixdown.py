"""From a recording's channels to one or two: who is in the middle stays, and opposite channels do not cancel out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]

SIDE_GAIN = float(np.sqrt(0.5))
"""-3 dB for what is in neither front corner, as ITU-R BS.775 mixes 5.1 down to stereo."""
CORNERS = {"FL": (1.0, 0.0), "FR": (0.0, 1.0), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0)}
OPPOSITE = 10.0
"""Energy of the difference over that of the sum (10 dB) from which two channels are taken for one turned over."""
AUDIBLE = 1e-10
"""Mean square below which a second says nothing about its channels (-100 dB of full scale)."""


def to_two(wave: Wave, names: Sequence[str]) -> Wave:
    """Channels [c, n] with FFmpeg's names (FL, FC, BL, ...) as [1, n] of one, else [2, n], never beyond their scale.

    Low-frequency effects are left out; a channel whose name tells no side goes to both.
    """
    if len(wave) < 3:
        return wave
    gains = np.array([_gains(name) for name in names], np.float32)
    return np.asarray((gains / np.maximum(gains.sum(axis=0), 1)).T @ wave, np.float32)


def _gains(name: str) -> tuple[float, float]:
    if name in CORNERS:
        return CORNERS[name]
    left, right = name.endswith("L"), name.endswith("R")
    return (SIDE_GAIN * (left or not right), SIDE_GAIN * (right or not left))


def to_count(wave: Wave, channels: int) -> Wave:
    """[1 or 2, n] as [channels, n]. Mono is the mean: FFmpeg's own mix is 3 dB louder, and may clip."""
    if len(wave) == channels:
        return wave
    return wave.mean(axis=0, keepdims=True) if channels == 1 else np.broadcast_to(wave, (channels, wave.shape[1]))


class PhaseGuard:
    """Turns the second of two channels over where it is the first one's opposite, as some phones and cables record:
    their sum would be silence. Each second is judged by itself, and stays as the one before where it is not clear."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._turned = False
        self.turned_s = 0.0

    def __call__(self, wave: Wave) -> Wave:
        """[2, n] of whole seconds (but for the last one) to the same, in phase; [1, n] as it is."""
        if len(wave) != 2 or not wave.shape[1]:
            return wave
        starts = np.arange(0, wave.shape[1], self._rate_hz)
        # Of the slope, so that hum and rumble do not decide over voices.
        slope = np.diff(wave, axis=1, prepend=wave[:, :1])
        total = np.add.reduceat((slope[0] + slope[1]) ** 2, starts) / self._rate_hz
        difference = np.add.reduceat((slope[0] - slope[1]) ** 2, starts) / self._rate_hz
        out = wave.copy()
        for k, start in enumerate(starts):
            self._judge(float(total[k]), float(difference[k]))
            if self._turned:
                out[1, start : start + self._rate_hz] *= -1
                self.turned_s += min(self._rate_hz, wave.shape[1] - int(start)) / self._rate_hz
        return out

    def _judge(self, total: float, difference: float) -> None:
        if max(total, difference) < AUDIBLE:
            return
        if difference > OPPOSITE * total:
            self._turned = True
        elif total > OPPOSITE * difference:
            self._turned = False
