"""What the stand-in's reconstruction is worth, on meshes that training has not seen; frame as in geometry.py, mm."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wail.inface.model import AGE, EXPRESSION, IDENTITY, FaceModel
from wail.inface.standin.expressions import random_activations
from wail.inface.standin.identity import AGE_MONTHS, random_identity, warp
from wail.inface.standin.muscles import load_rig, pose_vertices

Ints = NDArray[np.int64]
LIDS = ((159, 145), (386, 374))


def measure(model: FaceModel, seed: int = 99, n: int = 1500) -> dict[str, float]:
    """Errors in mm: own codes and codes swapped between meshes, of vertices, mouth aperture and lids, and of age
    (months).
    """
    rng = np.random.default_rng(seed)
    posed = pose_vertices(load_rig(), random_activations(rng, n))
    who, when = random_identity(rng, n), rng.uniform(*AGE_MONTHS, n)
    other = np.roll(np.arange(n), 1)

    def meshes(expression: Ints, identity: Ints, age: Ints) -> Tensor:
        return torch.from_numpy(warp(posed[expression], who[identity], when[age]))

    same = np.arange(n)
    target = meshes(same, same, same)
    own = model.encode(target)
    swapped = own.clone()
    swapped[:, IDENTITY] = model.encode(meshes(other, same, other))[:, IDENTITY]
    swapped[:, EXPRESSION] = model.encode(meshes(same, other, other))[:, EXPRESSION]
    swapped[:, AGE] = model.encode(meshes(other, other, same))[:, AGE]
    skin = slice(0, len(load_rig().rest.regions["skin"]))
    out = {}
    for name, latent in (("own", own), ("swapped", swapped)):
        error = (model.decode(latent) - target)[:, skin].norm(dim=-1)
        out[f"{name}_vertex_mean_mm"] = float(error.mean())
        out[f"{name}_vertex_p99_mm"] = float(error.flatten()[::7].quantile(0.99))
        out |= _gaps(name, model.decode(latent), target)
    out["age_rms_months"] = float((own[:, 96] - torch.from_numpy(when)).pow(2).mean().sqrt())
    return out


def _gaps(name: str, got: Tensor, want: Tensor) -> dict[str, float]:
    mouth = _gap(got, 13, 14) - _gap(want, 13, 14)
    lids = torch.stack([_gap(got, i, j) - _gap(want, i, j) for i, j in LIDS])
    return {
        f"{name}_aperture_rms_mm": float(mouth.pow(2).mean().sqrt()),
        f"{name}_aperture_p99_mm": float(mouth.abs().quantile(0.99)),
        f"{name}_lids_rms_mm": float(lids.pow(2).mean().sqrt()),
    }


def _gap(verts: Tensor, i: int, j: int) -> Tensor:
    distance: Tensor = (verts[:, i] - verts[:, j]).norm(dim=-1)
    return distance


def report(model: FaceModel, say: Callable[[str], None]) -> None:
    """Print the measures, one a line."""
    for name, value in measure(model).items():
        say(f"{name:28s} {value:.3f}")
