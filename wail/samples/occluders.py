"""What comes before a mouth: a hand with fingers, and a pacifier.

A hand is built in its own frame, palm towards -z (the face), fingers along +y, and brought before the mouth in the
camera's frame; a pacifier sits on the head's own mouth. Their meshes go through the same z-buffer as the head.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wail.samples.shapes import F64, Part, capsule, ellipsoid, join, torus

FINGERS_MM = {
    "index": (-26.0, 44.0, (40.0, 25.0, 21.0), 9.0, -4.0),
    "middle": (-9.0, 48.0, (44.0, 28.0, 22.0), 9.2, -1.0),
    "ring": (8.0, 46.0, (41.0, 26.0, 21.0), 8.6, 3.0),
    "little": (24.0, 38.0, (32.0, 19.0, 18.0), 7.6, 8.0),
}
"""Of an adult's right hand seen from its back: root x and y, lengths of the bones, radius at the root, splay (deg)."""


@dataclass(frozen=True)
class Cover:
    """An occluder before the mouth from start_s to end_s; it comes and goes over `travel_s` before and after."""

    kind: str
    """`hand` or `pacifier`."""
    start_s: float
    end_s: float
    travel_s: float = 0.3
    from_mm: tuple[float, float, float] = (220.0, 190.0, -20.0)
    """Where it comes from, from its place, in the camera's frame."""

    def presence(self, time_s: float) -> float:
        """0 away, 1 in place, smooth between."""
        rise = np.clip((time_s - self.start_s + self.travel_s) / self.travel_s, 0, 1)
        fall = np.clip((self.end_s + self.travel_s - time_s) / self.travel_s, 0, 1)
        x = float(min(rise, fall))
        return x * x * (3 - 2 * x)


def hand(
    skin: ArrayLike, scale: float = 1.0, bends_deg: Sequence[float] = (6.0, 14.0, 14.0), spread: float = 1.0,
    thumb_deg: Sequence[float] = (4.0, -4.0, 6.0),
) -> Part:  # fmt: skip
    """A slightly bent hand with nails, back of the hand towards +z, wrist at -y; about 185 mm long at scale 1.

    `bends_deg`, `thumb_deg`: of the fingers' and the thumb's three joints, towards the palm; about (75, 95, 60) makes
    a fist. `spread`: of the fingers, 1 at rest.
    """
    tone = np.asarray(skin, float)
    crease = tone * [0.86, 0.76, 0.74]
    nail = np.clip(tone * [1.1, 0.98, 0.98] + 0.04, 0, 1)
    parts = [capsule((0, -44, -8), (0, -190, -12), 19, 27, tone),
             ellipsoid((17.0, 26.0, 12.0), tone).moved(shift_mm=(-22.0, -14.0, -3.0)),
             ellipsoid((37.0, 46.0, 17.0), tone).moved(shift_mm=(-2.0, 2.0, -1.0))]
    parts += [capsule((0.45 * x, -38, -3), (x, y - 6, 0), 13.5, r + 2.2, tone) for x, y, _, r, _ in FINGERS_MM.values()]
    for root_x, root_y, bones, radius, splay in FINGERS_MM.values():
        parts += finger((root_x, root_y - 8, 0.0), bones, radius, spread * splay, bends_deg, tone, crease, nail)
    parts += finger((-27.0, -22.0, -2.0), (30.0, 27.0, 20.0), 11.5, -38.0, thumb_deg, tone, crease, nail)
    whole = join(parts)
    return Part(whole.verts_mm * scale, whole.triangles, whole.colours)


def finger(
    root: Sequence[float], bones: Sequence[float], radius: float, splay_deg: float, bends_deg: Sequence[float],
    tone: F64, crease: F64, nail: F64,
) -> list[Part]:  # fmt: skip
    """A finger's bones and its nail: lengths `bones` from `root`, each bent by `bends_deg` towards the palm (-z)."""
    parts, at, bend, r = [], np.asarray(root, float), 0.0, radius
    splay = np.radians(splay_deg)
    for index, (length, more) in enumerate(zip(bones, bends_deg, strict=True)):
        bend += np.radians(more)
        way = np.array([np.sin(splay) * np.cos(bend), np.cos(splay) * np.cos(bend), -np.sin(bend)])
        end = at + length * way
        thin = r * (0.9 if index < 2 else 0.8)
        bone = capsule(at, end, r, thin, tone)
        knuckle = np.exp(-((np.linalg.norm(bone.verts_mm - at, axis=1) / (0.9 * r)) ** 4))[:, None]
        parts.append(Part(bone.verts_mm, bone.triangles, bone.colours * (1 - 0.5 * knuckle) + crease * 0.5 * knuckle))
        at, r = end, thin
    lift = np.array([0.0, np.sin(bend), np.cos(bend)])
    plate = ellipsoid((0.62 * r, 0.8 * r, 0.25 * r), nail, 10, 14)
    parts.append(plate.moved(shift_mm=at - 0.25 * r * way + 0.85 * r * lift))
    return parts


def pacifier(shield: ArrayLike, ring: ArrayLike) -> Part:
    """A pacifier about the origin: a curved shield of 46 x 36 mm, a button and a ring in front of it (+z)."""
    plate = ellipsoid((23.0, 18.0, 3.2), shield)
    curved = plate.verts_mm.copy()
    curved[:, 2] += -0.011 * curved[:, 0] ** 2 + 4.0
    button = ellipsoid((8.0, 8.0, 4.5), np.clip(np.asarray(ring, float) * 1.1, 0, 1)).moved(shift_mm=(0, 0, 7.5))
    tilt = np.radians(62)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    loop = torus(13.0, 2.2, ring).moved(turn, (0, -7.0, 15.0))
    return join([Part(curved, plate.triangles, plate.colours), button, loop])


def hand_turn(turn_deg: float) -> F64:
    """Hand frame to camera frame: back of the hand to the camera, fingers turned clockwise in the picture from up."""
    a = np.radians(turn_deg)
    roll = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return np.asarray(roll @ np.diag([1.0, -1.0, -1.0]))
