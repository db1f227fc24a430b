"""One rendered face at the landmark network's own scale, its looks randomised far beyond what people look like.

Skin, lips and the mouth's inside get textures, blotches, wetness and shadows that are no occluders: a network that sees
them all learns that they are none.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.crops_paint import F32, Rng, colour, noise, over, pattern, skin_colour, textured
from wail.bench.composites.people import BEARD, Actor
from wail.inface.render import render_mesh
from wail.inface.rotation import matrix_from_angles
from wail.inface.standin.muscles import MUSCLES
from wail.inface.standin.rest import load_rest
from wail.samples.paint import OUTER_LIPS, signed_distance, soft
from wail.samples.shapes import Part, join

SIDE_PX = 256
"""Side of a training picture; the face's mesh is about half as long, as in a crop."""
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """An actor with what every picture of it needs. lips, inside, beard: weights [V2] of regions."""

    actor: Actor
    rest_mm: F64
    lips: F64
    inside: F64
    skin: F64
    beard: F64


@dataclass(frozen=True)
class Shown:
    """A rendered face. rgb: float32 [256, 256, 3] 0-1; depth mm; head: the head's own pixels; points [468, 2] px."""

    rgb: F32
    depth: F32
    head: NDArray[np.bool_]
    points_px: F64
    verts_mm: F64
    rotation: F64
    shift_mm: F64
    focal_px: float
    light: F64
    ambient: float


def make_model(actor: Actor) -> Model:
    """Regions of an actor's fine mesh at rest."""
    smooth = actor.person.smooth
    coarse = actor.verts(np.zeros((1, len(MUSCLES))))[0]
    rest = np.asarray(smooth @ coarse)
    regions = load_rest().regions
    parts = {}
    for name in ("mouth", "skin"):
        which = np.zeros(smooth.shape[1])
        for key, ids in regions.items():
            which[ids] += key.startswith(name)
        parts[name] = np.asarray(smooth @ which)
    away = signed_distance(rest[:, :2], coarse[list(OUTER_LIPS), :2])
    lips = soft(away, 1.2) * parts["skin"]
    beard = soft(signed_distance(rest[:, :2], coarse[list(BEARD), :2]), 6.0) * (rest[:, 2] > coarse[132, 2] - 10)
    return Model(actor, rest, lips, parts["mouth"], parts["skin"], beard * (1 - lips) * parts["skin"])


def show(model: Model, rng: Rng) -> Shown:
    """A picture of the actor: any expression, pose, light and ground."""
    verts = model.actor.verts(expression(rng)[None])[0]
    angles = np.clip(rng.normal(0, [27, 16, 6]), [-62, -42, -20], [62, 42, 20])
    rotation = matrix_from_angles(*(np.array([a]) for a in angles))[0]
    z_mm = rng.uniform(260, 900)
    shift, focal = _framing(verts, rotation, z_mm, rng)
    # At times a lamp above, a window beside or a torch below, and little else.
    hard = rng.random() < 0.25
    light = np.array([rng.normal(0, 0.8), rng.normal(-0.4, 0.7), -rng.uniform(0.05, 1.0) if hard else -1.0])
    ambient = rng.uniform(0.08, 0.4) if hard else rng.uniform(0.25, 0.75)
    person = model.actor.person
    head = person.head(verts)
    coloured = Part(head.verts_mm, head.triangles, _coloured(model, head.colours, rng))
    body = matrix_from_angles(*(np.array([a * s]) for a, s in zip(angles, (0.35, 0.2, 1), strict=True)))[0]
    clothes = person.body.colours * rng.uniform(0.5, 1.3, 3)
    whole = join([coloured.moved(rotation, shift),
                  Part(person.body.verts_mm, person.body.triangles, np.clip(clothes, 0, 1)).moved(body, shift)])
    ground = (255 * textured(rng, SIDE_PX, colour(rng))).astype(np.uint8)
    rgb, depth = render_mesh(whole.verts_mm, whole.triangles, whole.colours, focal, (SIDE_PX, SIDE_PX), ground,
                             tuple(light), supersample=2, ambient=ambient, specular=rng.uniform(0, 0.25),
                             cull_back=True, shade_once=True)
    points = _project(verts[:468] @ rotation.T + shift, focal)
    shown = rgb.astype(np.float32) / 255
    face = np.isfinite(depth)
    return Shown(shown, depth, face, points, verts, rotation, shift, focal, light, ambient)


def expression(rng: Rng) -> F64:
    """Muscle activations [M]: at rest, crying, laughing, babbling, or anything."""
    out = np.zeros(len(MUSCLES))

    def pull(name: str, value: float) -> None:
        for full in (name, f"{name}_left", f"{name}_right"):
            if full in MUSCLES:
                out[MUSCLES.index(full)] += value * rng.uniform(0.85, 1.15)

    mood = rng.random()
    if mood < 0.35:
        for name, most in (("jaw_open", 1.0), ("risorius", 0.8), ("depressor_labii", 0.7), ("levator_labii", 0.6),
                           ("corrugator", 0.8), ("nasalis", 0.8), ("orbicularis_oculi", 0.8), ("lid_close", 1.0),
                           ("depressor_anguli", 0.5)):  # fmt: skip
            pull(name, most * rng.uniform(0.3, 1.0))
    elif mood < 0.5:
        for name, most in (("zygomatic_major", 1.0), ("jaw_open", 0.7), ("orbicularis_oculi", 0.5)):
            pull(name, most * rng.uniform(0.2, 1.0))
    elif mood < 0.65:
        pull("jaw_open", rng.uniform(0, 0.7))
        pull("orbicularis_oris", rng.uniform(0, 1))
    elif mood < 0.85:
        pull("jaw_open", max(0.0, rng.normal(0, 0.1)))
        pull("lid_close", float(rng.random() < 0.2))
    else:
        out = rng.uniform(0, 1, len(MUSCLES)) * (rng.random(len(MUSCLES)) < 0.3)
    return np.clip(out, 0, 1)


def _framing(verts: F64, rotation: F64, z_mm: float, rng: Rng) -> tuple[F64, float]:
    """Shift (mm) and focal length (px) that bring the mesh to half the picture's side, near its middle."""
    turned = verts[:468] @ rotation.T
    flat = turned[:, :2] / (turned[:, 2:] + z_mm)
    focal = rng.uniform(0.46, 0.54) * SIDE_PX / float(np.ptp(flat, axis=0).max())
    middle = (flat.min(0) + flat.max(0)) / 2 - rng.normal(0, 4, 2) / focal
    return np.array([*(-middle * z_mm), z_mm]), float(focal)


def _project(camera_mm: F64, focal_px: float) -> F64:
    return np.asarray(focal_px * camera_mm[:, :2] / camera_mm[:, 2:] + SIDE_PX / 2)


def _coloured(model: Model, colours: F64, rng: Rng) -> F64:
    """The head's colours with a texture of their own; parts after the fine mesh (ears) keep theirs."""
    n = len(model.rest_mm)
    fine = colours[:n].copy()
    if rng.random() < 0.25:
        # A face all of one odd colour: light, ink, a picture's style.
        fine *= rng.uniform(0.6, 1.4, 3)
    lips = np.clip(fine.mean(0) * rng.uniform(0.5, 1.2) * [1.25, 0.75, 0.75], 0, 1)
    fine = _mix(fine, lips if rng.random() < 0.6 else skin_colour(rng).astype(float), model.lips * rng.uniform(0, 0.8))
    inside = np.array([0.5, 0.2, 0.2]) * rng.uniform(0.1, 1.6) * (1 + rng.normal(0, 0.15, 3))
    fine = _mix(fine, np.clip(inside, 0, 1), model.inside * rng.uniform(0, 0.8))
    if rng.random() < {"adult": 0.6, "child": 0.05, "infant": 0.05}[model.actor.kind]:
        fine = _bearded(fine, model, rng)
    rough = 1 + rng.uniform(0, 0.09) * _at(noise(rng, SIDE_PX, rng.uniform(20, 60)), model.rest_mm)
    blotch = _at(noise(rng, SIDE_PX, rng.uniform(3, 9), 2), model.rest_mm)
    fine *= rough[:, None] * (1 + rng.uniform(0, 0.12) * blotch[:, None] * rng.uniform(0.2, 1, 3))
    if rng.random() < 0.12:
        spots = _at(pattern(rng, SIDE_PX), model.rest_mm)
        fine = _mix(fine, fine * rng.uniform(0.5, 1.2, 3), spots * model.skin * rng.uniform(0, 0.6))
    return np.asarray(np.clip(np.concatenate([fine, colours[n:]]), 0, 1))


def _bearded(fine: F64, model: Model, rng: Rng) -> F64:
    """A beard or stubble of any density, thinner in places, moustache or chin shaved at times."""
    grain = 0.5 * _at(noise(rng, SIDE_PX, 80, 2), model.rest_mm) + 0.4 * _at(noise(rng, SIDE_PX, 8, 2), model.rest_mm)
    weight = model.beard * np.clip(rng.uniform(0.4, 1.1) + grain, 0, 1) * rng.uniform(0.25, 1.0)
    if rng.random() < 0.3:
        level = rng.normal(np.median(model.rest_mm[model.lips > 0.5, 1]), 8)
        weight *= soft((model.rest_mm[:, 1] - level) * rng.choice([-1.0, 1.0]), 4.0)
    hair = np.asarray(model.actor.tones.hair) if rng.random() < 0.7 else rng.uniform(0.03, 0.7) * np.ones(3)
    return _mix(fine, np.clip(hair * rng.uniform(0.6, 1.6), 0, 1), weight)


def _mix(base: F64, other: F64, weight: F64) -> F64:
    w = np.clip(weight, 0, 1)[:, None]
    return np.asarray(base * (1 - w) + other * w)


def _at(texture: F32, rest_mm: F64) -> F64:
    """A texture [side, side] read at a mesh's vertices, laid on from the front, 200 mm wide."""
    u, v = read_at(rest_mm, 200)
    return np.asarray(texture[v, u], float)


def read_at(verts_mm: F64, width_mm: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns and rows [n] of a texture laid on from the front that vertices read."""
    at = np.clip((verts_mm[:, :2] / width_mm + 0.5) * (SIDE_PX - 1), 0, SIDE_PX - 1).astype(np.int64)
    return at[:, 0], at[:, 1]


def marked(shown: Shown, rng: Rng) -> F32:
    """The picture with what is on a face and in the light, and is no occluder."""
    rgb = shown.rgb
    lips = shown.points_px[[61, 291, 13, 14, 0, 17]]
    scale = float(np.ptp(shown.points_px, axis=0).max())
    for mark, chance in ((_folds, 0.5), (_shadow, 0.35), (_glints, 0.35), (_smear, 0.25), (_teeth, 0.15),
                         (_tongue, 0.25), (_hair, 0.15), (_dirt, 0.15)):  # fmt: skip
        if rng.random() < chance:
            rgb = mark(rgb, shown, lips, scale, rng)
    return np.asarray(np.clip(rgb, 0, 1), np.float32)


def _curve(rng: Rng, points: F64, width_px: float) -> F32:
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.polylines(mask, [np.round(points * 16).astype(np.int32)], False, 255, max(1, round(width_px)), cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 1.8)), np.float32) / 255


def _arc(rng: Rng, start: F64, end: F64, bend_px: float) -> F64:
    t = np.linspace(0, 1, 12)[:, None]
    normal = np.array([start[1] - end[1], end[0] - start[0]]) / max(float(np.linalg.norm(end - start)), 1.0)
    return np.asarray(start + (end - start) * t + bend_px * 4 * t * (1 - t) * normal)


def _folds(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """Dark or light lines where skin folds: beside nose and mouth, under the eyes, on the chin."""
    ends = ((98, 61), (327, 291), (129, 57), (358, 287), (83, 313), (145, 153), (9, 8), (186, 212), (410, 432))
    for a, b in ends:
        if rng.random() < 0.4:
            start, end = (shown.points_px[i] + rng.normal(0, 0.02 * scale, 2) for i in (a, b))
            line = _curve(rng, _arc(rng, start, end, rng.normal(0, 0.04 * scale)), rng.uniform(1, 3))
            rgb = over(rgb, rgb * np.float32(rng.uniform(0.45, 1.2)), line * np.float32(rng.uniform(0.2, 0.9)))
    return rgb


def _shadow(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """A shadow that falls on the face, its edge soft or hard."""
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float32) / SIDE_PX - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    line = np.cos(turn) * x + np.sin(turn) * y - rng.normal(0, 0.15) + rng.uniform(0, 0.05) * noise(rng, SIDE_PX, 4)
    weight = np.clip(0.5 + line / rng.uniform(0.01, 0.3), 0, 1) * np.float32(rng.uniform(0.2, 0.75))
    return over(rgb, rgb * rng.uniform(0.05, 0.4) * rng.uniform(0.85, 1.15, 3).astype(np.float32), weight)


def _glints(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """Wet highlights: saliva on lips and chin, tears on cheeks, sweat, a lamp on the forehead."""
    for _ in range(rng.integers(1, 7)):
        spots = (13, 14, 17, 0, 18, 200, 50, 280, 205, 425, 4, 151, 61, 291)
        centre = shown.points_px[spots[rng.integers(len(spots))]] + rng.normal(0, 0.03 * scale, 2)
        end = centre + rng.normal(0, 0.04 * scale, 2)
        glint = _curve(rng, np.stack([centre, end]), rng.uniform(1, 4))
        rgb = over(rgb, np.float32(rng.uniform(0.7, 1.0)) * np.ones_like(rgb), glint * np.float32(rng.uniform(0.2, 1)))
    return rgb


def _smear(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """Food, drool, cream: thin patches about the mouth through which the face shows."""
    centre = lips[rng.integers(len(lips))] + rng.normal(0, 0.06 * scale, 2)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float32)
    near = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (rng.uniform(0.05, 0.16) * scale) ** 2)
    weight = np.clip((near + 0.35 * noise(rng, SIDE_PX, 25) - 0.5) * 4, 0, 1) * np.float32(rng.uniform(0.2, 0.6))
    return over(rgb, rgb * 0.3 + 0.7 * colour(rng) * rgb.mean(2, keepdims=True) * 1.6, weight)


def _teeth(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """Gums or teeth along the upper or lower lip's inner edge where the mouth is open."""
    ring = (78, 81, 13, 311, 308) if rng.random() < 0.6 else (78, 178, 14, 402, 308)
    inner = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
    hole = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(hole, [np.round(shown.points_px[inner]).astype(np.int32)], 255)
    row = _curve(rng, shown.points_px[list(ring)], rng.uniform(0.02, 0.06) * scale) * (hole > 0)
    tint = np.array([0.95, 0.9, 0.82] if rng.random() < 0.6 else [0.85, 0.5, 0.5], np.float32)
    return over(rgb, tint * np.float32(rng.uniform(0.4, 1)), row * np.float32(rng.uniform(0.5, 1)))


def _tongue(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """A tongue on the lower lip or in the open mouth."""
    low, wide = shown.points_px[14], np.linalg.norm(shown.points_px[78] - shown.points_px[308])
    gap = float(np.linalg.norm(shown.points_px[13] - low))
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    axes = (max(1, int(wide * rng.uniform(0.2, 0.42))), max(1, int(gap * rng.uniform(0.3, 0.7) + rng.uniform(0, 3))))
    centre = (int(low[0]), int(low[1] - 0.25 * gap))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    soft_mask = cv2.GaussianBlur(mask, (0, 0), 1.0).astype(np.float32) / 255
    tint = np.array([0.8, 0.45, 0.45], np.float32) * np.float32(rng.uniform(0.4, 1.1))
    return over(rgb, np.asarray(tint * (0.4 + 0.9 * rgb.mean(2, keepdims=True)), np.float32), soft_mask * 0.85)


def _hair(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """Strands over forehead and temples: thin enough to see the face through."""
    tint = rng.uniform(0.02, 0.5) * np.array([1.0, 0.85, 0.7], np.float32)
    top = shown.points_px[10]
    for _ in range(rng.integers(3, 25)):
        start = top + rng.normal(0, [0.3 * scale, 0.05 * scale])
        end = start + rng.normal([0, 0.15 * scale], 0.08 * scale)
        rgb = over(rgb, tint, _curve(rng, _arc(rng, start, end, rng.normal(0, 6)), 1) * 0.8)
    return rgb


def _dirt(rgb: F32, shown: Shown, lips: F64, scale: float, rng: Rng) -> F32:
    """Small spots anywhere: moles, milk, rash, sensor dirt."""
    for _ in range(rng.integers(1, 12)):
        centre = shown.points_px[rng.integers(468)]
        mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        cv2.circle(mask, (int(centre[0]), int(centre[1])), rng.integers(1, 4), 255, -1, cv2.LINE_AA)
        rgb = over(rgb, colour(rng), cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32) / 255 * 0.7)
    return rgb
