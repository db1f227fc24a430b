"""The wires of a clip's fitted takes, drawn frame by frame in the colour of the fit's state."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.inface.landmarks import LandmarkMap, load_map
from wail.inface.model import FaceModel
from wail.review.contours import CONTOURS
from wail.review.fitted import FittedTake, Mesh, Meshes, model_of, take_aperture_mm
from wail.review.overlay import STATE_COLOURS
from wail.review.read import ClipData
from wail.review.wire import draw_wire, mesh_shape, net_edges, net_spacing_mm, seen

Rgb = NDArray[np.uint8]


def wires_of(clip: ClipData, takes: Sequence[FittedTake], face_model: Path | None) -> "Wires":
    """What draws the meshes of the clip's takes. Raises ModelError where the model is not the one that made them."""
    model = model_of(clip, takes, face_model)
    return Wires(model, load_map(model), takes)


class Wires:
    """Draws the meshes of a frame; frames are to be asked for in rising order (see Meshes)."""

    def __init__(self, model: FaceModel, landmark_map: LandmarkMap, takes: Sequence[FittedTake]) -> None:
        self.model, self.landmark_map, self.takes = model, landmark_map, takes
        self.meshes = Meshes(model, landmark_map, takes)
        self.shape = mesh_shape(model.triangles.numpy())
        self.lines = feature_lines(landmark_map)
        self._nets: dict[float, NDArray[np.int64]] = {}

    @cached_property
    def apertures_mm(self) -> dict[str, NDArray[np.float32]]:
        """Mouth aperture [n] of each take, by its id."""
        return {take.take_id: take_aperture_mm(self.model, self.landmark_map, take) for take in self.takes}

    def draw(self, canvas: Rgb, frame: int) -> set[int]:
        """Draw the meshes of this grid frame into `canvas` [h, w, 3], the clip's whole picture at any scale. Returns
        the tracks of the faces that were drawn."""
        drawn = set()
        for mesh in self.meshes.at(frame):
            if np.isfinite(mesh.xy_px).all() and np.isfinite(mesh.verts_cam_mm).all():
                self._draw(canvas, mesh)
                drawn.add(mesh.take.track)
        return drawn

    def _draw(self, canvas: Rgb, mesh: Mesh) -> None:
        size = (canvas.shape[1], canvas.shape[0])
        scale = np.array(size) / np.array(mesh.take.size_px)
        look = seen(mesh.verts_cam_mm, mesh.xy_px * scale, self.shape, size)
        features = np.concatenate([mesh.landmarks[:, :2] * scale, mesh.landmarks[:, 2:]], 1)
        colour = STATE_COLOURS[mesh.take.state[mesh.index]]
        draw_wire(canvas, look, self.shape, self._net(mesh.take, float(scale[0])), features, self.lines, colour)

    def _net(self, take: FittedTake, scale: float) -> NDArray[np.int64]:
        """The net for the take's usual distance, so that it does not change from frame to frame."""
        distance_mm = float(np.median(take.pose[:, 5]))
        spacing_mm = net_spacing_mm(max(distance_mm, 1.0) / (take.focal_px * scale))
        if spacing_mm not in self._nets:
            self._nets[spacing_mm] = net_edges(self.model.mean_verts_mm.numpy(), self.shape, spacing_mm)
        return self._nets[spacing_mm]


def feature_lines(landmark_map: LandmarkMap) -> NDArray[np.int64]:
    """Lines [E, 2] between rows of the map: lips, lids, brows and nose, as far as the map has their landmarks."""
    row = {int(landmark): k for k, landmark in enumerate(landmark_map.landmark)}
    lines = [pair for _, closed, line in CONTOURS for pair in pairwise([*line, line[0]] if closed else line)]
    kept = [(row[a], row[b]) for a, b in lines if a in row and b in row]
    return np.array(kept, np.int64).reshape(-1, 2)
