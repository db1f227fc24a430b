"""Builds what the stand-in ships: `python -m wail.inface.standin.build --geometry DIR` (3-5 minutes on one core).

DIR holds mediapipe's canonical_face_model.obj and INFACE's inface_head_landmarks_mm.csv. Writes rest.npz, standin.h5
and landmarks.json beside this file, and prints what the autoencoder's reconstruction is worth. `--maps-only` writes
landmarks.json anew from the shipped rest.npz (a second).
"""

import argparse
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from wail.inface.landmarks import write_maps
from wail.inface.model import load_model
from wail.inface.standin.anatomy import build_rest
from wail.inface.standin.autoencoder import DIMS, Array, Emphasis, Layers, Samples, TrainSettings, train
from wail.inface.standin.expressions import random_activations
from wail.inface.standin.identity import AGE_MONTHS, random_identity, warp
from wail.inface.standin.jaw import LIP_CORNERS, LOWER_LIP, UPPER_LIP
from wail.inface.standin.maps import standin_maps
from wail.inface.standin.measure import report
from wail.inface.standin.muscles import Rig, make_rig, pose_vertices
from wail.inface.standin.rest import RestMesh, load_rest, save_rest

HERE = Path(__file__).parent
MODEL_NAME = "stand-in"
N_IDENTITIES, N_EXPRESSIONS, N_AGES, N_SAMPLES = 1500, 3000, 97, 14000
# Ten bits of each weight are enough, and leave the file half as large.
KEPT_MANTISSA_BITS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the stand-in infant face model.")
    parser.add_argument("--geometry", type=Path, help="folder with the canonical face and the landmarks")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    parser.add_argument("--maps-only", action="store_true", help="write landmarks.json from the shipped mesh")
    args = parser.parse_args()
    if args.maps_only:
        write_maps(standin_maps(load_rest()), args.out / "landmarks.json")
        return
    if args.geometry is None:
        parser.error("--geometry DIR is needed to build the mesh")
    start = time.monotonic()
    rest = build_rest(args.geometry)
    save_rest(rest, args.out / "rest.npz")
    samples = make_samples(make_rig(rest), np.random.default_rng(5))
    say(f"{len(samples.verts)} meshes after {time.monotonic() - start:.0f} s")
    emphasis = Emphasis(vertex_weight(rest), gap_rows(), rest.regions["skin"])
    groups, mean = train(samples, emphasis, TrainSettings(), say)
    write_model(args.out / "standin.h5", groups, mean, rest, samples)
    say(f"done after {time.monotonic() - start:.0f} s, {(args.out / 'standin.h5').stat().st_size / 1e6:.2f} MB")
    write_maps(standin_maps(rest), args.out / "landmarks.json")
    report(load_model(args.out / "standin.h5"), say)


def say(line: str) -> None:
    """A line of progress."""
    sys.stderr.write(line + "\n")


def make_samples(rig: Rig, rng: np.random.Generator) -> Samples:
    """Meshes of random identities, ages and expressions; each factor's values recur, so that codes can be swapped."""
    activations = random_activations(rng, N_EXPRESSIONS)
    activations[0] = 0
    identities, ages = random_identity(rng, N_IDENTITIES), np.linspace(*AGE_MONTHS, N_AGES)
    identities[0] = 0
    who, what, when = (rng.integers(0, n, N_SAMPLES) for n in (N_IDENTITIES, N_EXPRESSIONS, N_AGES))
    posed = pose_vertices(rig, activations).astype(np.float32)
    verts = np.empty((N_SAMPLES, posed[0].size), np.float32)
    for a in range(0, N_SAMPLES, 500):
        b = slice(a, a + 500)
        verts[b] = warp(posed[what[b]], identities[who[b]], ages[when[b]]).reshape(-1, posed[0].size)
    moved = (posed - rig.rest.verts_mm.astype(np.float32)).reshape(N_EXPRESSIONS, -1)
    return Samples(verts, who, what, when, identities.astype(np.float32), moved, ages.astype(np.float32))


def vertex_weight(rest: RestMesh) -> Array:
    """How much an error counts at each vertex [V]: lips and lids most, the skull least."""
    weight = np.ones(len(rest.verts_mm), np.float32)
    weight[rest.regions["skull"]] = 0.3
    for name, value in (("mouth_1", 0.5), ("mouth_2", 0.3), ("mouth_tip", 0.3), ("mouth_0", 1.5), ("inner_lips", 4.0)):
        weight[rest.regions[name]] = value
    weight[list(LOWER_LIP + UPPER_LIP + LIP_CORNERS)] = 3.0
    for side in ("left", "right"):
        weight[rest.regions[f"lid_rim_{side}"]] = 3.0
    return weight


def gap_rows() -> list[tuple[int, int, float]]:
    """Vertex pairs whose distance matters by itself: the lips, the lids."""
    pairs = [(13, 14, 0.5), (82, 87, 0.1), (312, 317, 0.1), (81, 178, 0.05), (311, 402, 0.05)]
    lids = [(159, 145), (386, 374), (160, 144), (158, 153), (387, 373), (385, 380)]
    return pairs + [(i, j, 0.1) for i, j in lids]


def write_model(path: Path, groups: dict[str, Layers], mean: Array, rest: RestMesh, samples: Samples) -> None:
    """The HDF5 layout of INFACE's ae_model_disent.h5."""
    groups = {name: [(shorten(w), shorten(b)) for w, b in layers] for name, layers in groups.items()}
    mean = shorten(mean)
    latents = np.concatenate([encode(groups[name], samples.verts - mean.ravel()) for name in DIMS], 1)
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs["name"] = MODEL_NAME
        file.attrs["about"] = "WAIL's open stand-in in INFACE's layout; not INFACE, see ATTRIBUTION.md"
        _put(file, "latent_mean", latents.mean(0))
        _put(file, "latent_std", np.maximum(latents.std(0), 1e-3))
        for name, layers in groups.items():
            for k, (weight, bias) in enumerate(layers):
                _put(file, f"{name}/matrix_mults/item_{k}", weight)
                _put(file, f"{name}/biases/item_{k}", bias)
            file[name]["relu_factor"] = 0.2
        _put(file, "mean_vertices", mean)
        _put(file, "triangles", rest.triangles.astype(np.int32))


def encode(layers: Layers, x: Array) -> Array:
    """Codes [n,d] of centred, flattened meshes [n,3V]."""
    for weight, bias in layers:
        x = x @ weight.T + bias
        x = np.where(x < 0, np.float32(0.2) * x, x)
    return x


def shorten(x: Array) -> Array:
    """Round to KEPT_MANTISSA_BITS bits, so that the file packs well; a relative change below 5e-4."""
    step = np.uint32(1 << (23 - KEPT_MANTISSA_BITS))
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    short: Array = ((bits + step // 2) & ~(step - np.uint32(1))).view(np.float32)
    return short


def _put(file: h5py.File, name: str, data: NDArray[np.generic]) -> None:
    data = data.astype(np.float32) if data.dtype.kind == "f" else data
    # Without times in the file, the same build gives the same bytes.
    file.create_dataset(name, data=data, compression="gzip", compression_opts=9, shuffle=True, track_times=False)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
