"""The denoiser: a diffusion transformer that is causal in time and hears each frame's own stretch of audio.

Pre-norm blocks of causal self-attention, banded cross-attention and an MLP, modulated by diffusion step, vocalisation
class and person (adaptive layer norm as in Peebles & Xie 2023 "DiT", shared over layers with an offset per layer as in
Chen et al. 2023 "PixArt-alpha"). Positions are relative (rotary, Su et al. 2021), so a window may begin anywhere.
"""

import math
from typing import NamedTuple, cast

import torch
from torch import nn
from torch.nn import functional

from wail.errors import shape_message
from wail.motion.config import NetworkConfig

N_EXPRESSION = 64
N_PERSON = 33  # identity and age


class Conditions(NamedTuple):
    """What a window is generated from. `audio` reaches `past_frames` before the window and `future_frames` after it."""

    audio: torch.Tensor  # [B, past + T + future, d] normalised features at frame times
    heard: torch.Tensor  # [B, past + T + future] bool: whether there is audio
    label: torch.Tensor  # [B] int64; the number of labels means unknown
    person: torch.Tensor  # [B, 33] z-scored identity and age
    known: torch.Tensor  # [B] bool: whether the person is given


def rotate(x: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Rotary embedding: `x` [B, H, T, D] turned by angles of `position` [T], so that dot products see differences."""
    half = x.shape[-1] // 2
    frequency = torch.exp(-math.log(10_000.0) / half * torch.arange(half, device=x.device, dtype=torch.float32))
    angle = position.to(torch.float32)[:, None] * frequency
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def _heads(x: torch.Tensor, n_heads: int) -> torch.Tensor:
    return x.reshape(*x.shape[:2], n_heads, -1).transpose(1, 2)  # [B, T, C] -> [B, H, T, D]


def _merge(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(1, 2).flatten(2)


class CausalSelfAttention(nn.Module):
    """Frame i attends to frames up to i. Windows are padded on the right alone, so this also hides the padding."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        position = torch.arange(x.shape[1], device=x.device)
        q, k, v = (_heads(part, self.n_heads) for part in self.qkv(x).chunk(3, dim=-1))
        q, k = rotate(q, position), rotate(k, position)
        return cast(torch.Tensor, self.out(_merge(functional.scaled_dot_product_attention(q, k, v, is_causal=True))))


class BandedCrossAttention(nn.Module):
    """Frame i attends to audio of frames i - past to i + future, and to one silent slot.

    The silent slot (score 0, learned value) is what remains where there is no audio: at the ends of a take, and for
    the unconditional pass of classifier-free guidance.
    """

    def __init__(self, width: int, n_heads: int, past: int, future: int) -> None:
        super().__init__()
        self.n_heads, self.past, self.future = n_heads, past, future
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.silence = nn.Parameter(torch.zeros(width))
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, audio: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        n, m = x.shape[1], audio.shape[1]
        frame, slot = torch.arange(n, device=x.device), torch.arange(m, device=x.device)
        q = rotate(_heads(self.q(x), self.n_heads), frame + self.past)
        k, v = (_heads(part, self.n_heads) for part in self.kv(audio).chunk(2, dim=-1))
        k = functional.pad(rotate(k, slot), (0, 0, 1, 0))
        silence = _heads(self.silence.expand(len(x), 1, -1), self.n_heads)
        v = torch.cat([silence.to(v.dtype), v], dim=2)
        band = (slot >= frame[:, None]) & (slot <= frame[:, None] + self.past + self.future)
        mask = functional.pad(band & heard[:, None, :], (1, 0), value=True)[:, None]
        return cast(torch.Tensor, self.out(_merge(functional.scaled_dot_product_attention(q, k, v, attn_mask=mask))))


class Block(nn.Module):
    """Self-attention, cross-attention and MLP, each scaled, shifted and gated by the conditions."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.attend = CausalSelfAttention(width, config.n_heads)
        self.listen = BandedCrossAttention(width, config.n_heads, config.past_frames, config.future_frames)
        hidden = config.feed_forward * width
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU("tanh"), nn.Linear(hidden, width))
        self.dropout = nn.Dropout(config.dropout)
        gates_open = torch.tensor([0.0, 0.0, 1.0]).repeat(3)  # scale, shift, gate of each of the three parts
        self.offset = nn.Parameter(gates_open[:, None].repeat(1, width))

    def forward(
        self, x: torch.Tensor, modulation: torch.Tensor, audio: torch.Tensor, heard: torch.Tensor
    ) -> torch.Tensor:
        m = (modulation + self.offset)[:, :, None]  # [B, 9, 1, C]
        x = x + m[:, 2] * self.dropout(self.attend(self.norms[0](x) * (1 + m[:, 0]) + m[:, 1]))
        x = x + m[:, 5] * self.dropout(self.listen(self.norms[1](x) * (1 + m[:, 3]) + m[:, 4], audio, heard))
        x = x + m[:, 8] * self.dropout(self.mlp(self.norms[2](x) * (1 + m[:, 6]) + m[:, 7]))
        return x


class MotionTransformer(nn.Module):
    """Predicts clean z-scored expression latents from noisy ones.

    A frame's output depends on noisy frames up to it, and on audio up to `future_frames` after it: directly on
    its band, and on older audio through older frames.
    """

    def __init__(self, config: NetworkConfig, n_features: int, n_labels: int) -> None:
        super().__init__()
        width = config.width
        self.config, self.n_features, self.n_labels = config, n_features, n_labels
        self.motion_in = nn.Linear(N_EXPRESSION, width)
        self.given = nn.Embedding(2, width)
        self.audio_in = nn.Sequential(nn.Linear(n_features, width), nn.GELU("tanh"), nn.Linear(width, width))
        self.step_in = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.label_in = nn.Embedding(n_labels + 1, width)
        self.person_in = nn.Linear(N_PERSON, width)
        self.stranger = nn.Parameter(torch.zeros(width))
        self.modulate = nn.Linear(width, 9 * width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm_out = nn.LayerNorm(width)
        self.motion_out = nn.Linear(width, N_EXPRESSION)
        # Begin as the plain network (no modulation) that answers with the mean face.
        for layer in (self.modulate, self.motion_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor, step: torch.Tensor, given: torch.Tensor, conditions: Conditions) -> torch.Tensor:
        """Clean latents [B, T, 64] from `x` [B, T, 64] at diffusion `step` [B]; frames in `given` [B, T] are clean."""
        margin = self.config.past_frames + self.config.future_frames
        if conditions.audio.shape[1:] != (x.shape[1] + margin, self.n_features):
            expected = f"[B, {x.shape[1] + margin}, {self.n_features}]"
            raise ValueError(shape_message("audio", expected, conditions.audio.shape))
        modulation = self.modulate(self._condition(step, conditions)).unflatten(-1, (9, -1))
        h = self.motion_in(x) + self.given(given.long())
        audio = self.audio_in(conditions.audio)
        for block in self.blocks:
            h = block(h, modulation, audio, conditions.heard)
        return cast(torch.Tensor, self.motion_out(self.norm_out(h)))

    def _condition(self, step: torch.Tensor, conditions: Conditions) -> torch.Tensor:
        person = torch.where(conditions.known[:, None], self.person_in(conditions.person), self.stranger)
        clock = self.step_in(step_embedding(step, self.config.width))
        return functional.silu(clock + self.label_in(conditions.label) + person)


def step_embedding(step: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of the diffusion step [B] -> [B, width] (Ho et al. 2020, after Vaswani et al. 2017)."""
    half = width // 2
    frequency = torch.exp(-math.log(10_000.0) / half * torch.arange(half, device=step.device, dtype=torch.float32))
    angle = step.to(torch.float32)[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def drop_conditions(conditions: Conditions, drop_p: float, n_labels: int) -> Conditions:
    """Replace audio, label and person by their nulls, each on its own with probability `drop_p`.

    That is what classifier-free guidance needs (Ho & Salimans 2022).
    """
    n, device = len(conditions.label), conditions.label.device
    drop_audio, drop_label, drop_person = (torch.rand(3, n) < drop_p).to(device)
    return conditions._replace(
        heard=conditions.heard & ~drop_audio[:, None],
        label=torch.where(drop_label, n_labels, conditions.label),
        known=conditions.known & ~drop_person,
    )
