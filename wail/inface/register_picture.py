"""The picture by which a registration is checked by eye: three views of the mesh with its landmarks drawn on."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wail.inface.landmarks import GROUPS, MP434, FileFrame
from wail.inface.register import Registration
from wail.inface.render import render_mesh

Floats = NDArray[np.float64]

VIEW_PX, FOCAL_PX, DISTANCE_MM = (620, 700), 2500.0, 600.0
YAWS_DEG = (0.0, 40.0, -40.0)
GREY = (0.78, 0.78, 0.80)
COLOURS = {"upper_lip": (220, 30, 60), "lower_lip": (255, 130, 0), "upper_lid_right": (0, 90, 255),
           "lower_lid_right": (0, 190, 255), "upper_lid_left": (120, 0, 220), "lower_lid_left": (220, 80, 255),
           }  # fmt: skip
"""By group; the legend says so in the picture."""
SEEN_MM = 2.5
"""Landmarks this much behind the surface in view are hidden by it."""


def draw_registration(
    path: Path, verts: NDArray[Any], triangles: NDArray[np.int64], found: Registration, title: str
) -> None:  # fmt: skip
    """Write a PNG: the mesh [V,3] (in the file's unit and frame) from the front and from both sides, every landmark a
    dot, lips and lids in colour, and what was measured."""
    frame = found.maps.frame
    head, dots = in_head_frame(verts, frame), in_head_frame(found.landmarks, frame)
    centre = dots.mean(0)
    views = [_view(head - centre, triangles, dots - centre, yaw) for yaw in YAWS_DEG]
    whole = Image.new("RGB", (VIEW_PX[0] * len(views), VIEW_PX[1] + 120), (24, 26, 30))
    for k, view in enumerate(views):
        whole.paste(view, (k * VIEW_PX[0], 0))
    _legend(whole, found, title)
    whole.save(path, format="PNG")


def in_head_frame(points: NDArray[Any], frame: FileFrame) -> Floats:
    """Points [n,3] of the file in the head frame, mm."""
    out: Floats = frame.unit_mm * np.asarray(points, float) @ np.array(frame.rotation).T + frame.translation_mm
    return out


def _view(verts: Floats, triangles: NDArray[np.int64], dots: Floats, yaw_deg: float) -> Image.Image:
    # Half a turn about x takes the head frame (y up, z out) to the camera's (y down, z away).
    a, flip = np.radians(yaw_deg), np.diag([1.0, -1.0, -1.0])
    turn = flip @ np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    at, marks = verts @ turn.T + [0, 0, DISTANCE_MM], dots @ turn.T + [0, 0, DISTANCE_MM]
    colours = np.broadcast_to(np.asarray(GREY, np.float32), at.shape)
    rgb, depth = render_mesh(at, triangles, colours, FOCAL_PX, VIEW_PX, supersample=2)
    picture = Image.fromarray(rgb)
    pen = ImageDraw.Draw(picture)
    xy = FOCAL_PX * marks[:, :2] / marks[:, 2:] + np.array(VIEW_PX) / 2
    of = _colour_of()
    for (x, y), z, landmark in zip(xy, marks[:, 2], MP434, strict=True):
        column, row = int(x), int(y)
        if not (0 <= column < VIEW_PX[0] and 0 <= row < VIEW_PX[1]) or z > depth[row, column] + SEEN_MM:
            continue
        colour = of.get(landmark, (30, 130, 60))
        r = 3.0 if landmark in of else 1.8
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    return picture


def _colour_of() -> dict[int, tuple[int, int, int]]:
    return {landmark: colour for name, colour in COLOURS.items() for landmark in GROUPS[name]}


def _legend(picture: Image.Image, found: Registration, title: str) -> None:
    pen, top = ImageDraw.Draw(picture), VIEW_PX[1] + 8
    m = found.measures
    lines = [f"{title}: " + ("REFUSED" if found.broken else "sound"),
             f"residual {m.residual_mean_pct:.2f} % of the interocular distance (95 %: {m.residual_p95_pct:.2f} %), "
             f"likeness {m.likeness:.2f}, nose {m.nose_likeness:.2f}, folded {m.folded_pct:.1f} %, "
             f"asymmetry {m.asymmetry_pct:.2f} %, stretch {m.stretch:.2f}",
             *found.broken[:3]]  # fmt: skip
    for k, line in enumerate(lines):
        pen.text((10, top + 16 * k), line, fill=(235, 235, 235))
    for k, (name, colour) in enumerate(COLOURS.items()):
        x = 10 + 190 * k
        pen.ellipse((x, top + 90, x + 9, top + 99), fill=colour)
        pen.text((x + 14, top + 89), name.replace("_", " "), fill=(235, 235, 235))
