"""Trains the infant separator: `python -m wail.voice.training.separator.train --data DIR [--device cuda --workers 8]`.

Budget: 66 minutes of one CPU core with bfloat16 (AVX512), or 20 minutes of one data-centre GPU with
`--minutes 20 --steps 40000 --batch 16 --workers 12` (not tried: no GPU was to be had). Training ends at `--steps` or
`--minutes`, whichever is first, its learning rate at zero either way. Writes `wail/voice/weights/infant_stem/` in
Demucs' own package format, and every ten minutes a checkpoint to `--checkpoint`, from which `--resume` goes on.
"""

import argparse
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wail.voice.training import corpus
from wail.voice.training.separator import data
from wail.voice.training.separator.package import MODEL, new_model, save_package

log = logging.getLogger("wail.voice.training.separator")
OUT = Path(__file__).resolve().parents[2] / "weights" / "infant_stem"
SOUGHT_DB, SILENT_DB = 30.0, 20.0
"""Beyond these ratios the loss no longer rewards: an estimate this good costs as much as a perfect one."""
EMA_STEPS = 400.0


@dataclass(frozen=True)
class TrainConfig:
    steps: int = 9200
    minutes: float = 66.0
    batch: int = 4
    seconds: float = 3.0
    """Of one example."""
    learning_rate: float = 2e-3
    seed: int = 1
    device: str = "cpu"
    workers: int = 0
    n_synthetic: int = 30


def separation_loss(estimate: torch.Tensor, mix: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean thresholded log error, dB, of estimates [b, n] (Wisdom et al. 2021, "What's all the fuss about free
    universal sound separation data?", eq. 3 and 4): negative SNR where there is a target, the estimate's level under
    the mix where the target is silent."""
    energy, error = target.pow(2).sum(-1), (target - estimate).pow(2).sum(-1)
    heard = mix.pow(2).sum(-1) + 1e-8
    sought, silent = 10 ** (-SOUGHT_DB / 10), 10 ** (-SILENT_DB / 10)
    active = 10 * torch.log10((error + sought * energy + 1e-12) / (energy + 1e-12))
    quiet = 10 * torch.log10(error / heard + silent)
    return torch.where(energy > 1e-6 * heard, active, quiet).mean()


class _Examples(torch.utils.data.IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Endless batches (mix, target), [batch, n] each, at unit level; a stream of its own for each loading process."""

    def __init__(self, bank: data.Bank, config: TrainConfig, first_step: int) -> None:
        self.bank, self.config, self.first_step = bank, config, first_step

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.config.seed, self.first_step, 0 if info is None else info.id])
        n = round(self.config.seconds * data.RATE_HZ)
        while True:
            yield _batch([data.example(self.bank, rng, n) for _ in range(self.config.batch)])


def _batch(pairs: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> tuple[torch.Tensor, torch.Tensor]:
    mix, target = (np.stack(waves) for waves in zip(*pairs, strict=True))
    scale = mix.std(-1, keepdims=True) + np.float32(1e-8)
    return torch.from_numpy(mix / scale), torch.from_numpy(target / scale)


def make_bank(folder: Path, config: TrainConfig) -> dict[str, list[data.Take]]:
    """Takes of the training part of the recordings in `folder`, and synthetic ones."""
    entries = [e for e in corpus.read_index(folder) if corpus.part_of(e) == "train"]
    rng = np.random.default_rng(config.seed)
    bank = {**data.real_takes(entries), **data.other_takes(entries, rng, config.n_synthetic)}
    log.info("takes: %s", {name: len(takes) for name, takes in bank.items()})
    return bank


def train(bank: data.Bank, config: TrainConfig, model_kwargs: dict[str, Any] = MODEL,
          checkpoint: Path | None = None, resume: bool = False) -> torch.nn.Module:  # fmt: skip
    """A model in evaluation mode, its weights averaged over the last steps."""
    torch.manual_seed(config.seed)
    model = new_model(model_kwargs).to(config.device).train()
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=1e-3, betas=(0.9, 0.98))
    first = _restore(checkpoint, model, average, optimiser) if resume and checkpoint else 0
    loader = torch.utils.data.DataLoader(_Examples(bank, config, first), None, num_workers=config.workers)
    started = saved = time.monotonic()
    recent: list[float] = []
    for step, (mix, target) in enumerate(loader, first):
        progress = max(step / config.steps, (time.monotonic() - started) / 60 / config.minutes)
        if progress >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * rate_at(step, progress, min(150, config.steps // 8 + 1))
        recent.append(_step(model, optimiser, mix.to(config.device), target.to(config.device)))
        _follow(average, model, step)
        if step % 50 == 49:
            took_s = time.monotonic() - started
            log.info("step %d, %.0f s, progress %.3f, loss %.3f dB", step + 1, took_s, progress, np.mean(recent[-200:]))
        if checkpoint and time.monotonic() - saved > 600:
            saved = time.monotonic()
            _save(checkpoint, model, average, optimiser, step + 1)
    if checkpoint:
        _save(checkpoint, model, average, optimiser, step)
    model.load_state_dict(average)
    return model.cpu().eval()


def rate_at(step: int, progress: float, warm_up: int = 150) -> float:
    """Share of the full learning rate: linear warm-up, then half a cosine down to 0 at progress 1."""
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _step(model: torch.nn.Module, optimiser: torch.optim.Optimizer, mix: torch.Tensor, target: torch.Tensor) -> float:
    with torch.autocast(mix.device.type, torch.bfloat16):
        stems = model(mix[:, None])
    stems = stems.float()[:, :, 0]
    loss = separation_loss(stems[:, 0], mix, target)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimiser.step()
    return float(loss.detach())


@torch.no_grad()
def _follow(average: dict[str, torch.Tensor], model: torch.nn.Module, step: int) -> None:
    keep = min(1 - 1 / EMA_STEPS, (1 + step) / (10 + step))
    for name, value in model.state_dict().items():
        average[name].lerp_(value, 1 - keep)


def _save(path: Path, model: torch.nn.Module, average: dict[str, torch.Tensor],
          optimiser: torch.optim.Optimizer, step: int) -> None:  # fmt: skip
    partial = path.with_suffix(".partial")
    torch.save({"model": model.state_dict(), "average": average, "optimiser": optimiser.state_dict(), "step": step},
               partial)  # fmt: skip
    partial.replace(path)


def _restore(path: Path, model: torch.nn.Module, average: dict[str, torch.Tensor],
             optimiser: torch.optim.Optimizer) -> int:  # fmt: skip
    kept = torch.load(path, weights_only=True)
    model.load_state_dict(kept["model"])
    optimiser.load_state_dict(kept["optimiser"])
    for name, value in kept["average"].items():
        average[name].copy_(value)
    return int(kept["step"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv and segments.csv")
    for name, default in asdict(TrainConfig()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--checkpoint", type=Path, default=None)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    options = vars(parser.parse_args())
    folder, out, checkpoint, resume = (options.pop(name) for name in ("data", "out", "checkpoint", "resume"))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    config = TrainConfig(**options)
    model = train(make_bank(folder, config), config, checkpoint=checkpoint, resume=resume)
    path = save_package(model, out, asdict(config))
    log.info("wrote %s, %d kB", path.name, path.stat().st_size // 1000)


if __name__ == "__main__":
    main()
