"""What a fit believes of its landmarks: which face the camera, which slide along the outline, which are wrong.

Camera frame: x right, y down, z forward, right-handed, mm; head frame: the model's own, mm. Layouts are the solver's:
points [n, 3, L], residuals [n, L] as distances in standard deviations of a landmark, L landmarks of the map.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wail.inface.fit_config import FitConfig
from wail.inface.fit_parts import Pairs, pair_weights
from wail.inface.fit_start import MIN_LANDMARKS
from wail.inface.landmarks import LandmarkMap, landmark_positions
from wail.inface.model import FaceModel

SMOOTHED_MM = 6.0
"""Normals are averaged over so much: the rim of a lip or a lid turns inwards, but is seen with what it edges."""
ALONG_OUTLINE = 0.55
"""Across the outline mediapipe's landmarks on rendered infants are 2.5 mm off, along it 4.4 mm (normals at 85-95
degrees to the line of sight; 14 clips of the tuning split); below 50 degrees the two are alike, 2.3 and 2.5 mm."""
RAYLEIGH_MEDIAN = float(np.sqrt(2 * np.log(2)))
"""Median distance of a point with unit standard deviation in x and in y."""


@dataclass(frozen=True)
class View:
    """How landmarks show from a pose. weight [n, L]: 0 turned away, 1 facing; across [n, L, 2]: unit vectors in the
    picture, square to the face's outline there; along [n, L]: 0-1, what is left of a residual along it."""

    weight: Tensor
    across: Tensor
    along: Tensor


def landmark_normals(model: FaceModel, landmark_map: LandmarkMap) -> Tensor:
    """Outward unit normals [L, 3] of the landmarks on the mean mesh, head frame; zero where the mesh has no triangles.

    Normals of the vertices weighted by their triangles' areas, interpolated by the map and averaged over neighbours
    with a Gaussian of 6 mm. Outward is where the landmarks' normals point away from their middle on the whole, so
    either winding will do.
    """
    verts, triangles = model.mean_verts_mm, torch.as_tensor(model.triangles)
    corners = verts[triangles]
    face = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    by_vertex = torch.zeros_like(verts)
    for k in range(3):
        by_vertex.index_add_(0, triangles[:, k], face)
    raw = landmark_positions(torch.nn.functional.normalize(by_vertex, dim=-1), landmark_map)
    places = landmark_positions(verts, landmark_map)
    share = torch.exp(-0.5 * (torch.cdist(places, places) / SMOOTHED_MM) ** 2)
    normals: Tensor = torch.nn.functional.normalize(share @ raw, dim=-1) * (raw.norm(dim=-1, keepdim=True) > 0)
    inwards = (normals * (places - places.mean(0))).sum() < 0
    return -normals if inwards else normals


def facing(normals: Tensor, rotation: Tensor, points_cam: Tensor) -> Tensor:
    """Cosine [n, L] between each landmark's outward normal and the way to the camera; 1 where there is no normal.

    normals [L, 3] head frame, rotation [n, 3, 3] head to camera, points_cam [n, 3, L].
    """
    turned = torch.einsum("nij,lj->nil", rotation, normals)
    cosine = -(turned * points_cam).sum(1) / points_cam.norm(dim=1).clamp(min=1e-6)
    return torch.where(normals.norm(dim=-1) > 0, cosine, 1.0)


def view(normals: Tensor, rotation: Tensor, points_cam: Tensor, config: FitConfig) -> View:
    """Weights of a pose: from `hidden_cos` (not seen) to `grazing_cos` (wholly seen); below that a landmark slides.

    Close to the outline a detector puts a landmark on the outline, wherever it is along it (silhouette points slide, as
    in Cao et al. 2014), so its distance from the outline counts more than its place along it. Square to it is the
    normal's direction in the picture: d(x / z, y / z) along (nx, ny, nz) is (nx z - nz x, ny z - nz y) / z^2.
    """
    cosine = facing(normals, rotation, points_cam)
    width = config.grazing_cos - config.hidden_cos
    ramp = ((cosine - config.hidden_cos) / width).clamp(0, 1) if width > 0 else torch.ones_like(cosine)
    along = ALONG_OUTLINE + (1 - ALONG_OUTLINE) * ramp
    turned = torch.einsum("nij,lj->nil", rotation, normals)
    across = (turned[:, :2] * points_cam[:, 2:] - turned[:, 2:] * points_cam[:, :2]).mT
    length = across.norm(dim=-1, keepdim=True)
    sideways = torch.tensor([1.0, 0.0], dtype=across.dtype, device=across.device)
    across = torch.where(length > 1e-6, across / length.clamp(min=1e-6), sideways)
    return View((cosine > config.hidden_cos).to(cosine), across, along)


def outliers(residual: Tensor, seen: Tensor, config: FitConfig) -> Tensor:
    """Landmarks [n, L] (bool) that are further off than the frame's others allow: masked, and counted by the caller.

    residual [n, L]: distance of picture and landmark in standard deviations, before any mask; seen [n, L]: 0 hidden.
    Further than `outlier_sds` times the frame's robust spread, itself at least `least_spread` of what was expected, so
    that a frame fitted better than that is not picked apart.
    """
    spread = frame_spread(residual, seen).clamp(min=config.least_spread)
    return (residual > config.outlier_sds * spread[:, None]) & (seen > 0)


def frame_spread(residual: Tensor, seen: Tensor) -> Tensor:
    """Robust spread [n] of a frame's residuals: median distance over that of a unit normal; 0 where nothing is seen."""
    known = torch.where(seen > 0, residual, torch.nan)
    return torch.nan_to_num(known.nanmedian(dim=1).values / RAYLEIGH_MEDIAN)


def bad_frames(residual: Tensor, seen: Tensor, outlier: Tensor, config: FitConfig) -> Tensor:
    """Frames [n] (bool) that are wrong as a whole and must not speak for what the take shares.

    Their spread is over `bad_frame_ratio` times the take's median (or what was expected, if that is more), or more of
    what is seen than `most_outliers` is wrong, or too little is left for a pose. Frames in which too little was seen
    in the first place are no bad frames: they were not observed.
    """
    usable = (seen > 0).sum(1) >= MIN_LANDMARKS
    if not bool(usable.any()):
        return torch.zeros_like(usable)
    spread = frame_spread(residual, seen)
    usual = spread[usable].median().clamp(min=1.0)
    wrong, total = outlier.sum(1), (seen > 0).sum(1)
    left = total - wrong
    bad = (spread > config.bad_frame_ratio * usual) | (wrong > config.most_outliers * total) | (left < MIN_LANDMARKS)
    return usable & bad


@dataclass(frozen=True)
class Belief:
    """Rows are L landmarks, then P pairs. weight [n, L + P]; squeeze [n, 2, 2, L + P], None where nothing slides;
    outlier [n, L] masked landmarks, in bad frames too; bad_frame [n], whose weights are all 0; seen [n, L] visibility
    with turned landmarks at 0 and before any mask: what a residual is to be told of next time."""

    weight: Tensor
    squeeze: Tensor | None
    outlier: Tensor
    bad_frame: Tensor
    seen: Tensor


def believe(
    visibility: Tensor,
    worth: Tensor,
    pairs: Pairs,
    normals: Tensor,
    rotation: Tensor,
    points_cam: Tensor,
    residual: Tensor | None,
    take: Tensor,
    config: FitConfig,
) -> Belief:
    """All of the above for the frames of some takes, from a fitted state; asked again as the state gets better.

    visibility [n, L] 0-1; worth [L]: the map's weight times what a landmark counts for; rotation [n, 3, 3] and
    points_cam [n, 3, L] of the state; residual [n, L]: its distances from the landmarks, in standard deviations,
    squeezed, of masked landmarks too (None: not fitted yet, nothing is masked); take [n]: which frames belong together.
    """
    looks = view(normals, rotation, points_cam, config)
    seen = visibility * looks.weight
    outlier = torch.zeros_like(seen, dtype=torch.bool)
    bad = torch.zeros_like(take, dtype=torch.bool)
    if residual is not None:
        outlier = outliers(residual, seen, config)
        for one in torch.unique(take):
            of = take == one
            bad[of] = bad_frames(residual[of], seen[of], outlier[of], config)
    left = seen * ~(outlier | bad[:, None])
    weight = torch.cat([left * worth, pair_weights(pairs, left)], 1)
    slides = bool((looks.along < 1).any())
    return Belief(weight, squeeze(looks, len(pairs.first)) if slides else None, outlier, bad, seen)


def squeeze(seen: View, n_pairs: int) -> Tensor:
    """Symmetric matrices [n, 2, 2, L + n_pairs] that leave of a residual what lies across the outline, and of the rest
    the share `along`; pairs keep all of theirs."""
    x, y = seen.across[..., 0], seen.across[..., 1]
    lost = 1 - seen.along
    m = torch.stack([1 - lost * y * y, lost * x * y, lost * x * y, 1 - lost * x * x], 1)
    whole = torch.eye(2, dtype=m.dtype, device=m.device).reshape(1, 4, 1).expand(len(m), 4, n_pairs)
    return torch.cat([m, whole], -1).reshape(len(m), 2, 2, -1)
