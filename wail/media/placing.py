"""Decoded frames of sound, resampled and laid on the clip's clock, in a stream."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from wail.media.mixdown import Wave, to_count, to_two

GAP_S = 0.01
"""Sound that lies this far from where the sound before it ended starts anew at its own time; less is rounding."""
STRAYS = 8
"""Frames in a row that must agree on that: phones stamp single packets 10 ms and more off."""
TOLD_S = 0.1
"""A hole this long is spoken of."""
LOUDEST = np.float32(100.0)
"""40 dB above full scale. Only floating-point sound can be louder, by damage."""


@dataclass
class Tally:
    """What had to be done to lay the sound on the clock, in samples of the rate asked for."""

    n_holes: int = 0
    n_missing: int = 0
    first_hole: int = 0
    n_overlapping: int = 0
    n_no_numbers: int = 0

    def sentences(self, rate_hz: int) -> list[str]:
        said = []
        if self.n_holes:
            said.append(f"{counted(self.n_holes, 'hole')} in the sound, {self.n_missing / rate_hz:.2f} s in all, the "
                        f"first at {self.first_hole / rate_hz:.2f} s, heard as silence: packets are missing or cannot "
                        "be decoded there.")  # fmt: skip
        if self.n_overlapping > TOLD_S * rate_hz:
            said.append(f"{self.n_overlapping / rate_hz:.2f} s of sound lie at times that other sound already fills, "
                        "and were left out: the file's time stamps jump back.")  # fmt: skip
        if self.n_no_numbers:
            said.append(f"{counted(self.n_no_numbers, 'sample')} of the sound are no numbers or beyond any scale, and "
                        "were heard as silence.")  # fmt: skip
        return said


def counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def steady(frames: Iterable[tuple[float, Any]]) -> Iterator[tuple[float | None, Any]]:
    """Each frame with the time at which sound starts anew there, or None where it goes on from the frame before.

    Stamps that stray from the running count of samples start nothing anew as long as later ones return to it; a clock
    that drifts, and a hole, do, by the least that any of the next frames asks for.
    """
    held: deque[tuple[float, Any]] = deque()
    next_s: float | None = None
    for one in frames:
        held.append(one)
        if len(held) > STRAYS:
            next_s, start_s = _goes_on(held, next_s)
            yield start_s, held.popleft()[1]
    while held:
        next_s, start_s = _goes_on(held, next_s)
        yield start_s, held.popleft()[1]


def _goes_on(held: Iterable[tuple[float, Any]], next_s: float | None) -> tuple[float, float | None]:
    """When the first held frame ends, and when it starts where it does not follow on `next_s`."""
    time_s, frame = next(iter(held))
    length_s = frame.samples / frame.sample_rate
    if next_s is None:
        return time_s + length_s, time_s
    strays, at_s = [], next_s
    for stamp_s, later in held:
        strays.append(stamp_s - at_s)
        at_s += later.samples / later.sample_rate
    least = min(strays, key=abs)
    if abs(least) <= GAP_S or min(strays) * max(strays) < 0:
        return next_s + length_s, None
    return next_s + least + length_s, next_s + least


def placed(frames: Iterable[tuple[float, Any]], rate_hz: int, channels: int, first_s: float, tally: Tally
           ) -> Iterator[tuple[int, Wave]]:  # fmt: skip
    """Frames (time, frame) as resampled chunks [channels, n] and the sample each starts at, by rising sample.

    The first frame lies at `first_s`. A run of frames is resampled as one; where rate, layout or format change, a new
    one begins. What overlaps sound that is there already is left out.
    """
    machine: _Machine | None = None
    zero_s, at, end = None, 0, None
    for start_s, frame in steady(frames):
        pieces = []
        if machine is not None and (start_s is not None or not machine.takes(frame)):
            pieces.append((at, machine(None)))
            at += pieces[-1][1].shape[1]
            machine = None
        if start_s is not None:
            zero_s = start_s - first_s if zero_s is None else zero_s
            at = round((start_s - zero_s) * rate_hz)
        machine = machine or _Machine(frame, rate_hz, channels, tally)
        pieces.append((at, machine(frame)))
        at += pieces[-1][1].shape[1]
        for start, wave in pieces:
            yield from _after(start, wave, end, tally)
            end = max(start + wave.shape[1], end or start)
    if machine is not None:
        yield from _after(at, machine(None), end, tally)


def _after(start: int, wave: Wave, end: int | None, tally: Tally) -> Iterator[tuple[int, Wave]]:
    """The part of a chunk that lies after `end`."""
    over = 0 if end is None else min(max(0, end - start), wave.shape[1])
    tally.n_overlapping += over
    if wave.shape[1] > over:
        yield start + over, wave[:, over:]


class _Machine:
    """Resamples frames of one rate, layout and format."""

    def __init__(self, frame: Any, rate_hz: int, channels: int, tally: Tally) -> None:
        self._form, self._channels, self._tally = _form(frame), channels, tally
        self._names = [channel.name for channel in frame.layout.channels]
        # Packed: PyAV 18 reads beyond its planes (and crashes) from 8 planar channels on.
        self._resampler = av.AudioResampler(format="flt", layout=frame.layout, rate=rate_hz)

    def takes(self, frame: Any) -> bool:
        return _form(frame) == self._form

    def __call__(self, frame: Any | None) -> Wave:
        """What comes out [channels, n] for a frame, or, for None, at the end."""
        if frame is not None:
            frame.pts = None  # the resampler's own idea of gaps is not wanted
        chunks = [out.to_ndarray().reshape(-1, len(self._names)).T for out in self._resampler.resample(frame)]
        wave = np.concatenate(chunks, axis=1) if chunks else np.zeros((len(self._names), 0), np.float32)
        good = np.abs(wave) <= LOUDEST
        if not good.all():
            self._tally.n_no_numbers += int(np.count_nonzero(~good.all(axis=0)))
            wave = np.where(good, wave, np.float32(0))
        return to_count(to_two(wave, self._names), self._channels)


def _form(frame: Any) -> tuple[int, str, str]:
    return frame.sample_rate, frame.layout.name, frame.format.name


def without_holes(chunks: Iterable[tuple[int, Wave]], start: int, stop: int, rate_hz: int, tally: Tally
                  ) -> Iterator[tuple[int, Wave]]:  # fmt: skip
    """The chunks as they are; holes of the span [start, stop) between them go to the tally."""
    end = start
    for at, wave in chunks:
        _count_hole(end, min(at, stop), rate_hz, tally)
        end = max(end, at + wave.shape[1])
        yield at, wave
    _count_hole(end, stop, rate_hz, tally)


def _count_hole(start: int, stop: int, rate_hz: int, tally: Tally) -> None:
    if stop - start > TOLD_S * rate_hz:
        tally.first_hole = start if not tally.n_holes else tally.first_hole
        tally.n_holes += 1
        tally.n_missing += stop - start


def tiled(chunks: Iterable[tuple[int, Wave]], channels: int, n: int, block: int) -> Iterator[Wave]:
    """Blocks [channels, block] (the last one shorter) that tile n samples from 0, silent where no chunk lies.

    What a decoder gives beyond n is its own padding: n goes to the end of the last packet.
    """
    start, out = 0, np.zeros((channels, min(block, n)), np.float32)
    for at, wave in chunks:
        begin, end = max(at, start), min(n, at + wave.shape[1])
        while begin < end:
            while begin >= start + block:
                yield out
                start, out = start + block, np.zeros((channels, min(block, n - start - block)), np.float32)
            stop = min(end, start + block)
            out[:, begin - start : stop - start] = wave[:, begin - at : stop - at]
            begin = stop
    while start < n:
        yield out
        start, out = start + block, np.zeros((channels, max(0, min(block, n - start - block))), np.float32)
