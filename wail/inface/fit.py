"""Fit the infant face model to the landmarks of one take: all frames at once, identity and age shared.

Levenberg-Marquardt on the energy of `fit_problem`, first over some key frames, then over all, from a closed-form start.
Every Jacobian is closed form, so nothing here needs autograd; on a CPU it runs on one thread, so that the same input
gives the same bytes whatever the machine's load.

What a single camera can tell: landmarks fix the shape up to scale; millimetres come from the model's mean and its
identity prior alone. Focal length shows only in how near parts of the face look larger, so it leans on its prior
(`focal_ratio` times the longer side of the picture) and distance follows it: depth is right in proportion, not in mm.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wail.errors import ModelError, shape_message
from wail.inface.fit_config import FitConfig, TakeFit
from wail.inface.fit_lm import solve_take
from wail.inface.fit_problem import N_CODES, N_EXPRESSION, Observed, State
from wail.inface.fit_report import report
from wail.inface.fit_rows import PointRows, point_rows, points
from wail.inface.fit_start import MIN_LANDMARKS, start_pose
from wail.inface.landmarks import LIPS, LandmarkMap, lip_vertices, pick
from wail.inface.model import AGE, EXPRESSION, IDENTITY, FaceModel

__all__ = ["FitConfig", "TakeFit", "fit_take"]

MIN_VISIBILITY = 0.1
"""Landmarks less visible than this are not used at all."""
OUTER_EYES = (33, 263)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)


def fit_take(
    model: FaceModel,
    landmark_map: LandmarkMap,
    xy_px: ArrayLike,
    visibility: ArrayLike,
    size_px: tuple[int, int],
    config: FitConfig | None = None,
    device: str = "cpu",
) -> TakeFit:
    """Fit a take. xy_px [n, 478, 2]: mediapipe's landmarks in the picture; visibility [n, 478]: 0-1; n >= 1.

    Landmarks with visibility below 0.1 are not read and may be NaN; frames without any are filled from their
    neighbours. size_px: (width, height). Raises ValueError for wrong shapes, NaN in a visible landmark, or a take in
    which no frame shows enough of the face; ModelError for a model without separate identity and expression.
    """
    started = time.perf_counter()
    config = config or FitConfig()
    if not model.is_disentangled:
        raise ModelError(
            f"{model.name} is a {model.kind} model, whose codes mix identity and expression; a take needs them apart: "
            "fit with INFACE's ae_model_disent.h5 or the stand-in"
        )
    xy, weight = _checked(landmark_map, xy_px, visibility)
    with _one_thread(), torch.no_grad():
        on = torch.device(device)
        rows, seen, start = _problem(model, landmark_map, xy, weight, size_px, config, on)
        state, moved_mm, iterations = solve_take(rows, seen, start, config)
        eyes, lips = pick(landmark_map, OUTER_EYES), lip_vertices(model, landmark_map)
        eye_rows = _rows(model, eyes.triangle_vertices, eyes.barycentric, on)
        lip_rows = _vertex_rows(model, lips, on)
        raw, seconds = _raw_codes(model, state), time.perf_counter() - started
        return report(
            rows, eye_rows, lip_rows, seen, state, moved_mm, iterations, raw, config, seconds, device
        )


def _checked(
    landmark_map: LandmarkMap, xy_px: ArrayLike, visibility: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mapped landmarks [n, L, 2] with hidden ones zeroed, and visibility [n, L], 0 where not used."""
    xy, seen = np.asarray(xy_px, np.float32), np.asarray(visibility, np.float32)
    if xy.ndim != 3 or xy.shape[1:] != (478, 2) or len(xy) == 0:
        raise ValueError(shape_message("xy_px", "[n >= 1, 478, 2]", xy.shape))
    if seen.shape != xy.shape[:2]:
        raise ValueError(shape_message("visibility", f"{xy.shape[:2]}", seen.shape))
    if not ((seen >= 0) & (seen <= 1)).all():
        raise ValueError("visibility must be within 0-1, but holds NaN or values outside; compute it before fitting")
    index = np.asarray(landmark_map.landmark)
    xy, seen = xy[:, index], np.where(seen[:, index] >= MIN_VISIBILITY, seen[:, index], 0)
    seen = np.where(np.asarray(landmark_map.weight)[None] > 0, seen, 0).astype(np.float32)
    bad = (seen > 0) & ~np.isfinite(xy).all(-1)
    if bad.any():
        frame, place = (int(i[0]) for i in np.nonzero(bad))
        raise ValueError(
            f"xy_px must be finite where visibility >= {MIN_VISIBILITY}, but landmark {index[place]} of frame {frame} "
            "is not; set its visibility to 0"
        )
    if int((seen > 0).sum(-1).max()) < MIN_LANDMARKS:
        raise ValueError(
            f"at least one frame must show {MIN_LANDMARKS} of the map's landmarks, but the best of {len(xy)} shows "
            f"{int((seen > 0).sum(-1).max())}; a take without a visible face cannot be fitted"
        )
    return np.where(seen[..., None] > 0, xy, 0).astype(np.float32), seen


def _problem(
    model: FaceModel,
    landmark_map: LandmarkMap,
    xy: NDArray[np.float32],
    seen: NDArray[np.float32],
    size_px: tuple[int, int],
    config: FitConfig,
    device: torch.device,
) -> tuple[PointRows, Observed, State]:
    """The landmark rows, what was observed, and the start: mean face, closed-form pose."""
    rows = _rows(model, landmark_map.triangle_vertices, landmark_map.barycentric, device)
    worth = np.where(np.isin(landmark_map.landmark, LIPS), config.lip_weight, 1.0)
    worth = np.where(np.isin(landmark_map.landmark, INNER_LIPS), config.inner_lip_weight, worth)
    worth = (worth * landmark_map.weight).astype(np.float32)
    weight = torch.from_numpy(seen * worth * (config.independent_landmarks / worth.sum())).to(device)
    xy_t = torch.from_numpy(xy).to(device)
    focal = float(config.focal_ratio * max(size_px))
    centre = torch.tensor([size_px[0] / 2, size_px[1] / 2], dtype=torch.float32, device=device)
    zeros = torch.zeros(1, N_CODES + N_EXPRESSION, device=device)
    rotation, translation, scale = start_pose(points(rows, zeros)[0].T, xy_t, weight, focal, centre)
    observed = Observed(
        xy_t, weight, config.landmark_sd_mm * scale, centre, focal, torch.ones(len(xy) - 1, device=device)
    )
    expression = torch.zeros(len(xy), N_EXPRESSION, device=device)
    return rows, observed, State(zeros[0, :N_CODES], zeros.new_zeros(()), expression, rotation, translation)


def _rows(model: FaceModel, vertices: ArrayLike, barycentric: ArrayLike, device: torch.device) -> PointRows:
    weights, biases, slope = model.decoder_layers()
    places = np.arange(len(model.latent_mean))
    order = np.concatenate([places[IDENTITY], places[AGE], places[EXPRESSION]])
    return point_rows(
        [_on(device, w) for w in weights],
        [_on(device, b) for b in biases],
        slope,
        _on(device, model.latent_mean),
        _on(device, model.latent_std),
        torch.from_numpy(order).to(device),
        torch.from_numpy(np.asarray(vertices, np.int64)).to(device),
        _on(device, barycentric),
    )


def _on(device: torch.device, values: ArrayLike | Tensor) -> Tensor:
    return torch.as_tensor(values).to(device, torch.float32)


def _vertex_rows(model: FaceModel, vertices: ArrayLike, device: torch.device) -> PointRows:
    corners = np.repeat(np.asarray(vertices, np.int64)[:, None], 3, axis=1)
    return _rows(model, corners, np.tile([1.0, 0.0, 0.0], (len(corners), 1)), device)


def _raw_codes(model: FaceModel, state: State) -> NDArray[np.float32]:
    z = state.latents().double().cpu().numpy()
    codes = np.empty_like(z)
    codes[:, IDENTITY], codes[:, AGE], codes[:, EXPRESSION] = z[:, :32], z[:, 32:33], z[:, 33:]
    raw = codes * np.asarray(model.latent_std.cpu(), float) + np.asarray(model.latent_mean.cpu(), float)
    return np.asarray(raw, np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
