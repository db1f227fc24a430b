"""Gauss-Newton matrices of frames: J' W J of the landmarks, by a frame's own unknowns and by the shared ones."""

from dataclasses import dataclass

import torch
from torch import Tensor

from wail.inface.fit_batch import N_CODES, N_FRAME, N_SHARED, Batch, Weights
from wail.inface.fit_energy import Seen, robust_weight
from wail.inface.fit_rows import Forward, PointRows, jacobian
from wail.inface.rotation import cross_matrix

CHUNK = {"cpu": 16, "cuda": 512}
"""Frames whose Jacobian is held at once: on a CPU they fit a core's cache; memory stays flat in the take."""


@dataclass(frozen=True)
class Curvature:
    """Of F frames: shared [F, 34, 34], coupling [F, 70, 34], own [F, 70, 70]; priors and ties left out."""

    shared: Tensor
    coupling: Tensor
    own: Tensor

    def put(self, frames: Tensor, new: "Curvature") -> None:
        """Replace those of some frames, in place."""
        self.shared.index_copy_(0, frames, new.shared)
        self.coupling.index_copy_(0, frames, new.coupling)
        self.own.index_copy_(0, frames, new.own)

    def take(self, frames: Tensor) -> "Curvature":
        """Some of the frames."""
        return Curvature(self.shared[frames], self.coupling[frames], self.own[frames])


def curvature(
    rows: PointRows, batch: Batch, rotation: Tensor, seen: Seen, weights: Weights, shared: bool
) -> Curvature:
    """The matrices at a state that was looked at. `rows` may be bfloat16: then the decoder's Jacobian is, and all that
    follows is float32. Without `shared`, only `own` is made, and the others are zero."""
    n, device = len(rotation), rotation.device
    robust = robust_weight(batch, seen, weights)
    out = Curvature(*(torch.zeros(n, a, b, dtype=rotation.dtype, device=device)
                      for a, b in ((N_SHARED, N_SHARED), (N_FRAME, N_SHARED), (N_FRAME, N_FRAME))))  # fmt: skip
    for start in range(0, n, CHUNK.get(device.type, 64)):
        part = slice(start, min(start + CHUNK.get(device.type, 64), n))
        jac = _weighted_jacobian(rows, batch, rotation, seen, robust, part, shared)
        matrix = jac @ jac.mT
        if shared:
            out.shared[part], out.coupling[part] = matrix[:, :N_SHARED, :N_SHARED], matrix[:, N_SHARED:, :N_SHARED]
        out.own[part] = matrix[:, -N_FRAME:, -N_FRAME:]
    return out


def _weighted_jacobian(
    rows: PointRows, batch: Batch, rotation: Tensor, seen: Seen, robust: Tensor, part: slice, shared: bool
) -> Tensor:
    """[c, 104 or 70, 2 R]: codes, focal length, expression, rotation, translation; the first two only if `shared`."""
    n_codes = N_CODES if shared else 0
    decoded = Forward(seen.by_decoder.points[part], tuple(s[part] for s in seen.by_decoder.slopes))
    by_latent = jacobian(rows, decoded, start=N_CODES - n_codes)
    cam, px, n = seen.cam_mm[part], seen.px[part], seen.px.shape[-1]
    gain, zero = seen.focal_px[part, None] / cam[:, 2], torch.zeros_like(cam[:, 2])
    # d picture / d(camera point), [c, 2, 3, L]
    by_cam = torch.stack([gain, zero, -px[:, 0] / cam[:, 2], zero, gain, -px[:, 1] / cam[:, 2]], 1).reshape(
        len(cam), 2, 3, n)  # fmt: skip
    root = torch.sqrt(robust[part]) / batch.sigma_px[part]
    by_cam_w, px_w = by_cam, px
    plain = batch.squeeze is None and n == root.shape[1]
    if plain:
        # Weights go in before the latents' large product, where they cost nothing.
        by_cam_w, px_w = by_cam * root[:, None, None], px * root[:, None]
    by_head = torch.einsum("nujl,nji->nuil", by_cam_w, rotation[part])
    jac = cam.new_empty(len(cam), n_codes + bool(shared) + N_FRAME, 2, n)
    for out, of in ((jac[:, :n_codes], by_latent[:, :n_codes]), (jac[:, -N_FRAME:-6], by_latent[:, n_codes:])):
        # Written in place: these are the largest arrays of the fit.
        torch.mul(of[:, :, 0, None], by_head[:, None, :, 0], out=out)
        out.addcmul_(of[:, :, 1, None], by_head[:, None, :, 1])
        out.addcmul_(of[:, :, 2, None], by_head[:, None, :, 2])
    if shared:
        jac[:, n_codes] = px_w
    # exp(w) R v turns by w x (R v): d(camera point) / dw = -[R v]x
    jac[:, -6:-3] = -torch.einsum("nujl,nlji->niul", by_cam_w, cross_matrix(seen.turned_mm[part].mT))
    jac[:, -3:] = by_cam_w.transpose(1, 2)
    return (jac if plain else _with_weights(jac, batch, root, part)).flatten(2)


def _with_weights(jac: Tensor, batch: Batch, root: Tensor, part: slice) -> Tensor:
    """Pairs' rows added, squeezed by direction, and weighted: [c, d, 2, L] -> [c, d, 2, R]."""
    if batch.pair.shape[1]:
        jac = torch.cat([jac, jac[..., batch.pair[0]] - jac[..., batch.pair[1]]], -1)
    if batch.squeeze is None:
        return jac * root[:, None, None]
    m = batch.squeeze[part] * root[:, None, None]
    return torch.stack([jac[:, :, 0] * m[:, None, 0, 0] + jac[:, :, 1] * m[:, None, 0, 1],
                        jac[:, :, 0] * m[:, None, 1, 0] + jac[:, :, 1] * m[:, None, 1, 1]], 2)  # fmt: skip
