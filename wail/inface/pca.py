"""INFACE's linear model, `pca_model.h5`: components [K,3V], eigenvalues [K], mean_vertices, triangles.

What is supported: decoding and encoding exactly as the authors do (scores times components plus mean; mean 0 and
standard deviation sqrt(eigenvalue) for z-scoring), for the first 97 components; a file with fewer is filled up with
components of zero. What is not: a principal component has no expression, identity or age of its own. Positions 0-31
(held over a take by the fit), 32-95 (per frame) and 96 are the components in their order, so a fit with this model
runs, but its "identity" holds the largest components of everything; `FaceModel.is_disentangled` says so. Frame and
units as in model.py.
"""

from pathlib import Path

import h5py
import torch
from torch import Tensor

from wail.errors import ModelError
from wail.inface.model import N_LATENT, Mlp, read_array


def read_pca(file: h5py.File, path: Path, n_vertices: int) -> tuple[Tensor, Tensor, Mlp, tuple[Mlp, ...]]:
    """latent_mean [97], latent_std [97], the decoder and the encoder of an open PCA file. Raises ModelError."""
    eigenvalues = read_array(file, "eigenvalues", path, (None,))
    components = read_array(file, "components", path, (len(eigenvalues), 3 * n_vertices))
    if not bool((eigenvalues > 0).all()):
        raise ModelError(f"eigenvalues in {path} must be positive, but the least is {float(eigenvalues.min())}")
    kept = min(len(eigenvalues), N_LATENT)
    basis = torch.zeros(N_LATENT, 3 * n_vertices)
    basis[:kept] = components[:kept]
    std = torch.ones(N_LATENT)
    std[:kept] = eigenvalues[:kept].sqrt()
    decoder = Mlp((basis.T.contiguous(),), (torch.zeros(3 * n_vertices),), 1.0)
    return torch.zeros(N_LATENT), std, decoder, (Mlp((basis,), (torch.zeros(N_LATENT),), 1.0),)
