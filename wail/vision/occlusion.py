"""A small network's view of what lies before a face: the probability, per landmark, that something hides it.

It sees the face aligned by the mesh's rigid points, with the mesh's own idea of oval, lips and open mouth beside the
colours, and was taught on rendered faces alone (weights/CARD.md). Turned-away skin is no occluder to it, nor are
shadows, an open mouth's inside, saliva, or food on a chin.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError, shape_message
from wail.vision.geometry import RIGID, canonical_face, head_rotation
from wail.vision.mesh import CROP_PX, N_LANDMARKS
from wail.vision.regions import LIP_INNER, LIP_OUTER
from wail.vision.roi import Array

WEIGHTS = Path(__file__).parent / "weights" / "occlusion.safetensors"
SIDE_PX, MAP_PX = 96, 24
SIDE_CM = 17.0
"""Side of the aligned face, in centimetres of the canonical face: forehead to below the chin, ear to ear."""
CENTRE_CM = np.array([0.0, -1.5, 3.0])
"""What lies in its middle, in the canonical face: between nose and mouth."""
OVAL = np.array([
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
])  # fmt: skip
U8 = NDArray[np.uint8]


class OcclusionNet:
    """The network with its weights, on one thread. Nothing is kept between calls."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        """Raises ModelError where the weights are missing or do not fit."""
        self._net = load_net(weights)

    def covered(self, crop: U8, points: Array) -> Array:
        """Probability f32 [478] that each landmark is behind something.

        crop: uint8 [192, 192, 3], upright; points: f32 [478, 3], its mesh in crop pixels. Landmarks outside the aligned
        face take the value of its nearest border.
        """
        return np.asarray(self.covered_many([crop], [points])[0])

    def covered_many(self, crops: Sequence[U8], points: Sequence[Array]) -> Array:
        """As `covered`, of k crops at once: f32 [k, 478]."""
        if not len(crops):
            return np.zeros((0, N_LANDMARKS), np.float32)
        affines = [aligned(one) for one in points]
        stacked = np.stack([inputs(*each) for each in zip(crops, points, affines, strict=True)])
        maps = self.maps(stacked)
        return np.stack([at_points(*each) for each in zip(maps, points, affines, strict=True)])

    def maps(self, stacked: U8) -> Array:
        """Probabilities f32 [k, 24, 24] of `inputs` uint8 [k, 96, 96, 6]."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                x = torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255
                return np.asarray(torch.sigmoid(self._net(x)).numpy(), np.float32)
        finally:
            torch.set_num_threads(threads)


def aligned(points: Array) -> NDArray[np.float64]:
    """The 2 x 3 affine map from crop pixels to the aligned face's, by the head pose of the rigid points [478, 3]."""
    rotation, px_per_cm, _ = head_rotation(points)
    model = canonical_face()[0][RIGID].astype(np.float64).mean(0)
    centre = points[RIGID, :2].mean(0) + px_per_cm * (rotation @ (CENTRE_CM - model))[:2]
    # The head's up, as far as it lies in the picture, is up: stable at any yaw and pitch that a face is seen at.
    across = rotation[:2, 0] * abs(rotation[0, 0]) + np.array([-rotation[1, 1], rotation[0, 1]]) * abs(rotation[1, 1])
    across /= max(float(np.linalg.norm(across)), 1e-9)
    scale = SIDE_PX / (SIDE_CM * max(px_per_cm, 1e-3))
    turn = scale * np.array([[across[0], across[1]], [-across[1], across[0]]])
    return np.column_stack([turn, SIDE_PX / 2 - turn @ centre])


def inputs(crop: U8, points: Array, affine: NDArray[np.float64]) -> U8:
    """What the network sees, uint8 [96, 96, 6]: the aligned colours and the mesh's oval, lips and open mouth."""
    if crop.shape != (CROP_PX, CROP_PX, 3):
        raise ValueError(shape_message("crop", f"uint8 ({CROP_PX}, {CROP_PX}, 3)", crop.shape))
    if points.shape != (N_LANDMARKS, 3):
        raise ValueError(shape_message("points", f"({N_LANDMARKS}, 3)", points.shape))
    out = np.zeros((SIDE_PX, SIDE_PX, 6), np.uint8)
    out[..., :3] = cv2.warpAffine(crop, affine, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)
    xy = points[:, :2] @ affine[:, :2].T + affine[:, 2]
    for k, ring in enumerate((OVAL, LIP_OUTER, LIP_INNER)):
        plane = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        cv2.fillPoly(plane, [np.rint(xy[ring] * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
        out[..., 3 + k] = plane
    return out


def at_points(probability: Array, points: Array, affine: NDArray[np.float64]) -> Array:
    """A map [24, 24] of the aligned face read at a mesh's points [478, 3] of the crop, bilinearly: f32 [478]."""
    xy = points[:, :2] @ affine[:, :2].T + affine[:, 2]
    cell = np.clip((xy + 0.5) * (MAP_PX / SIDE_PX) - 0.5, 0, MAP_PX - 1.001)
    x0, y0 = np.floor(cell).astype(int).T
    fx, fy = (cell - np.floor(cell)).T
    top = probability[y0, x0] * (1 - fx) + probability[y0, x0 + 1] * fx
    bottom = probability[y0 + 1, x0] * (1 - fx) + probability[y0 + 1, x0 + 1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, np.float32)


@cache
def load_net(weights: Path = WEIGHTS) -> Any:
    """The torch module with the weights of a safetensors file, batch norms folded into their convolutions."""
    from safetensors.torch import load_file

    from wail.vision.occlusion_net import OcclusionMap, folded

    if not weights.is_file():
        raise ModelError(f"The occlusion network's weights are missing: {weights.name} is not in "
                         f"{weights.parent.name}/; install the package again, or train them "
                         "(wail.vision.training.train).")  # fmt: skip
    net = OcclusionMap()
    try:
        net.load_state_dict(load_file(weights))
    except Exception as error:
        why = str(error).partition("\n")[0]
        raise ModelError(f"{weights.name} does not hold the occlusion network's weights ({why}): "
                         "train them again.") from error  # fmt: skip
    return folded(net.eval())


@cache
def network_id(weights: Path = WEIGHTS) -> str:
    """`name:sha256[:16]` of the weights, for receipts."""
    if not weights.is_file():
        return f"{weights.stem}:missing"
    return f"{weights.stem}:{hashlib.sha256(weights.read_bytes()).hexdigest()[:16]}"
