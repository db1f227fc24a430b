"""One optimiser step: a batch, its losses at random diffusion steps, AdamW and the averaged weights."""

import math
from dataclasses import dataclass

import torch

from wail.errors import DatasetError
from wail.motion.config import LABELS, TrainConfig
from wail.motion.data import Split
from wail.motion.decoder import Decoder
from wail.motion.diffusion import add_noise
from wail.motion.losses import LipDecoder, motion_losses
from wail.motion.network import MotionTransformer, drop_conditions
from wail.motion.windows import Batch, Normalisation, WindowLoader


@dataclass
class Run:
    """All that changes while training."""

    network: MotionTransformer
    ema: dict[str, torch.Tensor]
    optimizer: torch.optim.Optimizer
    loader: WindowLoader
    step: int = 0


@dataclass(frozen=True)
class Fixed:
    """All that does not."""

    config: TrainConfig
    split: Split
    norm: Normalisation
    data_sha256: str
    alpha_bar: torch.Tensor
    decoder: Decoder | None
    device: torch.device


def new_run(fixed: Fixed) -> Run:
    """A run at step 0; seeds the random numbers."""
    c = fixed.config
    torch.manual_seed(c.seed)
    network = MotionTransformer(c.network, fixed.split.n_features, len(LABELS)).to(fixed.device)
    ema = {name: value.detach().clone() for name, value in network.state_dict().items()}
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": c.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=c.learning_rate, betas=(0.9, 0.99))
    return Run(network, ema, optimizer, WindowLoader(fixed.split, c, fixed.norm))


def train_step(run: Run, fixed: Fixed) -> dict[str, float]:
    """One optimiser step; returns each loss, and the gradient's norm before clipping."""
    c = fixed.config
    run.network.train()
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(c, run.step)
    terms = batch_losses(run.network, run.loader.next().to(fixed.device), fixed)
    values = {name: float(value.detach()) for name, value in terms.items()}
    if not math.isfinite(values["total"]):
        raise DatasetError(f"the loss is {values['total']} at step {run.step + 1}: train anew with a learning_rate "
                           f"below {c.learning_rate:g}")  # fmt: skip
    run.optimizer.zero_grad(set_to_none=True)
    terms["total"].backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    norm = torch.nn.utils.clip_grad_norm_(run.network.parameters(), c.grad_clip)
    run.optimizer.step()
    run.step += 1
    _average(run.ema, run.network, c.ema_decay, run.step)
    return {**values, "grad_norm": float(norm)}


def batch_losses(network: MotionTransformer, batch: Batch, fixed: Fixed) -> dict[str, torch.Tensor]:
    """Losses of a batch at random diffusion steps, uniform over all of them."""
    c, device = fixed.config, fixed.device
    # Drawn on the CPU, so that the same seed means the same noise on any device.
    step = torch.randint(c.diffusion_steps, (len(batch.target),)).to(device)
    noise = torch.randn(batch.target.shape).to(device)
    noisy = add_noise(batch.target, noise, fixed.alpha_bar[step])
    noisy = torch.where(batch.given[..., None], batch.target, noisy)
    conditions = drop_conditions(batch.conditions, c.drop_p, len(LABELS))
    predicted = network(noisy, step, batch.given, conditions)
    lips = None
    if fixed.decoder is not None and c.weights.lips:
        mean, std = (torch.from_numpy(a).to(device) for a in (fixed.norm.latent_mean, fixed.norm.latent_std))
        lips = LipDecoder(fixed.decoder, mean, std, batch.person_raw)
    return motion_losses(predicted, batch.target, batch.weight, batch.given, c.weights, lips)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a half cosine down to a tenth."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    return config.learning_rate * warm * (0.55 + 0.45 * math.cos(math.pi * step / config.steps))


@torch.no_grad()
def _average(ema: dict[str, torch.Tensor], network: MotionTransformer, decay: float, step: int) -> None:
    """ema = d ema + (1 - d) weights, d rising to `decay` so that the random start is soon forgotten."""
    d = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(ema.values()), [network.state_dict()[name] for name in ema], 1 - d)
