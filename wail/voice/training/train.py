"""Trains the detector: `python -m wail.voice.training.train --data DIR` (a quarter of an hour of one core, seeded).

Writes `wail/voice/weights/voicenet.safetensors`; `wail.voice.training.calibrate` then fits its probabilities on the
recordings held out for tuning, and `wail bench voice` measures it on those held out for the report.
"""

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn import functional

from wail.voice.network import SHAPES, Member, VoiceNet
from wail.voice.training import corpus, mix, scenes, sources

log = logging.getLogger("wail.voice.training")
OUT = Path(__file__).resolve().parents[1] / "weights" / "voicenet.safetensors"
CLASS_WEIGHT = (1.0, 0.7, 0.7, 0.7, 0.5)
Pair = tuple[NDArray[np.float32], NDArray[np.float32]]
PLAIN = ("cry", "coo_babble", "adult_speech", "music", "noise", "synthetic cry", "synthetic laugh", "synthetic babble",
         "synthetic adult", "siren", "tune")  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """How much is composed for one member, and how long it is trained."""

    steps: int
    synthetic: int
    """Sounds of 6 s of each synthetic kind."""
    scenes: int
    """Examples composed on waves and sent through codecs; as many again, in the mean, are composed on pictures."""
    only: tuple[str, ...] = ()
    """Kinds of sounds that are heard; all where it is empty."""
    batch: int = 16
    learning_rate: float = 3e-3


BUDGETS = (Budget(steps=4200, synthetic=50, scenes=3000), Budget(steps=2600, synthetic=100, scenes=0, only=PLAIN))
"""Of each member: the first hears every stranger, rooms and codecs, 17 minutes of one core; the second hears little but
infants, speech, music and noise, 6 minutes. Alone, the first misses more cries, the second lets more cats pass."""


def masked_loss(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy over the labels that are known."""
    known = ~label.isnan()
    weight = known * torch.tensor(CLASS_WEIGHT, device=label.device)
    each = functional.binary_cross_entropy_with_logits(logits, label.nan_to_num(), reduction="none")
    return (each * weight).sum() / weight.sum()


def examples(data: Path, budget: Budget, rng: np.random.Generator) -> Iterator[Pair]:
    """Log-mel [500, 64] and labels [250, 5] without end: one composed on pictures, then one scene, if any, varied.

    Only recordings of the part `train` are read: not held out, and of a licence that allows to ship what they teach.
    """
    entries = [e for e in corpus.read_index(data) if corpus.part_of(e) == "train"]
    bank = {**sources.recordings(entries), **sources.other_infants(entries, rng),
            **sources.strangers_of(entries, rng), **sources.synthetic(rng, budget.synthetic)}  # fmt: skip
    if budget.only:
        bank = {name: bank.get(name, []) for name in budget.only}
    log.info("sounds: %s", {name: len(sounds) for name, sounds in bank.items()})
    composed = scenes.scenes(bank, budget.scenes, rng)
    pictures = sources.pictures(bank)
    bank.clear()
    log.info("%d scenes", len(composed))
    while True:
        yield mix.example(pictures, rng)
        if composed:
            yield scenes.varied(composed[int(rng.integers(len(composed)))], rng)


def train(data: Path, budgets: Sequence[Budget] = BUDGETS, seed: int = 1, device: str = "cpu") -> VoiceNet:
    """Trains every member on its own, each from the same seed."""
    shaped = zip(SHAPES, budgets, strict=True)
    return VoiceNet([train_member(shape, data, budget, seed, device) for shape, budget in shaped]).eval()


def train_member(shape: tuple[int, Sequence[int]], data: Path, budget: Budget, seed: int, device: str) -> Member:
    """Trains a new member; on the CPU in bfloat16 where that is made for it, which is twice as fast."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    stream = examples(data, budget, np.random.default_rng(seed))
    net = Member(*shape).train()
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub does not list it
    optimiser = torch.optim.AdamW(net.parameters(), lr=budget.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, budget.learning_rate, budget.steps, pct_start=0.15)
    started, mean_loss = time.monotonic(), 0.7
    for step in range(budget.steps):
        pairs = [next(stream) for _ in range(budget.batch)]
        log_mel, label = (torch.from_numpy(np.stack(each)).to(device) for each in zip(*pairs, strict=True))
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = net(log_mel)
        loss = masked_loss(logits.float(), label)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        mean_loss = 0.98 * mean_loss + 0.02 * float(loss.detach())
        if step % 50 == 49:
            log.info("step %d of %d, loss %.4f, %.0f s", step + 1, budget.steps, mean_loss, time.monotonic() - started)
    return net.to("cpu").eval()


def save(net: VoiceNet, path: Path) -> None:
    """Convolutions in half precision, for half the size; what they are multiplied with stays in float32."""
    state = {name: value.half() if value.ndim > 1 else value for name, value in net.state_dict().items()}
    save_file({name: value.contiguous() for name, value in state.items()}, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv and segments.csv")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    net = train(arguments.data, seed=arguments.seed, device=arguments.device)
    save(net, arguments.out)
    log.info("wrote %s, %d kB", arguments.out.name, arguments.out.stat().st_size // 1000)


if __name__ == "__main__":
    main()
