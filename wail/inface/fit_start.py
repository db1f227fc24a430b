"""Cold start of a fit: pose of every frame from its landmarks and one face, in closed form.

Scaled orthography (weak perspective): x = s [r1; r2] X + t. The affine least-squares solution is projected onto the
scaled-orthonormal 2 x 3 matrices by SVD (Tomasi & Kanade 1992; the projection is Procrustes), so any roll is found at
once, without a first guess.
"""

import torch
from torch import Tensor

CLEARANCE_MM = 10.0
MIN_LANDMARKS = 12
"""Below this many visible landmarks a frame's pose comes from its neighbours."""


def start_pose(
    face_mm: Tensor, xy_px: Tensor, weight: Tensor, focal_px: Tensor | float, centre_px: Tensor,
    take: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(rotation [n, 3, 3], translation_mm [n, 3], scale_px_per_mm [n]) of landmarks xy_px [n, L, 2], weight [n, L].

    face_mm [L, 3] or [n, L, 3]: the landmarks of one face or of each frame's, head frame; focal_px one or [n];
    centre_px [2] or [n, 2]; take [n]: which frames belong together, ascending (all, if not given). Frames with fewer
    than MIN_LANDMARKS landmarks take the pose of the nearest of their take that has them, with the translation
    interpolated. Every take must have such a frame.
    """
    n = len(xy_px)
    take = torch.zeros(n, dtype=torch.long, device=xy_px.device) if take is None else take
    focal = torch.as_tensor(focal_px, dtype=xy_px.dtype, device=xy_px.device).expand(n)
    face, centre_px = face_mm.expand(n, -1, -1), centre_px.expand(n, 2)
    good = torch.nonzero((weight > 0).sum(-1) >= MIN_LANDMARKS)[:, 0]
    rotation, scale, centre = _scaled_orthographic(face[good], xy_px[good], weight[good])
    depth = focal[good] / scale
    offset = (centre - centre_px[good]) / scale[:, None]
    translation = torch.cat([offset, depth[:, None]], -1) - _centroid_in_camera(face[good], weight[good], rotation)
    nearest, before, after, share = neighbours(good, take)
    translation = torch.lerp(translation[before], translation[after], share[:, None])
    # Where landmarks are no face, their size may put the camera inside the head, from where no step leads out.
    nearest_mm = face.norm(dim=-1).amax(-1) + CLEARANCE_MM
    translation[:, 2] = translation[:, 2].clamp(min=nearest_mm)
    return rotation[nearest], translation, torch.lerp(scale[before], scale[after], share)


def _scaled_orthographic(face_mm: Tensor, xy_px: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(rotation [n, 3, 3], scale [n] px/mm, picture of the weighted centroid [n, 2])."""
    w = weight / weight.sum(-1, keepdim=True)
    mean3 = torch.einsum("nl,nli->ni", w, face_mm)
    mean2 = torch.einsum("nl,nli->ni", w, xy_px)
    a = face_mm - mean3[:, None]
    b = xy_px - mean2[:, None]
    normal = torch.einsum("nl,nli,nlj->nij", w, a, a)
    # A trace of ridge keeps frames solvable whose visible landmarks lie in one plane.
    trace = normal.diagonal(dim1=-2, dim2=-1).sum(-1)
    normal = normal + (1e-4 * trace)[:, None, None] * torch.eye(3, dtype=a.dtype, device=a.device)
    affine = torch.linalg.solve(normal, torch.einsum("nl,nli,nlj->nij", w, a, b)).mT  # [n, 2, 3]
    u, s, vt = torch.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, 0], rows[:, 1])[:, None]], dim=1)
    return rotation, s.mean(-1), mean2


def _centroid_in_camera(face_mm: Tensor, weight: Tensor, rotation: Tensor) -> Tensor:
    w = weight / weight.sum(-1, keepdim=True)
    return torch.einsum("nij,nl,nlj->ni", rotation, w, face_mm)


def neighbours(good: Tensor, take: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """For each of n frames, places in `good` within its take: nearest, last before, first after, and the share of the
    way between. good [k] ascending; take [n] ascending."""
    frames = torch.arange(len(take), device=good.device)
    after = torch.searchsorted(good, frames).clamp(max=len(good) - 1)
    before = (torch.searchsorted(good, frames, right=True) - 1).clamp(min=0)
    after = torch.where(take[good[after]] == take, after, before)
    before = torch.where(take[good[before]] == take, before, after)
    gap = (good[after] - good[before]).clamp(min=1)
    share = ((frames - good[before]) / gap).clamp(0, 1).to(torch.float32)
    return torch.where(share < 0.5, before, after), before, after, share
