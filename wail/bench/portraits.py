"""Portraits: an actor's face as a camera and the landmark network see it, at drawn poses, expressions, lights, sizes.

What `p_infant_face` is fitted on (people_fit.py): the network's points, not the truth's, because it shows less of the
difference between infants and adults than there is.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.people import Actor
from wail.inface.render import render_mesh
from wail.inface.rotation import matrix_from_angles
from wail.inface.standin.expressions import NAMED, random_activations
from wail.inface.standin.muscles import activation
from wail.samples.backdrop import PAINTERS, backdrop
from wail.samples.shapes import F64, join
from wail.vision.geometry import head_rotation
from wail.vision.mesh import CROP_PX, FaceMesh
from wail.vision.roi import Array, Roi, apply_affine, cut_crop, eye_roll_deg, mesh_roi

U8 = NDArray[np.uint8]
MOODS = ("cry", "laugh", "smile", "babble", "whimper", "sleep", "yawn", "surprise", "pout", "coo")
PASSES = 4
MIN_PRESENCE = 0.5


@dataclass(frozen=True)
class Portrait:
    """One picture [h, w, 3] of a face; landmarks_px [468, 2] by the truth; angles in degrees."""

    rgb: U8
    landmarks_px: F64
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    mood: str


def draw_expression(rng: np.random.Generator) -> tuple[str, F64]:
    """A mood and its muscles [M]: at rest in a third of cases, a named expression of any strength, or a mixture."""
    kind = rng.random()
    if kind < 0.33:
        return "neutral", activation(jaw_open=float(rng.uniform(0, 0.15)), lid_close=float(rng.uniform(0, 0.2)))
    if kind < 0.75:
        mood = str(rng.choice(MOODS, p=[0.3, *[0.7 / (len(MOODS) - 1)] * (len(MOODS) - 1)]))
        return mood, np.clip(activation(**NAMED[mood]) * rng.uniform(0.5, 1.1), 0, 1)
    return "mixed", np.asarray(random_activations(rng, 1)[0])


def take_portrait(actor: Actor, rng: np.random.Generator, interocular_px: float | None = None) -> Portrait:
    """One picture of an actor: yaw within 50 degrees, pitch within 35, roll any small angle (crops are de-rotated)."""
    mood, muscles = draw_expression(rng)
    eyes_px = float(np.exp(rng.uniform(np.log(25), np.log(140)))) if interocular_px is None else interocular_px
    yaw, pitch = np.clip(rng.normal(0, [22, 12]), [-50, -35], [50, 35])
    roll = float(rng.uniform(-12, 12))
    turn = np.asarray(matrix_from_angles(np.array(yaw), np.array(pitch), np.array(roll))).reshape(3, 3)
    side = int(np.ceil(eyes_px * 3.4))
    far_mm = float(rng.uniform(350, 1400)) * actor.interocular_mm / 75
    focal = eyes_px * far_mm / actor.interocular_mm
    verts = actor.verts(muscles[None])[0]
    place = np.array([*rng.uniform(-0.1, 0.1, 2) * actor.interocular_mm, far_mm])
    whole = join([actor.person.head(verts).moved(turn, place), actor.person.body.moved(turn, place)])
    back = backdrop(str(rng.choice(list(PAINTERS))), (side, side), int(rng.integers(2**31)))
    light = np.array([rng.uniform(-1, 1), rng.uniform(-1.0, 0.4), -rng.uniform(0.3, 1.0)])
    rgb, _ = render_mesh(whole.verts_mm, whole.triangles, whole.colours, focal, (side, side), back, list(light),
                         supersample=2, ambient=float(rng.uniform(0.3, 0.7)), specular=float(rng.uniform(0, 0.12)),
                         cull_back=True, shade_once=True)  # fmt: skip
    seen = verts[:468] @ turn.T + place
    px = np.asarray(focal * seen[:, :2] / seen[:, 2:] + side / 2)
    return Portrait(_camera(rgb, rng), px, float(yaw), float(pitch), roll, mood)


def _camera(rgb: U8, rng: np.random.Generator) -> U8:
    """Exposure, white balance, contrast, defocus, noise, compression; now and then no colour at all."""
    linear = (rgb / 255.0) ** rng.uniform(0.8, 1.3) * np.exp(rng.uniform(-0.9, 0.15)) * rng.uniform(0.85, 1.15, 3)
    soft = cv2.GaussianBlur(linear, (0, 0), float(rng.uniform(0.3, 0.3 + 0.012 * len(rgb))))
    noisy = 255 * soft + rng.uniform(0.5, 5) * rng.standard_normal(rgb.shape)
    if rng.random() < 0.1:
        noisy = np.repeat(noisy.mean(2, keepdims=True), 3, 2)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
    _, code = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)


def seen_points(mesh: FaceMesh, portrait: Portrait) -> Array | None:
    """The network's points [478, 3] (crop pixels) for a portrait, its crop settled as the tracker's; None: no face."""
    roi = mesh_roi(np.asarray(portrait.landmarks_px, np.float32), portrait.roll_deg)
    for _ in range(PASSES):
        points, presence = mesh(cut_crop(portrait.rgb, roi, CROP_PX))
        if presence < MIN_PRESENCE or head_rotation(points)[2] > 0.16:
            return None
        xy = apply_affine(roi.to_picture(CROP_PX), points[:, :2])
        better = mesh_roi(xy, roi.roll_deg + eye_roll_deg(points))
        settled = abs(better.size_px / roi.size_px - 1) < 0.1 and _near(better, roi)
        roi = better
        if settled:
            return points
    return points


def _near(a: Roi, b: Roi) -> bool:
    return float(np.hypot(a.x_px - b.x_px, a.y_px - b.y_px)) < 0.05 * b.size_px
