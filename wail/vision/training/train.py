"""Teaches the occlusion network: `python -m wail.vision.training.train CROPS --tune CROPS --out FILE`.

CROPS are folders of `python -m wail.bench.composites.crops`. One thread, bfloat16 where the processor has it; the state
after each pass is kept beside the weights (`.state`), so that a run that was cut short goes on. At the end the logits
are scaled and shifted to be probabilities on the tuning crops (Platt), and figures there are printed as JSON.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Gt
from safetensors.torch import load_file, save_file

from wail.vision.occlusion import WEIGHTS
from wail.vision.occlusion_net import OcclusionMap
from wail.vision.training.calibrate import calibrated, figures
from wail.vision.training.examples import Crops, batches, read_crops


@dataclass(frozen=True)
class Budget:
    """How long and how fast to learn."""

    passes: Annotated[int, Gt(0)] = 20
    batch: Annotated[int, Gt(0)] = 32
    learning_rate: Annotated[float, Gt(0)] = 3e-3
    seed: int = 1


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def loss_of(logits: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Cross-entropy per cell; cells of the head count ten times those beside it, and the lips' four times more."""
    target, head = y[:, 0], y[:, 1]
    lips = torch.nn.functional.avg_pool2d(x[:, 4], 4)
    weight = 0.1 + head + 4 * lips * head
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * weight).sum() / weight.sum()


def train(
    crops: Crops, budget: Budget, state: Path | None = None, start: Path | None = None,
    say: Callable[[str], None] = _to_stderr,
) -> OcclusionMap:  # fmt: skip
    """A network taught on crops, from the weights `start` on where it is given. The same crops, budget and start give
    the same network on the same machine."""
    torch.set_num_threads(1)
    torch.manual_seed(budget.seed)
    net: OcclusionMap = OcclusionMap().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        net.load_state_dict(load_file(start))
    steps = budget.passes * -(-len(crops) // budget.batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=budget.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, budget.learning_rate, steps, pct_start=0.15)
    parts = {"net": net, "optimiser": optimiser, "schedule": schedule}
    for done in range(_resume(state, parts), budget.passes):
        rng = np.random.default_rng([budget.seed, done])
        losses = []
        for x, y in batches(crops, budget.batch, rng):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(x.to(memory_format=torch.channels_last))
            loss = loss_of(logits.float(), x, y)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        say(f"pass {done + 1} of {budget.passes}: loss {np.mean(losses):.4f}")
        _keep(state, parts, done + 1)
    net.eval()
    return net


def _keep(state: Path | None, parts: dict[str, Any], done: int) -> None:
    if state is not None:
        part = state.with_suffix(".part")
        torch.save({"done": done, **{name: one.state_dict() for name, one in parts.items()}}, part)
        os.replace(part, state)


def _resume(state: Path | None, parts: dict[str, Any]) -> int:
    """Passes already done."""
    if state is None or not state.is_file():
        return 0
    kept = torch.load(state, weights_only=True)
    for name, one in parts.items():
        one.load_state_dict(kept[name])
    return int(kept["done"])


def save(net: OcclusionMap, path: Path) -> None:
    """Convolutions in half precision, the rest as it is."""
    state = {name: value.half() if value.ndim > 1 else value for name, value in net.state_dict().items()}
    save_file({name: value.contiguous() for name, value in state.items()}, path)


def main(arguments: list[str] | None = None) -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Teach the occlusion network on crops.")
    parser.add_argument("crops", type=Path)
    parser.add_argument("--tune", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to go on from, with more crops")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--passes", type=int, default=Budget.passes)
    parser.add_argument("--seed", type=int, default=Budget.seed)
    parser.add_argument("--rate", type=float, default=Budget.learning_rate, help="largest learning rate")
    asked = parser.parse_args(arguments)
    budget = Budget(passes=asked.passes, seed=asked.seed, learning_rate=asked.rate)
    state = asked.out.with_suffix(".state")
    net = train(read_crops(asked.crops), budget, state, asked.start)
    tune = read_crops(asked.tune)
    net = calibrated(net, tune)
    save(net, asked.out)
    state.unlink(missing_ok=True)
    sys.stdout.write(json.dumps({"budget": asdict(budget), **figures(net, tune)}) + "\n")


if __name__ == "__main__":
    main()
