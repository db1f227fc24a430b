"""Audio features for the trainer: log-mel by ourselves, or an encoder whose weights lie in a local folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.errors import ConfigError
from wail.voice.detect import check_wave
from wail.voice.mel import RATE_HZ, MelConfig, log_power, mel_power, n_rows

LOG_MEL = MelConfig(window_samples=512, hop_samples=320, n_bands=80, low_hz=60.0, high_hz=7800.0)
"""50 rows a second, as many as voc2vec's."""


@dataclass(frozen=True)
class Features:
    """`values` [m, d]; `time_s` [m] the centre of the sound that each row describes, from the wave's first sample."""

    time_s: NDArray[np.float64]
    values: NDArray[np.float32]
    encoder: str


Encoder = Callable[[NDArray[np.float32]], Features]
"""A 16 kHz mono wave [n] to its features."""


def log_mel(wave16: NDArray[np.float32]) -> Features:
    """80 log10 mel powers at 50 Hz; row k is centred at 10 ms + 20 ms k. The same bytes for the same wave.

    Raises ClipError (corrupt) where the wave is not one row of finite numbers.
    """
    check_wave(wave16)
    values = log_power(mel_power(wave16, LOG_MEL)) * np.float32(1 / np.log(10))
    time_s = (np.arange(n_rows(len(wave16), LOG_MEL)) + 0.5) * LOG_MEL.hop_samples / RATE_HZ
    return Features(time_s, values, "logmel")


def find_encoder(name: str, folder: Path | None = None) -> Encoder:
    """`logmel`, or `voc2vec-ls-pt` from a folder (`folder/voc2vec-ls-pt`, `folder` itself, or the hub's local cache).

    A name with a hash, as `Features.encoder` gives it, asks for exactly those weights. Nothing is downloaded.
    Raises ConfigError for another name, ModelError where that model is not there.
    """
    if name == "logmel":
        return log_mel
    base, _, sha256 = name.partition(":")
    if base == "voc2vec-ls-pt":
        from wail.voice.voc2vec import load_voc2vec

        return load_voc2vec(folder, sha256)
    raise ConfigError(f"No audio encoder is called {name!r}: choose logmel, or voc2vec-ls-pt with its folder.")
