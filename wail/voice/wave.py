"""Sound of any length, looked at piece by piece: an array, or a file that is read as it is needed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from wail.errors import ClipError
from wail.voice.mel import RATE_HZ

PIECE_S, MARGIN_S = 600, 60
"""Longer sound is heard in pieces with so much of what is around them: the margins are whole blocks of the detector's
own (60 s), and longer than what any model here looks at, so that pieces do not show."""
BLOCK_S = 60


class Wave(Protocol):
    """A 16 kHz mono wave [n]; a slice of it is an array [m], float32."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> NDArray[np.float32]: ...


class FlacWave:
    """A mono 16 kHz FLAC file as a `Wave`, of which only the slice that is asked for is in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            facts = soundfile.info(path)
        except (soundfile.LibsndfileError, OSError) as error:
            raise ClipError(f"{path.name} cannot be read ({error}): delete it and run again.", "corrupt") from error
        if (facts.channels, facts.samplerate) != (1, RATE_HZ):
            raise ClipError(f"{path.name} has {facts.channels} channels at {facts.samplerate} Hz, expected 1 at "
                            f"{RATE_HZ}: delete it and run again.", "corrupt")  # fmt: skip
        self._frames = int(facts.frames)

    def __len__(self) -> int:
        return self._frames

    def __getitem__(self, part: slice, /) -> NDArray[np.float32]:
        start, stop, step = part.indices(self._frames)
        if step != 1:
            raise ValueError(f"a wave is read in one piece, not every {step} samples")
        if stop <= start:
            return np.zeros(0, np.float32)
        try:
            wave, _ = soundfile.read(self._path, start=start, stop=stop, dtype="float32")
        except soundfile.LibsndfileError as error:
            raise ClipError(f"{self._path.name} is damaged after {start / RATE_HZ:.0f} s ({error}): delete it and run "
                            "again.", "corrupt") from error  # fmt: skip
        return np.asarray(wave, np.float32)


def blocks(wave: Wave, block_s: int = BLOCK_S) -> Iterator[NDArray[np.float32]]:
    """The wave in blocks of so many seconds, the last one shorter."""
    for start in range(0, len(wave), block_s * RATE_HZ):
        yield wave[start : start + block_s * RATE_HZ]


def pieces(n_samples: int) -> Iterator[tuple[int, int, int, int]]:
    """(first, start, stop, last) of pieces that tile a wave: [start, stop) is the piece's own, [first, last) is heard.

    One piece where the wave is short enough.
    """
    size, margin = PIECE_S * RATE_HZ, MARGIN_S * RATE_HZ
    if n_samples <= size + margin:
        yield 0, 0, n_samples, n_samples
        return
    for start in range(0, n_samples, size):
        stop = min(n_samples, start + size)
        yield max(0, start - margin), start, stop, min(n_samples, stop + margin)


def with_context(parts: Iterable[NDArray[np.float32]], context: int
                 ) -> Iterator[tuple[NDArray[np.float32], int, int]]:  # fmt: skip
    """Each part of a stream [..., n] with up to `context` samples of its neighbours: (piece, how many came before, n).

    Holds two parts at a time; a part shorter than `context` may only be the last.
    """
    stream = iter(parts)
    now, before = next(stream, None), None
    while now is not None:
        after = next(stream, None)
        around = [part for part in (before, now, None if after is None else after[..., :context]) if part is not None]
        yield np.concatenate(around, -1), 0 if before is None else before.shape[-1], now.shape[-1]
        before, now = now[..., -context:], after
