"""The face model as the trainer sees it: lips and aperture of raw latents (see `wail.motion.decoder`)."""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
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


def mouth_decoder(face_model: Path | None, device: str = "cpu") -> MouthDecoder:
    """The decoder of a model file (None: the stand-in) on a device."""
    model = load_model(face_model).to(device)
    return MouthDecoder(model, lip_vertices(model).to(device))


def dataset_decoder(dataset: Path, face_model: Path | None, device: str = "cpu") -> MouthDecoder:
    """The decoder for a dataset's shards. Raises ModelError when they were made with another model."""
    decoder = mouth_decoder(face_model, device)
    for part in sorted((dataset / "shards").glob("split=*/part-*.parquet"))[:1]:
        said = (pq.read_schema(part).metadata or {}).get(b"wail.model")
        if said is not None:
            check_model(decoder.model, json.loads(said)["sha256"], "shards")
    return decoder


def check_model(model: FaceModel, sha256: str, what: str) -> None:
    """Raise ModelError unless `what` was made with `model`: codes of one model mean nothing to another."""
    if model.sha256 != sha256:
        raise ModelError(
            f"the {what} were made with the face model {sha256[:12]}..., but {model.name} is {model.sha256[:12]}...: "
            "give the model file they were made with (--face-model)"
        )
