"""What a landmark network is to the rest of vision: an upright crop in, points and how sure it is of them out.

Mediapipe's mesh (mesh.py: 478 points, one score for all) and FAN (fan.py: 68 points, a score each) are two.
"""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from wail.vision.roi import Array, Roi, apply_affine, cut_crop

Score = TypeVar("Score")
GivenScore = TypeVar("GivenScore", covariant=True)


class Landmarker(Protocol[GivenScore]):
    """Keeps nothing from one face to the next: the same crop gives the same points."""

    crop_px: int
    """Side of the crops that go in."""

    def region(self, face: Roi) -> Roi:
        """What of the picture it wants to see of a face whose mesh has this region (roi.mesh_roi)."""

    def __call__(self, crop: NDArray[np.uint8]) -> tuple[Array, GivenScore]:
        """Points f32 [n, 2 or 3] of an RGB crop, in its pixels (x right, y down, pixel 0's centre at 0), and the
        network's own score: one for the face, or one for each point [n]."""


@dataclass(frozen=True)
class Located(Generic[Score]):
    """What a landmark network found in one region of a picture."""

    crop: NDArray[np.uint8]
    points: Array
    """[n, 2 or 3] in the crop's pixels."""
    xy_px: Array
    """[n, 2] in the picture's."""
    score: Score


def locate(net: Landmarker[Score], rgb: NDArray[np.uint8], face: Roi) -> Located[Score]:
    """Run a landmark network on the region that it wants to see of a face in a picture, uint8 [h, w, 3]."""
    region = net.region(face)
    crop = cut_crop(rgb, region, net.crop_px)
    points, score = net(crop)
    return Located(crop, points, apply_affine(region.to_picture(net.crop_px), points[:, :2]), score)
