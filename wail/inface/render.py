"""A small software renderer: pinhole, z-buffer, per-vertex colours, smooth shading. No display and no GPU.

Two passes (deferred shading). The first keeps, per sample, the nearest triangle; the second shades each covered
sample once, with colour and normal interpolated in perspective (Phong 1975 interpolation, Lambert and a Blinn
highlight). Camera frame: x right, y down, z forward, mm; the first pixel's centre is at (0.5, 0.5).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wail.errors import shape_message
from wail.inface.camera import to_camera
from wail.inface.rasterise import mesh_normals, shade_pass, to_samples, z_pass

LIGHT_DIR = (-0.35, -0.6, -1.0)
"""From the surface to the light, camera frame: above, to the left, from the camera's side."""
SKIN = (0.90, 0.72, 0.62)


def render_mesh(
    verts_cam_mm: ArrayLike,
    triangles: ArrayLike,
    colours: ArrayLike,
    focal_px: float,
    size_px: Sequence[int],
    background: NDArray[np.uint8] | None = None,
    light_dir: Sequence[float] = LIGHT_DIR,
    *,
    supersample: int = 1,
    ambient: float = 0.4,
    specular: float = 0.0,
    cull_back: bool = False,
    shade_once: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Render a triangle mesh. Returns (rgb uint8 [h, w, 3], depth float32 [h, w] in mm, inf where nothing is).

    verts_cam_mm [V, 3]: camera frame. triangles [F, 3]: counter-clockwise seen from outside. colours [V, 3]: 0-1, what
    a fully lit surface shows. size_px: (width, height). background: uint8 [h, w, 3], black when None. light_dir: from
    the surface to the light. supersample: samples per pixel and axis (2 anti-aliases). ambient: share of the light
    that comes from everywhere. specular: strength of the highlight. Back faces are shaded from their own side, or left
    out by `cull_back`. `shade_once` shades a pixel once, at its centre, where all its samples lie on one surface, and
    every sample only at edges: half the time at `supersample` 2. Triangles that reach nearer than 1 mm to the camera's
    plane are left out. The order of the triangles does not matter. Raises ValueError on wrong shapes, indices or
    values.
    """
    verts, faces, cols = _checked(verts_cam_mm, triangles, colours)
    width, height = int(size_px[0]), int(size_px[1])
    if min(width, height, supersample) < 1 or not focal_px > 0:
        raise ValueError(
            f"size_px, supersample and focal_px must be positive; got {(width, height)}, {supersample}, {focal_px}"
        )
    if background is not None and (background.shape != (height, width, 3) or background.dtype != np.uint8):
        raise ValueError(shape_message("background", f"uint8 ({height}, {width}, 3)", background.shape))
    light = np.asarray(light_dir, np.float64)
    light = (light / np.linalg.norm(light)).astype(np.float32)
    rgb = np.zeros((height, width, 3), np.uint8) if background is None else background.copy()
    s = supersample
    screen = to_samples(verts, focal_px * s, width * s, height * s)
    zbuf, owner = z_pass(screen, faces, width * s, height * s, cull_back)
    depth = np.full((height, width), np.inf, np.float32)
    normals = mesh_normals(verts, faces)
    shade_pass(verts, screen, faces, cols, normals, zbuf, owner, s, light, ambient, specular, rgb, depth,
                shade_once)
    return rgb, depth


def shade_mesh(
    verts_head_mm: ArrayLike,
    triangles: ArrayLike,
    pose: ArrayLike,
    focal_px: float,
    size_px: Sequence[int],
    colours: ArrayLike | None = None,
    background: NDArray[np.uint8] | tuple[int, int, int] = (38, 40, 46),
    supersample: int = 2,
) -> NDArray[np.uint8]:
    """A shaded, skin-coloured mesh as uint8 [h, w, 3].

    verts_head_mm [V, 3]: head frame. pose [6]: axis-angle (rad) and translation (mm), head to camera. colours [V, 3]
    0-1, one skin colour when None. background: a picture or one colour.
    """
    verts = to_camera(verts_head_mm, pose)
    if colours is None:
        colours = np.broadcast_to(np.asarray(SKIN, np.float32), verts.shape)
    if isinstance(background, tuple):
        background = np.full((int(size_px[1]), int(size_px[0]), 3), background, np.uint8)
    rgb, _ = render_mesh(
        verts, triangles, colours, focal_px, size_px, background, supersample=supersample, specular=0.08
    )
    return rgb


def vertex_normals(verts_mm: ArrayLike, triangles: ArrayLike) -> NDArray[np.float32]:
    """Unit vertex normals [V, 3], triangles weighted by area; zero for a vertex of no triangle."""
    verts, faces, _ = _checked(verts_mm, triangles, np.zeros_like(np.asarray(verts_mm, np.float32)))
    return np.asarray(mesh_normals(verts, faces))


def _checked(
    verts: ArrayLike, triangles: ArrayLike, colours: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    v = np.ascontiguousarray(verts, np.float32)
    f = np.ascontiguousarray(triangles, np.int64)
    c = np.ascontiguousarray(colours, np.float32)
    if v.ndim != 2 or v.shape[1] != 3:
        raise ValueError(shape_message("verts", "[V, 3]", v.shape))
    if f.ndim != 2 or f.shape[1] != 3:
        raise ValueError(shape_message("triangles", "[F, 3]", f.shape))
    if c.shape != v.shape:
        raise ValueError(shape_message("colours", f"({len(v)}, 3), one per vertex,", c.shape))
    if not np.isfinite(v).all():
        raise ValueError("verts must be finite, but hold NaN or infinity")
    if len(f) and (f.min() < 0 or f.max() >= len(v)):
        raise ValueError(f"triangles must index vertices 0..{len(v) - 1}, but reach from {f.min()} to {f.max()}")
    return v, f, c
