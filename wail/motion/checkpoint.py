"""Checkpoints: one file that holds all of a run, written whole or not at all."""

import os
import pickle
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wail.errors import DatasetError
from wail.motion.config import LABELS, TrainConfig, config_from_json
from wail.motion.data import FaceModelInfo
from wail.motion.features import Floats
from wail.motion.network import MotionTransformer
from wail.motion.windows import Normalisation

VERSION = 1
PARTS = frozenset({"version", "step", "config", "model", "ema", "optimizer", "loader_position", "rng", "norm", "face",
                   "encoder", "data_sha256", "neutral", "class_means", "train_groups"})  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, ready to generate: the averaged weights and all that its inputs and outputs mean."""

    network: MotionTransformer
    config: TrainConfig
    step: int
    norm: Normalisation
    face: FaceModelInfo
    encoder: str
    neutral: Floats  # [64] raw: mean training code of closed mouths
    class_means: Mapping[str, Floats]  # [64] raw, by label
    train_groups: frozenset[str]


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write to a temporary file, flush it to the disk, then rename: a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def read_state(path: Path) -> dict[str, Any]:
    """The dictionary that was written. Raises DatasetError where there is none or it cannot be read."""
    if not path.is_file():
        raise DatasetError(f"there is no checkpoint at {path}: run `wail train` first, or give another path")
    try:
        # Whole checkpoints are zip files; torch would read anything else as an old pickle, failing in any odd way.
        if not zipfile.is_zipfile(path):
            raise RuntimeError("not a whole zip file")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own words advise to run such code
        raise DatasetError(f"{path} is no checkpoint of wail (it holds other things than numbers and names, which are "
                           "never run): train anew, or give another") from error  # fmt: skip
    except (OSError, RuntimeError, EOFError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"{path} is no checkpoint of wail ({first_line}): train anew, or give another") from error
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise DatasetError(f"{path} is no checkpoint of version {VERSION} of wail; train anew, or give another path")
    missing = sorted(PARTS - state.keys())
    if missing:
        raise DatasetError(f"{path} is a damaged checkpoint (it lacks {', '.join(missing)}): train anew, or give "
                           "another")  # fmt: skip
    return state


def load_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint for generation, with the averaged weights, on the CPU. `path`: the file or its folder.

    Raises DatasetError where it is no checkpoint, lacks a part, or holds weights that are not finite.
    """
    path = path / "checkpoint.pt" if path.is_dir() else path
    state = read_state(path)
    try:
        return _checkpoint(state)
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"{path} is a damaged checkpoint ({type(error).__name__}: {first_line}): train anew, or "
                           "give another") from error  # fmt: skip


def _checkpoint(state: Mapping[str, Any]) -> Checkpoint:
    config, norm, face = config_from_json(state["config"]), state["norm"], state["face"]
    with torch.device("meta"):  # no memory before the weights are known to fit
        network = MotionTransformer(config.network, len(norm["feature_mean"]), len(LABELS))
    network.load_state_dict(state["ema"], assign=True)
    if not all(bool(weights.isfinite().all()) for weights in network.state_dict().values()):
        raise ValueError("its weights hold NaN or infinity")
    return Checkpoint(
        network=network.eval().requires_grad_(False),
        config=config,
        step=state["step"],
        norm=Normalisation(**_arrays(norm)),
        face=FaceModelInfo(**_arrays(face)),
        encoder=state["encoder"],
        neutral=state["neutral"].numpy(),
        class_means=_arrays(state["class_means"]),
        train_groups=frozenset(state["train_groups"]),
    )


def tensors(values: Mapping[str, Any]) -> dict[str, Any]:
    """numpy arrays as tensors, which a checkpoint may hold without pickled code."""
    return {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in values.items()}


def _arrays(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.numpy() if isinstance(value, torch.Tensor) else value for key, value in values.items()}
