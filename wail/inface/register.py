"""Which points of a newly received face model are mediapipe's landmarks: `wail inface register`.

mediapipe's canonical face is laid on to the model's mean mesh: a similarity found without any correspondence
(`register_align`), then bending with decreasing stiffness (`register_warp`), then checks (`register_check`). The mesh
may be in any pose, unit and vertex order, of any density, with neck, ears and skull or without, with eyes and mouth
open to the air or not. It must show one face, from the outside of its triangles.

What it cannot tell: where on a smooth cheek or forehead a landmark lies. There a landmark's place along the surface is
the spline's guess, some millimetres wide, and most so at the sides, before the ears; nose, lids and lips are found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wail.errors import ModelError
from wail.inface.landmarks import (
    IRIS_CENTRES,
    MAP_VERSION,
    MP434,
    MP434_NAME,
    FileFrame,
    LandmarkMap,
    ModelMaps,
    as_ibug,
    vertex_groups,
)
from wail.inface.register_align import Similarity, align
from wail.inface.register_check import Measures, broken_rules, measure
from wail.inface.register_surface import Floats, Places, Surface, along_surface, make_surface
from wail.inface.register_template import NOSE_TIP, Template, make_template
from wail.inface.register_warp import Warps, bend
from wail.inface.standin.rest import load_rest

N_TRIED = 2
"""So many of the coarse places, those most like a face after a little bending, are bent in full, until one is sound."""
QUICK_STIFFNESS, QUICK_STEPS, QUICK_WARPS, THINNED = (30.0, 10.0, 3.0), 2, 80, 4
UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "inch": 25.4}
EYES_APART_MM = (45.0, 110.0)
"""From newborns to adults; INFACE's mean head has 71.4 mm (its published landmarks)."""
INFACE_EYES_APART_MM = 71.4
SAME_FRAME_DEG, SAME_FRAME_MM = 10.0, 15.0
"""A file turned and shifted by less is taken to be in the head frame: as much lies between one mean face and another's
landmarks."""
LIPS_APART = 3.0
"""Where the way from lip to lip along the surface is not this much longer than through the air, they are one piece."""
MIN_PICKED = 3


@dataclass(frozen=True, eq=False)
class Registration:
    """maps: what is written beside the model. measures, broken: what was measured, and which rules it breaks (none:
    sound). notes: what the user should know. landmarks [434,3]: where the map's landmarks are, in the file's unit and
    frame."""

    maps: ModelMaps
    measures: Measures
    broken: tuple[str, ...]
    notes: tuple[str, ...]
    landmarks: Floats


def register(
    mean_vertices: ArrayLike, triangles: ArrayLike, canonical: tuple[NDArray[Any], NDArray[Any]],
    picked: Mapping[int, int] | None = None,
) -> Registration:  # fmt: skip
    """Lay the canonical face (vertices [468,3] in cm, triangles [898,3]) on to a mean mesh [V,3] with triangles [F,3],
    counter-clockwise from outside.

    `picked`: vertices of some of mediapipe's landmarks (0-467), at least three, chosen by hand; they replace the search
    for the face. Raises ModelError for wrong shapes, values that are not finite, too few vertices. A registration that
    fails a check is returned, with `broken` filled; `accepted` refuses it.
    """
    template = make_template(*canonical)
    surface = make_surface(np.asarray(mean_vertices, float), np.asarray(triangles))
    return _best(surface, template, picked)


def accepted(found: Registration, name: str) -> Registration:
    """The registration, where it is sound. Raises ModelError with what was measured, the limits and what to do."""
    if found.broken:
        raise ModelError(
            f"no face could be registered in {name}: {'; '.join(found.broken)}. Look at the picture: where the "
            "landmarks lie on the wrong part of the mesh, give the vertices of some by hand (--landmarks "
            "4=V,33=V,263=V,152=V: tip of the nose, right and left outer eye corner, chin); where the mesh shows no "
            "face, or not its mean, get the right file"
        )
    return found


def _best(surface: Surface, template: Template, picked: Mapping[int, int] | None) -> Registration:
    found = _tried(surface, template, picked)
    if found.broken:
        # Seen from behind its triangles a face is hollow; if it is one from there, say so.
        inside_out = make_surface(surface.verts, surface.triangles[:, ::-1])
        turned = _tried(inside_out, template, picked)
        if not turned.broken:
            raise ModelError(
                "the model's triangles wind clockwise seen from outside, so its vertices are mirrored (a left-handed "
                "frame) or its triangles are turned over; WAIL needs a right-handed frame and counter-clockwise "
                "triangles: negate one coordinate of the file's vertices (and of all that makes them), or swap two "
                "columns of its triangles, whichever is wrong"
            )
    return found


def _tried(surface: Surface, template: Template, picked: Mapping[int, int] | None) -> Registration:
    if picked:
        starts = [_from_picked(surface, template, picked)]
    else:
        inner = template.inner
        starts = align(surface, template.verts[inner], template.normals[inner], template.verts[NOSE_TIP])
        thin = surface.only(np.arange(len(surface.samples)) % THINNED == 0)
        starts = sorted(starts, key=lambda start: -_promise(thin, template, start))[:N_TRIED]
    if not starts:
        raise ModelError("no face could be registered: the mesh has no mirror plane with a profile to look for a nose "
                         "in; give the file of a face, or pick landmarks by hand (--landmarks)")  # fmt: skip
    tried = []
    for start in starts:
        tried.append(_bent(surface, template, start))
        if not tried[-1].broken:
            return tried[-1]
    return max(tried, key=lambda one: one.measures.likeness)


def _promise(surface: Surface, template: Template, start: Similarity) -> float:
    """Likeness after a little bending."""
    back = start.inverse()
    near = surface.moved(back.scale, back.rotation, back.shift)
    warps = Warps(template.flesh.warps.basis[:, :QUICK_WARPS], template.flesh.warps.bending[:QUICK_WARPS])
    bent, places = bend(near, replace(template.flesh, warps=warps), QUICK_STIFFNESS, QUICK_STEPS)
    return measure(template, bent, places, start.scale).likeness


def _bent(surface: Surface, template: Template, start: Similarity) -> Registration:
    back = start.inverse()
    near = surface.moved(back.scale, back.rotation, back.shift)
    bent, places = bend(near, template.flesh)
    measures = measure(template, bent, places, start.scale)
    mp434 = _map(near, places)
    ibug = as_ibug(mp434)
    verts = surface.verts
    landmarks = (mp434.barycentric[..., None] * verts[mp434.triangle_vertices]).sum(1)
    frame, notes = _frame(landmarks, measures.eyes_apart)
    maps = ModelMaps(len(verts), {mp434.name: mp434, ibug.name: ibug}, vertex_groups(mp434), frame)
    if not _lips_part(near, places):
        notes = (*notes, "the lips are one piece of surface in this mesh: its mouth cannot open")
    return Registration(maps, measures, tuple(broken_rules(measures)), notes, landmarks)


def _map(surface: Surface, places: Places) -> LandmarkMap:
    """mp434 from the template's places; the iris centres at the middle of the nearest surface within their lids."""
    triangle, share = places.triangle.copy(), places.barycentric.copy()
    eyes = [((33, 133, 159, 145), 468), ((263, 362, 386, 374), 473)]
    at = np.stack([places.where[list(lids)].mean(0) for lids, _ in eyes])
    centres, weights = surface.nearest_of_all(at)
    triangle, share = np.concatenate([triangle, centres]), np.concatenate([share, weights])
    row = {i: i for i in range(len(places.where))} | {468: len(places.where), 473: len(places.where) + 1}
    rows = [row[i] for i in MP434]
    weight = np.array([0.0 if i in IRIS_CENTRES else 1.0 for i in MP434], np.float32)
    return LandmarkMap(MP434_NAME, MAP_VERSION, np.array(MP434), surface.triangles[triangle[rows]],
                       share[rows].astype(np.float32), weight)  # fmt: skip


def _from_picked(surface: Surface, template: Template, picked: Mapping[int, int]) -> Similarity:
    """The similarity that carries the template's landmarks on to the picked vertices (Umeyama, PAMI 1991)."""
    landmarks, vertices = np.array(list(picked), np.int64), np.array(list(picked.values()), np.int64)
    if len(picked) < MIN_PICKED or landmarks.min() < 0 or landmarks.max() >= len(template.verts):
        raise ModelError(f"at least {MIN_PICKED} of mediapipe's landmarks 0-{len(template.verts) - 1} must be picked, "
                         f"but got {landmarks.tolist()}")  # fmt: skip
    if vertices.min() < 0 or vertices.max() >= len(surface.verts):
        raise ModelError(f"picked vertices must be among the model's 0-{len(surface.verts) - 1}, but are "
                         f"{vertices.tolist()}")  # fmt: skip
    at = surface.verts[vertices]
    first, second, _ = np.linalg.svd(at - at.mean(0), compute_uv=False)
    if second < 0.01 * first or first == 0:
        raise ModelError(f"the picked vertices {vertices.tolist()} lie on one spot or line, so they do not say how the "
                         "face is turned: pick others")  # fmt: skip
    return _umeyama(template.verts[landmarks], at)


def _umeyama(source: Floats, goal: Floats, scale: float | None = None) -> Similarity:
    a, b = source - source.mean(0), goal - goal.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    size = scale if scale is not None else float((s * sign).sum() / max((a**2).sum(), 1e-30))
    return Similarity(size, rotation, goal.mean(0) - size * rotation @ source.mean(0))


def _frame(landmarks: Floats, eyes_apart: float) -> tuple[FileFrame, tuple[str, ...]]:
    """How the file lies in the head frame, from its landmarks and the stand-in's, which are in it."""
    unit, notes = _unit(eyes_apart)
    rest = load_rest().verts_mm
    rows = [k for k, i in enumerate(MP434) if i not in IRIS_CENTRES]
    goal = rest[[MP434[k] for k in rows]]
    lies = _umeyama(landmarks[rows] * unit, goal, scale=1.0)
    turn_deg = float(np.degrees(np.arccos(np.clip((np.trace(lies.rotation) - 1) / 2, -1, 1))))
    shift_mm = float(np.linalg.norm(lies(landmarks[rows].mean(0) * unit) - landmarks[rows].mean(0) * unit))
    if turn_deg <= SAME_FRAME_DEG and shift_mm <= SAME_FRAME_MM:
        return FileFrame(unit), notes
    rotation = tuple(tuple(float(x) for x in row) for row in lies.rotation)
    note = ("the file's own frame is not the head frame (x towards the subject's left, y up, z out of the face): it is "
            f"turned by {turn_deg:.0f} degrees and shifted by {shift_mm:.0f} mm; loading the model undoes it"
            )  # fmt: skip
    return FileFrame(unit, rotation, tuple(float(x) for x in lies.shift)), (*notes, note)


def _unit(eyes_apart: float) -> tuple[float, tuple[str, ...]]:
    """Millimetres in the file's unit, from the distance between the eyes' outer corners."""
    low, high = EYES_APART_MM
    for name, unit in UNITS_MM.items():
        if low <= eyes_apart * unit <= high:
            note = (f"the file's unit is {name}, not mm (its eyes' outer corners are {eyes_apart:.3g} apart); loading "
                    "the model turns it into mm")  # fmt: skip
            return unit, () if name == "mm" else (note,)
    unit = INFACE_EYES_APART_MM / eyes_apart
    return unit, (f"the file's unit is none of {', '.join(UNITS_MM)}, as its eyes' outer corners are {eyes_apart:.3g} "
                  f"apart; taken as {unit:.4g} mm, so that they are {INFACE_EYES_APART_MM:g} mm apart as INFACE's",
                  )  # fmt: skip


def _lips_part(surface: Surface, places: Places) -> bool:
    """Whether the way from the upper to the lower inner lip is longer along the surface than through the air."""
    upper, lower = (int(surface.triangles[places.triangle[i], places.barycentric[i].argmax()]) for i in (13, 14))
    way = along_surface(surface.verts, surface.triangles[surface.kept], np.array([upper]))[lower]
    air = float(np.linalg.norm(surface.verts[upper] - surface.verts[lower]))
    return bool(way > LIPS_APART * air)

