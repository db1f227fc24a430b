"""What convolutional speech encoders (wav2vec 2.0, HuBERT) share: the times of their frames, long waves in chunks of
bounded memory, and loading without noise or network."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wail.voice.mel import RATE_HZ


@dataclass(frozen=True)
class FrameGrid:
    """Frame k sees `width` samples from sample `k * hop`."""

    hop: int
    width: int

    def times_s(self, n: int) -> NDArray[np.float64]:
        """Centres of the first n frames, s from the wave's first sample."""
        return (np.arange(n) * self.hop + self.width / 2) / RATE_HZ


def frame_grid(config: Any) -> FrameGrid:
    """Stride and receptive field of the stack of convolutions that `conv_kernel` and `conv_stride` describe."""
    hop, width = 1, 1
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        width += (kernel - 1) * hop
        hop *= stride
    return FrameGrid(hop, width)


def in_chunks(run: Callable[[NDArray[np.float32]], NDArray[np.float32]], wave16: NDArray[np.float32], grid: FrameGrid,
              chunk_s: float, context_s: float) -> NDArray[np.float32]:  # fmt: skip
    """Rows [m, d] of `run` (a piece of wave [n] to its frames) over a wave of any length, on one thread.

    Each chunk is run with the sound around it and only its own frames are kept, so that frames stay on one grid and
    memory does not grow. A wave shorter than one frame is padded with silence to one.
    """
    if len(wave16) < grid.width:
        wave16 = np.pad(wave16, (0, grid.width - len(wave16)))
    total = (len(wave16) - grid.width) // grid.hop + 1
    size, context = (int(s * RATE_HZ / grid.hop) for s in (chunk_s, context_s))
    out = np.empty((0, 0), np.float32)
    with one_thread(), torch.inference_mode():
        for start in range(0, total, size):
            stop = min(total, start + size)
            first, last = max(0, start - context), min(total, stop + context)
            end = len(wave16) if last == total else (last - 1) * grid.hop + grid.width
            piece = np.ascontiguousarray(wave16[first * grid.hop : end], np.float32)
            rows = run(piece)
            if not start:
                out = np.empty((total, rows.shape[1]), np.float32)
            out[start:stop] = rows[start - first : stop - first]
    return out


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order: the same bytes on every run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Without progress bars and advice on standard error."""
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)


def files_hash(*paths: Path) -> str:
    """The first 16 digits of `files_sha256`, for names in receipts."""
    return files_sha256(*paths)[:16]


def files_sha256(*paths: Path) -> str:
    """sha256 of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
