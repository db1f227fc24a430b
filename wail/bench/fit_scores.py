"""What a fit of known truth is worth: distances in mm in the head frame, and how well it knows its own error."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from wail.bench.fit_truth import F32, F64, Bools, FitProblem, truth_config
from wail.inface.fit import FitConfig, TakeFit, TakeLandmarks, fit_takes
from wail.inface.landmarks import LIPS, decode_landmarks
from wail.inface.model import AGE, EXPRESSION, IDENTITY, N_LATENT


def solve(
    problems: Sequence[FitProblem], config: FitConfig | None = None, device: str = "cpu", threads: int = 1
) -> list[TakeFit]:
    """Fit some problems of one model in one batch, none sharing anything; by the truth's config unless told another."""
    takes = [TakeLandmarks(one.xy_px, one.visibility, one.size_px, clip=f"take {k}") for k, one in enumerate(problems)]
    first = problems[0]
    return fit_takes(first.model, first.maps, takes, config or truth_config(first), device, threads)


def latents_of(fit: TakeFit) -> F32:
    """[n, 97] raw codes."""
    out = np.empty((len(fit.expression), N_LATENT), np.float32)
    out[:, IDENTITY], out[:, EXPRESSION], out[:, AGE] = fit.identity, fit.expression, fit.age
    return out


def landmarks_of(problem: FitProblem, fit: TakeFit) -> F64:
    """[n, L, 3] mm, head frame."""
    found = decode_landmarks(problem.model, torch.from_numpy(latents_of(fit)).double(), problem.landmark_map)
    return np.asarray(found.numpy())


def vertices_mm(problem: FitProblem, latents: NDArray[np.float32], vertices: NDArray[np.int64] | None = None) -> F64:
    """[n, V', 3] mm, head frame, of raw codes."""
    chosen = None if vertices is None else torch.from_numpy(vertices)
    return np.asarray(problem.model.decode(torch.from_numpy(latents), chosen).double().numpy())


def landmark_error_mm(problem: FitProblem, fit: TakeFit, among: Bools | None = None) -> float:
    """Mean distance over frames and fitted landmarks (those `among` [n, L]); no alignment."""
    distance = np.linalg.norm(landmarks_of(problem, fit) - problem.head_mm, axis=-1)
    counted = np.broadcast_to(problem.fitted, distance.shape)
    return float(distance[counted if among is None else counted & among].mean())


def aligned_error_mm(problem: FitProblem, fit: TakeFit, scale: bool = False) -> float:
    """The same after one rigid motion (and one scale) of the whole take, the best there is."""
    found, true = landmarks_of(problem, fit)[:, problem.fitted], problem.head_mm[:, problem.fitted]
    turn, shift = rigid_motion(found.reshape(-1, 3), true.reshape(-1, 3), scale)
    return float(np.linalg.norm(found @ turn.T + shift - true, axis=-1).mean())


def rigid_motion(points: F64, to: F64, scale: bool) -> tuple[F64, F64]:
    """Matrix [3, 3], scale included, and shift [3] that bring points [m, 3] nearest to others (Umeyama 1991)."""
    mean, goal = points.mean(0), to.mean(0)
    a, b = points - mean, to - goal
    u, s, vt = np.linalg.svd(b.T @ a)
    keep = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = ((s * keep).sum() / np.square(a).sum() if scale else 1.0) * (u * keep) @ vt
    return np.asarray(turn), np.asarray(goal - turn @ mean)


def lip_numbers(problem: FitProblem) -> NDArray[np.int64]:
    """The vertices nearest to mediapipe's lip landmarks, ascending."""
    row = np.flatnonzero(np.isin(problem.landmark_map.landmark, LIPS))
    corner = problem.landmark_map.barycentric[row].argmax(1)
    return np.asarray(np.unique(problem.landmark_map.triangle_vertices[row, corner]), np.int64)


def lip_error_mm(problem: FitProblem, fit: TakeFit) -> F64:
    """[n] RMS over the lip vertices of what is wrong in a frame, less what is wrong in the take's mean frame.

    `lip_sd_mm` is told for a known identity, whose error every frame shares.
    """
    lips = lip_numbers(problem)
    wrong = vertices_mm(problem, latents_of(fit), lips) - vertices_mm(problem, problem.latents, lips)
    return np.asarray(np.sqrt(np.square(wrong - wrong.mean(0)).sum(-1).mean(-1)))


def rank_correlation(a: F32 | F64, b: F32 | F64) -> float:
    """Spearman's, NaN where one of them is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(spearmanr(a, b).statistic)


def leak_mm(problem: FitProblem, fit: TakeFit) -> tuple[float, float]:
    """RMS over frames and all of the mesh's vertices, of a rigid face's fit: its distance from the true face, and how
    far the expression alone moves it from the face that the fitted identity has at rest."""
    found = vertices_mm(problem, latents_of(fit))
    rest = latents_of(fit)[:1].copy()
    rest[:, EXPRESSION] = problem.model.latent_mean.numpy()[EXPRESSION]
    true = vertices_mm(problem, problem.latents[:1])
    return rms_mm(found - true), rms_mm(found - vertices_mm(problem, rest))


def rms_mm(difference: F64) -> float:
    return float(np.sqrt(np.square(difference).sum(-1).mean()))
