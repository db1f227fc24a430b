"""Models of the Demucs family as a `Separator`, in overlapping chunks of bounded memory.

Demucs 4.1: Rouard et al. 2023, "Hybrid Transformers for Music Source Separation".
"""

import inspect
import math
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly

from wail.errors import ModelError
from wail.voice.frames import files_hash, files_sha256, one_thread
from wail.voice.mel import RATE_HZ, mean_and_variance

CHUNK_S, CONTEXT_S = 30, 2
"""Each chunk is run with this much sound around it, which is thrown away."""
OVERLAP = 0.25
"""Of the segments that a model hears at a time, as a share of one."""
SOURCES = ("infant", "vocals")
"""What is taken of a model's sources, the first that it has."""
CLASSES = ("demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs", "demucs.demucs.Demucs")


class DemucsSeparator:
    """One Demucs model with a source called `infant` or `vocals`; `device` is cpu or cuda."""

    def __init__(self, model: Any, name: str, device: str = "cpu") -> None:
        self._model = model
        self._name = name
        self._device = device

    @property
    def name(self) -> str:
        return self._name

    def stem(self, wave: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """The voice in a wave [n] or [channels, n], mono at 16 kHz; the same bytes for the same wave on a CPU."""
        mix = _channels(np.atleast_2d(wave), int(self._model.audio_channels))
        n_out = math.ceil(mix.shape[1] * RATE_HZ / rate_hz)
        out = np.zeros(n_out, np.float32)
        # Demucs is trained on sound at unit deviation; silence is left as it is.
        scale = max(math.sqrt(mean_and_variance(mix)[1]), 1e-6)
        with one_thread():
            for start_s in range(0, math.ceil(mix.shape[1] / rate_hz), CHUNK_S):
                stop = min(n_out, (start_s + CHUNK_S) * RATE_HZ)
                out[start_s * RATE_HZ : stop] = self._chunk(mix, rate_hz, start_s, scale)[: stop - start_s * RATE_HZ]
        return out

    def _chunk(self, mix: NDArray[np.float32], rate_hz: int, start_s: int, scale: float) -> NDArray[np.float32]:
        """The voice of [start_s, start_s + CHUNK_S) at 16 kHz; whole seconds, so that every rate's samples line up."""
        from demucs.apply import apply_model

        lead_s = min(CONTEXT_S, start_s)
        piece = mix[:, (start_s - lead_s) * rate_hz : (start_s + CHUNK_S + CONTEXT_S) * rate_hz]
        model_hz = int(self._model.samplerate)
        mixed = torch.from_numpy(_resample(piece / np.float32(scale), rate_hz, model_hz))[None]
        # Whole strides: HDemucs mirrors its edges, which takes more sound than a last segment may have.
        stride = int((1 - OVERLAP) * int(model_hz * float(self._model.segment)))
        mixed = torch.nn.functional.pad(mixed, (0, -mixed.shape[-1] % stride))
        with torch.inference_mode():
            # No random shifts, or no two runs would agree.
            sources = apply_model(self._model, mixed, shifts=0, split=True, overlap=OVERLAP, device=self._device)
        voice = sources[0, self._model.sources.index(_source(self._model))].mean(0).numpy()
        return _resample(voice * np.float32(scale), model_hz, RATE_HZ)[lead_s * RATE_HZ :]


def _channels(mix: NDArray[np.float32], wanted: int) -> NDArray[np.float32]:
    """[channels, n] as [wanted, n]: one for all, their mean, or the first ones."""
    if len(mix) == 1:
        return np.broadcast_to(mix, (wanted, mix.shape[1]))
    return mix.mean(0, dtype=np.float32, keepdims=True) if wanted == 1 else mix[:wanted]


def _source(model: Any) -> str | None:
    return next((source for source in SOURCES if source in model.sources), None)


def load_demucs(path: Path, device: str = "cpu") -> DemucsSeparator:
    """The model of a `.safetensors` (hub) or `.th` (legacy) file.

    Raises ModelError where the file is damaged, is not a Demucs model, or has neither `infant` nor `vocals`. Legacy
    files are pickles: only tensors, Demucs' own classes and fractions are let out of them, so that a weight file cannot
    run code.
    """
    model = _load(path)
    source = _source(model)
    if source is None:
        raise ModelError(f"{path.name} separates {', '.join(model.sources)}, but no vocals: use htdemucs.")
    kind = f"{'infant-' if source == 'infant' else ''}{type(model).__name__.lower()}"
    return DemucsSeparator(model, f"{kind}:{files_hash(path)}", device)


def _load(path: Path) -> Any:
    _check_name(path)
    try:
        model = _load_safetensors(path) if path.suffix == ".safetensors" else _load_legacy(path)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:  # torch's own words advise to run such code
        raise ModelError(f"{path.name} could not be loaded as Demucs weights (it holds other things, which are never "
                         "run): fetch it again.") from error  # fmt: skip
    except Exception as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise ModelError(f"{path.name} could not be loaded as Demucs weights ({why}): fetch it again.") from error
    return model.eval().requires_grad_(False)


def _check_name(path: Path) -> None:
    """Legacy names end in the first 8 digits of the file's sha256."""
    signature, dash, checksum = path.stem.rpartition("-")
    if path.suffix == ".th" and dash and signature and not files_sha256(path).startswith(checksum):
        raise ModelError(f"{path.name} is damaged: its sha256 begins {files_sha256(path)[:8]}, its name says "
                         f"{checksum}; fetch it again.")  # fmt: skip


def _load_safetensors(path: Path) -> Any:
    from demucs.hf import load_safetensors_model
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("klass") not in CLASSES:
        raise ModelError(f"{path.name} is no Demucs model: its metadata names the class {metadata.get('klass')!r}, "
                         f"expected one of {', '.join(CLASSES)}.")  # fmt: skip
    if "_class" in metadata.get("structure", ""):
        raise ModelError(f"{path.name} is a quantised Demucs model, which WAIL does not load: use htdemucs.")
    return load_safetensors_model(path)


def _load_legacy(path: Path) -> Any:
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs
    from demucs.states import load_model

    with torch.serialization.safe_globals([Demucs, HDemucs, HTDemucs, Fraction]):
        package = torch.load(path, "cpu", weights_only=True)
    known = inspect.signature(package["klass"]).parameters
    return load_model({**package, "kwargs": {k: v for k, v in package["kwargs"].items() if k in known}})


def _resample(wave: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    if from_hz == to_hz:
        return np.ascontiguousarray(wave, np.float32)
    common = math.gcd(from_hz, to_hz)
    return np.asarray(resample_poly(wave, to_hz // common, from_hz // common, axis=-1), np.float32)
