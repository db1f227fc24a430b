"""What comes before a mouth: hands, fists, pacifiers, bottles, toys, blankets, of each split's own shapes and prints.

Built in the mouth's own frame: the head's axes (x to the subject's left, y up, z out of the face, mm) with the middle
of the lips as origin, roughly where it touches the face. The stage lays it onto the face it meets.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wail.bench.composites.patterns import cloth_colour, painted, waves
from wail.samples.occluders import hand
from wail.samples.shapes import F64, Part, capsule, ellipsoid, grid_triangles, join, torus

SKINS = ((0.93, 0.75, 0.66), (0.88, 0.68, 0.56), (0.82, 0.62, 0.48), (0.78, 0.58, 0.44), (0.66, 0.46, 0.33),
         (0.55, 0.37, 0.26), (0.44, 0.29, 0.21), (0.33, 0.22, 0.17))  # fmt: skip
"""Tones of hands that are not the infant's own."""


@dataclass(frozen=True, eq=False)
class Occluder:
    """`part` in its place before the mouth; `away`: unit vector (head frame) along which it comes and goes."""

    part: Part
    away: F64


def make_occluder(kind: str, split: str, seed: int, skin: ArrayLike | None = None) -> Part:
    """The shape alone of `hand`, `fist`, `pacifier`, `bottle`, `toy` or `blanket`; `skin`: in this colour."""
    return occluder(kind, split, seed, skin).part


def occluder(kind: str, split: str, seed: int, skin: ArrayLike | None = None) -> Occluder:
    """The shape and where it comes from. `skin`: the colour of the face, for one that is to have that colour."""
    rng = np.random.default_rng([seed, list(MAKERS).index(kind)])
    return MAKERS[kind](split, rng, None if skin is None else np.asarray(skin, float))


def turned(axis: str, angle_deg: float) -> F64:
    """Rotation matrix about one axis."""
    a, k = np.radians(angle_deg), "xyz".index(axis)
    out, (i, j) = np.eye(3), ((k + 1) % 3, (k + 2) % 3)
    out[i, i] = out[j, j] = np.cos(a)
    out[i, j], out[j, i] = -np.sin(a), np.sin(a)
    return out


def mirrored(part: Part) -> Part:
    return Part(part.verts_mm * [-1.0, 1.0, 1.0], part.triangles[:, ::-1], part.colours)


HAND_BENDS = {"train": ((2, 10), (8, 20), (6, 18)), "tune": ((10, 25), (12, 28), (8, 20)),
              "test": ((0, 30), (4, 34), (4, 26))}  # fmt: skip
"""How far the fingers' joints bend, degrees, at rest and in a fist."""
FIST_BENDS = {"train": (70, 92, 55), "tune": (78, 88, 65), "test": (74, 96, 45)}


def _hand(split: str, rng: np.random.Generator, skin: F64 | None) -> Occluder:
    """A grown-up's or a child's hand laid over the mouth: palm, or a few fingers of it."""
    tone = _tone(rng) if skin is None else skin
    bends = [float(rng.uniform(*r)) for r in HAND_BENDS[split]]
    scale = float(rng.uniform(0.55, 1.0))
    shape = _skinned(hand(tone, scale, bends, float(rng.uniform(0.4, 1.8))), tone, rng)
    # What of the hand lies on the mouth: its back, its knuckles, or its fingers.
    anchor = np.array([rng.uniform(-14, 14), rng.choice([0.0, 30.0, 70.0]) + rng.uniform(-8, 8), 0.0]) * scale
    whole = join([shape.moved(shift_mm=-anchor), _sleeve(split, rng, scale).moved(shift_mm=-anchor)])
    if rng.random() < 0.5:
        whole = mirrored(whole)
    tilt = turned("x", float(rng.uniform(-20, 25))) @ turned("y", float(rng.uniform(-30, 30)))
    turn = turned("z", float(rng.uniform(0, 360)))
    return Occluder(whole.moved(turn @ tilt, (0, 0, 14 * scale)), turn @ np.array([0.0, -1.0, 0.15]))


def _fist(split: str, rng: np.random.Generator, skin: F64 | None) -> Occluder:
    """An infant's own fist at or in its mouth, seen from the back, the side or the knuckles."""
    tone = _tone(rng) if skin is None else skin
    bends = [float(v + rng.normal(0, 6)) for v in FIST_BENDS[split]]
    scale = float(rng.uniform(0.42, 0.58))
    closed = hand(tone, scale, bends, float(rng.uniform(0.2, 0.7)), (38.0, float(rng.uniform(20, 60)), 35.0))
    shape = _skinned(closed, tone, rng)
    sleeve = _sleeve(split, rng, scale)
    whole = join([shape, sleeve]).moved(shift_mm=np.array([0, -22.0, 8.0]) * scale)
    if rng.random() < 0.5:
        whole = mirrored(whole)
    tilt = turned("x", float(rng.uniform(-30, 45))) @ turned("y", float(rng.uniform(-60, 60)))
    turn = turned("z", float(rng.uniform(-110, 110)))
    at = np.array([rng.uniform(-8, 8), rng.uniform(-7, 5), 16.0])
    return Occluder(whole.moved(turn @ tilt, at), turn @ tilt @ np.array([0.0, -1.0, 0.0]) + [0, 0, 0.2])


def _tone(rng: np.random.Generator) -> F64:
    return np.asarray(np.multiply(SKINS[int(rng.integers(len(SKINS)))], rng.uniform(0.92, 1.06, 3)))


def _skinned(part: Part, tone: F64, rng: np.random.Generator) -> Part:
    """Blotchy skin: redder and paler spots, a little texture."""
    red = waves(part.verts_mm, 10, 50, rng)[:, None] * [0.01, -0.035, -0.03]
    light = 0.03 * waves(part.verts_mm, 2.5, 15, rng)[:, None]
    return replace(part, colours=np.clip(part.colours * (1 + red + light), 0, 1))


def _sleeve(split: str, rng: np.random.Generator, scale: float) -> Part:
    """A sleeve over the forearm, from where it may begin up to the elbow."""
    begin = float(rng.uniform(-170, -70))
    tube = capsule((0, begin, -10), (0, -230, -13), float(rng.uniform(28, 33)), 36, (1, 1, 1), 20)
    colours = painted(tube.verts_mm[:, 0], tube.verts_mm[:, 1], split, rng)
    return Part(tube.verts_mm * scale, tube.triangles, colours)


SHIELDS = {"train": ("oval", "butterfly"), "tune": ("round", "oblong"), "test": ("heart", "bean", "wide")}


def _outline(shape: str, angle: F64, rng: np.random.Generator) -> F64:
    """Radius (mm) of a pacifier's shield by direction; 0 is the subject's left, pi / 2 up."""
    up, side = np.sin(angle), np.abs(np.cos(angle))
    size = rng.uniform(0.88, 1.12)
    ellipse = {"oval": (23, 18), "round": (20.5, 20), "wide": (26, 16.5), "oblong": (24, 16)}
    if shape in ellipse:
        a, b = ellipse[shape]
        return np.asarray(size * a * b / np.hypot(b * np.cos(angle), a * up))
    if shape == "butterfly":
        return np.asarray(size * (16.5 + 7.5 * side**2 - 1.5 * np.cos(4 * angle)))
    dent = np.exp(-((angle - np.pi / 2) / 0.5) ** 2)
    if shape == "bean":
        return np.asarray(size * (17.5 + 6.5 * side**2 - 5.0 * dent))
    return np.asarray(size * (18 + 5 * side * (1 + 0.4 * up) - 5.5 * dent + 2.0 * np.clip(-up, 0, 1) ** 3))


def _pacifier(split: str, rng: np.random.Generator, skin: F64 | None) -> Occluder:
    """A shield, mostly with air holes, with a knob or a button and often a ring."""
    shield = _shield(split, rng, skin)
    tint = cloth_colour(rng) if skin is None else skin * rng.uniform(0.9, 1.05, 3)
    tall = float(rng.uniform(2.5, 6))
    button = ellipsoid((float(rng.uniform(7, 11)), float(rng.uniform(6, 10)), tall), tint)
    parts = [shield, button.moved(shift_mm=(0, 0, 6.0))]
    if rng.random() < 0.7:
        colour = cloth_colour(rng) if skin is None else tint
        ring = torus(float(rng.uniform(10, 16)), float(rng.uniform(1.6, 2.8)), colour)
        tilt = turned("x", float(rng.uniform(25, 85))) @ turned("y", float(rng.uniform(-10, 10)))
        parts.append(ring.moved(tilt, (0, -float(rng.uniform(2, 9)), float(rng.uniform(9, 15)))))
    whole = join(parts).moved(turned("z", float(rng.normal(0, 9))) @ turned("x", float(rng.normal(0, 6))))
    a = float(rng.uniform(-np.pi, 0))
    return Occluder(whole.moved(shift_mm=(0, float(rng.normal(0, 1)), 3)), np.array([np.cos(a), np.sin(a), 0.6]))


def _shield(split: str, rng: np.random.Generator, skin: F64 | None) -> Part:
    """The shield as a curved sheet of rings of vertices, with two or more holes left open, and a thick rim."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    edge = _outline(str(rng.choice(SHIELDS[split])), angle, rng)
    rings = np.linspace(0.02, 1, 26)
    x, y = (rings[:, None] * edge * f(angle) for f in (np.cos, np.sin))
    bend, cup = rng.uniform(0.008, 0.014), rng.uniform(0.0, 0.004)

    def height(x: F64, y: F64) -> F64:
        return np.asarray(4.0 - bend * x**2 - cup * y**2)

    verts = np.stack([x, y, height(x, y)], -1).reshape(-1, 3)
    base = None if skin is None else skin * rng.uniform(0.92, 1.04, 3)
    colours = painted(verts[:, 0], verts[:, 1], split, rng, base)
    triangles = grid_triangles(len(rings), len(angle))
    middle = verts[triangles].mean(1)[:, :2]
    solid = np.all([np.linalg.norm(middle - hole[:2], axis=1) > hole[2] for hole in _holes(rng)] or [[True]], axis=0)
    sheet = Part(verts, triangles[np.broadcast_to(solid, len(triangles))], colours)
    rim = _tube(verts.reshape(len(rings), -1, 3)[-1] - [0, 0, 0.6], 1.3)
    return join([sheet, replace(rim, colours=np.tile(colours[-72:].mean(0), (len(rim.verts_mm), 1)))])


def _holes(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    if rng.random() < 0.25:
        return []
    x, y, r = rng.uniform(12, 16), rng.uniform(-4, 4), rng.uniform(2, 3.6)
    holes = [(x, y, r), (-x, y, r)]
    return [*holes, (0.0, -11.0, 0.8 * r)] if rng.random() < 0.3 else holes


def _tube(path: F64, radius_mm: float, columns: int = 8) -> Part:
    """A closed tube along a ring of points [n, 3] that lies roughly across z."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    out = np.cross(along, [0.0, 0.0, 1.0])
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.cross(out, along)
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    around = np.cos(turn)[None, :, None] * out[:, None] + np.sin(turn)[None, :, None] * up[:, None]
    ring = path[:, None] + radius_mm * around
    return _solid(np.concatenate([ring, ring[:1]]))


def _solid(rings: F64) -> Part:
    """A white surface of rings [n, columns, 3], its triangles turned outwards by the sign of what they enclose."""
    verts, triangles = rings.reshape(-1, 3), grid_triangles(rings.shape[0], rings.shape[1])
    a, b, c = (verts[triangles[:, k]] - verts.mean(0) for k in range(3))
    outward = float((a * np.cross(b, c)).sum()) > 0
    return Part(verts, triangles if outward else triangles[:, ::-1], np.ones((len(verts), 3)))


def lathe(z_mm: ArrayLike, radius_mm: ArrayLike, columns: int = 48) -> Part:
    """A turned solid about the z axis: radii at rising heights; white."""
    z, r = np.asarray(z_mm, float), np.maximum(np.asarray(radius_mm, float), 1e-3)
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    verts = np.stack([r[:, None] * np.cos(turn), r[:, None] * np.sin(turn), np.repeat(z[:, None], columns, 1)], -1)
    return _solid(verts)


BOTTLES = {"train": (0.0, 0.0), "tune": (0.25, 0.0), "test": (0.0, 0.22)}
"""Waist and bulge of the body, shares of its radius."""


def _bottle(split: str, rng: np.random.Generator, skin: F64 | None) -> Occluder:
    """A feeding bottle: teat in the mouth, collar, body with a scale or a print; held up, down or to a side."""
    r, long = float(rng.uniform(23, 31)), float(rng.uniform(85, 120))
    collar = float(rng.uniform(0.75, 0.95)) * r
    s = np.linspace(0, 1, 40)
    waist, bulge = BOTTLES[split]
    body = r * (1 - waist * np.sin(np.pi * s) ** 2 + bulge * np.sin(2 * np.pi * s))
    z = np.concatenate([[-4, -2, 6, 9, 10, 11, 25, 26], 27 + long * s, [28 + long, 28 + long]])
    radius = np.concatenate([[4, 6, 9, 14, 15, collar, collar, r * 0.9], body, [body[-1] * 0.8, 0]])
    shape = lathe(z, radius)
    angle = np.arctan2(shape.verts_mm[:, 1], shape.verts_mm[:, 0])
    height = shape.verts_mm[:, 2]
    colours = painted(angle * r, height, split, rng, skin)
    milk = np.array([0.93, 0.91, 0.86]) * rng.uniform(0.9, 1.0)
    level = 27 + long * rng.uniform(0.2, 1.0)
    if skin is None and rng.random() < 0.6:
        # Clear plastic: milk up to its level, the room's pale grey above it, a scale down one side.
        inside = np.where((height < level)[:, None], milk, np.array([0.72, 0.74, 0.75]))
        tick = (np.abs(angle) < 0.25) & ((height % 10) < 2)
        colours = np.where((height > 27)[:, None], np.where(tick[:, None], 0.35, inside), colours)
    teat = np.array([0.85, 0.72, 0.5]) if rng.random() < 0.5 else np.array([0.88, 0.88, 0.86])
    ring = cloth_colour(rng) if skin is None else skin
    colours = np.where((height < 9.5)[:, None], teat, np.where((height < 26.5)[:, None], ring, colours))
    axis = turned("z", float(rng.uniform(-150, 150))) @ turned("x", float(rng.uniform(35, 68)))
    return Occluder(replace(shape, colours=colours).moved(axis, (0, 0, 1)), axis @ np.array([0.0, 0.0, 1.0]))


def block(radii_mm: ArrayLike, square: float) -> Part:
    """A rounded box (superellipsoid, Barr 1981) about the origin, white: `square` 1 is an ellipsoid, near 0 a box."""
    unit = ellipsoid((1, 1, 1), (1, 1, 1), 40, 56)
    rounded = np.sign(unit.verts_mm) * np.abs(unit.verts_mm) ** square
    return replace(unit, verts_mm=rounded * np.asarray(radii_mm, float))


def _wrapped(part: Part, split: str, rng: np.random.Generator, base: F64 | None) -> Part:
    x, y, z = part.verts_mm.T
    return replace(part, colours=painted(x + z, y, split, rng, base))


def _toy(split: str, rng: np.random.Generator, skin: F64 | None) -> Occluder:
    """Something held to the mouth: blocks and balls, teething rings and rattles, plush animals and cars."""
    base = None if skin is None else skin * rng.uniform(0.92, 1.05, 3)
    name = str(rng.choice(TOYS[split]))
    parts = _SHAPES[name](rng)
    whole = join([_wrapped(part, split, rng, base) for part in parts])
    turn = turned("z", float(rng.uniform(0, 360))) @ turned("x", float(rng.uniform(-35, 35)))
    at = np.array([rng.uniform(-8, 8), rng.uniform(-8, 6), 12.0])
    a = float(rng.uniform(-np.pi, np.pi))
    return Occluder(whole.moved(turn, at), np.array([np.cos(a), np.sin(a), 0.3]))


def _block(rng: np.random.Generator) -> list[Part]:
    return [block(rng.uniform([18, 16, 12], [32, 28, 24]), float(rng.uniform(0.25, 0.6)))]


def _ball(rng: np.random.Generator) -> list[Part]:
    r = float(rng.uniform(20, 34))
    return [ellipsoid((r, r, r), (1, 1, 1), 40, 56)]


def _ring(rng: np.random.Generator) -> list[Part]:
    """A teething ring, bitten at its rim: the hole lies beside the mouth or on it."""
    r, tube = float(rng.uniform(20, 28)), float(rng.uniform(8, 11.5))
    return [torus(r, tube, (1, 1, 1), 64, 20).moved(shift_mm=(r * float(rng.uniform(0.75, 1.1)), 0, 0))]


def _rattle(rng: np.random.Generator) -> list[Part]:
    r = float(rng.uniform(20, 27))
    return [ellipsoid((r, r, r), (1, 1, 1), 40, 56), capsule((0, -r, 0), (0, -r - 60, 0), 6, 8, (1, 1, 1)),
            torus(10, 4, (1, 1, 1)).moved(shift_mm=(0, -r - 70, 0))]  # fmt: skip


def _plush(rng: np.random.Generator) -> list[Part]:
    r = float(rng.uniform(24, 34))
    lumps = [ellipsoid((r, 0.9 * r, 0.7 * r), (1, 1, 1), 48, 64), ellipsoid((0.45 * r, 0.35 * r, 0.35 * r), (1, 1, 1))]
    lumps[1] = lumps[1].moved(shift_mm=(0, -0.3 * r, 0.6 * r))
    ear = ellipsoid((0.35 * r, 0.4 * r, 0.25 * r), (1, 1, 1))
    lumps += [ear.moved(shift_mm=(side * 0.75 * r, 0.8 * r, 0)) for side in (-1, 1)]
    return [replace(p, verts_mm=p.verts_mm + 0.9 * waves(p.verts_mm, 4, 10, rng)[:, None]) for p in lumps]


def _star(rng: np.random.Generator) -> list[Part]:
    r, points = float(rng.uniform(22, 30)), int(rng.integers(4, 8))
    shape = block((r, r, 0.4 * r), 0.8)
    angle = np.arctan2(shape.verts_mm[:, 1], shape.verts_mm[:, 0])
    grow = 1 + 0.22 * np.cos(points * angle)
    return [replace(shape, verts_mm=shape.verts_mm * np.stack([grow, grow, np.ones_like(grow)], 1))]


def _car(rng: np.random.Generator) -> list[Part]:
    wheels = [ellipsoid((8, 8, 4), (1, 1, 1)).moved(shift_mm=(x, -15, z)) for x in (-18, 18) for z in (-14, 14)]
    return [block((34, 12, 16), 0.4), block((18, 12, 13), 0.5).moved(shift_mm=(0, 12, 0)), *wheels]


_SHAPES: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "block": _block, "ball": _ball, "ring": _ring, "rattle": _rattle, "plush": _plush, "star": _star, "car": _car,
}  # fmt: skip
TOYS = {"train": ("block", "ball"), "tune": ("ring", "rattle"), "test": ("plush", "star", "car")}


def _blanket(split: str, rng: np.random.Generator, skin: F64 | None) -> Occluder:
    """Cloth drawn over the lower face, from below or from a side, with folds and a wavy edge."""
    half = float(rng.uniform(85, 120))
    top = float(rng.uniform(6, 26))
    u = np.linspace(-half, half, 90)
    v = np.linspace(0, 170, 80)
    across = waves(u[:, None], 45, 140, rng)
    x = np.repeat(u[None], len(v), 0)
    y = top + 3.5 * across[None] - v[:, None] + 0 * x
    flat = np.stack([x.ravel(), y.ravel()], 1)
    folds = (float(rng.uniform(1.0, 3.5)) * waves(flat, 24, 90, rng) + 0.3 * waves(flat, 8, 18, rng)).reshape(x.shape)
    # It hangs over the cheeks as over a ball, steeper and steeper, and falls straight down beside them.
    z = 10 + folds - 0.0105 * np.clip(np.abs(x) - 6, 0, 62) ** 2 - 0.25 * np.clip(np.abs(x) - 68, 0, None)
    z = z - 0.05 * np.clip(-40 - y, 0, 60)
    colours = painted(x.ravel() + 0.3 * folds.ravel(), y.ravel(), split, rng, skin)
    seam = (np.repeat(v[:, None], len(u), 1) < 6).ravel() & (rng.random() < 0.4)
    colours = np.where(seam[:, None], np.clip(colours * 0.8, 0, 1), colours)
    triangles = grid_triangles(len(v), len(u), closed=False)
    # Both sides: seen from the side the cloth's inner face may show.
    face = np.stack([x.ravel(), y.ravel(), z.ravel()], 1)
    sheet = join([Part(face, triangles, colours), Part(face - [0, 0, 0.8], triangles[:, ::-1], colours)])
    turn = turned("z", float(rng.uniform(-50, 50)))
    return Occluder(sheet.moved(turn), turn @ np.array([0.0, -1.0, 0.1]))


MAKERS: dict[str, Callable[[str, np.random.Generator, NDArray[np.float64] | None], Occluder]] = {
    "hand": _hand, "fist": _fist, "pacifier": _pacifier, "bottle": _bottle, "toy": _toy, "blanket": _blanket,
}  # fmt: skip
