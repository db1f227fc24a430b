"""The face model as the trainer sees it: lips and aperture of raw latents (see `wail.motion.decoder`)."""

from dataclasses import dataclass
from pathlib import Path

import torch

from wail.errors import ModelError
from wail.inface.landmarks import aperture_mm, lip_vertices
from wail.inface.model import FaceModel, load_model


@dataclass(frozen=True)
class MouthDecoder:
    """Decodes the lip rows only; everything in the head frame, millimetres."""

    model: FaceModel
    lip_rows: torch.Tensor

    def lips(self, latents: torch.Tensor) -> torch.Tensor:
        """[..., 97] -> [..., L, 3] mm."""
        return self.model.decode(latents, self.lip_rows)

    def aperture(self, latents: torch.Tensor) -> torch.Tensor:
        """[..., 97] -> [...] mm."""
        return aperture_mm(self.model, latents)


def mouth_decoder(face_model: Path | None, expected_sha256: str | None = None) -> MouthDecoder:
    """The decoder of a model file (None: the stand-in). Raises ModelError when the data was made with another one."""
    model = load_model(face_model)
    if expected_sha256 is not None and model.sha256 != expected_sha256:
        raise ModelError(
            f"the latents were made with face model {expected_sha256[:12]}, but {model.name} is {model.sha256[:12]}: "
            "give the same model file with --face-model"
        )
    return MouthDecoder(model, lip_vertices(model))
