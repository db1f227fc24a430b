"""Light on the people and what they hold: a coloured lamp with soft shadows, light from everywhere, a camera's gain.

Shading is per vertex (the meshes are finer than the pictures), so that lamp and surroundings can differ in colour and
things cast shadows: on the face under a hand, and by the nose in light from the side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.inface.rasterise import mesh_normals, z_pass
from wail.samples.shapes import F64, Part

SHADOW_PX = 144
SHADOW_BIAS_MM = 5.0
WRAP = 0.15
"""Skin lets light through: the terminator lies this far (cosine) beyond the horizon."""


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


def make_light(name: str, exposure: float, rng: np.random.Generator) -> Light:
    """`bright dim side warm cold infrared window`, each a little different every time."""
    over = np.array([rng.uniform(-0.6, 0.6), -rng.uniform(0.2, 0.9), -1.0])
    aside = np.array([rng.choice([-1, 1]) * 1.0, rng.uniform(-0.6, 0.2), rng.uniform(-0.5, -0.1)])
    behind = np.array([rng.choice([-1, 1]) * rng.uniform(0.5, 1.0), rng.uniform(-0.6, 0.0), rng.uniform(0.0, 0.5)])
    grey, tint = np.ones(3), 1 + rng.uniform(-0.06, 0.06, 3)
    warm, cold = np.array([1.1, 0.88, rng.uniform(0.5, 0.72)]), np.array([rng.uniform(0.72, 0.85), 0.94, 1.15])
    level, noise = exposure * rng.uniform(0.9, 1.1), float(rng.uniform(1.2, 3.0))
    dim = float(rng.uniform(0.16, 0.36))
    made = {
        "bright": (over, 0.62 * tint, 0.55 * tint, grey * 1.15, noise),
        "dim": (over, 0.55 * dim * tint, 0.5 * dim * tint, grey * dim, float(rng.uniform(3.0, 6.0))),
        "side": (aside, rng.uniform(0.7, 1.0) * tint, rng.uniform(0.16, 0.3) * tint, grey * 0.6, noise),
        "warm": (over, 0.5 * warm, 0.42 * warm, warm, noise + 1),
        "cold": (over, 0.5 * cold, 0.45 * cold, cold, noise),
        "infrared": (np.array([rng.uniform(-0.25, 0.25), rng.uniform(-0.3, 0.1), -1.0]), 0.8 * grey, 0.16 * grey,
                     grey * 0.45, float(rng.uniform(3.0, 5.5))),
        "window": (behind, rng.uniform(0.7, 1.1) * (0.6 + 0.4 * cold), rng.uniform(0.34, 0.5) * grey, grey * 1.3, noise),
    }  # fmt: skip
    towards, key, sky, backdrop, noise = made[name]
    return Light(towards / np.linalg.norm(towards), level * key, level * sky, level * backdrop, noise, name == "infrared")


def lit(whole: Part, light: Light) -> F64:
    """Colours [V, 3] of a scene (camera frame) as light leaves it; may exceed 1 where it is overexposed."""
    normals = mesh_normals(np.asarray(whole.verts_mm, np.float32), whole.triangles).astype(np.float64)
    lambert = np.clip((normals @ light.towards + WRAP) / (1 + WRAP), 0, None)
    lambert *= 1 - shadowed(whole, light.towards)
    sky = 0.82 - 0.18 * normals[:, 1]
    return np.asarray(whole.colours * (lambert[:, None] * light.key + sky[:, None] * light.sky))


def shadowed(whole: Part, towards: F64) -> NDArray[np.float64]:
    """Share [V] of the lamp that something between hides: shadow map (Williams 1978), filtered 3 x 3 (Reeves 1987)."""
    side = np.cross(towards, [0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    seen = whole.verts_mm @ np.stack([side, np.cross(towards, side), towards], 1)
    low, high = seen.min(0), seen.max(0)
    scale = (SHADOW_PX - 1) / max(float((high - low)[:2].max()), 1e-6)
    # The buffer keeps the greatest value: the nearest to the lamp, as an affine function of the way towards it.
    depth = 0.05 + 0.9 * (seen[:, 2] - low[2]) / max(float(high[2] - low[2]), 1e-6)
    screen = np.concatenate([(seen[:, :2] - low[:2]) * scale, depth[:, None]], 1)
    nearest, _ = z_pass(screen, whole.triangles, SHADOW_PX, SHADOW_PX, False)
    bias = 0.9 * SHADOW_BIAS_MM / max(float(high[2] - low[2]), 1e-6)
    padded = np.pad(nearest, 1)
    column, row = np.clip(screen[:, :2].astype(int), 0, SHADOW_PX - 1).T
    behind = [padded[row + dy, column + dx] > depth + bias for dy in range(3) for dx in range(3)]
    return np.asarray(np.mean(behind, axis=0))
