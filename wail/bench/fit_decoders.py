"""Random decoders of INFACE's shape, to fit latents with whose truth is known.

97-256-512-3V with a leaky ReLU of 0.2, V = 434 points, one for each landmark of `mp434`; z-scored latents of unit
variance move every coordinate by DISPLACEMENT_SD_MM about the stand-in's mean face. Two spectra of the last layer's
singular values: flat (a random matrix's own) and ~ 1/k, which is nearer to what a trained face model has: most of what
is seen hangs on a few directions, and the others are hard to find for a method of first order.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from wail.inface.landmarks import MAP_VERSION, MP434, LandmarkMap, landmark_positions, load_map
from wail.inface.model import N_LATENT, FaceModel, Mlp, load_model

Kind = Literal["flat", "1/k", "stand-in"]
KINDS: tuple[Kind, ...] = ("flat", "1/k", "stand-in")
RANDOM_KINDS: tuple[Kind, ...] = ("flat", "1/k")
WIDTHS = (256, 512)
SLOPE = 0.2
DISPLACEMENT_SD_MM = 3.0
SAMPLES = 4000
"""Latents drawn to set the displacement's mean and spread."""
F64 = NDArray[np.float64]


@lru_cache(maxsize=1)
def stand_in() -> tuple[FaceModel, LandmarkMap]:
    model = load_model()
    return model, load_map(model)


def random_decoder(kind: Kind, rng: np.random.Generator) -> tuple[FaceModel, LandmarkMap]:
    """A model whose vertex k is landmark MP434[k], and its map; every landmark has weight 1."""
    mean_mm = landmark_positions(stand_in()[0].mean_verts_mm, stand_in()[1]).double().numpy()
    latent_mean, latent_std = rng.normal(size=N_LATENT), rng.uniform(0.5, 2.0, N_LATENT)
    weights, biases = _hidden_layers(rng)
    last = _last_layer(kind, 3 * len(mean_mm), rng)
    moved = _activations(rng.normal(size=(SAMPLES, N_LATENT)), weights, biases) @ last.T
    scale = DISPLACEMENT_SD_MM / np.sqrt(moved.var(0).mean())
    weights.append(last * scale)
    biases.append(-moved.mean(0) * scale)
    # The file's decoders take raw codes.
    weights[0] = weights[0] / latent_std
    biases[0] = biases[0] - weights[0] @ latent_mean
    model = FaceModel(
        name=f"random {kind}", sha256="", is_stand_in=False, kind="autoencoder", path=Path(f"random {kind}.h5"),
        latent_mean=_f32(latent_mean), latent_std=_f32(latent_std), mean_verts_mm=_f32(mean_mm),
        triangles=_triangles(mean_mm), encoders=(),
        decoder=Mlp(tuple(map(_f32, weights)), tuple(map(_f32, biases)), SLOPE),
    )  # fmt: skip
    return model, _one_to_one()


def _hidden_layers(rng: np.random.Generator) -> tuple[list[F64], list[F64]]:
    """Kaiming's spread; biases that keep the start, all latents zero, off the leaky ReLU's kink."""
    weights, biases, width = [], [], N_LATENT
    for out in WIDTHS:
        weights.append(rng.normal(size=(out, width)) * np.sqrt(2 / (1 + SLOPE**2) / width))
        biases.append(rng.uniform(-1, 1, out) / np.sqrt(width))
        width = out
    return weights, biases


def _last_layer(kind: Kind, n_out: int, rng: np.random.Generator) -> F64:
    random = rng.normal(size=(n_out, WIDTHS[-1]))
    if kind == "flat":
        return random
    u, _, vt = np.linalg.svd(random, full_matrices=False)
    return np.asarray((u / np.arange(1, len(vt) + 1)) @ vt)


def _activations(z: F64, weights: list[F64], biases: list[F64]) -> F64:
    for weight, bias in zip(weights, biases, strict=True):
        z = z @ weight.T + bias
        z = np.where(z > 0, z, SLOPE * z)
    return z


def _triangles(mean_mm: F64) -> torch.Tensor:
    """A mesh over the points as seen from the front, turned outwards: for normals, no more."""
    corners = Delaunay(mean_mm[:, :2]).simplices
    a, b, c = (mean_mm[corners[:, i], :2] for i in range(3))
    backwards = np.cross(b - a, c - a) < 0
    corners[backwards] = corners[backwards][:, ::-1]
    return torch.from_numpy(corners.astype(np.int64))


def _one_to_one() -> LandmarkMap:
    n = len(MP434)
    vertices = np.repeat(np.arange(n)[:, None], 3, axis=1)
    corner = np.tile(np.array([1, 0, 0], np.float32), (n, 1))
    return LandmarkMap("mp434", MAP_VERSION, np.asarray(MP434), vertices, corner, np.ones(n, np.float32))


def _f32(values: F64) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
