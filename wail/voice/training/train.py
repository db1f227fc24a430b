"""Trains the detector: `python -m wail.voice.training.train --data DIR` (about ten minutes of one core, seeded).

Writes `wail/voice/weights/voicenet.safetensors`. `wail.voice.training.evaluate` measures it on groups it never saw.
"""

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from wail.voice.network import VoiceNet
from wail.voice.training import corpus, mix

log = logging.getLogger("wail.voice.training")
OUT = Path(__file__).resolve().parents[1] / "weights" / "voicenet.safetensors"
CLASS_WEIGHT = torch.tensor([1.0, 0.7, 0.7, 0.7, 0.5])


def masked_loss(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy over the labels that are known."""
    known = ~label.isnan()
    each = functional.binary_cross_entropy_with_logits(logits, label.nan_to_num(), reduction="none")
    return (each * known * CLASS_WEIGHT).sum() / (known * CLASS_WEIGHT).sum()


def train(data: Path, steps: int, batch: int = 16, seed: int = 1, n_synthetic: int = 100) -> VoiceNet:
    """Trains on the groups of `data` that are not held out and whose licence allows shipping."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    entries = [e for e in corpus.read_index(data) if corpus.part_of(e) == "train"]
    bank = dict(corpus.real_pictures(entries)) | corpus.synthetic_pictures(rng, n_synthetic)
    log.info("banks: %s", {name: len(pictures) for name, pictures in bank.items()})
    net = VoiceNet().train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.15)
    started, mean_loss = time.monotonic(), 0.7
    for step in range(steps):
        pairs = [mix.example(bank, rng) for _ in range(batch)]
        log_mel = torch.from_numpy(np.stack([pair[0] for pair in pairs]))
        label = torch.from_numpy(np.stack([pair[1] for pair in pairs]).astype(np.float32))
        loss = masked_loss(net(log_mel), label)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        mean_loss = 0.98 * mean_loss + 0.02 * float(loss.detach())
        if step % 25 == 24:
            log.info("step %d of %d, loss %.4f, %.0f s", step + 1, steps, mean_loss, time.monotonic() - started)
    return net.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv and segments.csv")
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    net = train(arguments.data, arguments.steps, seed=arguments.seed)
    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, arguments.out)
    log.info("wrote %s, %d kB", arguments.out.name, arguments.out.stat().st_size // 1000)


if __name__ == "__main__":
    main()
