"""Assembly of the resting infant: lids, eyeballs, inside of the mouth, skull, closed lips. Build time only.

Frame as in geometry.py: x subject's left, y up, z out of the face, mm.
"""

import itertools
from pathlib import Path

import numpy as np

from wail.inface.standin.geometry import (
    EYE_LEFT,
    EYE_RIGHT,
    EYEBALL_CENTRE_MM,
    EYEBALL_RADIUS_MM,
    FACE_OVAL,
    INNER_LIPS,
    Floats,
    Ints,
    open_holes,
    read_canonical,
    read_landmarks,
    refine,
    refined_loop,
    strip,
    vertex_normals,
    warp_to_infant,
)
from wail.inface.standin.jaw import close_lips
from wail.inface.standin.rest import RestMesh

IRIS_DEG = 27.0
EYE_RINGS_DEG = (9.0, 18.0, IRIS_DEG, 30.5, 50.0, 80.0)
EYE_SEGMENTS = 16
# Back (z), outward (y, away from the lips' line) and share towards the middle of the mouth, ring by ring.
MOUTH_RINGS = ((2.5, 1.2, 0.0), (8.0, 5.5, 0.05), (18.0, 8.0, 0.25))
SKULL_STEPS = (0.16, 0.36, 0.58, 0.8)
SKULL_ROWS = (10, 112, 113, 114, 115, 116, 117)
# Place (left side), width and height.
CUSHIONS_MM = (((42.0, -28.0, 20.0), 15.0, 6.0), ((33.0, -45.0, 22.0), 11.0, 3.0), ((34.0, -14.0, 34.0), 10.0, 1.5))
BACK_POLE = (0.0, -0.05, -1.0)


def build_rest(folder: Path) -> RestMesh:
    """The resting infant, lips closed and eyes open, from the folder with the canonical face and the landmarks."""
    verts_cm, triangles = read_canonical(folder / "canonical_face_model.obj")
    landmarks = read_landmarks(folder / "inface_head_landmarks_mm.csv")
    verts, triangles, middle = refine(warp_to_infant(verts_cm, landmarks), open_holes(triangles))
    loops = {name: refined_loop(loop, middle) for name, loop in
             (("eye_right", EYE_RIGHT), ("eye_left", EYE_LEFT[:1] + EYE_LEFT[:0:-1]), ("lips", INNER_LIPS),
              ("oval", FACE_OVAL))}  # fmt: skip
    verts = _chubby(close_lips(verts, triangles, loops["lips"]), triangles)
    mesh = _Growing(verts, triangles)
    mesh.regions["skin"] = np.arange(len(verts))
    for side, name in ((-1, "right"), (1, "left")):
        centre = np.array(EYEBALL_CENTRE_MM) * np.array([side, 1.0, 1.0])
        _add_lid_margin(mesh, f"lid_margin_{name}", loops[f"eye_{name}"], centre)
        mesh.regions[f"lid_rim_{name}"] = loops[f"eye_{name}"]
        _add_eyeball(mesh, f"eyeball_{name}", centre)
    mesh.regions["inner_lips"] = loops["lips"]
    _add_mouth(mesh, loops["lips"])
    _add_skull(mesh, loops["oval"], landmarks)
    return RestMesh(mesh.verts, mesh.triangles, mesh.regions)


def _chubby(verts: Floats, triangles: Ints) -> Floats:
    """The fat of an infant's cheeks and jaw, which no landmark of the csv reaches, and a softer brow ridge."""
    normal = vertex_normals(verts, triangles)
    out = verts.copy()
    for place, width, height in CUSHIONS_MM:
        for side in (-1, 1):
            d2 = ((verts - np.array(place) * [side, 1, 1]) ** 2).sum(1)
            out += (height * np.exp(-d2 / (2 * width**2)))[:, None] * normal
    return out


class _Growing:
    """A mesh to which parts are added, each under a region's name."""

    def __init__(self, verts: Floats, triangles: Ints) -> None:
        self.verts, self.triangles = verts, triangles
        self.regions: dict[str, Ints] = {}

    def add(self, name: str, verts: Floats) -> Ints:
        new = np.arange(len(self.verts), len(self.verts) + len(verts))
        self.verts = np.concatenate([self.verts, verts])
        self.regions[name] = np.concatenate([self.regions.get(name, np.zeros(0, np.int64)), new])
        return new

    def join(self, outer: Ints, inner: Ints) -> None:
        self.triangles = np.concatenate([self.triangles, strip(outer, inner)])

    def close(self, loop: Ints, tip: int) -> None:
        fan = np.stack([loop, np.roll(loop, -1), np.full(len(loop), tip)], 1)
        self.triangles = np.concatenate([self.triangles, fan])


def _add_lid_margin(mesh: _Growing, name: str, rim: Ints, centre: Floats) -> None:
    """The lid's edge: a ring from the rim back to just under the eyeball's surface, so that no gap shows."""
    out = mesh.verts[rim] - centre
    ring = centre + out / np.linalg.norm(out, axis=1, keepdims=True) * (EYEBALL_RADIUS_MM - 0.6)
    mesh.join(rim, mesh.add(name, ring))


def _add_eyeball(mesh: _Growing, name: str, centre: Floats) -> None:
    """The front of a sphere; its first vertex is the pupil's centre."""
    turn = np.arange(EYE_SEGMENTS) * 2 * np.pi / EYE_SEGMENTS
    polar = np.deg2rad(EYE_RINGS_DEG)[:, None]
    unit = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn], -1)
    pupil = mesh.add(name, (centre + np.array([0, 0, EYEBALL_RADIUS_MM]))[None])
    rings = [mesh.add(name, centre + EYEBALL_RADIUS_MM * ring) for ring in unit]
    mesh.close(rings[0], int(pupil[0]))
    for inner, outer in itertools.pairwise(rings):
        mesh.join(outer, inner)


def _add_mouth(mesh: _Growing, rim: Ints) -> None:
    """A bag behind the inner lips. The rim's first half runs along the lower lip, from 78 to 308."""
    n = len(rim)
    rest = mesh.verts[rim]
    middle = rest.mean(0)
    # 0 at the corners, -1 in the middle of the lower lip, 1 in that of the upper.
    up = -np.sin(np.arange(n) * 2 * np.pi / n)
    last = rim
    for k, (back, spread, inward) in enumerate(MOUTH_RINGS):
        ring = rest + (middle - rest) * [inward, 0, inward]
        ring = ring + np.stack([0 * up, spread * up, np.full(n, -back)], 1)
        new = mesh.add(f"mouth_{k}", ring)
        mesh.join(last, new)
        last = new
    tip = mesh.add("mouth_tip", mesh.verts[last].mean(0, keepdims=True) - [0, 0, 6.0])
    mesh.close(last, int(tip[0]))


def _add_skull(mesh: _Growing, oval: Ints, landmarks: Floats) -> None:
    """From the face's border back over an ellipsoid through INFACE's head landmarks, so that the face is no mask."""
    centre, radii = _ellipsoid(landmarks[list(SKULL_ROWS)])
    start = (mesh.verts[oval] - centre) / radii
    length = np.linalg.norm(start, axis=1, keepdims=True)
    unit = start / length
    pole = np.array(BACK_POLE) / np.linalg.norm(BACK_POLE)
    angle = np.arccos(unit @ pole)[:, None]
    last = oval
    for t in SKULL_STEPS:
        way = (np.sin((1 - t) * angle) * unit + np.sin(t * angle) * pole) / np.sin(angle)
        stretch = 1 + (length - 1) * (1 - t) ** 2
        new = mesh.add("skull", centre + radii * way * stretch)
        mesh.join(last, new)
        last = new
    tip = mesh.add("skull", (centre + radii * pole)[None])
    mesh.close(last, int(tip[0]))


def _ellipsoid(points: Floats) -> tuple[Floats, Floats]:
    """Centre and radii of the ellipsoid with x-symmetric axes that passes nearest the points (least squares)."""
    x, y, z = points.T
    a, b, c, d, e = np.linalg.lstsq(np.stack([x * x, y * y, z * z, y, z], 1) / 1e3, np.ones(len(points)), rcond=None)[0]
    cy, cz = -d / (2 * b), -e / (2 * c)
    size = 1e3 + b * cy * cy + c * cz * cz
    return np.array([0, cy, cz]), np.sqrt(size / np.array([a, b, c]))
