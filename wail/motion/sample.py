"""Generating expression latents of any length from audio features, by windows with carried context."""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from wail.errors import ConfigError, DatasetError, shape_message
from wail.motion.checkpoint import Checkpoint, load_checkpoint
from wail.motion.config import LABELS
from wail.motion.diffusion import cosine_alpha_bar, ddim
from wail.motion.features import MARGIN_FRAMES, Bools, Floats, at_frame_times
from wail.motion.network import N_EXPRESSION, Conditions
from wail.motion.windows import audio_around

__all__ = ["Checkpoint", "generate", "generate_at_frames", "load_checkpoint"]


def generate(
    checkpoint: Checkpoint,
    feature_time_s: NDArray[np.float64],
    features: Floats,
    n_frames: int,
    identity: Floats | None,
    age: float | None,
    label: str | None,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Floats:
    """Raw expression codes [n_frames, 64] at 30 fps for audio features [m, d] with centres `feature_time_s` [m].

    Raw `identity` [32] and `age`, or None for nobody in particular; `label` or None for unknown. The same seed gives
    the same motion. `steps` of DDIM and `guidance` (1: none) default to the checkpoint's. Raises DatasetError where the
    features are not of the checkpoint's encoder, ConfigError on an unknown label or a setting out of range.
    """
    d = len(checkpoint.norm.feature_mean)
    if features.ndim != 2 or features.shape[1] != d or len(features) != len(feature_time_s) or not len(features):
        raise DatasetError(f"{shape_message('features', f'({len(feature_time_s)}, {d})', features.shape)}; the "
                           f"checkpoint was trained with {checkpoint.encoder}: use that encoder")  # fmt: skip
    if not np.isfinite(features).all():
        raise DatasetError("the audio features hold NaN or infinite values: check the audio file")
    at_frames, heard = at_frame_times(feature_time_s, features, n_frames)
    return generate_at_frames(checkpoint, at_frames, heard, identity, age, label, seed, steps, guidance)


def generate_at_frames(
    checkpoint: Checkpoint,
    features: Floats,
    heard: Bools,
    identity: Floats | None,
    age: float | None,
    label: str | None,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Floats:
    """The same from features and whether they are heard at frame times, margins included (see `at_frame_times`)."""
    c, n_frames = checkpoint.config, len(features) - 2 * MARGIN_FRAMES
    steps, guidance = c.sample_steps if steps is None else steps, c.guidance if guidance is None else guidance
    _check(steps, c.diffusion_steps, n_frames, label)
    noise = torch.randn(n_frames, N_EXPRESSION, generator=torch.Generator().manual_seed(seed))
    person = _person(checkpoint, identity, age)
    normalised = checkpoint.norm.features_z(features)
    z = torch.zeros(0, N_EXPRESSION)
    for start, stop in window_spans(n_frames, c.window_frames, c.context_frames):
        conditions = _conditions(checkpoint, normalised, heard, start, stop, person, label)
        z = torch.cat([z[:start], _window(checkpoint, noise[start:stop], z[start:], conditions, steps, guidance)])
    return checkpoint.norm.expression_raw(z.numpy()).astype(np.float32)


def window_spans(n_frames: int, window: int, context: int) -> list[tuple[int, int]]:
    """(first, last + 1) of windows that cover the frames, each beginning `context` frames before the last one's end."""
    spans = [(0, min(window, n_frames))]
    while spans[-1][1] < n_frames:
        start = spans[-1][1] - context
        spans.append((start, min(start + window, n_frames)))
    return spans


@torch.inference_mode()
def _window(
    checkpoint: Checkpoint,
    noise: torch.Tensor,
    known: torch.Tensor,
    conditions: Conditions,
    steps: int,
    guidance: float,
) -> torch.Tensor:
    """One window [T, 64] from its noise; its first frames are `known` from the window before."""
    n = len(noise)
    given = torch.arange(n) < len(known)
    given_x0 = torch.zeros(1, n, N_EXPRESSION)
    given_x0[0, : len(known)] = known
    null = _unheard(conditions)

    def denoise(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        if guidance == 1:
            return cast(torch.Tensor, checkpoint.network(x, step, given[None], conditions))
        both = Conditions(*(torch.cat(pair) for pair in zip(conditions, null, strict=True)))
        with_, without = checkpoint.network(x.repeat(2, 1, 1), step.repeat(2), given.repeat(2, 1), both).chunk(2)
        return cast(torch.Tensor, without + guidance * (with_ - without))

    alpha_bar = cosine_alpha_bar(checkpoint.config.diffusion_steps)
    return ddim(denoise, noise[None], alpha_bar, steps, given, given_x0)[0]


def _conditions(
    checkpoint: Checkpoint,
    features: Floats,
    heard: Bools,
    start: int,
    stop: int,
    person: Floats | None,
    label: str | None,
) -> Conditions:
    audio, hears = audio_around(features, heard, start, stop, checkpoint.config.network)
    return Conditions(
        audio=torch.from_numpy(audio)[None],
        heard=torch.from_numpy(hears)[None],
        label=torch.tensor([len(LABELS) if label is None else LABELS.index(label)]),
        person=torch.from_numpy(np.zeros(33, np.float32) if person is None else person)[None],
        known=torch.tensor([person is not None]),
    )


def _unheard(conditions: Conditions) -> Conditions:
    """Without the audio alone: guidance then strengthens what is heard, not who or which class it is."""
    return conditions._replace(heard=torch.zeros_like(conditions.heard))


def _person(checkpoint: Checkpoint, identity: Floats | None, age: float | None) -> Floats | None:
    if identity is None or age is None:
        return None
    if np.shape(identity) != (32,):
        raise ConfigError(shape_message("identity", "(32,)", np.shape(identity)))
    return checkpoint.norm.person_z(np.append(identity, age).astype(np.float32))


def _check(steps: int, most: int, n_frames: int, label: str | None) -> None:
    if not 1 <= steps <= most:
        raise ConfigError(f"sampling steps must be in 1-{most} but are {steps}")
    if n_frames < 1:
        raise ConfigError("there are no frames to generate: the audio is shorter than one frame (1/30 s)")
    if label is not None and label not in LABELS:
        raise ConfigError(f"label {label!r} is none of {', '.join(LABELS)}: choose one of these, or leave it out")
