"""A leaky-ReLU decoder restricted to chosen points, with its Jacobian in closed form.

Points (landmarks, lip vertices) are linear in the decoder's last layer, so its rows are combined once; the full mesh is
never decoded during a fit. Latents here are z-scored and ordered identity, age, expression, so that what a take shares
comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

SAMPLES = 256
"""Latents drawn to see how large a layer's sums are."""
SHARP = 1e-6
"""Width of a kink that counts as none."""


@dataclass(frozen=True)
class PointRows:
    """`weights[k]` [out, in], `biases[k]` [out]; the last layer puts out [3 * P]: all x, then all y, then all z."""

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    slope: float
    spread: tuple[float, ...]
    """Root mean square of each hidden layer's sums over latents of unit variance."""

    def to(self, dtype: torch.dtype) -> "PointRows":
        """The same in another precision."""
        return PointRows(tuple(w.to(dtype) for w in self.weights), tuple(b.to(dtype) for b in self.biases), self.slope,
                         self.spread)  # fmt: skip

    @property
    def has_kinks(self) -> bool:
        """Whether there is a layer between latents and points."""
        return len(self.weights) > 1

    @property
    def n_points(self) -> int:
        return self.biases[-1].shape[0] // 3


def point_rows(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    slope: float,
    latent_mean: Tensor,
    latent_std: Tensor,
    order: Tensor,
    vertices: Tensor,
    barycentric: Tensor,
) -> PointRows:
    """Fold z-scoring and latent order into the first layer, and points into the last.

    weights[k] [out, in]: the decoder's layers for raw codes, the last one onto [3 * V] (x y z of vertex 0 first) with
    the mean vertices in its bias. order [97]: raw index of each latent in this file's order. vertices [P, 3],
    barycentric [P, 3]: each point as a combination of three vertices.
    """
    ws, bs = list(weights), list(biases)
    bs[0] = bs[0] + ws[0] @ latent_mean
    ws[0] = (ws[0] * latent_std)[:, order]
    rows = ws[-1].reshape(-1, 3, ws[-1].shape[1])[vertices]  # [P, 3 corners, 3 xyz, in]
    ws[-1] = torch.einsum("pc,pcji->jpi", barycentric, rows).reshape(-1, rows.shape[-1])
    bs[-1] = torch.einsum("pc,pcj->jp", barycentric, bs[-1].reshape(-1, 3)[vertices]).reshape(-1)
    layers = tuple(w.contiguous() for w in ws), tuple(b.contiguous() for b in bs)
    return PointRows(*layers, slope, _spread(ws, bs, slope))


def _spread(weights: list[Tensor], biases: list[Tensor], slope: float) -> tuple[float, ...]:
    h = torch.randn(SAMPLES, weights[0].shape[1], generator=torch.Generator().manual_seed(0)).to(weights[0])
    out = []
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        pre = torch.addmm(b, h, w.T)
        out.append(float(pre.square().mean().sqrt().clamp(min=1e-6)))
        h = leaky_relu(pre, slope)
    return tuple(out)


@dataclass(frozen=True)
class Forward:
    """Points [n, 3, P] of some latents, and the slope [n, width] of every unit between the layers."""

    points: Tensor
    slopes: tuple[Tensor, ...]


def forward(rows: PointRows, z: Tensor, rounding: Tensor | None = None) -> Forward:
    """Points of z-scored latents [n, d], head frame, mm.

    rounding [n]: how far the leaky ReLU's kink is rounded off in each, in units of the layer's `spread`; 0 is the
    decoder itself. slope x + (1 - slope) w softplus(x / w) has no kink, and tends to the leaky ReLU as w goes to 0.
    """
    h, slopes = z, []
    for w, b, spread in zip(rows.weights[:-1], rows.biases[:-1], rows.spread, strict=True):
        pre = torch.addmm(b, h, w.T)
        if rounding is None:
            slopes.append(torch.where(pre > 0, 1.0, rows.slope).to(pre.dtype))
            h = pre * slopes[-1]
        else:
            width = (rounding * spread).clamp(min=SHARP)[:, None]
            slopes.append(rows.slope + (1 - rows.slope) * torch.sigmoid(pre / width))
            rounded = pre.clamp(min=0) + width * torch.log1p(torch.exp(-pre.abs() / width))
            h = rows.slope * pre + (1 - rows.slope) * rounded
    return Forward(torch.addmm(rows.biases[-1], h, rows.weights[-1].T).reshape(len(z), 3, -1), tuple(slopes))


def pull_back(rows: PointRows, at: Forward, by_points: Tensor) -> Tensor:
    """From a derivative by the points [n, 3, P] the derivative by the latents [n, d] (reverse mode, closed form)."""
    g = by_points.flatten(1) @ rows.weights[-1]
    for w, slope in zip(reversed(rows.weights[:-1]), reversed(at.slopes), strict=True):
        g = (g * slope) @ w
    return g


def points(rows: PointRows, z: Tensor) -> Tensor:
    """Points of z-scored latents, head frame, mm: [n, d] -> [n, 3, P]."""
    return forward(rows, z).points


def jacobian(rows: PointRows, at: Forward, start: int) -> Tensor:
    """Derivatives [n, d - start, 3, P] of the points by the z-scored latents from `start` on.

    J = W_k D_k-1 ... W_2 D_1 W_1, with D the leaky ReLU's slopes (Griewank & Walther 2008, forward mode); kept
    transposed, so that each layer is one large matrix product over all frames and latents, in the rows' own precision.
    """
    n, d, dtype = len(at.points), rows.weights[0].shape[1] - start, rows.weights[0].dtype
    j = rows.weights[0][:, start:].T.expand(n, d, -1)
    for w, slope in zip(rows.weights[1:], at.slopes, strict=True):
        j = ((j * slope[:, None].to(dtype)).reshape(n * d, -1) @ w.T).reshape(n, d, -1)
    return j.reshape(n, d, 3, -1)
