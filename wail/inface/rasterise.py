"""The renderer's inner loops, compiled by numba (arrays as its callers in `render.py` have checked them).

verts [V, 3] float32, camera frame (x right, y down, z forward), mm; screen [V, 3] float64: x, y in samples (a pixel is
s x s of them), 1 / z; faces [F, 3] int64; zbuf, owner [height * s, width * s]: the nearest 1 / z and its triangle.
"""

import numpy as np
from numba import njit

NEAR_MM = 1.0


@njit(cache=True, nogil=True)
def to_samples(verts, focal, width, height):
    """[V, 3] in samples: x, y, 1/z (0 where too near)."""
    out = np.zeros((verts.shape[0], 3), np.float64)
    for i in range(verts.shape[0]):
        z = np.float64(verts[i, 2])
        if z >= NEAR_MM:
            out[i, 0] = focal * verts[i, 0] / z + width / 2
            out[i, 1] = focal * verts[i, 1] / z + height / 2
            out[i, 2] = 1 / z
    return out


@njit(cache=True, nogil=True)
def mesh_normals(verts, faces):
    acc = np.zeros((verts.shape[0], 3), np.float64)
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ux, uy, uz = verts[b, 0] - verts[a, 0], verts[b, 1] - verts[a, 1], verts[b, 2] - verts[a, 2]
        vx, vy, vz = verts[c, 0] - verts[a, 0], verts[c, 1] - verts[a, 1], verts[c, 2] - verts[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            acc[k, 0] += nx
            acc[k, 1] += ny
            acc[k, 2] += nz
    out = np.zeros((verts.shape[0], 3), np.float32)
    for i in range(verts.shape[0]):
        length = np.sqrt(acc[i, 0] ** 2 + acc[i, 1] ** 2 + acc[i, 2] ** 2)
        if length > 0:
            for k in range(3):
                out[i, k] = acc[i, k] / length
    return out


@njit(cache=True, nogil=True)
def _before(faces, t, u):
    """Ties in depth go by vertex numbers, so that the order of the triangles does not matter."""
    for k in range(3):
        if faces[t, k] != faces[u, k]:
            return faces[t, k] < faces[u, k]
    return False


@njit(cache=True, nogil=True)
def z_pass(screen, faces, width, height, cull_back):
    """Per sample 1/z of the nearest triangle (0: none) and its number (-1)."""
    zbuf = np.zeros((height, width), np.float32)
    owner = np.full((height, width), -1, np.int32)
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ia, ib, ic = screen[a, 2], screen[b, 2], screen[c, 2]
        if ia <= 0 or ib <= 0 or ic <= 0:
            continue
        ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # y runs down, so a counter-clockwise triangle that faces the camera has a negative area here.
        if area == 0 or (cull_back and area > 0):
            continue
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5))), min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy) - 0.5))), min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        inv = 1.0 / area
        # Barycentric weights are affine in the picture: one value at (x0, y0), two steps.
        da_dx, da_dy = (by - cy) * inv, (cx - bx) * inv
        db_dx, db_dy = (cy - ay) * inv, (ax - cx) * inv
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = da_dx * (px - cx) + da_dy * (py - cy)
                wb = db_dx * (px - cx) + db_dy * (py - cy)
                wc = 1.0 - wa - wb
                if wa < -1e-9 or wb < -1e-9 or wc < -1e-9:
                    continue
                iz = np.float32(wa * ia + wb * ib + wc * ic)
                if iz > zbuf[y, x] or (iz == zbuf[y, x] and _before(faces, t, owner[y, x])):
                    zbuf[y, x] = iz
                    owner[y, x] = t
    return zbuf, owner


@njit(cache=True, nogil=True)
def shade_pass(
    verts, screen, faces, cols, normals, zbuf, owner, s, light, ambient, specular, rgb, depth, shade_once
):
    """Shade the covered samples, average them over each pixel, and lay them over `rgb`."""
    samples = s * s
    for y in range(rgb.shape[0]):
        for x in range(rgb.shape[1]):
            hits, red, green, blue = 0, 0.0, 0.0, 0.0
            nearest = np.float32(0.0)
            if shade_once and _one_surface(zbuf, y * s, x * s, s):
                depth[y, x] = 1 / zbuf[y * s + s // 2, x * s + s // 2]
                px, py = (x + 0.5) * s, (y + 0.5) * s
                face = faces[owner[y * s + s // 2, x * s + s // 2]]
                r, g, b = _shade(verts, screen, face, cols, normals, px, py, light, ambient, specular)
                rgb[y, x, 0] = np.uint8(255.0 * r + 0.5)
                rgb[y, x, 1] = np.uint8(255.0 * g + 0.5)
                rgb[y, x, 2] = np.uint8(255.0 * b + 0.5)
                continue
            for sy in range(y * s, y * s + s):
                for sx in range(x * s, x * s + s):
                    t = owner[sy, sx]
                    if t < 0:
                        continue
                    hits += 1
                    nearest = max(nearest, zbuf[sy, sx])
                    px, py = sx + 0.5, sy + 0.5
                    r, g, b = _shade(verts, screen, faces[t], cols, normals, px, py, light, ambient, specular)
                    red, green, blue = red + r, green + g, blue + b
            if hits:
                depth[y, x] = 1 / nearest
                free = (samples - hits) / samples
                rgb[y, x, 0] = np.uint8(min(255.0, 255.0 * red / samples + free * rgb[y, x, 0] + 0.5))
                rgb[y, x, 1] = np.uint8(min(255.0, 255.0 * green / samples + free * rgb[y, x, 1] + 0.5))
                rgb[y, x, 2] = np.uint8(min(255.0, 255.0 * blue / samples + free * rgb[y, x, 2] + 0.5))


@njit(cache=True, nogil=True)
def _one_surface(zbuf, y0, x0, s):
    """Whether the samples of a pixel are all covered, at depths within half a percent of each other."""
    low, high = zbuf[y0, x0], zbuf[y0, x0]
    for y in range(y0, y0 + s):
        for x in range(x0, x0 + s):
            low, high = min(low, zbuf[y, x]), max(high, zbuf[y, x])
    return low > 0 and high - low <= 0.005 * high


@njit(cache=True, nogil=True)
def _shade(verts, screen, face, cols, normals, px, py, light, ambient, specular):
    """Colour (0-1 each) of one sample of one triangle."""
    a, b, c = face[0], face[1], face[2]
    ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    wa = ((by - cy) * (px - cx) + (cx - bx) * (py - cy)) / area * screen[a, 2]
    wb = ((cy - ay) * (px - cx) + (ax - cx) * (py - cy)) / area * screen[b, 2]
    wc = ((ay - by) * (px - bx) + (bx - ax) * (py - by)) / area * screen[c, 2]
    # A point a little outside the triangle (see shade_once) takes its nearest values.
    wa, wb, wc = max(wa, 0.0), max(wb, 0.0), max(wc, 0.0)
    total = wa + wb + wc
    wa, wb, wc = wa / total, wb / total, wc / total
    side = 1.0 if area < 0 else -1.0
    nx = side * (wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0])
    ny = side * (wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1])
    nz = side * (wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2])
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
    lit = max(0.0, (nx * light[0] + ny * light[1] + nz * light[2]) / length)
    shine = 0.0
    if specular > 0:
        vx = -(wa * verts[a, 0] + wb * verts[b, 0] + wc * verts[c, 0])
        vy = -(wa * verts[a, 1] + wb * verts[b, 1] + wc * verts[c, 1])
        vz = -(wa * verts[a, 2] + wb * verts[b, 2] + wc * verts[c, 2])
        distance = np.sqrt(vx * vx + vy * vy + vz * vz)
        hx, hy, hz = light[0] + vx / distance, light[1] + vy / distance, light[2] + vz / distance
        half = max(0.0, (nx * hx + ny * hy + nz * hz) / (length * (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-12)))
        shine = specular * half**24
    light_in = ambient + (1 - ambient) * lit
    r = light_in * (wa * cols[a, 0] + wb * cols[b, 0] + wc * cols[c, 0]) + shine
    g = light_in * (wa * cols[a, 1] + wb * cols[b, 1] + wc * cols[c, 1]) + shine
    bl = light_in * (wa * cols[a, 2] + wb * cols[b, 2] + wc * cols[c, 2]) + shine
    return min(1.0, max(0.0, r)), min(1.0, max(0.0, g)), min(1.0, max(0.0, bl))
