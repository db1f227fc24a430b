"""The detector's network: strided 2-D convolutions over a log-mel picture, then dilated convolutions in time; twice.

Two members, of other size and taught otherwise (`wail.voice.training.train`), err otherwise: their mean is better than
either. Convolutions only, so that every output depends on a bounded stretch of sound (`HALO_STEPS` to each side) and a
recording of any length can be run in blocks with exactly the values of one piece.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from wail.voice.mel import MelConfig

OUTPUTS = ("infant", "cry", "laugh", "babble", "adult")
MEL = MelConfig()
ROWS_PER_STEP = 2
SHAPES = ((120, (1, 2, 4, 8, 16, 32)), (80, (1, 2, 4, 8, 16)))
SHARES = (0.75, 0.25)
"""Channels and dilations in time of each member, and its share in the mean (chosen on the tuning recordings: more of
the second finds more cries, and takes more cats for infants)."""
HALO_STEPS = max(sum(dilations) for _, dilations in SHAPES) + 8
"""Steps of context to each side that can reach an output, with some to spare."""
LOG_MEAN, LOG_SD = -13.0, 4.0


class Residual(nn.Module):
    """Two-layer residual block in time: dilated convolution, ReLU, pointwise convolution."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.point = nn.Conv1d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, x + self.point(torch.relu(self.norm(self.wide(x)))))


class Member(nn.Module):
    """Natural-log mel power [batch, 2 * steps, 64] -> logits [batch, steps, 5] in the order of `OUTPUTS`."""

    def __init__(self, width: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.picture = nn.Sequential(
            nn.Conv2d(1, 24, (4, 5), stride=(2, 2), padding=(1, 2), bias=False), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 32, 3, stride=(1, 2), padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, 3, stride=(1, 2), padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
        )  # fmt: skip
        self.squeeze = nn.Conv1d(48 * MEL.n_bands // 8, width, 1)
        self.time = nn.Sequential(*(Residual(width, dilation) for dilation in dilations))
        self.drop = nn.Dropout(0.15)
        self.head = nn.Conv1d(width, len(OUTPUTS), 1)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        x = self.picture((log_mel.unsqueeze(1) - LOG_MEAN) / LOG_SD)
        x = torch.relu(self.squeeze(x.permute(0, 1, 3, 2).flatten(1, 2)))
        return cast(torch.Tensor, self.head(self.drop(torch.relu(self.time(x)))).transpose(1, 2))


class VoiceNet(nn.Module):
    """The mean of the members' logits, weighed by `SHARES`, as `Member` gives them."""

    def __init__(self, members: Sequence[Member] = ()) -> None:
        super().__init__()
        self.members = nn.ModuleList(members or [Member(*shape) for shape in SHAPES])

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        logits = [share * member(log_mel) for share, member in zip(SHARES, self.members, strict=True)]
        return torch.stack(logits).sum(0)
