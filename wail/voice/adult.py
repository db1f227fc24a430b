"""Adult speech by Silero VAD 6 (its bundled TorchScript weights; MIT). It finds adults, not infants: at its defaults it
marks 6 % of the time of real cries as speech and none of laughter, so it is evidence for adults and never a veto."""

import warnings
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wail.voice.detect import check_wave
from wail.voice.mel import RATE_HZ
from wail.voice.wave import Wave, blocks

CHUNK_SAMPLES = 512


def adult_speech(wave16: Wave) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Centres [n] (s) and speech probabilities [n] (0-1) of each 32 ms chunk of a 16 kHz mono wave.

    The recurrent state starts fresh on each call and lasts to its end, and one thread does the sums: the same wave
    gives the same bytes. Raises ClipError (corrupt) where the wave is not one row of finite numbers.
    """
    model, threads = _model(), torch.get_num_threads()
    n_chunks = -(-len(wave16) // CHUNK_SAMPLES)
    out = np.zeros(n_chunks, np.float32)
    torch.set_num_threads(1)
    try:
        model.reset_states()
        with torch.inference_mode():
            done = 0
            for block in blocks(wave16):
                rows = _rows(block)
                for k in range(len(rows)):
                    out[done + k] = float(model(rows[k], RATE_HZ))
                done += len(rows)
    finally:
        torch.set_num_threads(threads)
    return (np.arange(n_chunks) + 0.5) * CHUNK_SAMPLES / RATE_HZ, out


def _rows(block: NDArray[np.float32]) -> torch.Tensor:
    """A block [n] as chunks [m, 512], the last one filled up with silence."""
    check_wave(block)
    padded = np.pad(np.clip(block, -1, 1), (0, -len(block) % CHUNK_SAMPLES))
    return torch.from_numpy(padded.astype(np.float32).reshape(-1, CHUNK_SAMPLES))


@lru_cache(maxsize=1)
def silero_id() -> str:
    """Version and hash of the bundled weights, for receipts."""
    from importlib.metadata import version

    weights = resources.files("silero_vad.data").joinpath("silero_vad.jit").read_bytes()
    return f"silero-vad {version('silero-vad')}:{sha256(weights).hexdigest()[:16]}"


@lru_cache(maxsize=1)
def _model() -> Any:
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    # Its import sets torch to one thread for the whole process.
    torch.set_num_threads(threads)
    with warnings.catch_warnings():
        # torch calls TorchScript deprecated; it is how these weights come.
        warnings.simplefilter("ignore", DeprecationWarning)
        return load_silero_vad(onnx=False)
