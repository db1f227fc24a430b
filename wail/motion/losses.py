"""The losses of one batch: a weighted sum over frames that may be trained on."""

import torch

from wail.motion.config import LossWeights
from wail.motion.decoder import Decoder


def weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """sum(weight * values) / sum(weight), 0 where no weight is; `weight` has the shape of `values`."""
    # Where the weight is 0 the value itself is taken out: 0 times an infinity would still spoil the sum.
    total = (weight * torch.where(weight > 0, values, 0.0)).sum()
    return total / weight.sum().clamp(min=1e-8)


def latent_loss(predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of z-scored latents [B, T, D]; `weight` [B, T] (the report's eq. 3.1)."""
    return weighted_mean((predicted - target).square().mean(dim=-1), weight)


def velocity_loss(predicted: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The same of differences between adjacent frames; `weight` [B, T - 1] of each pair."""
    return weighted_mean((predicted.diff(dim=1) - target.diff(dim=1)).square().mean(dim=-1), weight)


def lips_loss(predicted_mm: torch.Tensor, target_mm: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Mean squared distance, mm^2, of lip vertices [B, T, L, 3]; `weight` [B, T] (the report's eq. 3.2)."""
    return weighted_mean((predicted_mm - target_mm).square().sum(dim=-1).mean(dim=-1), weight)


def pair_weights(weight: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Weight [B, T - 1] of adjacent frames: the smaller of the two, 0 where both were given (nothing to learn)."""
    smaller = torch.minimum(weight[:, 1:], weight[:, :-1])
    return smaller * ~(given[:, 1:] & given[:, :-1])


def motion_losses(
    predicted: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor,
    given: torch.Tensor,
    weights: LossWeights,
    lips: "LipDecoder | None" = None,
) -> dict[str, torch.Tensor]:
    """Each term by name, unweighted, and their weighted sum as `total`.

    `predicted`, `target` [B, T, 64] z-scored; `weight` [B, T] trust in each frame, 0 for padding; `given` [B, T] frames
    handed to the network, which count in velocities across the seam only. A term of weight 0 is left out.
    """
    held = torch.where(given[..., None], target, predicted)
    free = weight * ~given
    terms: dict[str, torch.Tensor] = {}
    if weights.latent:
        terms["latent"] = latent_loss(predicted, target, free)
    if weights.velocity:
        terms["velocity"] = velocity_loss(held, target, pair_weights(weight, given))
    if weights.lips and lips is not None:
        terms["lips"] = lips_loss(lips(held), lips(target), free)
    total = sum((getattr(weights, name) * value for name, value in terms.items()), start=predicted.new_zeros(()))
    return {**terms, "total": total}


class LipDecoder:
    """Lip vertices of z-scored expressions for the people of one batch.

    `mean`, `std` [97] of the raw codes; `person` [B, 33] raw identity and age.
    """

    def __init__(self, decoder: Decoder, mean: torch.Tensor, std: torch.Tensor, person: torch.Tensor) -> None:
        self.decoder, self.mean, self.std, self.person = decoder, mean[32:96], std[32:96], person

    def __call__(self, expression_z: torch.Tensor) -> torch.Tensor:
        """[B, T, 64] z-scored -> [B, T, L, 3] mm, in float32 whatever the network ran in."""
        return self.decoder.lips(join_latents(self.person, expression_z.float() * self.std + self.mean))


def join_latents(person: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
    """Raw latents [..., T, 97] from identity and age `person` [..., 33] and raw `expression` [..., T, 64]."""
    spread = person[..., None, :].expand(*expression.shape[:-1], person.shape[-1])
    return torch.cat([spread[..., :32], expression, spread[..., 32:]], dim=-1)
