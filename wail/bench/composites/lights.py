"""Light on the people and what they hold: a coloured lamp with soft shadows, light from everywhere, a camera's gain.

Shading is per vertex (the meshes are finer than the pictures), so that lamp and surroundings can differ in colour and
things cast shadows: on the face under a hand, and by the nose in light from the side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.inface.rasterise import mesh_normals, z_pass
from wail.samples.shapes import F64, Part

SHADOW_PX = 128
SHADOW_BIAS_MM = 3.0
WRAP = 0.15
"""Skin lets light through: the terminator lies this far (cosine) beyond the horizon."""


F32 = NDArray[np.float32]
AUTO_EXPOSURE = 0.65
"""Cameras brighten a picture of dark skin, but not to that of pale skin: exponent on the ratio of their levels."""


@dataclass(frozen=True)
class Light:
    """`towards`: unit vector to the lamp, camera frame. `key` and `sky`: RGB of the lamp and of the surroundings, 1 is
    full exposure. `backdrop`: what the background gets; `noise`: grey levels; `infrared`: one channel."""

    towards: F64
    key: F64
    sky: F64
    backdrop: F64
    noise: float
    infrared: bool = False


def make_light(name: str, exposure: float, skin_luma: float, rng: np.random.Generator) -> Light:
    """`bright dim side warm cold infrared window`, a little different every time; `skin_luma`: of the face, 0-1."""
    over = np.array([rng.uniform(-0.6, 0.6), -rng.uniform(0.2, 0.9), -1.0])
    aside = np.array([rng.choice([-1, 1]) * 1.0, rng.uniform(-0.6, 0.2), rng.uniform(-0.5, -0.1)])
    behind = np.array([rng.choice([-1, 1]) * rng.uniform(0.5, 1.0), rng.uniform(-0.6, 0.0), rng.uniform(0.0, 0.5)])
    grey, tint = np.ones(3), 1 + rng.uniform(-0.06, 0.06, 3)
    warm, cold = np.array([1.1, 0.88, rng.uniform(0.5, 0.72)]), np.array([rng.uniform(0.72, 0.85), 0.94, 1.15])
    level = exposure * float(np.clip((0.6 / skin_luma) ** AUTO_EXPOSURE, 0.8, 3.0)) * rng.uniform(0.9, 1.1)
    noise = float(rng.uniform(1.2, 3.0))
    dim = float(rng.uniform(0.16, 0.36))
    made = {
        "bright": (over, 0.62 * tint, 0.55 * tint, grey * 1.15, noise),
        "dim": (over, 0.55 * dim * tint, 0.5 * dim * tint, grey * dim, float(rng.uniform(3.0, 6.0))),
        "side": (aside, rng.uniform(0.7, 1.0) * tint, rng.uniform(0.2, 0.36) * tint, grey * 0.6, noise),
        "warm": (over, 0.5 * warm, 0.42 * warm, warm, noise + 1),
        "cold": (over, 0.5 * cold, 0.45 * cold, cold, noise),
        "infrared": (np.array([rng.uniform(-0.25, 0.25), rng.uniform(-0.3, 0.1), -1.0]), 0.8 * grey, 0.16 * grey,
                     grey * 0.45, float(rng.uniform(3.0, 5.5))),
        "window": (behind, rng.uniform(0.7, 1.1) * (0.6 + 0.4 * cold), rng.uniform(0.34, 0.5) * grey, grey * 1.3,
                   noise),
    }  # fmt: skip
    towards, key, sky, backdrop, noise = made[name]
    towards = towards / np.linalg.norm(towards)
    return Light(towards, level * key, level * sky, level * backdrop, noise, name == "infrared")


def lit(whole: Part, casters: Part, light: Light) -> F32:
    """Colours [V, 3] of a scene (camera frame) as light leaves it; may exceed 1 where it is overexposed.

    `casters`: what casts shadows, the same things in coarser meshes.
    """
    verts = np.ascontiguousarray(whole.verts_mm, np.float32)
    normals = mesh_normals(verts, whole.triangles)
    cosine = normals @ light.towards.astype(np.float32)
    lambert = np.maximum(cosine + np.float32(WRAP), 0) / np.float32(1 + WRAP)
    lambert *= 1 - shadowed(verts, casters, light.towards, cosine)
    sky = np.float32(0.82) - np.float32(0.18) * normals[:, 1]
    arrives = np.outer(lambert, light.key.astype(np.float32)) + np.outer(sky, light.sky.astype(np.float32))
    return np.asarray(whole.colours.astype(np.float32) * arrives)


def shadowed(verts_mm: F32, casters: Part, towards: F64, cosine: F32) -> F32:
    """Share [V] of the lamp that something between hides: shadow map (Williams 1978), filtered 3 x 3 (Reeves 1987).

    cosine [V]: between the normals and the lamp; the more aslant a surface, the farther it must lie behind.
    """
    side = np.cross(towards, [0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(towards, side), towards]).astype(np.float32)
    seen = verts_mm @ axes.T
    low, span = seen.min(0), np.maximum(np.ptp(seen, axis=0), 1e-6)
    # The buffer keeps the greatest value: the nearest to the lamp, as an affine function of the way towards it.
    scale, reach = (SHADOW_PX - 1) / float(span[:2].max()), float(span[2])
    to_map = np.array([scale, scale, 0.9 / reach], np.float32)
    onto = np.array([0, 0, 0.05], np.float32) - low * to_map
    column, row, depth = (seen * to_map + onto).T
    screen = (casters.verts_mm.astype(np.float32) @ axes.T * to_map + onto).astype(np.float64)
    nearest, _ = z_pass(screen, casters.triangles, SHADOW_PX, SHADOW_PX, False)
    padded = np.pad(nearest, 1).ravel()
    at = np.clip(row.astype(np.int64), 0, SHADOW_PX - 1) * (SHADOW_PX + 2) + np.clip(
        column.astype(np.int64), 0, SHADOW_PX - 1)  # fmt: skip
    slope = np.minimum(np.sqrt(np.maximum(1 - cosine**2, 0)) / np.maximum(cosine, 0.1), 5)
    limit = depth + (SHADOW_BIAS_MM + 1.5 * slope / np.float32(scale)) * np.float32(0.9 / reach)
    behind = np.zeros(len(at), np.uint8)
    for dy in range(3):
        for dx in range(3):
            behind += padded[at + dy * (SHADOW_PX + 2) + dx] > limit
    return np.asarray(behind / np.float32(9), np.float32)
