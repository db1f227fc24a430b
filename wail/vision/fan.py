"""FAN, a second landmark network, where its weights are present: 68 points, and on which of them it has to guess.

FAN (Bulat and Tzimiropoulos, ICCV 2017) draws one heatmap for each of 68 points (iBUG's order). Its peak is where the
point is, and high where the picture shows it; it sinks where the network has to guess. Weights are looked for in a
folder and in torch's own cache, and never fetched from here; `face_alignment` gives the network's layout only (its
constructor would compile for minutes, and download). A face takes half a second on one CPU core.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError
from wail.vision.roi import Array, Roi

N_POINTS = 68
PATTERN = "2DFAN4-*.pth.tar"
"""The file's name at its source, and in torch's cache."""
READING = 2
"""Version of how the heatmaps are read, part of the model's id: raise it with any change of the numbers below."""
CROP_PX, HEATMAP_PX = 256, 64
REACH = 200 * 2 / 195
"""Side of FAN's crop over that of the face's box: face_alignment 1.5.0, 200 px of scale at a reference of 195."""
RAISED = 0.12
"""FAN's crop is centred this much of the box's height above the box's middle."""
ROI_MARGIN = 1.5
"""A Roi's side over the face's box (wail.vision.roi.mesh_roi)."""
GUESSED, SEEN = 0.2, 0.8
"""Peaks at which a point counts as not seen at all, and as seen in full. Not calibrated: no real weights were at hand.
Trained towards 1, peaks of well seen points scatter about it, up to 1.7; its author calls points at 0.6 likely to be
worse placed than those at 0.92, and those at 0.92 no worse than those at 0.96 (face-alignment's issue 325)."""

EYES = np.r_[36:48]
NOSE = np.r_[27:36]
BROWS = np.r_[17:27]
MOUTH = np.r_[48:68]
UPPER = np.concatenate([BROWS, NOSE, EYES])


def find_fan(weights: Path | None) -> Path | None:
    """FAN's weight file in a folder (or its `hub/checkpoints`), else in torch's cache; None where there is none."""
    cached = Path(os.environ.get("TORCH_HOME", Path.home() / ".cache/torch"))
    places = [*([weights, weights / "hub/checkpoints"] if weights else []), cached / "hub/checkpoints"]
    return next((path for place in places for path in sorted(place.glob(PATTERN))), None)


class FanPoints(NamedTuple):
    """What FAN says of one face: xy_px f32 [68, 2] in the displayed picture, the first pixel's centre at 0.5, and the
    peaks' heights f32 [68]."""

    xy_px: Array
    score: Array


class Fan:
    """The network of one weight file, a `Landmarker`; it keeps nothing from one face to the next."""

    crop_px = CROP_PX

    def __init__(self, path: Path) -> None:
        """Load a weight file as the authors publish it (a state dict). Raises ModelError where it is none."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path.name} cannot be read ({error.strerror}): mend the file or get it again, "
                             "`wail doctor` says how") from error  # fmt: skip
        self.name = f"fan:{hashlib.sha256(content).hexdigest()[:16]}/{READING}"
        self._net = _network(path)

    def region(self, face: Roi) -> Roi:
        """Upright, wider than the mesh's region, centred on the upper half of the face."""
        box_px = face.size_px / ROI_MARGIN
        turn = np.radians(face.roll_deg)
        up_x, up_y = np.sin(turn) * RAISED * box_px, -np.cos(turn) * RAISED * box_px
        return Roi(face.x_px + float(up_x), face.y_px + float(up_y), box_px * REACH, face.roll_deg)

    def __call__(self, crop: NDArray[np.uint8]) -> tuple[Array, Array]:
        """Points f32 [68, 2] of a crop, uint8 [256, 256, 3] RGB, in its pixels, and the heights f32 [68] of their peaks
        (0 to about 1). Raises ModelError where the network gives no numbers."""
        import torch

        batch = torch.from_numpy(crop.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums in one order: the same answer on every run
        try:
            with torch.inference_mode():
                heat = self._net(batch)[-1][0].numpy()
        finally:
            torch.set_num_threads(threads)
        if not np.isfinite(heat).all():
            raise ModelError(f"FAN ({self.name}) gives numbers that are not finite: its weights are damaged, get them "
                             "again")  # fmt: skip
        return decoded(heat)


def _network(path: Path) -> Any:
    import torch
    from face_alignment.models import FAN

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        modules = 1 + max(int(found.group(1)) for key in state if (found := re.match(r"m(\d+)\.", key)))
        net = FAN(modules)
        net.load_state_dict(state)
    except Exception as error:  # torch and pickle raise anything on a damaged file
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path.name} cannot be loaded as FAN's weights ({why}): get the file again, "
                         "`wail doctor` says how") from error  # fmt: skip
    return net.requires_grad_(False).eval()


def decoded(heat: Array) -> tuple[Array, Array]:
    """Points f32 [n, 2] in the crop's pixels, and their peaks' heights f32 [n], of heatmaps [n, s, s].

    Between cells, a parabola through the logarithm of the peak and its two neighbours, in x and in y: exact for the
    Gaussians that FAN was taught to draw, however wide it draws them. Its authors step a quarter of a cell towards the
    higher neighbour, which is off by up to a quarter (1.6 px of a face 195 px high); a soft-argmax is drawn to the
    middle of its window. The outermost cells lack a neighbour, and stand for their middle.
    """
    n, side = heat.shape[:2]
    place = heat.reshape(n, -1).argmax(1)
    row, column = np.divmod(place, side)
    peak = heat[np.arange(n), row, column]
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    each, y, x = np.arange(n), row + 1, column + 1
    across = _summit(padded[each, y, x - 1], peak, padded[each, y, x + 1])
    down = _summit(padded[each, y - 1, x], peak, padded[each, y + 1, x])
    cells = np.stack([column + across, row + down], axis=1)
    # Cell k covers the crop's pixels 4 k to 4 k + 3; pixels and cells are counted from their middles.
    points = (cells + 0.5) * (CROP_PX / side) - 0.5
    return points.astype(np.float32), np.maximum(peak, 0).astype(np.float32)


def _summit(before: Array, peak: Array, after: Array) -> NDArray[np.float64]:
    """Where, from -0.5 to 0.5, the parabola through three logarithms has its summit [n]; 0 where it has none."""
    least = np.maximum(peak, 1e-9) * 1e-3
    low, mid, high = (np.log(np.maximum(np.nan_to_num(v, nan=1.0), least), dtype=np.float64)
                      for v in (before, peak, after))  # fmt: skip
    bend = 2 * mid - low - high
    known = np.isfinite(before) & np.isfinite(after) & (bend > 1e-9)
    step = np.where(known, (high - low) / np.where(known, 2 * bend, 1), 0)
    return np.asarray(np.clip(step, -0.5, 0.5))


def visibility(found: FanPoints, size_px: tuple[int, int]) -> Array:
    """How far each point counts as seen f32 [..., 68], 0-1: rising evenly from a peak of GUESSED to one of SEEN; 0 for
    points outside the picture of (width, height), and where nothing was found (NaN). The weight of FAN's points in the
    fit."""
    rising = np.clip((found.score - GUESSED) / (SEEN - GUESSED), 0, 1)
    inside = ((found.xy_px >= 0) & (found.xy_px <= np.array(size_px))).all(-1)
    return np.where(inside, np.nan_to_num(rising), 0).astype(np.float32)


def mouth_unseen(scores: Array) -> float:
    """How much less FAN sees of the mouth than of eyes, brows and nose: 0 as much, 1 nothing.

    Medians, so that a turned face's hidden half does not decide. Not calibrated: no real weights were at hand.
    """
    return float(np.clip(1 - np.median(scores[MOUTH]) / max(float(np.median(scores[UPPER])), 1e-6), 0, 1))

