"""voc2vec-ls-pt (Koudounas et al., ICASSP 2025): a wav2vec 2.0 base encoder of non-verbal sound, from local files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wail.errors import ModelError
from wail.voice.detect import check_wave
from wail.voice.features import Encoder, Features
from wail.voice.frames import files_hash, frame_grid, in_chunks, quiet_transformers
from wail.voice.mel import mean_and_variance
from wail.voice.separate import hub_cache

NAME = "voc2vec-ls-pt"
HOW_TO_GET = ("download alkiskoudounas/voc2vec-ls-pt from the Hugging Face hub into a folder yourself "
              "(`hf download alkiskoudounas/voc2vec-ls-pt --local-dir voc2vec-ls-pt`) and give that folder")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
CHUNK_S, CONTEXT_S = 20.0, 2.0
"""Attention is over all that it is given, and the positional convolution reaches 1.28 s: chunks of 20 s with 2 s of
context to each side keep memory flat; within a recording of up to 20 s nothing is cut."""


def load_voc2vec(folder: Path | None, sha256: str = "") -> Encoder:
    """The encoder as a function of a wave. Raises ModelError with what to do where no folder holds it.

    Feature k of 20 ms strides over windows of 25 ms is centred at 12.5 ms + 20 ms k. `sha256`, where given, is the
    beginning of the hash that the weights must have.
    """
    home = find_folder(folder)
    weights = next((home / name for name in WEIGHTS if (home / name).is_file()), None)
    if weights is None:
        raise ModelError(f"voc2vec's folder {home.name} has no {' or '.join(WEIGHTS)}; {HOW_TO_GET}.")
    name = f"{NAME}:{files_hash(weights)}"
    if sha256 and name != f"{NAME}:{sha256}":
        raise ModelError(f"The encoder asked for is {NAME}:{sha256}, but {home.name} holds {name}: give the folder "
                         "that the features were made with, or make the features again.")  # fmt: skip
    model = _load(home)
    grid, normalise = frame_grid(model.config), _normalises(home)

    def run(piece: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model(torch.from_numpy(piece)[None]).last_hidden_state[0].numpy(), np.float32)

    def encode(wave16: NDArray[np.float32]) -> Features:
        check_wave(wave16)
        values = in_chunks(run, standardised(wave16) if normalise else wave16, grid, CHUNK_S, CONTEXT_S)
        return Features(grid.times_s(len(values)), values, name)

    return encode


def find_folder(folder: Path | None) -> Path:
    """The first of `folder/voc2vec-ls-pt`, `folder` and the hub's local cache that has a config.json."""
    given = [] if folder is None else [folder / NAME, folder]
    cached = sorted((hub_cache() / "models--alkiskoudounas--voc2vec-ls-pt" / "snapshots").glob("*"))
    for place in (*given, *cached):
        if (place / "config.json").is_file():
            return place
    looked = "the hub's local cache" if folder is None else f"{folder.name} and the hub's local cache"
    raise ModelError(f"voc2vec is not there: {looked} hold no config.json of it; {HOW_TO_GET}.")


def standardised(wave16: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zero mean and unit variance over the recording, as Wav2Vec2FeatureExtractor does."""
    mean, variance = mean_and_variance(wave16)
    return np.asarray((wave16 - mean) / np.sqrt(variance + 1e-7), np.float32)


def _normalises(folder: Path) -> bool:
    """What the folder's preprocessor_config.json says; wav2vec 2.0 base normalises."""
    path = folder / "preprocessor_config.json"
    return bool(json.loads(path.read_text()).get("do_normalize", True)) if path.is_file() else True


def _load(folder: Path) -> Any:
    """AutoModel: the class with a classification head would put random weights on a pretrained-only checkpoint."""
    from transformers import AutoModel

    try:
        with quiet_transformers():
            model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    except Exception as error:
        raise ModelError(f"{folder.name} could not be loaded as an audio encoder: {str(error).splitlines()[0]}; "
                         f"{HOW_TO_GET}.") from error  # fmt: skip
    if not hasattr(model.config, "conv_stride"):
        raise ModelError(f"{folder.name} holds a {type(model).__name__}, not a wav2vec 2.0 encoder; {HOW_TO_GET}.")
    return model.requires_grad_(False)
