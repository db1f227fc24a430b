"""The baseline of the fit: batched Adam on the same energy, from the same start; and a long run to the optimum.

Adam as a careful user would write it: all frames of a take in one batch, no more of the decoder than the landmarks'
rows, its closed-form start and its energy those of `wail.inface.fit`, gradients by autograd, one fused optimiser step
for all unknowns, cosine decay. Unknowns are scaled so that one learning rate suits them all.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from wail.bench.fit_decoders import Kind
from wail.bench.fit_truth import FitProblem
from wail.inface.fit import FitConfig, TakeFit
from wail.inface.fit_set_up import rows_of
from wail.inface.fit_start import start_pose
from wail.inface.landmarks import decode_landmarks
from wail.inface.model import AGE, EXPRESSION, IDENTITY
from wail.inface.rotation import axis_angle_from_matrix, matrix_from_axis_angle, rotation_exp

STEPS = 500
N_SHARED, N_EXPRESSION = 33, 64
LONG_STEPS = 200
"""Of L-BFGS at the end of a long run."""


@dataclass(frozen=True)
class Scales:
    """Learning rate, and what one unit of the optimiser's unknowns is; latents are z-scored and count as they are."""

    lr: float
    rotation_rad: float
    translation_mm: float
    beta1: float = 0.9
    beta2: float = 0.999


TUNED: dict[Kind, Scales] = {"flat": Scales(0.5, 0.1, 10.0), "1/k": Scales(0.1, 0.02, 2.0, 0.95, 0.95)}
"""Of the lowest energy after 500 steps on takes 10 and 11 of `tune`, 1 px noise.

flat: seven rates of 0.03-0.8 by three sets of units (0.005 to 0.1 rad, 0.5 to 10 mm), betas 0.9 and 0.999: every rate
from 0.2 on ends within 0.1 % of the best. 1/k: the same 21 (the best rate, 0.3, ends 15 % above the optimum), then 26
more with betas of 0.8-0.98 and 0.8-0.99: a short memory of squares helps most (the best ends 0.9 % above), and around
the best neither rate, units nor betas change the energy by 0.2 %.
"""


@dataclass(frozen=True)
class Task:
    """The energy of one problem under one config, ready for autograd."""

    weights: tuple[Tensor, ...]
    """Decoder for z-scored latents in the order identity, age, expression; the last onto [3 L], all x first."""
    biases: tuple[Tensor, ...]
    slope: float
    xy_px: Tensor
    """[n, 2, L] from the picture's centre, 0 where hidden"""
    seen: Tensor
    """[n, L] weight over variance, 1/px^2"""
    huber_px: Tensor | None
    """[n, 1], None for a plain square"""
    focal_px: float
    focal_log_sd: float
    expression_sd: float
    rotation: Tensor
    """[n, 3, 3] at the start"""
    translation_mm: Tensor
    """[n, 3] at the start"""


@dataclass(frozen=True)
class Unknowns:
    """shared [33] (identity, age) and expression [n, 64] z-scored; turn [n, 3] and shift [n, 3] from the start's pose
    in units of `Scales`; focal [] log of focal length over its prior, in its prior's standard deviations."""

    shared: Tensor
    expression: Tensor
    turn: Tensor
    shift: Tensor
    focal: Tensor

    def all(self) -> list[Tensor]:
        return [self.shared, self.expression, self.turn, self.shift, self.focal]


def task_of(problem: FitProblem, config: FitConfig, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Task:
    """The energy that `wail.inface.fit` minimises under `truth_config`: no smoothness, each landmark worth the same."""
    of = problem.landmark_map
    rows = rows_of(problem.model, of.triangle_vertices, of.barycentric, torch.device("cpu"))
    seen = torch.from_numpy(problem.visibility[:, problem.landmark_map.landmark] * problem.fitted).float()
    found = torch.from_numpy(problem.xy_px[:, problem.landmark_map.landmark]).float()
    xy = torch.where(seen[..., None] > 0, found, 0)
    centre = torch.tensor(problem.size_px, dtype=torch.float32) / 2
    face = decode_landmarks(problem.model, problem.model.latent_mean, problem.landmark_map)
    rotation, translation, scale = start_pose(face, xy, seen, problem.prior_focal_px, centre)
    sigma = (config.landmark_sd_mm * scale)[:, None]
    moved = torch.where(seen[..., None] > 0, xy - centre, 0).mT.contiguous()

    def on(values: Tensor) -> Tensor:
        return values.to(device, dtype)

    return Task(
        tuple(map(on, rows.weights)), tuple(map(on, rows.biases)), rows.slope, on(moved),
        on(seen / sigma.square()), on(config.huber * sigma) if config.huber < 100 else None, problem.prior_focal_px,
        config.focal_log_sd, config.expression_sd, on(rotation), on(translation),
    )  # fmt: skip


def cold_start(task: Task) -> Unknowns:
    """All latents zero, the closed-form pose."""
    n, like = len(task.rotation), task.rotation
    return Unknowns(like.new_zeros(N_SHARED), like.new_zeros(n, N_EXPRESSION), like.new_zeros(n, 3),
                    like.new_zeros(n, 3), like.new_zeros(()))  # fmt: skip


def decoded(task: Task, at: Unknowns) -> Tensor:
    """The landmarks, all x first: [n, 3 L]."""
    # What the take shares goes through the first layer once.
    first, width = task.weights[0], N_SHARED
    h = torch.addmm(task.biases[0] + first[:, :width] @ at.shared, at.expression, first[:, width:].T)
    for w, b in zip(task.weights[1:], task.biases[1:], strict=True):
        h = torch.addmm(b, leaky_relu(h, task.slope), w.T)
    return h


def energy(task: Task, at: Unknowns, scales: Scales, low: bool = False) -> Tensor:
    """`low`: the decoder's products in bfloat16."""
    n = len(at.expression)
    with torch.autocast(task.rotation.device.type, torch.bfloat16, enabled=low):
        h = decoded(task, at).to(task.rotation.dtype)
    rotation = rotation_exp(scales.rotation_rad * at.turn) @ task.rotation
    moved = task.translation_mm + scales.translation_mm * at.shift
    cam = torch.baddbmm(moved[:, :, None], rotation, h.reshape(n, 3, -1))
    focal = task.focal_px * torch.exp(task.focal_log_sd * at.focal)
    square = (focal * cam[:, :2] / cam[:, 2:] - task.xy_px).square().sum(1)
    if task.huber_px is not None:
        square = 2 * square / (1 + torch.sqrt(1 + square / task.huber_px.square()))
    prior = at.shared.square().sum() + at.focal.square() + (at.expression / task.expression_sd).square().sum()
    return 0.5 * (task.seen * square).sum() + 0.5 * prior


def adam(task: Task, scales: Scales, steps: int = STEPS, low: bool = False) -> Unknowns:
    """Cosine decay from the scales' learning rate to none. `low` as in `energy`."""
    at = cold_start(task)
    unknowns = [one.requires_grad_() for one in at.all()]
    optimiser = torch.optim.Adam(unknowns, lr=scales.lr, betas=(scales.beta1, scales.beta2), fused=True)
    for k in range(steps):
        optimiser.param_groups[0]["lr"] = 0.5 * scales.lr * (1 + math.cos(math.pi * k / steps))
        optimiser.zero_grad()
        energy(task, at, scales, low).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return Unknowns(*(one.detach() for one in unknowns))


UNIT = Scales(lr=1.0, rotation_rad=0.01, translation_mm=2.0)
"""For the long run, whose steps are scaled by the curvature."""


def state_of(problem: FitProblem, task: Task, fit: TakeFit) -> Unknowns:
    """A fit's result as unknowns in the scales of UNIT, float64."""
    mean, std = problem.model.latent_mean.double(), problem.model.latent_std.double()
    codes = torch.cat([torch.from_numpy(fit.identity).double(), torch.tensor([fit.age], dtype=torch.float64)])
    place = np.r_[np.arange(97)[IDENTITY], np.arange(97)[AGE]]
    expression = (torch.from_numpy(fit.expression).double() - mean[EXPRESSION]) / std[EXPRESSION]
    turned = torch.from_numpy(matrix_from_axis_angle(fit.pose[:, :3])) @ task.rotation.double().mT
    shift = (torch.from_numpy(fit.pose[:, 3:]).double() - task.translation_mm.double()) / UNIT.translation_mm
    focal = math.log(fit.focal_px / task.focal_px) / task.focal_log_sd
    return Unknowns((codes - mean[place]) / std[place], expression, _log(turned) / UNIT.rotation_rad, shift,
                    torch.tensor(focal, dtype=torch.float64))  # fmt: skip


def _log(rotation: Tensor) -> Tensor:
    """Axis-angle of rotations below a half turn: [n, 3, 3] -> [n, 3]."""
    return torch.from_numpy(axis_angle_from_matrix(rotation.numpy()))


def rescaled(at: Unknowns, old: Scales, new: Scales) -> Unknowns:
    """The same state in other units, float64."""
    return Unknowns(at.shared.double(), at.expression.double(), at.turn.double() * old.rotation_rad / new.rotation_rad,
                    at.shift.double() * old.translation_mm / new.translation_mm, at.focal.double())  # fmt: skip


def long_run(task: Task, at: Unknowns, steps: int = LONG_STEPS) -> float:
    """The energy of the optimum near a state (UNIT, float64 like the task), by L-BFGS with a line search."""
    unknowns = [one.clone().requires_grad_() for one in at.all()]
    optimiser = torch.optim.LBFGS(unknowns, max_iter=steps, max_eval=2 * steps, history_size=50,
                                  tolerance_grad=1e-9, tolerance_change=0.0, line_search_fn="strong_wolfe")  # fmt: skip

    def look() -> Tensor:
        optimiser.zero_grad()
        value = energy(task, Unknowns(*unknowns), UNIT)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(look)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return float(energy(task, Unknowns(*unknowns), UNIT))
