"""What the trainer needs from a face model. It is handed in, so that this package knows no face model."""

from typing import Protocol

import torch


class Decoder(Protocol):
    """Turns raw latent codes into mouth geometry; differentiable, batched over all leading dimensions.

    `latents` [..., 97] raw codes: identity 0-32, expression 32-96, age 96-97. Positions are in the head frame
    (x subject's left, y up, z out of the face; right-handed), millimetres.
    """

    def lips(self, latents: torch.Tensor) -> torch.Tensor:
        """Lip vertices [..., L, 3], mm."""
        ...

    def aperture(self, latents: torch.Tensor) -> torch.Tensor:
        """Distance between the inner lips' middles [...], mm."""
        ...
