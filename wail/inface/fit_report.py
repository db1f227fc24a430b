"""From a solved task to what is stored: raw codes, poses, residuals, uncertainty, confidence."""

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wail.inface.fit_arrow import at_both_ends, prior_precision, tied
from wail.inface.fit_batch import N_CODES, N_EXPRESSION, State
from wail.inface.fit_chain import chain_covariance
from wail.inface.fit_config import FitConfig, TakeFit
from wail.inface.fit_energy import link_energy, look, shared_energy
from wail.inface.fit_observe import frame_spread
from wail.inface.fit_rounds import Solved, without_pairs
from wail.inface.fit_rows import forward, jacobian, points
from wail.inface.fit_set_up import Task, weights_of
from wail.inface.fit_start import MIN_LANDMARKS
from wail.inface.model import AGE, EXPRESSION, IDENTITY, FaceModel
from wail.inface.rotation import continuous_axis_angle

WINDOW, OVERLAP = 128, 32
"""Frames whose covariance is held at once, and the neighbours on either side that are heard: a frame's pull on another
has faded by then, and memory stays flat."""
NOISE_DOF = 10.0
"""How many measurements' worth of trust lie in the config's own noise, against a frame's residuals."""


def report(
    model: FaceModel, task: Task, solved: Solved, config: FitConfig, jacobian_dtype: torch.dtype, device: str,
    started_s: float,
) -> list[TakeFit]:  # fmt: skip
    """One TakeFit a take. started_s: the performance counter when the batch began."""
    state, batch, work = solved.state, solved.batch, solved.work
    columns, raw = _columns(task, solved, config), _raw_codes(model, state.latents(batch))
    energies = _energy_by_take(task, solved, config)
    focal, seconds = state.focal_px(batch), time.perf_counter() - started_s
    out = []
    for take, energy in enumerate(energies.tolist()):
        of = torch.nonzero(task.take == take)[:, 0]
        codes = raw[of.cpu().numpy()]
        out.append(TakeFit(
            identity=codes[0, IDENTITY].copy(), age=float(codes[0, AGE][0]), expression=codes[:, EXPRESSION].copy(),
            pose=_pose(state, of), focal_px=float(focal[of[0]]), iterations=work.steps, jacobians=work.jacobians,
            jacobian_dtype=str(jacobian_dtype).removeprefix("torch."), energy=energy,
            seconds=seconds, device=device,
            **{name: value[of].cpu().numpy() for name, value in columns.items()},
        ))  # fmt: skip
    return out


def _columns(task: Task, solved: Solved, config: FitConfig) -> dict[str, Tensor]:
    """TakeFit's arrays of numbers a frame, [F] each, of all takes."""
    state, batch, belief, n = solved.state, solved.batch, solved.belief, len(task.worth)
    alone = look(task.rows, without_pairs(task, batch), state, weights_of(task, batch, config))
    off, used = alone.residual.norm(dim=1), batch.weight[:, :n] > 0
    # A bad frame's residual is that of all it shows: it must be seen to be bad.
    told = torch.where(belief.bad_frame[:, None], belief.seen * task.worth, batch.weight[:, :n])
    in_sigmas = ((told * off.square()).sum(1) / told.sum(1).clamp(min=1e-12)).sqrt()
    eyes = points(task.eye_rows, state.latents(batch))
    eye_px = (eyes[:, :, 0] - eyes[:, :, 1]).norm(dim=1) * alone.focal_px / state.translation_mm[:, 2]
    residual = in_sigmas * batch.sigma_px[:, 0] / eye_px
    lip_sd = _lip_sd_mm(task, solved, config, _noise(task, belief.seen, off, used))
    converged = (solved.gain < config.converged_nats) & (used.sum(1) >= MIN_LANDMARKS) & ~belief.bad_frame
    trust = 1 / (1 + (lip_sd / config.lip_trust_mm) ** 2) / (1 + (residual / config.residual_trust) ** 2)
    return {
        "residual": residual, "lip_sd_mm": lip_sd, "n_landmarks": used.sum(1).int(), "converged": converged,
        "confidence": torch.where(converged, trust, 0), "n_outliers": belief.outlier.sum(1).int(),
        "bad_frame": belief.bad_frame,
    }  # fmt: skip


def _pose(state: State, frames: Tensor) -> NDArray[np.float32]:
    turn = continuous_axis_angle(state.rotation[frames].double().cpu().numpy())
    return np.asarray(np.concatenate([turn, state.translation_mm[frames].cpu().numpy()], axis=1), np.float32)


def _raw_codes(model: FaceModel, z: Tensor) -> NDArray[np.float32]:
    """[F, 97] z-scored in the fit's order to raw in the file's."""
    of = z.double().cpu().numpy()
    codes = np.empty_like(of)
    codes[:, IDENTITY], codes[:, AGE], codes[:, EXPRESSION] = of[:, :32], of[:, 32:33], of[:, 33:]
    raw = codes * np.asarray(model.latent_std.cpu(), float) + np.asarray(model.latent_mean.cpu(), float)
    return np.asarray(raw, np.float32)


def _energy_by_take(task: Task, solved: Solved, config: FitConfig) -> Tensor:
    """[takes] energy of each take's frames and ties; what its clip shares is split evenly between the clip's takes."""
    state, batch = solved.state, solved.batch
    weights = weights_of(task, batch, config)
    of_frames, n_takes = look(task.rows, batch, state, weights).energy, int(task.take[-1]) + 1
    out = of_frames.new_zeros(n_takes).index_add_(0, task.take, of_frames)
    out.index_add_(0, task.take[1:], link_energy(batch, state, weights))
    codes, focal = shared_energy(state, weights, task.eye_rows)
    by_clip = focal.index_add(0, batch.clip_of_subject, codes)
    first = torch.searchsorted(task.take, torch.arange(n_takes, device=task.take.device))
    clip = batch.clip[first]
    return out + (by_clip / torch.bincount(clip, minlength=len(by_clip)))[clip]


def _noise(task: Task, seen: Tensor, residual: Tensor, used: Tensor) -> Tensor:
    """[F] variance of a frame's landmark errors over what the config says: mean of an inverse-gamma posterior with
    NOISE_DOF degrees of freedom at 1 (Gelman et al., Bayesian Data Analysis, section 2.6)."""
    of = seen * used
    dof = 2 * (of * task.worth).sum(1)
    return (NOISE_DOF + dof * frame_spread(residual, of).square()) / (NOISE_DOF + dof)


def _lip_sd_mm(task: Task, solved: Solved, config: FitConfig, noise: Tensor) -> Tensor:
    """sqrt(mean over lip vertices of trace(J C J')), with C the frame's expression covariance, pose marginalised, all
    frames' pull included, what is shared given: [F]."""
    state, batch = solved.state, solved.batch
    weights = weights_of(task, batch, config)
    # In float32 the little that holds the pose of a take without landmarks would be lost beside its ties.
    tie = batch.link.double()
    link = weights.tie_precision(tie)
    diagonal = prior_precision(link, weights) + at_both_ends(link)
    latents, out = state.latents(batch), []
    for start in range(0, len(noise), WINDOW):
        lo, hi = max(0, start - OVERLAP), min(len(noise), start + WINDOW + OVERLAP)
        blocks = (solved.curve.own[lo:hi] / noise[lo:hi, None, None]).double()
        blocks.diagonal(dim1=1, dim2=2).add_(diagonal[lo:hi])
        covariance = _covariance(blocks, link[lo : hi - 1])[start - lo : start - lo + WINDOW]
        z = latents[start : start + WINDOW]
        by_latent = jacobian(task.lip_rows, forward(task.lip_rows, z), start=N_CODES).flatten(2).double()
        spread = (by_latent * (covariance[:, :N_EXPRESSION, :N_EXPRESSION] @ by_latent)).sum((1, 2))
        out.append((spread / task.lip_rows.n_points).sqrt())
    return torch.cat(out).float()


def _covariance(blocks: Tensor, link: Tensor) -> Tensor:
    """[n, 70, 70] of each frame, the others marginalised."""
    if tied(link):
        return chain_covariance(blocks, torch.diag_embed(-link).double())[0]
    return torch.cholesky_inverse(torch.linalg.cholesky(blocks))
