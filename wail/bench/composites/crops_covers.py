"""Occluders for training, far more varied than real ones: flat cut-outs of any shape, and rendered solids.

Every one comes with its mask: what of the picture is in front of the face. The shadows that it throws are not in it.
"""

import cv2
import numpy as np

from wail.bench.composites.crops_faces import SIDE_PX, Shown, read_at
from wail.bench.composites.crops_paint import (
    F32,
    Rng,
    blob,
    colour,
    edge,
    fill,
    lambert,
    noise,
    over,
    pattern,
    rounded,
    skin_colour,
    strip,
    textured,
)
from wail.bench.composites.occluders import MAKERS, make_occluder
from wail.inface.render import render_mesh
from wail.inface.rotation import matrix_from_angles
from wail.samples.occluders import hand
from wail.samples.shapes import F64, Part, capsule, ellipsoid, join, torus

MOUTH = (61, 291, 13, 14, 0, 17)
ELSEWHERE = (50, 280, 205, 425, 152, 4, 168, 33, 263, 10, 151, 172, 397, 234, 454, 200)


def cover(rgb: F32, shown: Shown, split: str, rng: Rng) -> tuple[F32, F32, str]:
    """One more occluder on a picture: (picture, its mask [side, side] 0-1, its kind)."""
    kind = str(rng.choice(["cutout", "fingers", "own", "solid", "hand", "thing", "shield"],
                          p=[0.17, 0.14, 0.10, 0.08, 0.13, 0.26, 0.12]))  # fmt: skip
    if kind in ("solid", "hand", "thing"):
        return (*_rendered(rgb, shown, _part(kind, split, shown, rng), rng), kind)
    return (*{"cutout": _cutout, "fingers": _fingers, "own": _own, "shield": _shield}[kind](rgb, shown, rng), kind)


def _target(shown: Shown, rng: Rng) -> tuple[F64, float]:
    """A place to cover, mostly about the mouth, and the face's length in pixels."""
    scale = float(np.ptp(shown.points_px, axis=0).max())
    if rng.random() < 0.65:
        place = shown.points_px[list(MOUTH)].mean(0) + rng.normal(0, 0.10 * scale, 2)
    else:
        place = shown.points_px[ELSEWHERE[rng.integers(len(ELSEWHERE))]] + rng.normal(0, 0.08 * scale, 2)
    return np.asarray(place), scale


def _light(shown: Shown, rng: Rng) -> tuple[F64, float]:
    """Light for a flat thing: mostly the face's own."""
    light = shown.light if rng.random() < 0.7 else np.array([rng.normal(0, 1), rng.normal(0, 1), -1.0])
    return light * [1, 1, -1], shown.ambient * rng.uniform(0.8, 1.2)


def _skin(shown: Shown, rng: Rng) -> F32:
    """The face's own skin as the picture shows it, or another."""
    if rng.random() < 0.5:
        spots = shown.points_px[[50, 280, 151, 195, 205, 425]].round().astype(int).clip(0, SIDE_PX - 1)
        own = np.median(shown.rgb[spots[:, 1], spots[:, 0]], axis=0)
        return np.asarray(np.clip(own * rng.uniform(0.8, 1.25) * (1 + rng.normal(0, 0.03, 3)), 0, 1), np.float32)
    return skin_colour(rng) * np.float32(rng.uniform(0.5, 1.1))


def _laid(rgb: F32, thing: F32, mask: F32, rng: Rng) -> tuple[F32, F32]:
    """A flat thing laid on, with a soft or sharp edge, perhaps a shadow, perhaps a little light through it."""
    if rng.random() < 0.5:
        away = rng.normal(0, 5, 2)
        moved = cv2.warpAffine(mask, np.array([[1, 0, away[0]], [0, 1, away[1]]]), mask.shape[::-1])
        shade = cv2.GaussianBlur(moved, (0, 0), rng.uniform(1, 9)) * np.float32(rng.uniform(0.2, 0.7))
        rgb = over(rgb, rgb * 0.25, shade)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 3.0)) if rng.random() < 0.6 else mask
    solid = rng.uniform(0.6, 0.95) if rng.random() < 0.1 else 1.0
    return over(rgb, np.clip(thing, 0, 1), soft * np.float32(solid)), soft


def _cutout(rgb: F32, shown: Shown, rng: Rng) -> tuple[F32, F32]:
    place, scale = _target(shown, rng)
    size = scale * rng.uniform(0.08, 0.5)
    shape = rng.random()
    if shape < 0.5:
        mask = blob(rng, SIDE_PX, place, size * 0.8)
    elif shape < 0.7:
        mask = strip(rng, SIDE_PX, place, size * 0.5)
    elif shape < 0.88:
        mask = edge(rng, SIDE_PX, place)
    else:
        mask = np.clip((noise(rng, SIDE_PX, 5) + 2 * blob(rng, SIDE_PX, place, size) - 1.5) * 8, 0, 1)
    light, ambient = _light(shown, rng)
    look = rng.random()
    if look < 0.45:
        shade = rounded(mask, size * rng.uniform(0.1, 1.0), light, ambient)
    elif look < 0.75:
        folds = noise(rng, SIDE_PX, rng.uniform(3, 14)) * np.float32(rng.uniform(1, 10))
        shade = lambert(folds, light, ambient)
    else:
        shade = np.full_like(mask, rng.uniform(0.4, 1.0))
    base = colour(rng) if rng.random() < 0.6 else _skin(shown, rng)
    thing = textured(rng, SIDE_PX, base) * shade[..., None]
    if rng.random() < 0.2:
        thing = over(thing, np.ones_like(thing), np.clip(noise(rng, SIDE_PX, 6) - 1.2, 0, 1))
    return _laid(rgb, thing, np.asarray(mask, np.float32), rng)


def _fingers(rgb: F32, shown: Shown, rng: Rng) -> tuple[F32, F32]:
    """Some fingers, a fist's knuckles or a whole flat hand, each finger rounded, with creases and nails."""
    place, scale = _target(shown, rng)
    width = scale * rng.uniform(0.05, 0.14)
    turn, count = rng.uniform(0, 2 * np.pi), int(rng.integers(1, 6))
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    length = width * rng.uniform(1.0, 5.0)
    light, ambient = _light(shown, rng)
    skin = _skin(shown, rng)
    union, shade, tint = np.zeros((SIDE_PX, SIDE_PX), np.float32), np.ones((SIDE_PX, SIDE_PX), np.float32), None
    tint = textured(rng, SIDE_PX, skin) if rng.random() < 0.15 else np.broadcast_to(skin, (SIDE_PX, SIDE_PX, 3)).copy()
    palm = place - along * length * rng.uniform(0.5, 1.1)
    shapes = [_capsule(palm - along * width * 8, palm, width * count * rng.uniform(0.45, 0.8))]
    for k in range(count):
        root = palm + across * (k - (count - 1) / 2) * width * rng.uniform(0.9, 1.15)
        splay = along + across * (k - (count - 1) / 2) * rng.uniform(-0.05, 0.15)
        shapes.append(_capsule(root, root + splay * length * rng.uniform(0.75, 1.1), width / 2))
        tip = root + splay * length * 0.85
        if rng.random() < 0.5:
            nail = fill(SIDE_PX, tip + width * 0.3 * _ring()) * np.float32(rng.uniform(0.1, 0.5))
            tint = over(tint, np.clip(skin * [1.15, 1.0, 1.0] + 0.08, 0, 1).astype(np.float32), nail)
        for at in rng.uniform(0.3, 0.8, 2):
            middle = root + splay * length * at
            crease = fill(SIDE_PX, np.stack([middle - across * width / 2 - along, middle + across * width / 2 - along,
                                             middle + across * width / 2 + along, middle - across * width / 2 + along]))
            tint = over(tint, tint * 0.65, crease * np.float32(rng.uniform(0, 0.7)))
    for outline in shapes if rng.random() < 0.75 else shapes[1:]:
        mask = fill(SIDE_PX, outline)
        lit = rounded(mask, width * 0.6, light, ambient)
        rim = np.clip(2 * (mask - cv2.GaussianBlur(mask, (0, 0), 2)), 0, 1)
        lit = lit * (1 - np.float32(rng.uniform(0.1, 0.5)) * rim)
        shade, union = shade * (1 - mask) + lit * mask, np.maximum(union, mask)
    rough = 1 + np.float32(rng.uniform(0, 0.06)) * noise(rng, SIDE_PX, rng.uniform(10, 60))
    return _laid(rgb, tint * (shade * rough)[..., None], union, rng)


def _ring() -> F64:
    at = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return np.stack([np.cos(at), np.sin(at)], 1)


def _capsule(start: F64, end: F64, half: float) -> F64:
    """Outline [k, 2] of a band with round ends."""
    turn = np.arctan2(*(end - start)[::-1])
    back, front = np.linspace(np.pi / 2, 3 * np.pi / 2, 12) + turn, np.linspace(-np.pi / 2, np.pi / 2, 12) + turn
    return np.concatenate([start + half * np.stack([np.cos(back), np.sin(back)], 1),
                           end + half * np.stack([np.cos(front), np.sin(front)], 1)])  # fmt: skip


def _shield(rgb: F32, shown: Shown, rng: Rng) -> tuple[F32, F32]:
    """A pacifier, flat: a shield over the lips, holes in it, a knob, a ring that hangs or stands; of any colours."""
    scale = float(np.ptp(shown.points_px, axis=0).max())
    eyes = shown.points_px[263] - shown.points_px[33]
    place = shown.points_px[[13, 14]].mean(0) + rng.normal(0, 0.03 * scale, 2)
    frame = np.stack([eyes, [-eyes[1], eyes[0]]]) / max(float(np.linalg.norm(eyes)), 1.0)
    reach = scale * rng.uniform([0.12, 0.09], [0.24, 0.19])
    light, ambient = _light(shown, rng)
    union = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    thing = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
    base = _skin(shown, rng) if rng.random() < 0.4 else colour(rng)
    waist = 1 - rng.uniform(0, 0.45) * np.abs(_ring()[:, 1:]) ** 3
    sheet = fill(SIDE_PX, place + (_ring() * reach * waist) @ frame)
    holes = [fill(SIDE_PX, place + (_ring() * reach * 0.16 + reach * [side * 0.6, 0.1]) @ frame) for side in (-1, 1)]
    knob = fill(SIDE_PX, place + (_ring() * reach.min() * rng.uniform(0.25, 0.7)) @ frame)
    hang = np.array([0.0, reach[1] * rng.uniform(0, 0.8)])
    size = reach.min() * rng.uniform(0.5, 1.1) * np.array([1.0, rng.uniform(0.45, 1.0)])
    outer, inner = (fill(SIDE_PX, place + (_ring() * size * share + hang) @ frame) for share in (1.0, 0.72))
    layers = [(sheet, base, 0.3), *((hole, base * 0.35, 1.0) for hole in holes if rng.random() < 0.7)]
    layers += [(knob, base if rng.random() < 0.5 else colour(rng), 0.3)] if rng.random() < 0.8 else []
    layers += [(np.clip(outer - inner, 0, 1), colour(rng), 0.1)] if rng.random() < 0.7 else []
    for mask, tint, even in layers:
        lit = rounded(mask, reach.min() * rng.uniform(0.2, 0.8), light, ambient) * (1 - even) + even
        thing = over(thing, textured(rng, SIDE_PX, np.asarray(tint, np.float32)) * lit[..., None], mask)
        union = np.maximum(union, mask)
    return _laid(rgb, thing, union, rng)


def _own(rgb: F32, shown: Shown, rng: Rng) -> tuple[F32, F32]:
    """Skin from elsewhere on the same picture, shaded anew: the face's colour and texture to the letter."""
    place, scale = _target(shown, rng)
    mask = blob(rng, SIDE_PX, place, scale * rng.uniform(0.12, 0.35))
    source = shown.points_px[[50, 280, 151, 9, 205, 425, 117, 346][rng.integers(8)]]
    turn, zoom = rng.uniform(0, 2 * np.pi), rng.uniform(1.5, 4.0)
    cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
    back = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    back[:, 2] = source - back[:, :2] @ place
    patch = cv2.warpAffine(rgb, back, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                           borderMode=cv2.BORDER_REFLECT)  # fmt: skip
    light, ambient = _light(shown, rng)
    shade = rounded(mask, scale * rng.uniform(0.03, 0.3), light, ambient) if rng.random() < 0.7 else np.ones_like(mask)
    return _laid(rgb, patch * shade[..., None] * np.float32(rng.uniform(0.85, 1.15)), mask, rng)


def _rendered(rgb: F32, shown: Shown, part: Part, rng: Rng) -> tuple[F32, F32]:
    """A solid (camera frame) rendered before the face: it hides what lies behind it."""
    ground = (255 * rgb + 0.5).astype(np.uint8)
    seen, depth = render_mesh(part.verts_mm, part.triangles, part.colours, shown.focal_px, (SIDE_PX, SIDE_PX), ground,
                              tuple(shown.light), supersample=2, ambient=shown.ambient,
                              specular=rng.uniform(0, 0.6) if rng.random() < 0.4 else rng.uniform(0, 0.1),
                              cull_back=True, shade_once=True)  # fmt: skip
    mask = (depth < shown.depth).astype(np.float32)
    if rng.random() < 0.5:
        shade = cv2.GaussianBlur(mask, (0, 0), rng.uniform(2, 8)) * np.float32(rng.uniform(0.2, 0.8))
        rgb = over(rgb, rgb * 0.25, shade)
    thing = seen.astype(np.float32) / 255
    if rng.random() < 0.3:
        thing = thing * (1 + np.float32(rng.uniform(0, 0.08)) * noise(rng, SIDE_PX, rng.uniform(10, 80)))[..., None]
    soft = cv2.GaussianBlur(mask, (0, 0), 0.6)
    return over(rgb, np.clip(thing, 0, 1), soft), soft


def _part(kind: str, split: str, shown: Shown, rng: Rng) -> Part:
    """A solid in the camera's frame, before the mouth or beside it."""
    scale = float(np.linalg.norm(shown.verts_mm[33] - shown.verts_mm[263])) / 75.0
    spot = shown.verts_mm[[13, 14]].mean(0)
    away = rng.normal(0, (9 if rng.random() < 0.7 else 38) * scale, 3) * [1, 1, 0.3]
    if kind == "hand":
        part = _painted(hand(_skin(shown, rng), rng.uniform(0.4, 1.05)), rng, 0.1)
        palm_up = rng.random() < 0.25
        turn = matrix_from_angles(*(np.array([a]) for a in rng.normal(0, [25, 25, 0])))[0]
        roll = np.radians(rng.uniform(0, 360))
        flat = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1.0]])
        facing = np.diag([-1.0, 1.0, -1.0]) if palm_up else np.eye(3)
        place = shown.rotation @ (spot + away) + shown.shift_mm
        reach = turn @ flat @ facing @ np.array([0.0, rng.uniform(-20, 90), 0.0]) * rng.uniform(0.4, 1.0)
        return part.moved(turn @ flat @ facing, place - reach + [0, 0, -rng.uniform(8, 45)])
    if kind == "thing":
        thing = str(rng.choice([*MAKERS, "pacifier", "toy"]))
        tone = _skin(shown, rng) if rng.random() < (0.7 if thing in ("hand", "fist") else 0.45) else None
        part = _painted(make_occluder(thing, split, int(rng.integers(2**31)), tone), rng, 0.3)
        return part.moved(shift_mm=spot + away * 0.8).moved(shown.rotation, shown.shift_mm)
    turn = matrix_from_angles(*(np.array([a]) for a in rng.uniform(-180, 180, 3)))[0]
    solid = _painted(_solid(rng), rng, 0.6)
    solid = Part(solid.verts_mm * scale, solid.triangles, solid.colours).moved(turn)
    lift = -float(solid.verts_mm[:, 2].min()) * rng.uniform(0.1, 1.0)
    return solid.moved(shift_mm=spot + away + [0, 0, lift]).moved(shown.rotation, shown.shift_mm)


def _solid(rng: Rng) -> Part:
    """A few ellipsoids, tubes and rings stuck together: a toy, a spoon, a fist in a mitten, a pacifier's cousin."""
    parts = []
    for _ in range(rng.integers(1, 6)):
        shift, tint, size = rng.normal(0, 14, 3), colour(rng), float(np.exp(rng.normal(2.7, 0.45)))
        kind = rng.random()
        if kind < 0.5:
            parts.append(ellipsoid(size * np.exp(rng.normal(0, 0.5, 3)), tint, 16, 24).moved(shift_mm=shift))
        elif kind < 0.85:
            end = shift + rng.normal(0, 45, 3)
            parts.append(capsule(shift, end + 1e-3, size * rng.uniform(0.2, 1.0), size * rng.uniform(0.2, 1.0), tint))
        else:
            parts.append(torus(size * 1.2, size * rng.uniform(0.1, 0.45), tint).moved(shift_mm=shift))
    return join(parts)


def _painted(part: Part, rng: Rng, chance: float) -> Part:
    """A part with a pattern laid on from the front."""
    if rng.random() > chance:
        return part
    u, v = read_at(part.verts_mm, 160)
    weight = pattern(rng, SIDE_PX)[v, u][:, None] * rng.uniform(0.1, 0.9)
    colours = np.clip(part.colours + (colour(rng).astype(float) - part.colours) * weight, 0, 1)
    return Part(part.verts_mm, part.triangles, np.asarray(colours, float))
