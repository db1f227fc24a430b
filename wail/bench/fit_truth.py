"""Takes of known truth for the benchmark of the fit: latents, poses, and the landmarks a detector would have given.

Latents are z-scored normal numbers: identity and age constant in a take, expression smooth in time with unit variance.
The head moves smoothly before a pinhole camera of 1000 px focal length at 450 mm, 2.2 px/mm, in a picture of
1280 x 720. On the landmarks lies independent Gaussian noise, and then what is asked for: gross outliers, patches that
are hidden, a focal length that is not what the fit believes. Truth, noise, patches and outliers are drawn apart, so
that the same seed with and without them is the same take.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wail.bench.fit_decoders import KINDS, Kind, random_decoder, stand_in
from wail.inface.camera import project
from wail.inface.fit_config import FitConfig
from wail.inface.landmarks import LIPS, LandmarkMap, decode_landmarks
from wail.inface.model import AGE, EXPRESSION, IDENTITY, N_LATENT, FaceModel
from wail.inface.rotation import matrix_from_angles

Split = Literal["tune", "test"]
SALT: dict[Split, int] = {"tune": 51, "test": 52}
"""Decoders, truth and noise of the two splits come from streams that never meet."""
SIZE_PX = (1280, 720)
FOCAL_PX, DISTANCE_MM = 1000.0, 450.0
PX_PER_MM = FOCAL_PX / DISTANCE_MM
EXPRESSION_FRAMES, HEAD_FRAMES, PATCH_FRAMES = 5.0, 15.0, 40.0
"""Standard deviations, in frames, of the kernels that smooth expression, head and hidden patch."""
ANGLES_DEG = (20.0, 10.0, 10.0)
"""Largest yaw, pitch and roll of a take; `max_yaw_deg` replaces the first."""
TRAVEL_MM = (15.0, 15.0, 25.0)
"""Standard deviations of the head's place: right, down, away."""
OUTLIER_PX = (10.0, 50.0)
LOOSE = 1e3
"""A standard deviation so wide that a smoothness prior says nothing."""
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FitProblem:
    """A take of n frames with L landmarks on the map. Head frame and camera frame as everywhere (wail.inface).

    `hidden` and `outlier` say of each landmark what became of it; `noise_px` is the noise's standard deviation, which
    in an uneven take is that of its median frame; `prior_focal_px` is what the fit is told of `focal_px`.
    """

    kind: Kind
    model: FaceModel
    landmark_map: LandmarkMap
    xy_px: F32
    """[n, 478, 2]; NaN where hidden or not on the map"""
    visibility: F32
    """[n, 478]; 0 where hidden or not on the map"""
    size_px: tuple[int, int]
    latents: F32
    """[n, 97] raw codes"""
    rotation: F64
    """[n, 3, 3] head to camera"""
    translation_mm: F64
    """[n, 3]"""
    focal_px: float
    prior_focal_px: float
    head_mm: F64
    """[n, L, 3] landmarks in the head frame"""
    hidden: Bools
    """[n, L]"""
    outlier: Bools
    """[n, L]"""
    noise_px: float

    @property
    def n_frames(self) -> int:
        return len(self.latents)

    @property
    def fitted(self) -> Bools:
        """[L] landmarks that the map gives a weight: errors are counted over these."""
        return np.asarray(self.landmark_map.weight > 0)

    @property
    def maps(self) -> dict[str, LandmarkMap]:
        return {self.landmark_map.name: self.landmark_map}


def make_problem(
    kind: Kind, split: Split, seed: int, n_frames: int = 300, noise_px: float = 1.0, outliers: float = 0.0,
    hidden: float = 0.0, focal_off: float = 0.0, max_yaw_deg: float = ANGLES_DEG[0], expression: float = 1.0,
    self_occlusion: bool = False, uneven: bool = False, take: int = 0,
) -> FitProblem:  # fmt: skip
    """The take of a seed. outliers: share of the seen landmarks that are gross errors; hidden: share of the landmarks
    that a patch wandering over the face hides in each frame; focal_off: by how much the fit's focal length is too long
    (0.2: 20 %); expression: spread of the expression's latents, 0 for a rigid face; self_occlusion: what faces away
    from the camera is hidden too; uneven: frames differ in noise (about 0.3 to 3 times) and a third of them hide lips;
    take: another take of the same decoder.
    """
    seeds = [SALT[split], KINDS.index(kind), seed]
    model, landmark_map = model_of(kind, split, seed)
    streams = np.random.default_rng([*seeds, take] if take else seeds).spawn(6)
    latents = _latents(model, n_frames, expression, streams[1])
    rotation, translation = _motion(n_frames, max_yaw_deg, streams[2])
    # The distance is the landmarks', which lie before the head's origin.
    translation[:, 2] += _mean_points(model, landmark_map)[:, 2].mean()
    head = decode_landmarks(model, torch.from_numpy(latents).double(), landmark_map).numpy()
    cam = head @ np.swapaxes(rotation, 1, 2) + translation[:, None]
    clean: F64 = project(torch.from_numpy(cam), FOCAL_PX, SIZE_PX).numpy()
    level = np.exp(np.clip(0.8 * sway(streams[5], n_frames, 1, 8.0), -1.2, 1.2)) if uneven else np.ones((n_frames, 1))
    noisy: F64 = clean + noise_px * level[..., None] * streams[3].normal(size=clean.shape)
    away = patches(landmark_map, model, n_frames, hidden, streams[4])
    if self_occlusion:
        away |= _facing_away(model, landmark_map, rotation, cam)
    if uneven:
        away |= _hidden_lips(landmark_map, n_frames, streams[5])
    xy, gross = _with_outliers(noisy, clean, ~away, outliers, streams[4])
    xy_px, visibility = _as_detected(landmark_map, xy, away)
    return FitProblem(kind, model, landmark_map, xy_px, visibility, SIZE_PX, latents, rotation, translation, FOCAL_PX,
                      FOCAL_PX * (1 + focal_off), head, away, gross, noise_px)  # fmt: skip


@lru_cache(maxsize=4)
def model_of(kind: Kind, split: Split, seed: int) -> tuple[FaceModel, LandmarkMap]:
    """The decoder of a seed, or the stand-in, and its map."""
    rng = np.random.default_rng([SALT[split], KINDS.index(kind), seed]).spawn(1)[0]
    return stand_in() if kind == "stand-in" else random_decoder(kind, rng)


def smooth_config(problem: FitProblem) -> FitConfig:
    """`truth_config`, and random walks whose steps are as large as the take's own on average."""
    z = problem.latents[:, EXPRESSION] / problem.model.latent_std.numpy()[EXPRESSION]
    turn = problem.rotation[1:] @ np.swapaxes(problem.rotation[:-1], 1, 2)
    angle = np.arccos(np.clip((np.trace(turn, axis1=1, axis2=2) - 1) / 2, -1, 1)) / np.sqrt(3)
    rms = [float(np.sqrt(np.square(steps).mean())) for steps in
           (np.diff(z, axis=0), angle, np.diff(problem.translation_mm, axis=0))]  # fmt: skip
    return replace(truth_config(problem), expression_step=rms[0], rotation_step_rad=rms[1], translation_step_mm=rms[2])


def truth_config(problem: FitProblem) -> FitConfig:
    """What is true of a problem, as a fit's config: independent errors of this spread in every landmark and frame,
    latents of unit variance, no part of the face more precise than another, nothing turned away that is not
    hidden, nothing said of smoothness or of a head's size.

    Focal length: known, unless the problem's prior is off; then the prior is wide. The kernel is robust only where
    there are outliers. What is left at its default belongs to the solver, not to the noise.
    """
    exact, robust = problem.prior_focal_px == problem.focal_px, bool(problem.outlier.any())
    return FitConfig(
        focal_ratio=problem.prior_focal_px / max(problem.size_px), focal_log_sd=1e-4 if exact else 0.3,
        landmark_sd_mm=problem.noise_px / PX_PER_MM, independent_landmarks=float(problem.fitted.sum()),
        independent_frames=1e9, huber=FitConfig.huber if robust else LOOSE, expression_sd=1.0, expression_step=LOOSE,
        rotation_step_rad=LOOSE, translation_step_mm=1e3 * LOOSE, independent_lip_gaps=0.0, independent_lid_gaps=0.0,
        hidden_cos=-1.0, grazing_cos=-1.0, head_size_weight=0.0,
        outlier_sds=FitConfig.outlier_sds if robust else LOOSE,
        bad_frame_ratio=FitConfig.bad_frame_ratio if robust else LOOSE,
    )  # fmt: skip


def sway(rng: np.random.Generator, n: int, d: int, frames: float) -> F64:
    """[n, d] smooth Gaussian noise of unit variance: white noise under a Gaussian kernel of so many frames."""
    half = int(np.ceil(4 * frames))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / frames) ** 2)
    noise = rng.normal(size=(n + 2 * half, d))
    return np.stack([np.convolve(x, kernel / np.linalg.norm(kernel), "valid") for x in noise.T], axis=1)


def _latents(model: FaceModel, n: int, expression: float, rng: np.random.Generator) -> F32:
    z = np.empty((n, N_LATENT))
    z[:, IDENTITY], z[:, AGE] = rng.normal(size=32), rng.normal(size=1)
    z[:, EXPRESSION] = expression * sway(rng, n, 64, EXPRESSION_FRAMES)
    return np.asarray(z * model.latent_std.double().numpy() + model.latent_mean.double().numpy(), np.float32)


def _motion(n: int, max_yaw_deg: float, rng: np.random.Generator) -> tuple[F64, F64]:
    """Rotation [n, 3, 3] and translation [n, 3] mm; each angle just reaches its largest in the take."""
    turns = sway(rng, n, 3, HEAD_FRAMES)
    turns /= np.abs(turns).max(0)
    angles = turns * (max_yaw_deg, *ANGLES_DEG[1:])
    place = sway(rng, n, 3, HEAD_FRAMES) * TRAVEL_MM + (0, 0, DISTANCE_MM)
    return matrix_from_angles(*angles.T), place


def patches(
    landmark_map: LandmarkMap, model: FaceModel, n: int, share: float, rng: np.random.Generator
) -> Bools:  # fmt: skip
    """[n, L] a patch of neighbouring landmarks, `share` of them all, that wanders over the face."""
    at = _mean_points(model, landmark_map)[:, :2]
    centre = at.mean(0) + sway(rng, n, 2, PATCH_FRAMES) * at.std(0)
    rank = np.linalg.norm(at - centre[:, None], axis=-1).argsort(1).argsort(1)
    return np.asarray(rank < round(share * len(at)))


def _mean_points(model: FaceModel, landmark_map: LandmarkMap) -> F64:
    corners = model.mean_verts_mm.double().numpy()[landmark_map.triangle_vertices]
    return np.asarray((corners * landmark_map.barycentric[..., None]).sum(1))


def _facing_away(model: FaceModel, landmark_map: LandmarkMap, rotation: F64, cam: F64) -> Bools:
    """[n, L] where the mean face's surface, turned as the head is, looks away from the camera."""
    verts = model.mean_verts_mm.double().numpy()
    corners = verts[model.triangles.numpy()]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(verts)
    for i in range(3):
        np.add.at(normals, model.triangles.numpy()[:, i], faces)
    own = (normals[landmark_map.triangle_vertices] * landmark_map.barycentric[..., None]).sum(1)
    return np.asarray(np.einsum("nij,lj,nli->nl", rotation, own, cam) > 0)


def _hidden_lips(landmark_map: LandmarkMap, n: int, rng: np.random.Generator) -> Bools:
    """[n, L] the lips, hidden in about a third of the frames, for a second or so at a time."""
    covered = sway(rng, n, 1, HEAD_FRAMES) > 0.43
    return np.asarray(covered & np.isin(landmark_map.landmark, LIPS))


def _with_outliers(
    xy: F64, clean: F64, seen: Bools, share: float, rng: np.random.Generator
) -> tuple[F64, Bools]:  # fmt: skip
    """Of the seen landmarks, this share is anywhere in the face's box, or (every other one) 10 to 50 px away."""
    gross = seen & (rng.random(seen.shape) < share)
    low, high = clean.min(1, keepdims=True), clean.max(1, keepdims=True)
    anywhere = low + (high - low) * rng.random(xy.shape)
    angle, length = rng.uniform(0, 2 * np.pi, seen.shape), rng.uniform(*OUTLIER_PX, seen.shape)
    moved = xy + length[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    wrong = np.where((rng.random(seen.shape) < 0.5)[..., None], anywhere, moved)
    return np.where(gross[..., None], wrong, xy), gross


def _as_detected(landmark_map: LandmarkMap, xy: F64, away: Bools) -> tuple[F32, F32]:
    """Landmarks and visibility by the detector's own numbers."""
    out = np.full((len(xy), 478, 2), np.nan, np.float32)
    visibility = np.zeros((len(xy), 478), np.float32)
    out[:, landmark_map.landmark] = np.where(away[..., None], np.nan, xy)
    visibility[:, landmark_map.landmark] = ~away
    return out, visibility
