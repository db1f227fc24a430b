"""The diffusion process: cosine schedule, noising, and DDIM sampling of a network that predicts the clean signal."""

import math
from collections.abc import Callable

import torch

Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(x_t [B, T, D], step [B]) -> predicted x_0 [B, T, D]."""


def cosine_alpha_bar(n_steps: int) -> torch.Tensor:
    """Share of signal power left after each step, [n_steps], falling, in (0, 1).

    Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", eq. 17, s = 0.008, each beta at most
    0.999 as there. In float64 while it is multiplied up, float32 when given out.
    """
    t = torch.arange(n_steps + 1, dtype=torch.float64) / n_steps
    f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - f[1:] / f[:-1]).clamp(max=0.999)
    return torch.cumprod(1 - betas, dim=0).float()


def add_noise(x0: torch.Tensor, noise: torch.Tensor, alpha_bar: torch.Tensor) -> torch.Tensor:
    """x_t = sqrt(a) x_0 + sqrt(1 - a) noise, with `alpha_bar` [B] for x0 [B, T, D] (Ho et al. 2020, eq. 4)."""
    a = alpha_bar[:, None, None]
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def ddim_steps(n_diffusion: int, n_sample: int) -> list[int]:
    """The steps visited, falling from n_diffusion - 1 to 0, evenly spaced; a single one is the noisiest."""
    return [round(float(s)) for s in torch.linspace(n_diffusion - 1, 0, n_sample, dtype=torch.float64)]


def ddim(
    denoise: Denoise,
    noise: torch.Tensor,
    alpha_bar: torch.Tensor,
    n_steps: int,
    given: torch.Tensor | None = None,
    given_x0: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sample x_0 [B, T, D] from `noise` [B, T, D] in `n_steps` calls of `denoise` (Song et al. 2021, eq. 12, sigma 0).

    `given` [T] (bool) marks frames that are known: they hold the values of `given_x0` [B, T, D] throughout.
    """
    hold = (lambda x: x) if given is None or given_x0 is None else _holder(given, given_x0)
    steps = ddim_steps(len(alpha_bar), n_steps)
    x, x0 = hold(noise), noise
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        x0 = hold(denoise(x, torch.full((len(x),), step, device=x.device)))
        if following is not None:
            a, a_next = alpha_bar[step], alpha_bar[following]
            residual = (x - a.sqrt() * x0) / (1 - a).sqrt()
            x = hold(a_next.sqrt() * x0 + (1 - a_next).sqrt() * residual)
    return x0


def _holder(given: torch.Tensor, values: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: torch.where(given[None, :, None], values, x)
