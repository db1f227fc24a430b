"""From takes' landmarks to a batch: checked, numbered by subject and clip, with a closed-form start."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wail.errors import ModelError, shape_message
from wail.inface.fit_batch import N_CODES, N_EXPRESSION, Batch, State, Weights
from wail.inface.fit_config import FitConfig
from wail.inface.fit_observe import landmark_normals
from wail.inface.fit_parts import Pairs, pair_sigma_px, part_pairs
from wail.inface.fit_rows import PointRows, point_rows, points
from wail.inface.fit_start import MIN_LANDMARKS, start_pose
from wail.inface.head_size import outer_eye_mm
from wail.inface.landmarks import IBUG68, MP434_NAME, LandmarkMap, lip_vertices, pick
from wail.inface.model import AGE, EXPRESSION, IDENTITY, FaceModel

MIN_VISIBILITY = 0.1
"""Landmarks less visible than this are not used at all."""
MOST_PX = 1e6
"""Further from the picture's corner nothing was seen; its square would not be told from another in float32."""
LEAST_EXTENT_PX = 1.0
"""Landmarks within so much of their middle (root mean square) lie on one spot: nothing was seen of a face."""
JUMP_MM, JUMP_RAD, JUMP_ZOOM = 150.0, 1.0, 1.5
"""Of a head between two frames, sideways, turning, and towards the camera: twice as much as any does."""
OUTER_EYES = (33, 263)
N_FAN = 68
F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TakeLandmarks:
    """What was seen in a take of n >= 1 frames. xy_px [n, 478, 2]: mediapipe's landmarks in the picture (x right, y
    down, the first pixel's centre at 0.5); visibility [n, 478]: 0-1, below 0.1 not read, so xy_px may be NaN there.
    A frame whose landmarks all lie on one spot counts as one that shows nothing.

    Takes of equal `clip` share the focal length, so their size_px (width, height) must be equal too, and those of equal
    `subject` share identity and age. fan_xy_px
    [n, 68, 2] and fan_score [n, 68] (0-1): face-alignment's points, as a second opinion.
    """

    xy_px: ArrayLike
    visibility: ArrayLike
    size_px: tuple[int, int]
    clip: str = ""
    subject: str = ""
    fan_xy_px: ArrayLike | None = None
    fan_score: ArrayLike | None = None


@dataclass(frozen=True)
class Task:
    """Takes ready to be solved. L landmarks: mp434's, then ibug68's where a take has FAN's points."""

    rows: PointRows
    eye_rows: PointRows
    """the two outer eye corners"""
    lip_rows: PointRows
    """one vertex for each lip landmark"""
    normals: Tensor
    """[L, 3] head frame"""
    worth: Tensor
    """[L] independent measurements that a landmark stands for"""
    visibility: Tensor
    """[F, L]"""
    pairs: Pairs
    batch: Batch
    """weights without pairs, nothing masked"""
    start: State
    take: Tensor
    """[F]"""
    scale_px_per_mm: Tensor
    """[F] at the start"""


def set_up(
    model: FaceModel, maps: Mapping[str, LandmarkMap], takes: Sequence[TakeLandmarks], config: FitConfig,
    device: torch.device,
) -> Task:  # fmt: skip
    """Check and assemble. Raises ValueError for wrong shapes, NaN where visible or nothing visible; ModelError for a
    missing map.

    Any decoder of linear layers with leaky ReLUs between them will do. A PCA is one without hidden layers; what a take
    then shares are its first 32 components (see pca.py).
    """
    if not takes:
        raise ValueError("at least one take is needed to fit, but none was given")
    _check_sizes(takes)
    used = _maps_used(maps, takes)
    seen = [_take_rows(used, take) for take in takes]
    for k, (_, visible) in enumerate(seen):
        _check_shown(visible, k)
    xy = _on(device, np.concatenate([one[0] for one in seen]))
    visibility = _on(device, np.concatenate([one[1] for one in seen]))
    take = torch.arange(len(takes), device=device).repeat_interleave(
        torch.tensor([len(one[0]) for one in seen], device=device)
    )
    worth = torch.cat([_worth(one, config, device) for one in used])
    rows = rows_of(model, np.concatenate([one.triangle_vertices for one in used]),
                   np.concatenate([one.barycentric for one in used]), device)  # fmt: skip
    pairs = part_pairs(used[0], config, device)
    batch, start, scale = _batch(rows, takes, take, xy, visibility, worth, pairs, config)
    eyes, lips = pick(used[0], OUTER_EYES), lip_vertices(model, used[0]).numpy()
    corners = np.repeat(lips[:, None], 3, axis=1)
    normals = torch.cat([landmark_normals(model, one) for one in used]).to(device)
    return Task(
        rows, rows_of(model, eyes.triangle_vertices, eyes.barycentric, device),
        rows_of(model, corners, np.tile([1.0, 0.0, 0.0], (len(corners), 1)), device),
        normals, worth, visibility, pairs, batch, start, take, scale,
    )  # fmt: skip


def _check_sizes(takes: Sequence[TakeLandmarks]) -> None:
    of_clip: dict[str, tuple[int, int]] = {}
    for k, take in enumerate(takes):
        size = np.asarray(take.size_px)
        if size.shape != (2,) or size.dtype.kind not in "iuf" or not (np.isfinite(size) & (size > 0)).all():
            raise ValueError(f"size_px of take {k} must be the picture's width and height, two numbers above 0, but is "
                             f"{take.size_px!r}")  # fmt: skip
        first = of_clip.setdefault(take.clip, take.size_px)
        if tuple(first) != tuple(take.size_px):
            raise ValueError(f"takes of one clip share a camera, but in clip {take.clip!r} take {k} has size_px "
                             f"{take.size_px} and an earlier one {first}: give them different clips")  # fmt: skip


def _maps_used(maps: Mapping[str, LandmarkMap], takes: Sequence[TakeLandmarks]) -> list[LandmarkMap]:
    fan = any(take.fan_xy_px is not None for take in takes)
    names = [MP434_NAME, *([IBUG68] if fan else [])]
    missing = [name for name in names if name not in maps]
    if missing:
        raise ModelError(f"these takes need the landmark maps {names}, but {missing} is missing: register the model "
                         "again with `wail inface register`")  # fmt: skip
    return [maps[name] for name in names]


def shows_face(maps: Mapping[str, LandmarkMap], take: TakeLandmarks) -> bool:
    """Whether any frame of a take shows enough for a pose; `fit_takes` refuses one that does not. Raises as it does."""
    return _most_seen(_take_rows(_maps_used(maps, [take]), take)[1]) >= MIN_LANDMARKS


def _most_seen(seen: F32) -> int:
    """Landmarks of the frame that shows most."""
    return int((seen > 0).sum(-1).max())


def _check_shown(seen: F32, number: int) -> None:
    if _most_seen(seen) < MIN_LANDMARKS:
        raise ValueError(
            f"at least one frame of take {number} must show {MIN_LANDMARKS} of the map's landmarks, but the best of "
            f"{len(seen)} shows {_most_seen(seen)}; a take without a visible face cannot be fitted"
        )


def _take_rows(used: Sequence[LandmarkMap], take: TakeLandmarks) -> tuple[F32, F32]:
    """Landmarks [n, L, 2] with hidden ones zeroed, and visibility [n, L], 0 where not used."""
    xy, seen = _checked(used[0], take.xy_px, take.visibility, 478, "")
    one_spot = _extent_px(xy, seen) < LEAST_EXTENT_PX
    seen[one_spot] = 0
    if len(used) > 1 and take.fan_xy_px is not None:
        more_xy, more = _checked(used[1], take.fan_xy_px, take.fan_score, N_FAN, "fan_")
        if len(more_xy) != len(xy):
            raise ValueError(shape_message("fan_xy_px", f"[{len(xy)}, {N_FAN}, 2]", np.shape(take.fan_xy_px)))
        more[one_spot] = 0
        xy, seen = np.concatenate([xy, more_xy], 1), np.concatenate([seen, more], 1)
    elif len(used) > 1:
        n = len(used[1].landmark)
        xy, seen = np.pad(xy, ((0, 0), (0, n), (0, 0))), np.pad(seen, ((0, 0), (0, n)))
    return xy, seen


def _checked(
    of: LandmarkMap, xy_px: ArrayLike, visibility: ArrayLike | None, count: int, name: str
) -> tuple[F32, F32]:
    xy, seen = np.asarray(xy_px, np.float32), np.asarray(visibility, np.float32)
    if xy.ndim != 3 or xy.shape[1:] != (count, 2) or len(xy) == 0:
        raise ValueError(shape_message(f"{name}xy_px", f"[n >= 1, {count}, 2]", xy.shape))
    if seen.shape != xy.shape[:2]:
        raise ValueError(shape_message(f"{name}score" if name else "visibility", f"{xy.shape[:2]}", seen.shape))
    if not ((seen >= 0) & (seen <= 1)).all():
        raise ValueError("visibility must be within 0-1, but holds NaN or values outside; compute it before fitting")
    index = np.asarray(of.landmark)
    if index.max(initial=0) >= count:
        raise ModelError(f"the landmark map {of.name} names landmark {index.max()}, but the detector has {count}: "
                         "register the model again")  # fmt: skip
    xy, seen = xy[:, index], np.where(seen[:, index] >= MIN_VISIBILITY, seen[:, index], 0)
    seen = np.where(np.asarray(of.weight)[None] > 0, seen, 0).astype(np.float32)
    bad = (seen > 0) & ~(np.abs(xy) < MOST_PX).all(-1)
    if bad.any():
        frame, place = (int(i[0]) for i in np.nonzero(bad))
        raise ValueError(
            f"{name}xy_px must be finite, and below {MOST_PX:g}, where visibility >= {MIN_VISIBILITY}, but landmark "
            f"{index[place]} of frame {frame} is not; set its visibility to 0"
        )
    return np.where(seen[..., None] > 0, xy, 0).astype(np.float32), seen


def _extent_px(xy: F32, seen: F32) -> F32:
    """[n] root mean square distance of what is seen from its middle; 0 where nothing is."""
    w = seen / np.maximum(seen.sum(1, keepdims=True), 1e-12)
    off = xy - (w[..., None] * xy).sum(1, keepdims=True)
    return np.asarray(np.sqrt((w * np.square(off).sum(-1)).sum(1)), np.float32)


def _worth(of: LandmarkMap, config: FitConfig, device: torch.device) -> Tensor:
    weight = _on(device, of.weight)
    independent = config.independent_fan if of.name == IBUG68 else config.independent_landmarks
    return weight * (independent / weight.sum())


def _batch(
    rows: PointRows, takes: Sequence[TakeLandmarks], take: Tensor, xy: Tensor, visibility: Tensor, worth: Tensor,
    pairs: Pairs, config: FitConfig,
) -> tuple[Batch, State, Tensor]:  # fmt: skip
    device, n = xy.device, len(xy)
    clips, subjects = _numbers([one.clip for one in takes]), _numbers([(one.clip, one.subject) for one in takes])
    clip_of_subject = torch.tensor([clips[k] for k in np.unique(subjects, return_index=True)[1]], device=device)
    size = torch.tensor([one.size_px for one in takes], dtype=torch.float32, device=device)
    focal = torch.stack([config.focal_ratio * size[clips.index(c)].max() for c in range(max(clips) + 1)])
    clip = torch.tensor(clips, device=device)[take]
    centre = 0.5 * size[take]
    weight = visibility * worth
    zeros = xy.new_zeros(1, N_CODES + N_EXPRESSION)
    rotation, translation, scale = start_pose(points(rows, zeros)[0].T, xy, weight, focal[clip], centre, take)
    gaps = pair_sigma_px(pairs, xy, scale)
    ends = torch.stack([pairs.first, pairs.second])
    batch = Batch(
        xy_px=torch.cat([xy, xy[:, ends[0]] - xy[:, ends[1]]], 1).mT.contiguous(), weight=weight,
        sigma_px=torch.cat([(config.landmark_sd_mm * scale)[:, None].expand_as(weight), gaps], 1),
        squeeze=None, pair=ends, centre_px=centre, prior_focal_px=focal,
        link=((take[1:] == take[:-1]) & ~jumps(rotation, translation, scale)).to(xy),
        subject=torch.tensor(subjects, device=device)[take], clip=clip,
        clip_of_subject=clip_of_subject,
    )  # fmt: skip
    state = State(xy.new_zeros(len(clip_of_subject), N_CODES), torch.zeros_like(focal),
                  xy.new_zeros(n, N_EXPRESSION), rotation, translation)  # fmt: skip
    return batch, state, scale


def jumps(rotation: Tensor, translation: Tensor, scale: Tensor) -> Tensor:
    """[F - 1] (bool): from one frame to the next the head is somewhere else. No head moves so in 1/30 s: it is a cut,
    or another face. Neighbours across it are not tied, since one such tie would bend the whole take."""
    moved_mm = translation.diff(dim=0)[:, :2].norm(dim=1)
    cosine = 0.5 * ((rotation[1:] * rotation[:-1]).sum((1, 2)) - 1)
    zoomed = (scale[1:] / scale[:-1]).log().abs()
    far: Tensor = (moved_mm > JUMP_MM) | (cosine < math.cos(JUMP_RAD)) | (zoomed > math.log(JUMP_ZOOM))
    return far


def _numbers(names: Sequence[object]) -> list[int]:
    """0, 1, .. in the order in which names first come."""
    first = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return [first[name] for name in names]


def weights_of(task: Task, batch: Batch, config: FitConfig) -> Weights:
    """Priors, with what is shared counted by the frames of `batch` that show something: a detector's bias on a face
    stays the same, so n frames say less of it than n measurements would."""
    observed = (batch.weight > 0).any(1).to(batch.weight)
    n_subjects, n_clips = len(batch.clip_of_subject), len(batch.prior_focal_px)

    def count(index: Tensor, size: int) -> Tensor:
        frames = observed.new_zeros(size).index_add_(0, index, observed)
        return (frames / config.independent_frames).clamp(min=1)

    eye_mm, eye_sd_mm = outer_eye_mm(config.age_months)
    return Weights(
        huber=config.huber, shared_count=count(batch.subject, n_subjects), focal_count=count(batch.clip, n_clips),
        focal_log_sd=config.focal_log_sd, expression_sd=config.expression_sd, expression_step=config.expression_step,
        rotation_step_rad=config.rotation_step_rad, translation_step_mm=config.translation_step_mm,
        eye_mm=eye_mm, eye_sd_mm=eye_sd_mm, eye_weight=config.head_size_weight,
    )  # fmt: skip


def rows_of(model: FaceModel, vertices: ArrayLike, barycentric: ArrayLike, device: torch.device) -> PointRows:
    """Points of a model as rows of its decoder for z-scored latents in the fit's order."""
    weights, biases, slope = model.decoder_layers()
    places = np.arange(len(model.latent_mean))
    order = np.concatenate([places[IDENTITY], places[AGE], places[EXPRESSION]])
    return point_rows(
        [_on(device, w) for w in weights], [_on(device, b) for b in biases], slope, _on(device, model.latent_mean),
        _on(device, model.latent_std), torch.from_numpy(order).to(device),
        torch.from_numpy(np.asarray(vertices, np.int64)).to(device), _on(device, barycentric),
    )  # fmt: skip


def _on(device: torch.device, values: ArrayLike | Tensor) -> Tensor:
    return torch.as_tensor(values).to(device, torch.float32)


def with_belief(batch: Batch, weight: Tensor, squeeze: Tensor | None) -> Batch:
    """The batch with what is believed of its rows now."""
    return replace(batch, weight=weight, squeeze=squeeze)
