"""The infant face model in torch: loads the authors' HDF5 layouts, decodes and encodes in batches, on CPU or GPU.

Layouts and arithmetic: tillns/INFACE (T. N. Schnabel et al., Large-Scale 3D Infant Face Model, MICCAI 2024),
`ae_model_disent.h5` (this file) and `pca_model.h5` (`pca.py`). Frame: INFACE's head frame, right-handed, x towards the
subject's left, y up, z out of the face, mm. Latents are the file's raw codes, 97 numbers: identity, expression, age.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, linear

from wail.errors import ModelError, shape_message
from wail.inface.frame import to_head_frame
from wail.inface.landmark_file import landmarks_beside, read_maps

IDENTITY = slice(0, 32)
EXPRESSION = slice(32, 96)
AGE = slice(96, 97)
N_LATENT = 97
ENCODERS = {"id_encoder": 32, "exp_encoder": 64, "age_encoder": 1}
DEFAULT_RELU_FACTOR = 0.2
STAND_IN_NAME = "stand-in"
STAND_IN_PATH = Path(__file__).parent / "standin" / "standin.h5"


@dataclass(frozen=True, eq=False)
class Mlp:
    """Linear layers weights[k] [out,in], biases[k] [out] with a leaky ReLU of this slope for negative values."""

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    slope: float


@dataclass(frozen=True, eq=False)
class FaceModel:
    """A loaded face model. `kind` is `autoencoder` or `pca`; `is_disentangled` is False for a PCA, whose components
    mix identity, expression and age, so that IDENTITY, EXPRESSION and AGE are then mere positions (see `pca.py`).

    latent_mean, latent_std [97]: of raw codes; mean_verts_mm [V,3]; triangles [F,3] int64. `decoder`'s last layer
    leaves the mean vertices out. `encoders` are in the order of the latent's parts; for a PCA one linear layer.
    """

    name: str
    sha256: str
    is_stand_in: bool
    kind: str
    path: Path
    latent_mean: Tensor
    latent_std: Tensor
    mean_verts_mm: Tensor
    triangles: Tensor
    decoder: Mlp
    encoders: tuple[Mlp, ...]

    @property
    def is_disentangled(self) -> bool:
        """Whether the file itself separates identity, expression and age."""
        return self.kind == "autoencoder"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mean_verts_mm.device

    def decode(self, latent: Tensor, vertices: Tensor | None = None) -> Tensor:
        """Vertices [...,V',3] in mm of raw latents [...,97]; of the chosen `vertices` [V'] only, where given.

        Computed in the latents' dtype, differentiable. Raises ValueError for latents of another length.
        """
        if latent.shape[-1:] != (N_LATENT,):
            raise ValueError(shape_message("latent", f"(..., {N_LATENT})", latent.shape))
        weights, biases = self._rows(vertices)
        x = latent
        for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = linear(x, weight.to(x.dtype), bias.to(x.dtype))
            if k < len(weights) - 1:
                x = leaky_relu(x, self.decoder.slope)
        mean = self.mean_verts_mm if vertices is None else self.mean_verts_mm[vertices]
        verts: Tensor = x.reshape(*x.shape[:-1], -1, 3) + mean.to(x.dtype)
        return verts

    def encode(self, verts_mm: Tensor) -> Tensor:
        """Raw latents [...,97] of whole meshes [...,V,3] (mm), in their dtype. Raises ValueError for another V."""
        if verts_mm.shape[-2:] != self.mean_verts_mm.shape:
            raise ValueError(shape_message("verts_mm", f"(..., {len(self.mean_verts_mm)}, 3)", verts_mm.shape))
        x = (verts_mm - self.mean_verts_mm.to(verts_mm.dtype)).flatten(-2)
        # The authors' encoders apply the leaky ReLU after their last layer too.
        return torch.cat([_run_encoder(encoder, x) for encoder in self.encoders], -1)

    def decoder_layers(self) -> tuple[list[Tensor], list[Tensor], float]:
        """The decoder for raw latents as weights [out,in], biases [out], and the leaky ReLU's slope between the layers.

        The last layer puts out [3 V] (x y z of vertex 0 first), with the mean vertices in its bias.
        """
        biases = [*self.decoder.biases[:-1], self.decoder.biases[-1] + self.mean_verts_mm.flatten()]
        return list(self.decoder.weights), biases, self.decoder.slope

    def to(self, device: torch.device | str) -> "FaceModel":
        """The same model on another device."""
        moved: dict[str, Any] = {
            name: getattr(self, name).to(device) for name in ("latent_mean", "latent_std", "mean_verts_mm", "triangles")
        }
        encoders = tuple(_move(encoder, device) for encoder in self.encoders)
        return replace(self, **moved, decoder=_move(self.decoder, device), encoders=encoders)

    def _rows(self, vertices: Tensor | None) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        weights, biases = self.decoder.weights, self.decoder.biases
        if vertices is None:
            return weights, biases
        # x, y and z of a vertex are neighbouring rows of the last layer.
        last = weights[-1].reshape(-1, 3, weights[-1].shape[1])[vertices].flatten(0, 1)
        return (*weights[:-1], last), (*biases[:-1], biases[-1].reshape(-1, 3)[vertices].flatten())


def _run_encoder(encoder: Mlp, x: Tensor) -> Tensor:
    for weight, bias in zip(encoder.weights, encoder.biases, strict=True):
        x = leaky_relu(linear(x, weight.to(x.dtype), bias.to(x.dtype)), encoder.slope)
    return x


def _move(mlp: Mlp, device: torch.device | str) -> Mlp:
    return Mlp(tuple(w.to(device) for w in mlp.weights), tuple(b.to(device) for b in mlp.biases), mlp.slope)


def load_model(path: Path | None = None, as_in_file: bool = False) -> FaceModel:
    """The face model of an HDF5 file in INFACE's layout; None loads the stand-in. On the CPU, float32.

    Where the landmark file beside it says that the file is in another frame or unit, the model is carried over to the
    head frame; `as_in_file` leaves it as it is. Raises ModelError for a file that is missing, unreadable or of another
    layout, with the key or shape that is wrong, and for a damaged landmark file.
    """
    path = STAND_IN_PATH if path is None else Path(path)
    if not path.is_file():
        raise ModelError(f"there is no model file {path}: give INFACE's ae_model_disent.h5 or pca_model.h5, "
                         "or none to use the stand-in")  # fmt: skip
    try:
        with h5py.File(path, "r") as file:
            model = _read(file, path)
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read as HDF5 ({error}): a model must be a .h5 file in INFACE's layout"
        ) from error
    beside = map_path(model)
    if as_in_file or not beside.is_file():
        return model
    return to_head_frame(model, read_maps(beside, len(model.mean_verts_mm)).frame)


def map_path(model: FaceModel) -> Path:
    """Where a model's landmark file is: beside its own, `<model>.landmarks.json`; the stand-in's is `landmarks.json`.
    """
    if model.is_stand_in:
        return STAND_IN_PATH.with_name("landmarks.json")
    return landmarks_beside(model.path)


def _read(file: h5py.File, path: Path) -> FaceModel:
    # Imported here, since pca.py needs this file's classes.
    from wail.inface.pca import read_pca

    mean = read_array(file, "mean_vertices", path, (None, 3))
    triangles = read_triangles(file, path, len(mean))
    if "eigenvalues" in file:
        kind, latent_mean, latent_std, decoder, encoders = "pca", *read_pca(file, path, len(mean))
    else:
        kind, latent_mean, latent_std, decoder, encoders = "autoencoder", *_read_autoencoder(file, path, len(mean))
    name = str(file.attrs.get("name", f"{kind} {path.stem}"))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return FaceModel(
        name, sha256, name == STAND_IN_NAME, kind, path, latent_mean, latent_std, mean, triangles, decoder, encoders
    )


def _read_autoencoder(file: h5py.File, path: Path, n_vertices: int) -> tuple[Tensor, Tensor, Mlp, tuple[Mlp, ...]]:
    if "encoder" in file and "id_encoder" not in file:
        raise ModelError(f"{path} is a plain autoencoder (group 'encoder'), but identity and expression must be apart: "
                         "use INFACE's ae_model_disent.h5")  # fmt: skip
    mean = read_array(file, "latent_mean", path, (N_LATENT,))
    std = read_array(file, "latent_std", path, (N_LATENT,))
    if not bool((std > 0).all()):
        raise ModelError(f"latent_std in {path} must be positive, but its least value is {float(std.min())}")
    encoders = tuple(_read_mlp(file, name, path, 3 * n_vertices, size) for name, size in ENCODERS.items())
    return mean, std, _read_mlp(file, "decoder", path, N_LATENT, 3 * n_vertices), encoders


def _read_mlp(file: h5py.File, group: str, path: Path, n_in: int, n_out: int) -> Mlp:
    names = [f"{group}/matrix_mults", f"{group}/biases"]
    for name in names:
        if not isinstance(file.get(name), h5py.Group):
            raise ModelError(f"{path} has no group {name!r}: this is not the layout of INFACE's ae_model_disent.h5")
    n_layers = len(file[names[0]])
    if n_layers == 0 or len(file[names[1]]) != n_layers:
        raise ModelError(f"{group} in {path} must have as many biases as matrix_mults, at least one, "
                         f"but has {len(file[names[1]])} and {n_layers}")  # fmt: skip
    weights, biases, width = [], [], n_in
    for k in range(n_layers):
        out = n_out if k == n_layers - 1 else None
        weights.append(read_array(file, f"{names[0]}/item_{k}", path, (out, width)))
        width = len(weights[-1])
        biases.append(read_array(file, f"{names[1]}/item_{k}", path, (width,)))
    # The authors' code leaves the activation out for factors of 1 and more.
    return Mlp(tuple(weights), tuple(biases), min(_read_factor(file, f"{group}/relu_factor", path), 1.0))


def _read_factor(file: h5py.File, key: str, path: Path) -> float:
    if key not in file:
        return DEFAULT_RELU_FACTOR
    given = np.asarray(file[key][()] if isinstance(file[key], h5py.Dataset) else None)
    if given.shape != () or given.dtype.kind not in "fiu" or not 0 <= given < np.inf:
        raise ModelError(f"{key} in {path} must be one number, 0 or more, but is {given}")
    return float(given)


def read_array(file: h5py.File, key: str, path: Path, shape: tuple[int | None, ...]) -> Tensor:
    """A dataset as float32, its shape checked (None fits any size). Raises ModelError with the key and both shapes."""
    if not isinstance(file.get(key), h5py.Dataset):
        raise ModelError(
            f"{path} has no dataset {key!r}: not one of INFACE's layouts (it has {', '.join(file) or 'nothing'})"
        )
    data = file[key][()]
    fits = data.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, data.shape, strict=True))
    if not fits or data.dtype.kind not in "fiu":
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise ModelError(
            shape_message(f"{key} in {path}", wanted, data.shape) + f" and type {data.dtype}; numbers are needed"
        )
    if not np.isfinite(data).all():
        raise ModelError(f"{key} in {path} holds values that are not finite: the file is damaged, fetch it again")
    return torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))


def read_triangles(file: h5py.File, path: Path, n_vertices: int) -> Tensor:
    """Triangles [F,3] int64 whose indices fit the vertices. Raises ModelError."""
    triangles = read_array(file, "triangles", path, (None, 3)).long()
    if len(triangles) and not 0 <= int(triangles.min()) <= int(triangles.max()) < n_vertices:
        raise ModelError(f"triangles in {path} must index {n_vertices} vertices, "
                         f"but run from {int(triangles.min())} to {int(triangles.max())}")  # fmt: skip
    return triangles
