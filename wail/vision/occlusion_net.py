"""The occlusion network: a small encoder and decoder of convolutions over an aligned face.

An hourglass with skips (after Ronneberger et al., U-Net, MICCAI 2015, and He et al., residual learning, CVPR 2016),
with the whole crop's mean added at its narrowest place, so that a cheek can be compared with the rest of the face.
"""

from typing import cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CHANNELS_IN = 6
WIDTHS = (16, 32, 64, 96)


class Step(nn.Module):
    """3 x 3 convolution, batch norm, ReLU; `stride` 2 halves the picture."""

    def __init__(self, inside: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Residual(nn.Module):
    """x plus one `Step` of x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.step = Step(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, x + self.step(x))


class OcclusionMap(nn.Module):
    """Inputs [n, 6, 96, 96] in 0-1 (`wail.vision.occlusion.inputs`) -> logits [n, 24, 24] that a place is covered."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.fine = nn.Sequential(Step(CHANNELS_IN, a, 2), Step(a, b, 2), Residual(b))
        self.middle = nn.Sequential(Step(b, c, 2), Residual(c), Residual(c))
        self.coarse = nn.Sequential(Step(c, d, 2), Residual(d), Residual(d))
        self.whole = nn.Linear(d, d)
        self.to_middle, self.to_fine = nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1)
        self.join_middle, self.join_fine = Residual(c), Residual(b)
        self.out = nn.Conv2d(b, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.fine(_evened(x))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        coarse = coarse + torch.relu(self.whole(coarse.mean((2, 3))))[:, :, None, None]
        middle = self.join_middle(middle + _doubled(self.to_middle(coarse)))
        fine = self.join_fine(fine + _doubled(self.to_fine(middle)))
        return cast(torch.Tensor, self.out(fine))[:, 0]


def folded(net: OcclusionMap) -> OcclusionMap:
    """The same network with each batch norm in its convolution: a third less time."""
    for module in net.modules():
        if isinstance(module, Step) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()  # type: ignore[assignment]
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _evened(x: torch.Tensor) -> torch.Tensor:
    """Grey levels less their mean over the mesh's oval (channel 3), over their spread there: light and exposure go."""
    # A little of everything, for an oval that lies outside the crop.
    rgb, oval = x[:, :3], x[:, 3:4] + 1e-3
    size = 3 * oval.sum((1, 2, 3), keepdim=True)
    mean = (rgb * oval).sum((1, 2, 3), keepdim=True) / size
    spread = (((rgb - mean) ** 2 * oval).sum((1, 2, 3), keepdim=True) / size).sqrt()
    return torch.cat([(rgb - mean) / (spread + 0.02), x[:, 3:] - 0.5], 1)


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
