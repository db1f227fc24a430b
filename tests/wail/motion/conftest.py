"""Small synthetic datasets with the project's own schemas, and a linear decoder in place of a face model."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from schemas.arrow import to_table
from schemas.tables import FEATURES, SHARDS
from wail.motion.config import LossWeights, NetworkConfig, TrainConfig

N_FEATURES = 6
FEATURE_RATE_HZ = 50.0


class LinearDecoder:
    """Lips that move linearly with z-scored expression codes; the aperture is the gap of two of them."""

    def __init__(self, mean: torch.Tensor, std: torch.Tensor, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.mean, self.std = mean, std
        self.matrix = torch.randn(97, 5 * 3, generator=generator) * 0.3
        self.rest = torch.randn(5 * 3, generator=generator) * 10

    def lips(self, latents: torch.Tensor) -> torch.Tensor:
        return (((latents - self.mean) / self.std) @ self.matrix + self.rest).unflatten(-1, (5, 3))

    def aperture(self, latents: torch.Tensor) -> torch.Tensor:
        lips = self.lips(latents)
        return (lips[..., 0, :] - lips[..., 1, :]).norm(dim=-1)


class Synthetic:
    """Takes whose expression follows the loudness of their audio, and the dataset folder that holds them."""

    def __init__(self, root: Path) -> None:
        rng = np.random.default_rng(0)
        self.root = root
        self.mean = rng.normal(0, 20, 97).astype(np.float32)
        self.std = rng.uniform(5, 20, 97).astype(np.float32)
        self.law = rng.normal(0, 1, 64).astype(np.float32)
        self.model = {"name": "toy", "sha256": "a" * 64, "is_stand_in": True, "latent_mean": self.mean.tolist(),
                      "latent_std": self.std.tolist()}  # fmt: skip

    def decoder(self) -> LinearDecoder:
        return LinearDecoder(torch.from_numpy(self.mean), torch.from_numpy(self.std))

    def take(self, take_id: str, n_frames: int, seed: int, label: str = "cry") -> tuple[dict, dict]:
        """A row of shards and its row of features."""
        rng = np.random.default_rng(seed)
        time_s = np.arange(0.0125, n_frames / 30 + 0.1, 1 / FEATURE_RATE_HZ)
        rate_hz, phase = rng.uniform(0.8, 1.6), rng.uniform(0, 6)

        def loudness(t):
            return np.sin(2 * np.pi * rate_hz * t + phase)

        mix = np.random.default_rng(99).normal(0, 1, N_FEATURES)
        features = loudness(time_s)[:, None] * mix + rng.normal(0, 0.05, (len(time_s), N_FEATURES))
        t = np.arange(n_frames) / 30
        z = loudness(t)[:, None] * self.law
        expression = z * self.std[32:96] + self.mean[32:96]
        aperture = 5 + 5 * loudness(t)
        row = {
            "take_id": take_id, "clip_id": f"c{take_id}", "source_id": f"s{take_id}", "subject_id": f"p{take_id}",
            "group_id": f"g{take_id}", "label": label, "start_s": 0.0, "fps": 30.0, "n_frames": n_frames,
            "identity": self.mean[:32] + self.std[:32] * rng.normal(0, 1, 32), "age": float(self.mean[96]),
            "expression": expression.ravel(), "pose": np.zeros(n_frames * 6), "focal_px": 500.0,
            "aperture_mm": aperture, "closed": aperture < 1, "closed_below_mm": 1.0, "visible": np.ones(n_frames),
            "residual": np.full(n_frames, 0.01), "lip_sd_mm": np.full(n_frames, 0.2),
            "confidence": np.full(n_frames, 0.9), "valid": np.ones(n_frames, bool), "audio": None,
            "audio_source": None, "provenance": "{}",
        }  # fmt: skip
        return row, {"take_id": take_id, "time_s": time_s, "features": features.ravel()}

    def write_shard(self, split: str, rows: Iterable[dict], part: int = 0, model: dict | None = None) -> Path:
        path = self.root / "shards" / f"split={split}" / f"part-{part:05d}.parquet"
        metadata = {b"wail.model": json.dumps(model or self.model).encode()}
        return _write(path, rows, SHARDS, metadata)

    def write_features(
        self, rows: Iterable[dict], part: int = 0, encoder: str = "toy-mel", folder: str = "toy-mel"
    ) -> Path:
        path = self.root / "features" / folder / f"part-{part:05d}.parquet"
        meta = {"encoder": encoder, "dim": N_FEATURES}
        return _write(path, rows, FEATURES, {b"wail.encoder": json.dumps(meta).encode()})

    def write(self, splits: dict[str, list[tuple[dict, dict]]]) -> Path:
        for split, takes in splits.items():
            self.write_shard(split, [row for row, _ in takes])
        self.write_features([features for takes in splits.values() for _, features in takes])
        return self.root


def _write(path, rows, schema, metadata):
    table = to_table(rows, schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({**schema.metadata, **metadata}), path)
    return path


@pytest.fixture
def synthetic(tmp_path: Path) -> Synthetic:
    return Synthetic(tmp_path / "dataset")


@pytest.fixture
def dataset(synthetic: Synthetic) -> Path:
    """Three training takes, one shorter than a window, and two test takes."""
    lengths = [50, 31, 17]
    train = [synthetic.take(f"train{k}", n, seed=k, label=("cry", "laugh")[k % 2]) for k, n in enumerate(lengths)]
    test = [synthetic.take(f"test{k}", 40 + 5 * k, seed=50 + k) for k in range(2)]
    return synthetic.write({"train": train, "test": test})


@pytest.fixture
def small() -> Callable[..., TrainConfig]:
    """A config for seconds of training; keywords replace its fields."""
    config = TrainConfig(
        preset="test", steps=12, batch_size=4, window_frames=24, context_frames=4, learning_rate=3e-3, warmup_steps=2,
        ema_decay=0.9, diffusion_steps=50, log_every=2, checkpoint_every=4, sample_steps=4,
        weights=LossWeights(latent=1.0, velocity=1.0, lips=0.01),
        network=NetworkConfig(width=32, n_layers=2, n_heads=2, past_frames=3, future_frames=2, dropout=0.1),
    )  # fmt: skip
    return lambda **changes: replace(config, **changes)
