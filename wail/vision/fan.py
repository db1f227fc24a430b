"""FAN's heatmaps as a second opinion on which landmarks can be seen, where its weights are present.

FAN (Bulat and Tzimiropoulos, ICCV 2017) draws one heatmap for each of 68 points (iBUG's order). Its peak is high where
the picture shows the point, and sinks where the network has to guess. Weights are looked for in a folder and in torch's
own cache, and never fetched from here; `face_alignment` gives the network's layout only (its constructor would compile
for minutes, and download). A face takes half a second on one CPU core.
"""

import hashlib
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError
from wail.vision.geometry import canonical_face
from wail.vision.regions import LIPS
from wail.vision.roi import Array, Roi, cut_crop

PATTERN = "2DFAN4-*.pth.tar"
"""The file's name at its source, and in torch's cache."""
CROP_PX = 256
REACH = 200 * 2 / 195
"""Side of FAN's crop over that of the face's box: face_alignment 1.5.0, 200 px of scale at a reference of 195."""
RAISED = 0.12
"""FAN's crop is centred this much of the box's height above the box's middle."""
ROI_MARGIN = 1.5
"""A Roi's side over the face's box (wail.vision.roi.mesh_roi)."""

EYES = np.r_[36:48]
NOSE = np.r_[27:36]
BROWS = np.r_[17:27]
MOUTH = np.r_[48:68]
UPPER = np.concatenate([BROWS, NOSE, EYES])
TO_MESH = np.array([
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 195, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
])  # fmt: skip
"""mediapipe's landmark for each of FAN's points 17-67 (the first 17, the jaw's, slide along it)."""


def find_fan(weights: Path | None) -> Path | None:
    """FAN's weight file in a folder (or its `hub/checkpoints`), else in torch's cache; None where there is none."""
    cached = Path(os.environ.get("TORCH_HOME", Path.home() / ".cache/torch"))
    places = [*([weights, weights / "hub/checkpoints"] if weights else []), cached / "hub/checkpoints"]
    return next((path for place in places for path in sorted(place.glob(PATTERN))), None)


class Fan:
    """The network of one weight file; it keeps nothing from one face to the next."""

    def __init__(self, path: Path) -> None:
        """Load a weight file as the authors publish it (a state dict). Raises ModelError where it is none."""
        self.name = f"fan:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        self._net = _network(path)

    def scores(self, rgb: NDArray[np.uint8], face: Roi) -> NDArray[np.float32]:
        """Height of each point's peak [68] (about 0-1) for a face of a picture, uint8 [h, w, 3]."""
        import torch

        crop = cut_crop(rgb, _fan_region(face), CROP_PX)
        batch = torch.from_numpy(crop.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums in one order: the same answer on every run
        try:
            with torch.inference_mode():
                heat = self._net(batch)[-1][0]
        finally:
            torch.set_num_threads(threads)
        peaks: NDArray[np.float32] = heat.flatten(1).amax(1).numpy()
        if not np.isfinite(peaks).all():
            raise ModelError(f"FAN ({self.name}) gives numbers that are not finite: its weights are damaged, get them "
                             "again")  # fmt: skip
        return peaks


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


def _fan_region(face: Roi) -> Roi:
    """FAN's crop: upright, wider than ours, centred on the upper half of the face."""
    box_px = face.size_px / ROI_MARGIN
    turn = np.radians(face.roll_deg)
    up_x, up_y = np.sin(turn) * RAISED * box_px, -np.cos(turn) * RAISED * box_px
    return Roi(face.x_px + float(up_x), face.y_px + float(up_y), box_px * REACH, face.roll_deg)


def landmark_scores(scores: Array) -> NDArray[np.float32]:
    """FAN's peaks [68] on mediapipe's landmarks [478], over the face's own best quarter (0-1).

    Lips, eyes, brows and nose have one, each landmark of the lips the nearest point's; all others are NaN. The same
    face is the measure, as peaks sink all over in blur, dark and turned faces.
    """
    out = np.full(478, np.nan, np.float32)
    relative = np.clip(scores / max(float(np.quantile(scores[17:], 0.75)), 1e-6), 0, 1)
    out[TO_MESH] = relative[17:]
    out[LIPS] = relative[_nearest_lip()]
    return out


def mouth_unseen(scores: Array) -> float:
    """How much less FAN sees of the mouth than of eyes, brows and nose: 0 as much, 1 nothing.

    Medians, so that a turned face's hidden half does not decide. Not calibrated: no real weights were at hand.
    """
    return float(np.clip(1 - np.median(scores[MOUTH]) / max(float(np.median(scores[UPPER])), 1e-6), 0, 1))


@cache
def _nearest_lip() -> NDArray[np.int64]:
    """FAN's point for each of mediapipe's lip landmarks, the nearest on the canonical face, outer lips to outer."""
    verts = canonical_face()[0]
    half = len(LIPS) // 2
    nearest = []
    for ours, theirs in ((LIPS[:half], np.r_[48:60]), (LIPS[half:], np.r_[60:68])):
        away = np.linalg.norm(verts[ours][:, None] - verts[TO_MESH[theirs - 17]][None], axis=-1)
        nearest.append(theirs[np.argmin(away, axis=1)])
    return np.concatenate(nearest)
