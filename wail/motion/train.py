"""The training loop: from shards to `OUT/checkpoint.pt`, resuming bit for bit on the CPU."""

import json
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wail.errors import ConfigError
from wail.motion.checkpoint import VERSION, read_state, tensors, write_state
from wail.motion.config import TrainConfig, config_to_json
from wail.motion.data import Take, read_split
from wail.motion.decoder import Decoder
from wail.motion.diffusion import cosine_alpha_bar
from wail.motion.features import Floats
from wail.motion.step import Fixed, Run, learning_rate, new_run, train_step
from wail.motion.windows import fingerprint, normalisation

log = logging.getLogger("wail.motion")

OnProgress = Callable[[int, int, Mapping[str, float]], None]
"""(step, total steps, mean losses since the last call)."""


def train(
    dataset: Path,
    out: Path,
    config: TrainConfig,
    decoder: Decoder | None,
    on_progress: OnProgress | None = None,
    *,
    device: str = "cpu",
    restart: bool = False,
) -> Path:
    """Train on the split `train` of `dataset` and return the checkpoint, `out/checkpoint.pt`.

    A run that was stopped goes on from its last checkpoint; a finished one is left as it is (`is_finished` tells, and
    it is logged). `restart` trains anew whatever is there. `decoder`, on the same `device`, is needed where a loss
    through the face model has weight. Losses go to `out/metrics.jsonl`. Raises DatasetError where the data cannot be
    used, ConfigError where `out` holds a run with other settings or other data.
    """
    if config.weights.lips and decoder is None:
        raise ConfigError("the lips loss has weight but no face model was given: give one, or set its weight to 0")
    fixed = _fixed(dataset, config, decoder, torch.device(device))
    path = out / "checkpoint.pt"
    with _own_random_numbers(fixed.device):
        run = new_run(fixed)
        if path.exists() and not restart:
            _resume(run, path, fixed)
        if run.step >= config.steps:
            log.info("%s is finished (%d steps): nothing to do", path, run.step)
            return path
        with _metrics_log(out / "metrics.jsonl", run.step) as write:
            _loop(run, fixed, path, write, on_progress or (lambda step, total, losses: None))
    return path


def is_finished(out: Path, config: TrainConfig) -> bool:
    """Whether `out` holds a finished run of this very config."""
    path = out / "checkpoint.pt"
    if not path.exists():
        return False
    state = read_state(path)
    return bool(state["config"] == _plain(config_to_json(config)) and state["step"] >= config.steps)


def _fixed(dataset: Path, config: TrainConfig, decoder: Decoder | None, device: torch.device) -> Fixed:
    split = read_split(dataset, "train", config.encoder)
    norm = normalisation(split.face, split.takes)
    return Fixed(config, split, norm, fingerprint(split), cosine_alpha_bar(config.diffusion_steps).to(device), decoder,
                 device)  # fmt: skip


def _loop(run: Run, fixed: Fixed, path: Path, write: Callable[[dict[str, Any]], None], tell: OnProgress) -> None:
    c, sums, count, began = fixed.config, defaultdict[str, float](float), 0, time.monotonic()
    while run.step < c.steps:
        terms = train_step(run, fixed)
        count += 1
        for name, value in terms.items():
            sums[name] += value
        if run.step % c.log_every == 0 or run.step == c.steps:
            means = {name: value / count for name, value in sums.items()}
            write({"step": run.step, **means, "learning_rate": learning_rate(c, run.step - 1),
                   "seconds": round(time.monotonic() - began, 3)})  # fmt: skip
            tell(run.step, c.steps, means)
            sums, count = defaultdict(float), 0
        if run.step % c.checkpoint_every == 0 or run.step == c.steps:
            write_state(path, run_state(run, fixed))


def run_state(run: Run, fixed: Fixed) -> dict[str, Any]:
    """All of a run as a dictionary of tensors and plain values."""
    cuda = torch.cuda.get_rng_state(fixed.device) if fixed.device.type == "cuda" else None
    neutral, class_means = _statics(fixed.split.takes, fixed.split.face.latent_mean[32:96])
    return {
        "version": VERSION, "step": run.step, "config": _plain(config_to_json(fixed.config)),
        "model": run.network.state_dict(), "ema": run.ema, "optimizer": run.optimizer.state_dict(),
        "loader_position": run.loader.position, "rng": torch.get_rng_state(), "cuda_rng": cuda,
        "norm": tensors(vars(fixed.norm)), "face": tensors(vars(fixed.split.face)), "encoder": fixed.split.encoder,
        "data_sha256": fixed.data_sha256, "neutral": torch.from_numpy(neutral), "class_means": tensors(class_means),
        "train_groups": sorted({take.group_id for take in fixed.split.takes}),
    }  # fmt: skip


def _resume(run: Run, path: Path, fixed: Fixed) -> None:
    state = read_state(path)
    wanted = _plain(config_to_json(fixed.config))
    changed = [f"{key} {state['config'].get(key)} -> {wanted[key]}" for key in wanted
               if state["config"].get(key) != wanted[key]]  # fmt: skip
    if changed:
        raise ConfigError(f"{path} was trained with other settings ({'; '.join(changed)}): give another folder, or "
                          "train anew there (--restart)")  # fmt: skip
    if state["data_sha256"] != fixed.data_sha256:
        raise ConfigError(f"{path} was trained on other data than the dataset holds now: give another folder, or train "
                          "anew there (--restart)")  # fmt: skip
    run.network.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.ema = {name: value.to(fixed.device) for name, value in state["ema"].items()}
    run.step, run.loader.position = state["step"], state["loader_position"]
    torch.set_rng_state(state["rng"])
    if fixed.device.type == "cuda" and state["cuda_rng"] is not None:
        torch.cuda.set_rng_state(state["cuda_rng"], fixed.device)


def _statics(takes: tuple[Take, ...], mean_code: Floats) -> tuple[Floats, dict[str, Floats]]:
    """The still faces of the control rows: mean code of closed mouths (the model's mean if none), and by label."""
    closed = [take.expression[take.valid & take.closed] for take in takes]
    by_label: dict[str, list[Floats]] = defaultdict(list)
    for take in takes:
        by_label[take.label].append(take.expression[take.valid])
    means = {label: np.concatenate(codes).mean(0) for label, codes in by_label.items() if any(map(len, codes))}
    neutral = np.concatenate(closed).mean(0) if any(map(len, closed)) else mean_code
    return neutral.astype(np.float32), {label: mean.astype(np.float32) for label, mean in means.items()}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


@contextmanager
def _own_random_numbers(device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield


@contextmanager
def _metrics_log(path: Path, step: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Append one JSON object a line; lines after `step`, from a run that was killed later on, are dropped first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [line for line in _lines(path) if line["step"] <= step]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    os.replace(temporary, path)
    with path.open("a", encoding="utf-8") as file:

        def write(row: dict[str, Any]) -> None:
            file.write(json.dumps(row) + "\n")
            file.flush()

        yield write


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # cut short by a kill
