"""From a sound to a moving infant face: features, diffusion, decoding, and the files people open."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wail.decoding import check_model
from wail.errors import ConfigError
from wail.inface.export import write_glb, write_npz
from wail.inface.model import FaceModel, load_model
from wail.inface.render import shade_mesh
from wail.inface.rotation import axis_angle_from_matrix, matrix_from_angles
from wail.inface.standin.colours import vertex_colours
from wail.inface.subdivide import subdivide
from wail.media.audio import read_sound
from wail.media.encode import write_mp4
from wail.motion.sample import generate, load_checkpoint
from wail.store import atomic_path
from wail.voice.features import find_encoder
from wail.voice.mel import RATE_HZ

FPS = 30
SUFFIXES = (".mp4", ".npz", ".glb")
SIZE_PX = (512, 512)
DISTANCE_MM = 600.0
FOCAL_PX = 1250.0
DOWN_MM = 14.0
"""The head's origin lies between the eyes and the mouth: lower it, so that the skull is in the picture."""


def animate(
    audio: Path,
    checkpoint_path: Path,
    outs: list[Path],
    *,
    label: str = "cry",
    seed: int = 7,
    steps: int | None = None,
    face_model: Path | None = None,
    weights: Path | None = None,
    on_progress: Callable[[str], None] = lambda stage: None,
) -> list[Path]:
    """Animate the mean infant with `audio`; each of `outs` is .mp4 (shaded mesh, with sound), .npz (vertices, mm) or
    .glb (morph-target animation). Raises ConfigError on another suffix, MediaError on a file without sound."""
    for out in outs:
        if out.suffix not in SUFFIXES:
            raise ConfigError(f"cannot write {out.name}: the suffix must be one of {', '.join(SUFFIXES)}")
    checkpoint = load_checkpoint(checkpoint_path)
    model = load_model(face_model)
    check_model(model, checkpoint.face.sha256, "checkpoint's latents")
    wave = read_sound(audio, RATE_HZ)
    on_progress("listen")
    features = find_encoder(checkpoint.encoder, weights)(wave)
    n_frames = max(1, round(len(wave) / RATE_HZ * FPS))
    on_progress("generate")
    expression = generate(
        checkpoint, features.time_s, features.values, n_frames,
        identity=None, age=None, label=label, seed=seed, steps=steps,
    )  # fmt: skip
    verts_mm = decode_frames(model, expression)
    for out in outs:
        on_progress(f"write {out.name}")
        with atomic_path(out) as temporary:
            write_animation(temporary, verts_mm, model, wave)
    return outs


def decode_frames(model: FaceModel, expression: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vertices [n, V, 3] mm of the mean identity and age with these raw expression codes [n, 64]."""
    latents = model.latent_mean.repeat(len(expression), 1).to(torch.float32)
    latents[:, 32:96] = torch.from_numpy(np.ascontiguousarray(expression))
    with torch.no_grad():
        return np.asarray(model.decode(latents), np.float32)


def write_animation(path: Path, verts_mm: NDArray[np.float32], model: FaceModel, wave: NDArray[np.float32]) -> None:
    triangles = model.triangles.numpy()
    if path.suffix == ".npz":
        write_npz(path, verts_mm, triangles, FPS)
    elif path.suffix == ".glb":
        write_glb(path, verts_mm, triangles, FPS, colours=colours_of(model))
    else:
        write_mp4(path, shaded_frames(verts_mm, triangles, colours_of(model)), FPS, wave, RATE_HZ)


def colours_of(model: FaceModel) -> NDArray[np.float32] | None:
    """The stand-in's own paint, [V, 3] 0-1. INFACE's appearance is not released: its meshes have one plain colour."""
    return vertex_colours() if model.is_stand_in else None


def shaded_frames(
    verts_mm: NDArray[np.float32], triangles: NDArray[np.int64], colours: NDArray[np.float32] | None
) -> Iterator[NDArray[np.uint8]]:
    """A frontal, lit, smooth mesh; rendered in software."""
    finer, faces = subdivide(triangles, 1)
    paint = None if colours is None else finer @ colours
    pose = np.concatenate([axis_angle_from_matrix(matrix_from_angles(0.0, 0.0, 0.0)), [0.0, DOWN_MM, DISTANCE_MM]])
    for verts in verts_mm:
        yield shade_mesh(finer @ verts, faces, pose, FOCAL_PX, SIZE_PX, colours=paint)
