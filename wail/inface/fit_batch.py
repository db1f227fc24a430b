"""What a fit works on: the takes' landmarks and the unknowns, all takes in one batch.

Frames of all takes stand one after another, f = 0 .. F-1. What a subject's takes share (identity and age) is indexed by
`subject[f]`, a clip's focal length by `clip[f]`, and `clip_of_subject` joins them: one system of shared unknowns a
clip. Residuals live in the picture: a row is a landmark, or the gap between two landmarks (`pair`).
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from wail.inface.rotation import rotation_exp

N_CODES = 33
"""Identity and age, shared by a subject's takes."""
N_SHARED = N_CODES + 1
"""The same and the log of the focal length over its prior."""
N_EXPRESSION = 64
N_FRAME = N_EXPRESSION + 6
"""Of a frame: expression, rotation (rad, camera frame, applied from the left), translation (mm, camera frame)."""


@dataclass(frozen=True)
class Batch:
    """Observations of F frames. R rows: L landmarks, then the pairs. Everything on one device, float32."""

    xy_px: Tensor
    """[F, 2, R] landmarks, then the differences of the pairs; anything finite where the weight is 0."""
    weight: Tensor
    """[F, R] >= 0; visibility, worth and independence in one."""
    sigma_px: Tensor
    """[F, R] standard deviation of a row's error."""
    squeeze: Tensor | None
    """[F, 2, 2, R] symmetric: what is left of a residual by direction (points on the silhouette slide along it)."""
    pair: Tensor
    """[2, R - L] the two landmarks of each pair."""
    centre_px: Tensor
    """[F, 2]"""
    prior_focal_px: Tensor
    """[C]"""
    link: Tensor
    """[F - 1] how strongly neighbours are tied: 1 in a take, less over a gap, 0 between takes."""
    subject: Tensor
    """[F]"""
    clip: Tensor
    """[F]"""
    clip_of_subject: Tensor
    """[S]"""

    def take(self, frames: Tensor, link: Tensor | None = None) -> "Batch":
        """Some of the frames, ascending, tied to each other as `link` [k - 1] says; not at all, where it does not."""
        of_frames = {
            name: getattr(self, name)[frames]
            for name in ("xy_px", "weight", "sigma_px", "centre_px", "subject", "clip")
        }
        squeeze = None if self.squeeze is None else self.squeeze[frames]
        link = self.link.new_zeros(len(frames) - 1) if link is None else link
        return replace(self, **of_frames, squeeze=squeeze, link=link)

    def to(self, dtype: torch.dtype) -> "Batch":
        """The same in another precision."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{k: v.to(dtype) if v is not None and v.is_floating_point() else v for k, v in moved.items()})


@dataclass(frozen=True)
class State:
    """The unknowns. codes [S, 33] (identity, age) and expression [F, 64], z-scored; log_focal [C]; rotation [F, 3, 3]
    and translation_mm [F, 3] take the head frame to the camera's (x right, y down, z forward)."""

    codes: Tensor
    log_focal: Tensor
    expression: Tensor
    rotation: Tensor
    translation_mm: Tensor

    def moved(self, batch: Batch, codes: Tensor, log_focal: Tensor, frame: Tensor) -> "State":
        """After steps codes [S, 33], log_focal [C], frame [F, 70]."""
        return State(
            self.codes + codes, self.log_focal + log_focal, self.expression + frame[:, :N_EXPRESSION],
            rotation_exp(frame[:, N_EXPRESSION : N_EXPRESSION + 3]) @ self.rotation,
            self.translation_mm + frame[:, N_EXPRESSION + 3 :],
        )  # fmt: skip

    def take(self, frames: Tensor) -> "State":
        """Some of the frames."""
        return replace(self, expression=self.expression[frames], rotation=self.rotation[frames],
                       translation_mm=self.translation_mm[frames])  # fmt: skip

    def put(self, frames: Tensor, some: "State") -> "State":
        """With these frames as in `some`."""
        return State(
            some.codes, some.log_focal, self.expression.index_copy(0, frames, some.expression),
            self.rotation.index_copy(0, frames, some.rotation),
            self.translation_mm.index_copy(0, frames, some.translation_mm),
        )  # fmt: skip

    def to(self, dtype: torch.dtype) -> "State":
        """The same in another precision."""
        return State(*(getattr(self, f.name).to(dtype) for f in fields(self)))

    def focal_px(self, batch: Batch) -> Tensor:
        """[F]"""
        return (batch.prior_focal_px * torch.exp(self.log_focal))[batch.clip]

    def latents(self, batch: Batch) -> Tensor:
        """[F, 97] z-scored, in the order identity, age, expression."""
        return torch.cat([self.codes[batch.subject], self.expression], 1)


@dataclass(frozen=True)
class Weights:
    """Priors: standard deviations, per step of one frame for the `_step`s (infinite: frames are not tied)."""

    huber: float
    """Residual in sigmas beyond which its pull no longer grows."""
    shared_count: Tensor
    """[S] how many times over the prior of identity and age counts"""
    focal_count: Tensor
    """[C] the same of the focal length"""
    focal_log_sd: float
    expression_sd: float
    expression_step: float
    rotation_step_rad: float
    translation_step_mm: float
    eye_mm: float
    """Distance of the outer eye corners: mean, standard deviation, and how much it counts."""
    eye_sd_mm: float
    eye_weight: float

    def tie_precision(self, link: Tensor) -> Tensor:
        """[n - 1, 70] of ties of strengths link [n - 1]."""
        sd = torch.tensor([self.expression_step] * N_EXPRESSION + [self.rotation_step_rad] * 3
                          + [self.translation_step_mm] * 3, dtype=link.dtype, device=link.device)  # fmt: skip
        return link[:, None] * (1 / sd.square())
