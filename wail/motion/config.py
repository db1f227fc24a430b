"""Settings of a training run, and the presets."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from wail.errors import ConfigError

LABELS = ("cry", "laugh", "babble")


@dataclass(frozen=True)
class NetworkConfig:
    """Size of the denoiser and the band of audio that a frame may listen to, [-past_frames, +future_frames]."""

    width: int = 512
    n_layers: int = 8
    n_heads: int = 8
    feed_forward: int = 4  # hidden width of the MLP in widths
    past_frames: int = 8
    future_frames: int = 8
    dropout: float = 0.0


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of the sum; a term of weight 0 is not computed."""

    latent: float = 1.0
    velocity: float = 1.0
    lips: float = 0.0  # per mm^2


@dataclass(frozen=True)
class TrainConfig:
    """One training run. Frames are at 30 per second."""

    preset: str = "base"
    seed: int = 7
    encoder: str | None = None  # None: the only one that the dataset has
    steps: int = 100_000
    batch_size: int = 32
    window_frames: int = 100  # given context included
    context_frames: int = 10
    context_p: float = 0.5  # share of windows whose first context_frames are given
    learning_rate: float = 1e-4
    warmup_steps: int = 2000
    weight_decay: float = 0.01
    grad_clip: float = 1.0
    ema_decay: float = 0.999
    diffusion_steps: int = 500
    drop_p: float = 0.1  # each condition on its own, for classifier-free guidance
    weights: LossWeights = field(default_factory=LossWeights)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    sample_steps: int = 10
    guidance: float = 1.0  # 1: none
    log_every: int = 50
    checkpoint_every: int = 1000

    def __post_init__(self) -> None:
        for rule, holds, value in _rules(self):
            if not holds:
                raise ConfigError(f"training setting {rule}, but it is {value}: change it and run again")


def _rules(c: TrainConfig) -> list[tuple[str, bool, object]]:
    n = c.network
    positive = ("steps", "batch_size", "diffusion_steps", "sample_steps", "log_every", "checkpoint_every")
    return [(f"{name} must be at least 1", getattr(c, name) >= 1, getattr(c, name)) for name in positive] + [
        ("width must be a multiple of 2 n_heads", n.width % (2 * n.n_heads) == 0, f"{n.width} for {n.n_heads} heads"),
        ("past_frames and future_frames must not be negative", min(n.past_frames, n.future_frames) >= 0,
         (n.past_frames, n.future_frames)),
        ("dropout must be in [0, 1)", 0 <= n.dropout < 1, n.dropout),
        ("context_frames must be in [0, window_frames)", 0 <= c.context_frames < c.window_frames,
         f"{c.context_frames} of {c.window_frames}"),
        ("context_p must be in [0, 1]", 0 <= c.context_p <= 1, c.context_p),
        ("drop_p must be in [0, 1]", 0 <= c.drop_p <= 1, c.drop_p),
        ("ema_decay must be in [0, 1)", 0 <= c.ema_decay < 1, c.ema_decay),
        ("sample_steps must be at most diffusion_steps", c.sample_steps <= c.diffusion_steps,
         f"{c.sample_steps} of {c.diffusion_steps}"),
        ("checkpoint_every must be a multiple of log_every", c.checkpoint_every % max(1, c.log_every) == 0,
         f"{c.checkpoint_every} for {c.log_every}"),
        ("learning_rate must be positive", c.learning_rate > 0, c.learning_rate),
        ("weights must not be negative", min(asdict(c.weights).values()) >= 0, asdict(c.weights)),
    ]  # fmt: skip


def base() -> TrainConfig:
    """The full size, about 36 M parameters; for a GPU."""
    return TrainConfig(weights=LossWeights(latent=1.0, velocity=1.0, lips=0.05))


def tiny() -> TrainConfig:
    """About a minute of training on two CPU cores: shows that it learns, not how well it can."""
    return TrainConfig(
        preset="tiny", steps=360, batch_size=8, window_frames=70, learning_rate=1e-3, warmup_steps=50, ema_decay=0.99,
        weights=LossWeights(latent=1.0, velocity=1.0, lips=0.05),
        network=NetworkConfig(width=128, n_layers=4, n_heads=4, dropout=0.1), log_every=10, checkpoint_every=60,
    )  # fmt: skip


PRESETS = {"tiny": tiny, "base": base}


def with_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """The same run, shorter or longer; the warm-up never takes more than a tenth of it."""
    return replace(config, steps=steps, warmup_steps=min(config.warmup_steps, max(1, steps // 10)))


def config_to_json(config: TrainConfig) -> dict[str, Any]:
    return asdict(config)


def config_from_json(values: dict[str, Any]) -> TrainConfig:
    """The inverse of `config_to_json`. Raises ConfigError on unknown or missing fields."""
    try:
        parts = {"weights": LossWeights(**values["weights"]), "network": NetworkConfig(**values["network"])}
        return TrainConfig(**{**values, **parts})
    except (TypeError, KeyError) as error:
        raise ConfigError(f"the saved training settings do not fit this version ({error}): train anew") from error
