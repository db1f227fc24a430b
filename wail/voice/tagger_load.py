"""Loading a transformers classifier from a local folder: checked, without network, without a head of random weights."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wail.errors import ConfigError, ModelError
from wail.voice.detect import check_wave
from wail.voice.frames import FrameGrid, files_hash, in_chunks, one_thread, quiet_transformers
from wail.voice.mel import RATE_HZ, mean_and_variance
from wail.voice.tagger_labels import Columns
from wail.voice.taggers import TaggerConfig, TagTrack, weight_files

BATCH = 4
"""Windows at a time: an AST of base size needs some 100 MB for each."""


@dataclass(frozen=True)
class WindowTagger:
    """One answer per window. `logits`: windows [b, n] of equal length to [b, n_labels]."""

    name: str
    columns: Columns
    logits: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    shortest: int
    neutral: dict[str, float]
    config: TaggerConfig

    def tag(self, wave16: NDArray[np.float32]) -> TagTrack:
        check_wave(wave16)
        size, hop = (round(s * RATE_HZ) for s in (self.config.window_s, self.config.hop_s))
        starts = window_starts(len(wave16), size, hop)
        stops = np.minimum(starts + size, len(wave16))
        rows = [np.zeros((0, self.columns.n_labels), np.float32)]
        with one_thread(), torch.inference_mode():
            for windows in self._batches(wave16, starts, stops):
                rows.append(self.logits(windows))
        p = self.columns.probabilities(finite(np.concatenate(rows), self.name))
        return TagTrack((starts + stops) / 2 / RATE_HZ, **p, span_s=self.config.window_s, neutral=self.neutral,
                        chooses=self.columns.chooses)  # fmt: skip

    def _batches(self, wave16: NDArray[np.float32], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Any:
        """Whole windows together; the last one, where the wave ends within it, by itself, so that none is padded."""
        whole = int(np.count_nonzero(stops - starts == stops[0] - starts[0])) if len(starts) else 0
        for k in [*range(0, whole, BATCH), *range(whole, len(starts))]:
            last = min(k + BATCH, whole) if k < whole else k + 1
            piece = np.stack([wave16[a:b] for a, b in zip(starts[k:last], stops[k:last], strict=True)])
            short = max(0, self.shortest - piece.shape[1])
            yield np.pad(piece, ((0, 0), (0, short))) if short else piece


@dataclass(frozen=True)
class FrameTagger:
    """One answer per frame. `logits`: a piece of wave [n] to [m, n_labels] on `grid`."""

    name: str
    columns: Columns
    logits: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    grid: FrameGrid
    normalise: bool
    chunk_s: float
    context_s: float

    def tag(self, wave16: NDArray[np.float32]) -> TagTrack:
        check_wave(wave16)
        if not len(wave16):
            empty = self.columns.probabilities(np.zeros((0, self.columns.n_labels), np.float32))
            return TagTrack(np.zeros(0), **empty)
        mean, variance = mean_and_variance(wave16) if self.normalise else (0.0, 1.0)
        scale = 1 / np.sqrt(variance + 1e-7) if self.normalise else 1.0

        def run(piece: NDArray[np.float32]) -> NDArray[np.float32]:
            return self.logits(((piece - mean) * scale).astype(np.float32))

        logits = finite(in_chunks(run, wave16, self.grid, self.chunk_s, self.context_s), self.name)
        span_s = self.grid.width / RATE_HZ
        return TagTrack(self.grid.times_s(len(logits)), **self.columns.probabilities(logits), span_s=span_s,
                        neutral=self.columns.neutral({}), chooses=self.columns.chooses)  # fmt: skip


def window_starts(n: int, size: int, hop: int) -> NDArray[np.int64]:
    """First samples of windows that hear each of n samples; the last window may be cut by the end. None for n = 0."""
    count = 0 if not n else 1 + max(0, -(-(n - size) // hop))
    return np.arange(count, dtype=np.int64) * hop


def load_classifier(folder: Path, auto_class: Any, device: str) -> Any:
    """The model of a folder, in float32, evaluating. Raises ModelError where weights are damaged, or some are missing:
    transformers would make the missing ones up."""
    check_device(device)
    try:
        with quiet_transformers():
            model, told = auto_class.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, output_loading_info=True, dtype=torch.float32
            )
    except Exception as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder.name} could not be loaded as {auto_class.__name__.removeprefix('AutoModel')}: "
                         f"{why}. Get its files again.") from error  # fmt: skip
    lacking = sorted(str(key) for kind in ("missing_keys", "mismatched_keys") for key in told[kind])
    if lacking:
        raise ModelError(f"{folder.name} lacks {len(lacking)} of the model's weights ({', '.join(lacking[:3])}): it "
                         "was not trained for this, or is damaged. Get its files again.")  # fmt: skip
    return model.requires_grad_(False).eval().to(device)


def load_extractor(folder: Path) -> Any:
    """The folder's feature extractor. Raises ModelError where there is none, or it is not for 16 kHz."""
    if not (folder / "preprocessor_config.json").is_file():
        raise ModelError(f"{folder.name} has no preprocessor_config.json, which says the sampling rate and how sound "
                         "is normalised: get it from where the model is from.")  # fmt: skip
    from transformers import AutoFeatureExtractor

    try:
        with quiet_transformers(), warnings.catch_warnings():
            # AST's 128 mel bands over 257 bins leave the lowest empty: so it was trained.
            warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
            extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{folder.name}: its preprocessor_config.json cannot be used ({why}). "
                         "Get it again.") from error  # fmt: skip
    if extractor.sampling_rate != RATE_HZ:
        raise ModelError(f"{folder.name} is for sound at {extractor.sampling_rate} Hz; WAIL listens at {RATE_HZ} Hz: "
                         "give a model for that rate.")  # fmt: skip
    return extractor


def folder_id(kind: str, folder: Path) -> str:
    """`kind:sha256[:16]` of config, preprocessing and weights, whatever the folder is called."""
    weights = weight_files(folder)
    if not weights:
        raise ModelError(f"{folder.name} has no model.safetensors or pytorch_model.bin: get the model's weights.")
    return f"{kind}:{files_hash(folder / 'config.json', folder / 'preprocessor_config.json', *weights)}"


def finite(logits: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if not np.isfinite(logits).all():
        raise ModelError(f"The tagger {name} gives numbers that are not finite: its weights are damaged, "
                         "get them again.")  # fmt: skip
    return logits


def check_device(device: str) -> None:
    if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
        raise ConfigError(f"Taggers cannot run on {device!r}: choose cpu, or cuda where torch finds a GPU.")
