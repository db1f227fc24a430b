"""Carries a model whose file is in another frame or unit over to the head frame, so that nothing else has to care.

`wail inface register` finds how the file lies and writes it into the landmark file (`FileFrame`); `load_model` applies
it. Latents stay what they are: only vertices are moved.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wail.inface.landmark_file import FileFrame

if TYPE_CHECKING:
    from wail.inface.model import FaceModel, Mlp


def to_head_frame(model: "FaceModel", frame: FileFrame) -> "FaceModel":
    """The same model with mean, decoder and encoders in the head frame (right-handed, x towards the subject's left, y
    up, z out of the face, mm): `head_mm = unit_mm * rotation @ file + translation_mm`."""
    if frame == FileFrame():
        return model
    forth = frame.unit_mm * torch.tensor(frame.rotation, dtype=torch.float32)
    back = torch.linalg.inv(forth)
    mean = model.mean_verts_mm @ forth.T + torch.tensor(frame.translation_mm, dtype=torch.float32)
    decoder = replace(
        model.decoder,
        weights=(*model.decoder.weights[:-1], _rows(model.decoder.weights[-1], forth)),
        biases=(*model.decoder.biases[:-1], (model.decoder.biases[-1].reshape(-1, 3) @ forth.T).flatten()),
    )
    return replace(
        model, mean_verts_mm=mean, decoder=decoder, encoders=tuple(_reading(one, back) for one in model.encoders)
    )


def _rows(weight: Tensor, matrix: Tensor) -> Tensor:
    """A last layer [3V,k] whose every three rows, a vertex' x y z, are multiplied by a matrix [3,3]."""
    moved: Tensor = torch.einsum("ij,vjk->vik", matrix, weight.reshape(-1, 3, weight.shape[1])).reshape(weight.shape)
    return moved


def _reading(encoder: "Mlp", matrix: Tensor) -> "Mlp":
    """An encoder that reads centred vertices which the matrix [3,3] takes to those it knew."""
    first = encoder.weights[0]
    moved = (first.reshape(len(first), -1, 3) @ matrix).reshape(first.shape)
    return replace(encoder, weights=(moved, *encoder.weights[1:]))
