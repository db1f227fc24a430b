"""Training crops as the network's inputs and targets, varied anew each time they are met."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from wail.errors import ConfigError
from wail.vision.occlusion import MAP_PX, SIDE_PX, aligned, inputs
from wail.vision.roi import Array

U8 = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True)
class Crops:
    """What a folder holds (`wail.bench.composites.crops` writes it). covered, head: packed bits [n, 192, 24]."""

    crops: list[U8]
    points: list[Array]
    covered: list[U8]
    head: list[U8]
    kind: list[str]
    affine: list[NDArray[np.float64]]
    """`aligned` of each mesh."""

    def __len__(self) -> int:
        return len(self.crops)


def read_crops(folder: Path) -> Crops:
    """All crops of a folder's `crops-*.npz`. Raises ConfigError where there are none."""
    out = Crops([], [], [], [], [], [])
    paths = sorted(path for path in folder.glob("crops-*.npz") if not path.name.endswith(".part.npz"))
    if not paths:
        raise ConfigError(f"{folder} holds no crops-*.npz: make them with python -m wail.bench.composites.crops")
    for path in paths:
        with np.load(path) as data:
            for name in ("crops", "points", "covered", "head", "kind"):
                getattr(out, name).extend(data[name])
    out.affine.extend(aligned(points) for points in out.points)
    return out


def example(crops: Crops, k: int, rng: Rng | None) -> tuple[U8, U8]:
    """Input uint8 [96, 96, 6] and target uint8 [24, 24, 2] (shares, 0-255, of each cell that are covered, and the
    head's) of one crop; a little shifted, turned and scaled, and mirrored half the time, when `rng` is given."""
    crop, points = crops.crops[k], crops.points[k]
    masks = 255 * np.stack([np.unpackbits(bits, axis=1) for bits in (crops.covered[k], crops.head[k])], -1)
    affine = crops.affine[k]
    if rng is not None:
        turn = cv2.getRotationMatrix2D((SIDE_PX / 2, SIDE_PX / 2), rng.normal(0, 4), float(np.exp(rng.normal(0, 0.05))))
        turn[:, 2] += rng.normal(0, 2.0, 2)
        affine = turn @ np.vstack([affine, [0, 0, 1]])
    seen = inputs(crop, points, affine)
    # Four samples a cell are enough for its share.
    twice = affine * (2 * MAP_PX / SIDE_PX)
    masks = cv2.warpAffine(masks, twice, (2 * MAP_PX, 2 * MAP_PX), flags=cv2.INTER_LINEAR)
    target = cv2.resize(masks, (MAP_PX, MAP_PX), interpolation=cv2.INTER_AREA)
    if rng is not None and rng.random() < 0.5:
        # Softer, or sharper, where the share is negative.
        share = float(np.clip(rng.normal(0, 0.7), -1.5, 1.0))
        seen[..., :3] = cv2.addWeighted(seen[..., :3], 1 - share, cv2.blur(seen[..., :3], (3, 3)), share, 0)
    if rng is not None and rng.random() < 0.5:
        seen, target = seen[:, ::-1], target[:, ::-1]
    return seen, target


def batches(crops: Crops, size: int, rng: Rng | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs f32 [b, 6, 96, 96] and targets f32 [b, 2, 24, 24], both 0-1; shuffled and varied when `rng` is given."""
    order = np.arange(len(crops)) if rng is None else rng.permutation(len(crops))
    for first in range(0, len(order), size):
        pairs = [example(crops, int(k), rng) for k in order[first : first + size]]
        x, y = (_planes(part) for part in zip(*pairs, strict=True))
        yield (x if rng is None else varied(x, rng)), y


def _planes(pictures: Sequence[U8]) -> torch.Tensor:
    """Pictures uint8 [h, w, c] as one tensor f32 [n, c, h, w], 0-1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous().float() / 255


def varied(x: torch.Tensor, rng: Rng) -> torch.Tensor:
    """Colours, contrast, sharpness and grain changed at random; the mesh's lips at times left out."""
    n = len(x)

    def draw(spread: float, channels: int = 1) -> torch.Tensor:
        return torch.from_numpy(rng.normal(0, spread, (n, channels, 1, 1)).astype(np.float32))

    def some(chance: float) -> torch.Tensor:
        return torch.from_numpy((rng.random((n, 1, 1, 1)) < chance).astype(np.float32))

    rgb = x[:, :3]
    rgb = (rgb * torch.exp(draw(0.2) + draw(0.12, 3) * some(0.6))).clamp(0, 1) ** torch.exp(draw(0.25))
    rgb = torch.lerp(rgb, rgb.mean(1, keepdim=True).expand_as(rgb), some(0.25) * torch.maximum(some(0.6), some(1) / 2))
    rgb = torch.lerp(rgb, rgb[:, torch.from_numpy(rng.permutation(3))], some(0.05))
    grain = torch.randn(rgb.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**31))))
    rgb = rgb + grain * draw(0.02).abs()
    return torch.cat([rgb.clamp(0, 1), x[:, 3:4], x[:, 4:] * (1 - some(0.08))], 1)

