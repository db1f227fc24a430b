"""A clip's fitted takes with their meshes: which model made them, and their geometry, decoded a second at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.arrow import flat
from wail.errors import DatasetError, ModelError, shape_message
from wail.inface.camera import project, to_camera
from wail.inface.landmarks import LandmarkMap, aperture_mm, landmark_positions
from wail.inface.model import N_LATENT, FaceModel, load_model
from wail.media.probe import GRID_FPS
from wail.review.read import ClipData, Fit

State = Literal["converged", "poor_fit", "bridged"]
CHUNK = GRID_FPS
"""Frames decoded at once: enough to be quick, few enough for a mesh of any size."""
APERTURE_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class FittedTake:
    """A take and its fit of n frames, the first at grid frame `first`; frames of reference as in `wail.inface`."""

    take_id: str
    label: str
    track: int
    first: int
    latents: NDArray[np.float32]
    """[n, 97]"""
    pose: NDArray[np.float32]
    """[n, 6]"""
    focal_px: float
    size_px: tuple[int, int]
    state: list[State]
    residual: NDArray[np.float32]
    """[n] fraction of the outer eye distance"""
    lip_sd_mm: NDArray[np.float32]
    n_landmarks: NDArray[np.int32]
    confidence: NDArray[np.float32]
    """[n] 0-1, NaN where the fit does not say"""
    n_outliers: NDArray[np.int32]
    """[n] landmarks masked as outliers, 0 where the fit does not say"""

    @property
    def frames(self) -> range:
        return range(self.first, self.first + len(self.pose))


@dataclass(frozen=True, eq=False)
class Mesh:
    """One take's mesh in one frame: vertices [V, 3] in the camera frame (mm) and in the picture [V, 2] (px), and the
    map's landmarks on it as [n, 3]: x and y in px, 1 / z."""

    take: FittedTake
    index: int
    verts_cam_mm: NDArray[np.float64]
    xy_px: NDArray[np.float64]
    landmarks: NDArray[np.float64]


def fitted_takes(clip: ClipData, max_residual: float | None) -> list[FittedTake]:
    """The clip's takes that have a fit, by time; frames over `max_residual`, bad or not converged are `poor_fit`, those
    seen by no landmark `bridged`. Raises DatasetError for a fit that is damaged."""
    takes = clip.tables["takes"].to_pylist() if "takes" in clip.tables else []
    found = [_fitted(clip.clip_id, take, clip.fits[take["take_id"]], max_residual)
             for take in takes if take["take_id"] in clip.fits]  # fmt: skip
    return sorted(found, key=lambda take: (take.first, take.take_id))


def _fitted(clip_id: str, take: Mapping[str, Any], fit: Fit, max_residual: float | None) -> FittedTake:
    table, about, n = fit.table, fit.about, len(fit.table)
    try:
        shared = np.array([*about["identity"], about["age"]], np.float32)
        expression = flat(table["expression"]).reshape(n, -1)
        latents = np.concatenate([np.broadcast_to(shared[:-1], (n, len(shared) - 1)), expression,
                                  np.broadcast_to(shared[-1:], (n, 1))], axis=1)  # fmt: skip
        confidence = np.array(about.get("confidence") or [np.nan] * n, np.float32)
        if latents.shape[1] != N_LATENT or confidence.shape != (n,):
            raise ValueError(shape_message("latents", f"({n}, {N_LATENT})", latents.shape)
                             + f", with a confidence each, of which there are {len(confidence)}")  # fmt: skip
        width_px, height_px = about["size_px"]
        bad, n_outliers = (table[name].to_numpy(zero_copy_only=False) if name in table.column_names
                           else np.zeros(n, kind) for name, kind in (("bad_frame", bool), ("n_outliers", np.int32)))
        return FittedTake(
            take_id=take["take_id"], label=take["label"], track=take["track"], first=int(table["frame"][0].as_py()),
            latents=latents.astype(np.float32), pose=flat(table["pose"]).reshape(n, 6).astype(np.float32),
            focal_px=float(about["focal_px"]), size_px=(int(width_px), int(height_px)),
            state=states(table["n_landmarks"].to_numpy(), table["residual"].to_numpy(),
                         table["converged"].to_numpy(zero_copy_only=False), bad, max_residual),
            residual=table["residual"].to_numpy(), lip_sd_mm=table["lip_sd_mm"].to_numpy(),
            n_landmarks=table["n_landmarks"].to_numpy(),
            confidence=confidence, n_outliers=n_outliers,
        )  # fmt: skip
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DatasetError(f"clip {clip_id}: fits/{take['take_id']}.parquet is damaged or of another version "
                           f"({error!r}): delete it and run wail curate again") from error  # fmt: skip


def states(n_landmarks: NDArray[Any], residual: NDArray[Any], converged: NDArray[Any], bad: NDArray[Any],
           max_residual: float | None) -> list[State]:  # fmt: skip
    """Of each frame: `bridged` where there was no landmark, `poor_fit` where the residual is over the limit, the fit
    did not converge, or its landmarks were all masked as those of a `bad` frame."""
    good = converged & (residual <= (np.inf if max_residual is None else max_residual))
    return ["poor_fit" if wrong else "bridged" if n == 0 else "converged" if ok else "poor_fit"
            for n, ok, wrong in zip(n_landmarks, good, bad, strict=True)]  # fmt: skip


def model_of(clip: ClipData, takes: Sequence[FittedTake], path: Path | None) -> FaceModel:
    """The face model of `path` (None: the stand-in). Raises ModelError unless the takes were fitted with it: codes of
    one model mean nothing to another."""
    try:
        model = load_model(path)
    except ModelError as error:
        raise ModelError(f"{error}; --face-model names the file that clip {clip.clip_id} was fitted with") from error
    for take in takes:
        about = clip.fits[take.take_id].about
        made_with = str(about.get("model", "unknown"))
        if made_with != model.sha256:
            raise ModelError(
                f"take {take.take_id} of clip {clip.clip_id} was fitted with {about.get('model_name', 'a model')} "
                f"(sha256 {made_with[:12]}...), but {model.name} is {model.sha256[:12]}...: give the model file it was "
                "fitted with (--face-model), or run wail curate again"
            )
    return model


def take_aperture_mm(model: FaceModel, landmark_map: LandmarkMap, take: FittedTake) -> NDArray[np.float32]:
    """Mouth aperture [n] of the fitted mesh, mm, as in the shards."""
    latents, n = torch.from_numpy(take.latents), len(take.latents)
    with torch.inference_mode():
        parts = [aperture_mm(model, latents[k : k + APERTURE_CHUNK], landmark_map) for k in range(0, n, APERTURE_CHUNK)]
        return np.asarray(torch.cat(parts).numpy())


class Meshes:
    """The meshes of takes by frame, for frames asked in rising order: CHUNK frames of a take are decoded at a time."""

    def __init__(self, model: FaceModel, landmark_map: LandmarkMap, takes: Sequence[FittedTake]) -> None:
        self.model, self.landmark_map, self.takes = model, landmark_map, takes
        self._decoded: dict[str, tuple[int, list[Mesh]]] = {}

    def at(self, frame: int) -> list[Mesh]:
        """Of every take that holds this grid frame."""
        held = [take for take in self.takes if frame in take.frames]
        self._decoded = {take.take_id: self._chunk(take, frame - take.first) for take in held}
        return [meshes[frame - take.first - start] for take in held for start, meshes in [self._decoded[take.take_id]]]

    def _chunk(self, take: FittedTake, index: int) -> tuple[int, list[Mesh]]:
        start = index - index % CHUNK
        known = self._decoded.get(take.take_id)
        if known is not None and known[0] == start:
            return known
        return start, _decode(self.model, self.landmark_map, take, start, min(start + CHUNK, len(take.pose)))


def _decode(model: FaceModel, landmark_map: LandmarkMap, take: FittedTake, start: int, stop: int) -> list[Mesh]:
    with torch.inference_mode():
        verts = model.decode(torch.from_numpy(take.latents[start:stop]))
        verts_cam = to_camera(verts.numpy(), take.pose[start:stop])
        cam = torch.from_numpy(verts_cam)
        marks = landmark_positions(cam, landmark_map)
        xy_px = project(cam, take.focal_px, take.size_px).numpy()
        marks_px = torch.cat([project(marks, take.focal_px, take.size_px), 1 / marks[..., 2:]], -1).numpy()
    return [Mesh(take, start + k, verts_cam[k], xy_px[k], marks_px[k]) for k in range(stop - start)]
