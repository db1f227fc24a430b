"""Adult speech by Silero VAD 6 (its bundled TorchScript weights; MIT). It finds adults, not infants: at its defaults it
marks 6 % of the time of real cries as speech and none of laughter, so it is evidence for adults and never a veto."""

import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wail.voice.detect import check_wave
from wail.voice.frames import one_thread
from wail.voice.mel import RATE_HZ
from wail.voice.wave import Wave, blocks

CHUNK_SAMPLES, CONTEXT_SAMPLES = 512, 64
"""Silero hears 32 ms at a time with 4 ms of what came before, and carries the rest in its recurrent state."""


def adult_speech(wave16: Wave) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Centres [n] (s) and speech probabilities [n] (0-1) of each 32 ms chunk of a 16 kHz mono wave.

    The recurrent state starts fresh on each call and lasts to its end, and one thread does the sums: the same wave
    gives the same bytes. Raises ClipError (corrupt) where the wave is not one row of finite numbers.
    """
    with one_thread(), torch.inference_mode():
        parts = list(_probabilities(blocks(wave16)))
    out = np.concatenate([np.zeros(0, np.float32), *parts])
    return (np.arange(len(out)) + 0.5) * CHUNK_SAMPLES / RATE_HZ, out


def _probabilities(parts: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Of each block's chunks. The encoder sees a chunk and its context alone, so that a whole block of them runs at
    once; only the small recurrent cell goes from one to the next. Six times faster than chunk by chunk, with the same
    sums (Silero's own `audio_forward` differs by rounding, below 1e-4)."""
    inner, cell = _model()
    before = np.zeros(CONTEXT_SAMPLES, np.float32)
    state = None
    for block in parts:
        check_wave(block)
        wave = np.pad(np.clip(block, -1, 1), (0, -len(block) % CHUNK_SAMPLES)).astype(np.float32)
        heard = np.concatenate([before, wave])
        chunks = sliding_window_view(heard, CONTEXT_SAMPLES + CHUNK_SAMPLES)[::CHUNK_SAMPLES]
        encoded = inner.encoder(inner.run_extractors(torch.from_numpy(chunks.copy())))
        hidden, state = cell(encoded.squeeze(-1), state)
        yield inner.decoder.decoder(hidden.unsqueeze(-1)).mean((1, 2)).numpy()
        before = heard[-CONTEXT_SAMPLES:]


@lru_cache(maxsize=1)
def silero_id() -> str:
    """Version and hash of the bundled weights, for receipts."""
    from importlib.metadata import version

    weights = resources.files("silero_vad.data").joinpath("silero_vad.jit").read_bytes()
    return f"silero-vad {version('silero-vad')}:{sha256(weights).hexdigest()[:16]}"


@lru_cache(maxsize=1)
def _model() -> tuple[Any, torch.nn.LSTM]:
    """Silero's network for 16 kHz, and its recurrent cell as a layer that takes a whole sequence."""
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    # Its import sets torch to one thread for the whole process.
    torch.set_num_threads(threads)
    with warnings.catch_warnings():
        # torch calls TorchScript deprecated; it is how these weights come.
        warnings.simplefilter("ignore", DeprecationWarning)
        inner = load_silero_vad(onnx=False)._model
    rnn = inner.decoder.rnn
    cell = torch.nn.LSTM(rnn.weight_ih.shape[1], rnn.weight_hh.shape[1])
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({f"{name}_l0": getattr(rnn, name) for name in names})
    return inner, cell.eval()
