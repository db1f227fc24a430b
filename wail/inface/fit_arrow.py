"""The linear system of one Gauss-Newton step: an arrow, its shaft a chain of frames, its head what clips share.

    [ S    C_1 .. C_n ] [ s   ]   [ g   ]      s: identity and age of every subject, focal length of every clip
    [ C_1' X_1 -D_1   ] [ x_1 ] = [ g_1 ]      x_t: expression and pose of frame t
    [ ..  -D_1 X_2 .. ] [ ..  ]   [ ..  ]      D_t: diagonal, from smoothness between frames t and t+1

The shaft is eliminated by fit_chain, the head by its Schur complement (Triggs et al. 2000, "Bundle adjustment: a modern
synthesis", section 6).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wail.inface.fit_batch import N_CODES, N_EXPRESSION, N_SHARED, Batch, State, Weights
from wail.inface.fit_chain import solve_tied
from wail.inface.fit_energy import HeadSize, steps_in_time
from wail.inface.fit_jacobian import Curvature

LEAST_OF_POSE = 1e-6
"""Precision (rad, mm) in the matrix alone, not in the energy: one frame without landmarks must not make the system of
all takes singular."""
NO_TIE = 1e-4
"""Ties weaker than this, beside priors of about 1, are not worth a chain."""


@dataclass(frozen=True)
class Downhill:
    """Of F frames: by the shared unknowns [F, 34], by the frame's own [F, 70], ties and expression's prior included."""

    shared: Tensor
    own: Tensor


@dataclass(frozen=True)
class Step:
    """codes [S, 33], log_focal [C], frame [F, 70], and whether the system was positive definite."""

    codes: Tensor
    log_focal: Tensor
    frame: Tensor
    ok: Tensor

    def of_frames(self, batch: Batch) -> Tensor:
        """[F, 104]: shared and own unknowns of every frame, in Curvature's order."""
        return torch.cat([self.codes[batch.subject], self.log_focal[batch.clip, None], self.frame], 1)


def prior_precision(like: Tensor, weights: Weights) -> Tensor:
    """[70]: expression's prior; next to none on the pose, for frames of which nothing holds it."""
    out = like.new_full((N_EXPRESSION + 6,), LEAST_OF_POSE)
    out[:N_EXPRESSION] = 1 / weights.expression_sd**2
    return out


def link_pull(batch: Batch, state: State, weights: Weights) -> Tensor:
    """Downhill pull of the ties on every frame [F, 70]."""
    precision = weights.tie_precision(batch.link)
    pull = precision * steps_in_time(state)
    out = pull.new_zeros(len(batch.subject), pull.shape[1])
    out[:-1] += pull
    out[1:] -= pull
    return out


def at_both_ends(ties: Tensor) -> Tensor:
    """What ties [n - 1, ...] add to the frames [n, ...] at their ends."""
    out = ties.new_zeros(len(ties) + 1, *ties.shape[1:])
    out[:-1] += ties
    out[1:] += ties
    return out


def tied(link: Tensor) -> bool:
    """Whether any frame is tied to its neighbour, by link [n - 1, 70]."""
    return len(link) > 0 and float(link.abs().max()) > NO_TIE


def solve_frames(curve: Curvature, diagonal: Tensor, link: Tensor, rhs: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the shaft alone: (x [n, 70, m], ok). diagonal [n, 70]: priors, ties and damping; link [n - 1, 70]."""
    blocks = curve.own.clone()
    blocks.diagonal(dim1=1, dim2=2).add_(diagonal)
    if tied(link):
        return solve_tied(blocks, link, rhs)
    factor, info = torch.linalg.cholesky_ex(blocks)
    return torch.cholesky_solve(rhs, factor), (info == 0).all()


def solve_arrow(
    batch: Batch, state: State, curve: Curvature, downhill: Downhill, diagonal: Tensor, link: Tensor, damping: Tensor,
    weights: Weights, eyes: HeadSize,
) -> Step:  # fmt: skip
    """Solve for all unknowns. damping [K] multiplies the diagonal of the head (see `head_index`)."""
    solved, ok = solve_frames(curve, diagonal, link, torch.cat([downhill.own[..., None], curve.coupling], -1))
    own, by_shared = solved[..., 0], solved[..., 1:]
    n_subjects, n_clips = len(state.codes), len(state.log_focal)
    matrix = head(batch, n_subjects, curve.shared - curve.coupling.mT @ by_shared)
    right = head_vector(batch, n_subjects, n_clips,
                        downhill.shared - (curve.coupling.mT @ own[..., None])[..., 0])  # fmt: skip
    full = head(batch, n_subjects, curve.shared).diagonal()
    precision = head_precision(weights)
    right = right - precision * torch.cat([state.codes.flatten(), state.log_focal])
    of_size = weights.shared_count * weights.eye_weight
    for k in range(n_subjects if weights.eye_weight > 0 else 0):
        place = slice(k * N_CODES, (k + 1) * N_CODES)
        matrix[place, place] += of_size[k] * torch.outer(eyes.by_codes[k], eyes.by_codes[k])
        right[place] -= of_size[k] * eyes.residual[k] * eyes.by_codes[k]
    matrix.diagonal().add_(precision + damping * (full + precision))
    factor, info = torch.linalg.cholesky_ex(matrix)
    s = torch.cholesky_solve(right[:, None], factor)[:, 0]
    codes, focal = s[: n_subjects * N_CODES].reshape(n_subjects, N_CODES), s[n_subjects * N_CODES :]
    of_frame = torch.cat([codes[batch.subject], focal[batch.clip, None]], 1)
    return Step(codes, focal, own - (by_shared @ of_frame[..., None])[..., 0], ok & (info == 0))


def head_index(batch: Batch, n_subjects: int) -> Tensor:
    """Places [S, 34] of a subject's shared unknowns in the head: all codes first, then the clips' focal lengths."""
    codes = torch.arange(n_subjects * N_CODES, device=batch.clip.device).reshape(n_subjects, N_CODES)
    return torch.cat([codes, n_subjects * N_CODES + batch.clip_of_subject[:, None]], 1)


def head(batch: Batch, n_subjects: int, by_frame: Tensor) -> Tensor:
    """Frames' matrices [F, 34, 34] added up into the head [K, K]."""
    place = head_index(batch, n_subjects)
    by_subject = by_frame.new_zeros(n_subjects, N_SHARED, N_SHARED).index_add_(0, batch.subject, by_frame)
    size = int(n_subjects * N_CODES + batch.prior_focal_px.shape[0])
    out = by_frame.new_zeros(size, size)
    row, column = place[:, :, None].expand_as(by_subject), place[:, None, :].expand_as(by_subject)
    return out.index_put_((row, column), by_subject, accumulate=True)


def head_vector(batch: Batch, n_subjects: int, n_clips: int, by_frame: Tensor) -> Tensor:
    """Frames' vectors [F, 34] added up into [K]."""
    by_subject = by_frame.new_zeros(n_subjects, N_SHARED).index_add_(0, batch.subject, by_frame)
    out = by_frame.new_zeros(n_subjects * N_CODES + n_clips)
    return out.index_add_(0, head_index(batch, n_subjects).flatten(), by_subject.flatten())


def head_precision(weights: Weights) -> Tensor:
    """[K] of the priors."""
    codes = weights.shared_count.repeat_interleave(N_CODES)
    return torch.cat([codes, weights.focal_count / weights.focal_log_sd**2])
