"""Windows of takes, normalised, in an order that is known from a position alone, and batches of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from wail.motion.config import LABELS, NetworkConfig, TrainConfig
from wail.motion.data import AGE, EXPRESSION, IDENTITY, FaceModelInfo, Split, Take
from wail.motion.features import MARGIN_FRAMES, Bools, Floats
from wail.motion.network import Conditions

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Normalisation:
    """Statistics that make latents and features of about unit size."""

    latent_mean: Floats  # [97] of the face model
    latent_std: Floats  # [97]; a code that never varies has 1
    feature_mean: Floats  # [d] over the training frames
    feature_std: Floats  # [d]

    def expression_z(self, raw: Floats) -> Floats:
        return np.asarray((raw - self.latent_mean[EXPRESSION]) / self.latent_std[EXPRESSION], dtype=np.float32)

    def expression_raw(self, z: Floats) -> Floats:
        return np.asarray(z * self.latent_std[EXPRESSION] + self.latent_mean[EXPRESSION], dtype=np.float32)

    def person_z(self, raw: Floats) -> Floats:
        """Identity and age, [33]."""
        pick = np.r_[IDENTITY, AGE]
        return np.asarray((raw - self.latent_mean[pick]) / self.latent_std[pick], dtype=np.float32)

    def features_z(self, raw: Floats) -> Floats:
        return np.asarray((raw - self.feature_mean) / self.feature_std, dtype=np.float32)


def normalisation(face: FaceModelInfo, takes: Sequence[Take]) -> Normalisation:
    features = np.concatenate([take.features[take.heard] for take in takes]).astype(np.float64)
    if not len(features):
        features = np.zeros((1, takes[0].features.shape[1]))
    return Normalisation(face.latent_mean, _no_zero(face.latent_std), features.mean(0).astype(np.float32),
                         _no_zero(features.std(0).astype(np.float32)))  # fmt: skip


def _no_zero(std: Floats) -> Floats:
    return np.where(std > 1e-6, std, np.float32(1)).astype(np.float32)


class Batch(NamedTuple):
    """One batch of windows of T frames, padded on the right; padding has weight 0."""

    target: torch.Tensor  # [B, T, 64] z-scored clean latents
    weight: torch.Tensor  # [B, T] trust, 0-1
    given: torch.Tensor  # [B, T] bool: context handed to the network
    conditions: Conditions
    person_raw: torch.Tensor  # [B, 33]

    def to(self, device: torch.device) -> "Batch":
        conditions = Conditions(*(part.to(device) for part in self.conditions))
        return Batch(self.target.to(device), self.weight.to(device), self.given.to(device), conditions,
                     self.person_raw.to(device))  # fmt: skip


class WindowLoader:
    """Windows of the takes, shuffled anew each epoch.

    `position` counts the windows given out. Order, place and context of a window follow from seed and position, so
    a loader put at a position goes on exactly as one that was never stopped.
    """

    def __init__(self, split: Split, config: TrainConfig, norm: Normalisation, position: int = 0) -> None:
        self.config, self.norm, self.position = config, norm, position
        self.takes = split.takes
        self.index = window_index([take.n_frames for take in split.takes], config)
        self._epoch, self._order = -1, np.arange(0)

    def next(self) -> Batch:
        return self.batch([self._place(self.position + k) for k in range(self.config.batch_size)], advance=True)

    def batch(self, places: Sequence[tuple[int, int, int]], advance: bool = False) -> Batch:
        """The windows at `(take, start, frames of context)`."""
        c = self.config
        self.position += len(places) if advance else 0
        windows = [cut(self.takes[take], start, c, self.norm) for take, start, _ in places]
        context = torch.tensor([k for _, _, k in places])
        target, weight, audio, heard = (torch.from_numpy(np.stack(part)) for part in zip(*windows, strict=True))
        takes = [self.takes[take] for take, _, _ in places]
        people = np.stack([take.person for take in takes])
        conditions = Conditions(
            audio=audio, heard=heard, label=torch.tensor([LABELS.index(take.label) for take in takes]),
            person=torch.from_numpy(np.stack([self.norm.person_z(person) for person in people])),
            known=torch.ones(len(takes), dtype=torch.bool),
        )  # fmt: skip
        given = torch.arange(c.window_frames) < context[:, None]
        return Batch(target, weight, given, conditions, torch.from_numpy(people))

    def _place(self, position: int) -> tuple[int, int, int]:
        c, n = self.config, len(self.index)
        epoch, slot = divmod(position, n)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, np.random.default_rng([c.seed, 0, epoch]).permutation(n)
        take, start = self.index[self._order[slot]]
        rng = np.random.default_rng([c.seed, 1, position])
        room = max(0, self.takes[take].n_frames - c.window_frames)
        shift = int(rng.integers(-_stride(c) // 2, _stride(c) // 2 + 1))
        context = c.context_frames if rng.random() < c.context_p else 0
        return take, min(max(0, start + shift), room), context


def _stride(config: TrainConfig) -> int:
    return max(1, (config.window_frames - config.context_frames) // 2)


def window_index(lengths: Sequence[int], config: TrainConfig) -> list[tuple[int, int]]:
    """(take, first frame) of windows that half overlap and together cover every take."""
    return [
        (take, start)
        for take, n in enumerate(lengths)
        for start in range(0, max(1, n - config.window_frames + _stride(config)), _stride(config))
    ]


def cut(take: Take, start: int, config: TrainConfig, norm: Normalisation) -> tuple[Floats, Floats, Floats, Bools]:
    """One window: target [T, 64], weight [T], and audio [past + T + future, d] with whether it is heard."""
    stop = start + config.window_frames
    audio, heard = audio_around(norm.features_z(take.features), take.heard, start, stop, config.network)
    return (
        padded(norm.expression_z(take.expression), start, stop),
        padded(take.weight, start, stop),
        audio,
        heard,
    )


def audio_around(
    features: Floats, heard: Bools, start: int, stop: int, network: NetworkConfig
) -> tuple[Floats, Bools]:
    """The audio that frames start to stop may listen to, of features that begin MARGIN_FRAMES before frame 0."""
    first, last = (MARGIN_FRAMES + k for k in (start - network.past_frames, stop + network.future_frames))
    return padded(features, first, last), padded(heard, first, last)


def padded(values: NDArray[Scalar], start: int, stop: int) -> NDArray[Scalar]:
    """`values[start:stop]`, with zeros where that reaches over either end."""
    inside = values[max(0, start) : max(0, stop)]
    before, after = max(0, min(-start, stop - start)), max(0, stop - max(start, len(values)))
    return np.pad(inside, [(before, after)] + [(0, 0)] * (values.ndim - 1))


def fingerprint(split: Split) -> str:
    """Hash of all that training reads, so that a resumed run can tell whether its dataset is still the same."""
    digest = hashlib.sha256(f"{split.face.sha256} {split.encoder}".encode())
    for take in split.takes:
        digest.update(f"{take.take_id} {take.label}".encode())
        for array in (take.person, take.expression, take.weight, take.features, take.heard):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
