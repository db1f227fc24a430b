"""Knowing the same sound again: re-encoded, cut elsewhere, louder or softer.

Signs of the change of energy differences between neighbouring bands, as in J. Haitsma and T. Kalker, "A highly robust
audio fingerprinting system", ISMIR 2002, with 33 bands over 300-4000 Hz, windows of 256 ms, and a step of 32 ms.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16000
WINDOW = 4096
STEP = 512
BANDS_HZ = np.geomspace(300.0, 4000.0, 34)
SILENT_DB = -60.0

MOST_WRONG_BITS = 0.32
"""Of unrelated sounds half the bits differ, give or take a few hundredths over three seconds."""
LEAST_FRAMES = 93
"""Three seconds, looked at together; two seconds of exactly the same sound in them are enough."""
LEAST_VOTES = 2
COMMON = 50
"""A value at more places than this (hum, hiss) says nothing about which sound it is."""

Bits = NDArray[np.uint32]


class Wave(Protocol):
    """A mono wave [n]: an array, or a file whose slices are read as they are needed."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> NDArray[np.float32]: ...


def audio_fingerprint(wave16: Wave) -> str:
    """Fingerprint of a mono wave [n] at 16 kHz: 8 hex digits for each 32 ms; 0 where it is silent."""
    energies = _band_energies(wave16)
    if len(energies) < 2:
        return ""
    slope = np.diff(energies, axis=1)
    signs = np.diff(slope, axis=0) > 0
    words = (signs * (np.uint64(1) << np.arange(32, dtype=np.uint64))).sum(axis=1).astype(np.uint32)
    words[_silent(energies)[1:]] = 0
    text: str = words.astype(">u4").tobytes().hex()
    return text


def _band_energies(wave16: Wave) -> NDArray[np.float64]:
    """Mean power per window and band, [windows, 33]."""
    n = max(0, (len(wave16) - WINDOW) // STEP + 1)
    edges = np.round(BANDS_HZ * WINDOW / RATE_HZ).astype(int)
    shape = np.hanning(WINDOW).astype(np.float32)
    out = np.zeros((n, 33))
    for start in range(0, n, 256):  # in pieces, so that a long clip needs no more memory than a short one
        stop = min(n, start + 256)
        piece = wave16[start * STEP : (stop - 1) * STEP + WINDOW]
        windows = np.lib.stride_tricks.sliding_window_view(piece, WINDOW)[::STEP]
        power = np.abs(np.fft.rfft(windows * shape)) ** 2
        out[start:stop] = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1) / np.diff(edges)
    return out


def _silent(energies: NDArray[np.float64]) -> NDArray[np.bool_]:
    full_scale = (WINDOW / 4) ** 2  # a full-scale sine through a Hann window
    silent: NDArray[np.bool_] = energies.max(axis=1) < full_scale * 10 ** (SILENT_DB / 10)
    return silent


def same_sound(a: str, b: str) -> bool:
    """Whether two fingerprints share a few seconds of the same sound, at any offset."""
    return bool(list(same_sounds({"a": a, "b": b})))


def same_sounds(fingerprints: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs of names whose fingerprints share a sound. Compares only those that have exact values in common, so that
    thousands of clips take seconds."""
    words = {name: _words(text) for name, text in fingerprints.items()}
    places: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for name, values in words.items():
        for at, value in enumerate(values.tolist()):
            if value:
                places[value].append((name, at))
    votes: Counter[tuple[str, str, int]] = Counter()
    for found in places.values():
        if len(found) <= COMMON:
            votes.update((a, b, i - j) for (a, i), (b, j) in combinations(found, 2) if a != b)
    paired: set[tuple[str, str]] = set()
    for (a, b, offset), count in votes.items():
        if count >= LEAST_VOTES and (a, b) not in paired and _agrees(words[a], words[b], offset):
            paired.add((a, b))
            yield a, b


def _words(text: str) -> Bits:
    return np.frombuffer(bytes.fromhex(text), ">u4").astype(np.uint32)


def _agrees(a: Bits, b: Bits, offset: int) -> bool:
    """Whether a, from `offset` on, is the same as b where both sound; looked at in windows of three seconds."""
    start_a, start_b = max(0, offset), max(0, -offset)
    n = min(len(a) - start_a, len(b) - start_b)
    if n < LEAST_FRAMES:
        return False
    x, y = a[start_a : start_a + n], b[start_b : start_b + n]
    wrong = np.unpackbits((x ^ y).view(np.uint8).reshape(n, 4), axis=1).sum(axis=1)
    heard = (x != 0) & (y != 0)
    windows = np.lib.stride_tricks.sliding_window_view
    n_heard = windows(heard, LEAST_FRAMES).sum(axis=1)
    share = windows(wrong * heard, LEAST_FRAMES).sum(axis=1) / np.maximum(32 * n_heard, 1)
    return bool(((n_heard >= 0.5 * LEAST_FRAMES) & (share <= MOST_WRONG_BITS)).any())
