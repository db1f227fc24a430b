"""Facial muscles of the stand-in: activations (0-1) to displacements of the mean infant's vertices.

Source: K. Waters, A Muscle Model for Animating Three-Dimensional Facial Expression, SIGGRAPH 1987: linear muscles
(eqs. 1-4: an angular and a radial cosine around the pull towards a bony head), sphincters (an ellipse drawn to its
centre) and jaw rotation. Ours: upper and lower lip told apart by the jaw's weight, lids that glide on the eyeball and
meet, lips that touch but do not pass through each other. Frame: x subject's left, y up, z out of the face, mm.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from wail.errors import shape_message
from wail.inface.model import EXPRESSION, FaceModel, load_model
from wail.inface.standin.jaw import jaw_weight, rotate_jaw
from wail.inface.standin.lids import Lids, make_lids
from wail.inface.standin.rest import RestMesh, load_rest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

JAW_OPEN_RAD = 0.36
"""Jaw angle at full activation: an aperture of about 24 mm."""
LIP_GAP_MM = 0.4

# name: head, insertion (mediapipe landmarks of the right side), half angle (deg), pull (mm), zone of the skin it moves
LINEAR = {
    "zygomatic_major": (123, 61, 34.0, 9.0, "all"),
    "levator_labii": (119, 39, 32.0, 6.5, "upper"),
    "nasalis": (188, 98, 30.0, 4.0, "upper"),
    "risorius": (177, 61, 30.0, 7.0, "all"),
    "depressor_labii": (171, 181, 40.0, 6.0, "lower"),
    "depressor_anguli": (150, 61, 30.0, 7.0, "all"),
    "frontalis_inner": (108, 55, 32.0, 6.0, "upper"),
    "frontalis_outer": (68, 53, 34.0, 6.0, "upper"),
    "corrugator": (168, 105, 30.0, 6.0, "upper"),
}
MIDLINE = ("jaw_open", "orbicularis_oris", "mentalis", "procerus")
PAIRED = (*LINEAR, "buccinator", "orbicularis_oculi", "lid_close", "levator_palpebrae")
MUSCLES: tuple[str, ...] = MIDLINE + tuple(f"{name}_{side}" for name in PAIRED for side in ("left", "right"))
"""Names in the order of the activation vector; left and right are the subject's."""
N_MUSCLES = len(MUSCLES)


@dataclass(frozen=True, eq=False)
class Rig:
    """The muscles laid out on one resting mesh. fields [M,V,3]: mm at full activation (zero for jaw and lids)."""

    rest: RestMesh
    fields: Floats
    jaw: Floats
    lids: tuple[Lids, Lids]
    lip_upper: Ints
    lip_lower: Ints
    lip_share: Floats


def activation(**values: float) -> Floats:
    """A vector [M] from names; a paired muscle named without side sets both. KeyError for an unknown name."""
    out = np.zeros(N_MUSCLES)
    for name, value in values.items():
        for full in (name,) if name in MUSCLES else (f"{name}_left", f"{name}_right"):
            if full not in MUSCLES:
                raise KeyError(f"there is no muscle {name!r}; the muscles are {', '.join(MUSCLES)}")
            out[MUSCLES.index(full)] = value
    return out


def muscle_displacement(activations: ArrayLike) -> NDArray[np.float32]:
    """Displacements [...,V,3] (mm) of the mean infant's vertices for activations [...,M] (0-1, order of MUSCLES)."""
    a = np.asarray(activations, dtype=float)
    if a.shape[-1:] != (N_MUSCLES,):
        raise ValueError(shape_message("activations", f"(..., {N_MUSCLES})", a.shape))
    rig = load_rig()
    flat = a.reshape(-1, N_MUSCLES)
    verts = pose_vertices(rig, flat) - rig.rest.verts_mm
    return verts.reshape(*a.shape[:-1], *verts.shape[1:]).astype(np.float32)


def expression_code(activations: ArrayLike) -> NDArray[np.float32]:
    """Raw expression codes [...,64] of activations [...,M]: the stand-in's own encoder on the moved mean infant."""
    displacement = muscle_displacement(activations)
    verts = load_rest().verts_mm.astype(np.float32) + displacement
    with torch.no_grad():
        codes: NDArray[np.float32] = stand_in().encode(torch.from_numpy(verts))[..., EXPRESSION].numpy()
    return codes


def pose_vertices(rig: Rig, activations: Floats) -> Floats:
    """Vertices [n,V,3] for activations [n,M]."""
    a = np.clip(activations, 0, 1)
    verts = rig.rest.verts_mm + np.tensordot(a, rig.fields, 1)
    for lids, side in zip(rig.lids, ("left", "right"), strict=True):
        verts = lids.move(
            verts, a[:, MUSCLES.index(f"lid_close_{side}")], a[:, MUSCLES.index(f"levator_palpebrae_{side}")]
        )
    verts = rotate_jaw(verts, rig.jaw, JAW_OPEN_RAD * a[:, MUSCLES.index("jaw_open")])
    return _keep_lips_apart(rig, verts)


def _keep_lips_apart(rig: Rig, verts: Floats) -> Floats:
    """Where the lower lip would rise past the upper, both give way by half, and what is around them with them."""
    gap = verts[:, rig.lip_upper, 1] - verts[:, rig.lip_lower, 1]
    soft = 0.25
    overlap = soft * np.logaddexp(0, (LIP_GAP_MM - gap) / soft)
    rest_overlap = soft * np.logaddexp(0, (LIP_GAP_MM - _rest_gap(rig)) / soft)
    verts = verts.copy()
    verts[..., 1] += (overlap - rest_overlap) / 2 @ rig.lip_share
    return verts


def _rest_gap(rig: Rig) -> Floats:
    rest = rig.rest.verts_mm
    gap: Floats = rest[rig.lip_upper, 1] - rest[rig.lip_lower, 1]
    return gap


@lru_cache(maxsize=1)
def stand_in() -> FaceModel:
    """The stand-in, loaded once."""
    return load_model()


@lru_cache(maxsize=1)
def load_rig() -> Rig:
    """The muscles on the shipped resting mesh."""
    return make_rig(load_rest())


def make_rig(rest: RestMesh) -> Rig:
    """Lay the muscles out on a resting mesh."""
    n = len(rest.verts_mm)
    outer = np.concatenate([rest.regions["skin"], rest.regions["skull"]])
    skin = rest.triangles[np.isin(rest.triangles, outer).all(1)]
    jaw = jaw_weight(n, skin, tuple(rest.regions["skull"][2 * len(rest.regions["skull"]) // 4 :]))
    zones = {"all": np.ones(n), "upper": np.clip(1 - 1.6 * jaw, 0, 1), "lower": np.clip(1.6 * jaw - 0.6, 0, 1)}
    fields = np.zeros((N_MUSCLES, n, 3))
    for side in ("left", "right"):
        for name, (head, tail, angle, pull, zone) in LINEAR.items():
            field = linear_muscle(rest.verts_mm, _place(rest, head, side), _place(rest, tail, side), angle, pull)
            fields[MUSCLES.index(f"{name}_{side}")] = field * zones[zone][:, None]
        fields[MUSCLES.index(f"buccinator_{side}")] = _buccinator(rest, side)
        fields[MUSCLES.index(f"orbicularis_oculi_{side}")] = _oculi(rest, side) * zones["upper"][:, None]
    fields[MUSCLES.index("orbicularis_oris")] = _oris(rest)
    fields[MUSCLES.index("mentalis")] = _mentalis(rest, zones["lower"])
    nose, brow = rest.verts_mm[6], rest.verts_mm[151]
    fields[MUSCLES.index("procerus")] = linear_muscle(rest.verts_mm, nose, brow, 30.0, 5.0)
    _only_skin(rest, fields)
    _carry_mouth(rest, fields, jaw)
    return Rig(
        rest, fields, jaw, (make_lids(rest, skin, "left"), make_lids(rest, skin, "right")), *_lip_contact(rest, jaw)
    )


def linear_muscle(verts: Floats, head: Floats, insertion: Floats, half_angle_deg: float, pull_mm: float) -> Floats:
    """Waters' linear muscle: displacement [V,3] towards `head`, strongest at the insertion, none outside the cone."""
    to_head = head - verts
    distance = np.linalg.norm(to_head, axis=1)
    axis = insertion - head
    length = float(np.linalg.norm(axis))
    cos = np.clip(-(to_head @ axis) / np.maximum(distance * length, 1e-9), -1, 1)
    angular = np.cos(np.minimum(np.arccos(cos) / np.deg2rad(half_angle_deg), 1) * np.pi / 2)
    end = 1.5 * length
    rising = np.cos((1 - distance / length) * np.pi / 2)
    falling = np.cos(np.clip((distance - length) / (end - length), 0, 1) * np.pi / 2)
    radial = np.where(distance < length, rising, falling)
    field: Floats = (pull_mm * angular * radial / np.maximum(distance, 1e-9))[:, None] * to_head
    return field


def sphincter(verts: Floats, centre: Floats, radii_mm: tuple[float, float]) -> Floats:
    """Waters' sphincter factor [V]: 1 in the middle of the ellipse (x, y), 0 outside."""
    d = (verts[:, :2] - centre[:2]) / radii_mm
    front = np.clip((verts[:, 2] - centre[2] + 35) / 15, 0, 1)
    inside: Floats = front * np.cos(np.minimum(np.linalg.norm(d, axis=1), 1) * np.pi / 2)
    return inside


def _oris(rest: RestMesh) -> Floats:
    """Pucker: the lips drawn to the middle and pushed forward."""
    verts = rest.verts_mm
    centre = (verts[13] + verts[14]) / 2
    factor = sphincter(verts, centre, (32.0, 24.0))
    across = -0.42 * factor * (verts[:, 0] - centre[0])
    return np.stack([across, -0.12 * factor * (verts[:, 1] - centre[1]), 5.5 * factor**2], 1)


def _mentalis(rest: RestMesh, lower: Floats) -> Floats:
    """The chin's skin rises and bunches; the lower lip is pushed up and out."""
    verts = rest.verts_mm
    chin = linear_muscle(verts, verts[17] - [0, 0, 4.0], verts[199], 40.0, 5.0)
    lip = np.exp(-(((verts - verts[17]) / [15.0, 8.0, 15.0]) ** 2).sum(1) / 2) * lower
    # The upper lip is carried forward, so that the lips stay in touch.
    above = np.exp(-(((verts - verts[0]) / [13.0, 6.0, 15.0]) ** 2).sum(1) / 2) * (1 - lower)
    pushed: Floats = lip[:, None] * np.array([0, 2.2, 3.0]) + above[:, None] * np.array([0, 0.6, 2.2])
    return pushed + chin * lower[:, None]


def _buccinator(rest: RestMesh, side: str) -> Floats:
    """The corner drawn straight back along the teeth, the cheek pressed against them."""
    verts = rest.verts_mm
    corner, cheek = _place(rest, 61, side), _place(rest, 187, side)
    head = corner + np.array([np.sign(corner[0]) * 14.0, 4.0, -36.0])
    flat = np.exp(-((verts - cheek) ** 2).sum(1) / (2 * 10.0**2))
    pressed: Floats = flat[:, None] * np.array([-np.sign(corner[0]), 0, -1.5]) * 1.5
    return linear_muscle(verts, head, corner, 30.0, 5.0) + pressed


def _oculi(rest: RestMesh, side: str) -> Floats:
    """Squeezing: brow and cheek drawn towards the eye; the lids themselves have their own muscle."""
    verts = rest.verts_mm
    ball = rest.verts_mm[rest.regions[f"eyeball_{side}"][0]]
    offset = verts - ball
    radius = np.linalg.norm(offset[:, :2] / [1.25, 1.0], axis=1)
    ring = np.exp(-((radius - 16.0) ** 2) / (2 * 5.0**2)) * (verts[:, 2] > 5) * np.clip((radius - 5) / 6, 0, 1)
    pull: Floats = ring[:, None] * offset * np.array([-0.16, -0.3, 0])
    cheek: Floats = (ring * (offset[:, 1] < 0))[:, None] * np.array([0, 0.6, 1.6])
    return pull + cheek


def _place(rest: RestMesh, landmark: int, side: str) -> Floats:
    """The resting position of a right-hand landmark, mirrored for the left."""
    place: Floats = rest.verts_mm[landmark] * np.array([-1, 1, 1] if side == "left" else [1, 1, 1])
    return place


def _only_skin(rest: RestMesh, fields: Floats) -> None:
    away = np.ones(len(rest.verts_mm), bool)
    away[rest.regions["skin"]] = False
    fields[:, away] = 0


def _carry_mouth(rest: RestMesh, fields: Floats, jaw: Floats) -> None:
    """The bag behind the lips goes with its lip, the less the deeper."""
    rim = rest.regions["inner_lips"]
    for k, share in enumerate((0.95, 0.5, 0.1)):
        ring = rest.regions[f"mouth_{k}"]
        fields[:, ring] = share * fields[:, rim]
        jaw[ring] = jaw[rim]
    jaw[rest.regions["mouth_tip"]] = 0.5


def _lip_contact(rest: RestMesh, jaw: Floats) -> tuple[Ints, Ints, Floats]:
    """Opposite inner-lip vertices, and how the surface shares a push of one mm at each pair [pairs,V] (signed)."""
    rim = rest.regions["inner_lips"]
    half = len(rim) // 2
    lower, upper = rim[1:half], rim[:half:-1]
    verts = rest.verts_mm
    near = np.exp(-((verts[None, :, 0] - verts[upper][:, None, 0]) ** 2) / (2 * 1.2**2))
    near /= np.maximum(near.sum(0), 1.0)
    line = verts[upper][:, 1:].mean(0)
    fade = np.exp(-((verts[:, 1:] - line) ** 2).sum(1) / (2 * 7.0**2))
    for k, share in enumerate((0.95, 0.5, 0.1)):
        fade[rest.regions[f"mouth_{k}"]] = share
    fade[rim] = 1
    # A pair's own two vertices must move by the whole push: solve for shares that add up to it on the rim.
    spread = near * fade
    mix = spread[:, upper]
    shares = np.linalg.solve(mix.T + 1e-6 * np.eye(len(upper)), np.eye(len(upper))).T @ spread
    sign = np.clip((0.42 - jaw) / 0.2, -1, 1)
    return upper, lower, shares * sign
