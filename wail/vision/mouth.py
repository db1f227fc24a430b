"""How far a mouth is open, from landmarks alone, whatever the head's pose.

The head's axes are fitted to each frame's rigid landmarks (an affine camera on mediapipe's canonical face), so that
roll, size, and the foreshortening of yaw and pitch drop out. Lengths are in outer eye distances.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import flat
from wail.vision.geometry import RIGID, canonical_face
from wail.vision.mesh import N_LANDMARKS

Floats = NDArray[np.float64]

UPPER_LIP, LOWER_LIP = np.array([13, 82, 312, 81, 311]), np.array([14, 87, 317, 178, 402])
"""Inner lips, the middle and two to each side; several, since each by itself trembles."""
NOSE_FOOT, CHIN = 2, 152
JAW_SHARE = 0.5
"""The chin moves with the jaw too, and the mesh follows it where it loses the inner lips, in wide cries."""


@dataclass(frozen=True)
class Mouth:
    """One track's mouth: `opening` [n] between the inner lips at grid frames `frames` [n], rising, and `drive` [n],
    the opening with the chin's drop added: what is compared with loudness."""

    frames: NDArray[np.int64]
    opening: Floats
    drive: Floats


@cache
def _to_axes() -> tuple[Floats, float]:
    """Pseudo-inverse [4, k] of the canonical rigid points (homogeneous), and its outer eye distance, centimetres."""
    face = canonical_face()[0].astype(np.float64)
    rigid = face[RIGID] - face[RIGID].mean(0)
    return np.linalg.pinv(np.c_[rigid, np.ones(len(RIGID))]), float(np.linalg.norm(face[33] - face[263]))


def openings(xy_px: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Opening and chin's drop [n] of landmarks [n, 478, 2] in pixels, along the head's own vertical."""
    inverse, eyes_cm = _to_axes()
    points = xy_px.astype(np.float64)
    axes = np.einsum("kr,nrc->nkc", inverse, points[:, RIGID])[:, :2]
    # Columns are the pictures of the head's x and y axes, pixels per centimetre.
    across = np.swapaxes(axes, 1, 2)
    singular = np.abs(np.linalg.det(across)) < 1e-9
    across[singular] = np.eye(2)
    back = np.linalg.inv(across)[:, 1]
    lips = (points[:, UPPER_LIP] - points[:, LOWER_LIP]).mean(1)
    drop = points[:, NOSE_FOOT] - points[:, CHIN]
    found = np.stack([(back * lips).sum(1), (back * drop).sum(1)]) / eyes_cm
    found[:, singular] = np.nan
    return found[0], found[1]


def mouths(parts_of_table: Iterable[pa.Table]) -> dict[int, Mouth]:
    """The mouth of every track, from table LANDMARKS read in parts; 24 bytes a face and frame stay."""
    parts: dict[int, list[tuple[NDArray[np.int64], Floats, Floats]]] = {}
    for table in parts_of_table:
        track, frame = table["track"].to_numpy(), table["frame"].to_numpy().astype(np.int64)
        opening, drop = openings(flat(table["xy_px"]).reshape(-1, N_LANDMARKS, 2))
        for name in np.unique(track).tolist():
            mine = track == name
            parts.setdefault(name, []).append((frame[mine], opening[mine], drop[mine]))
    return {name: _joined(found) for name, found in sorted(parts.items())}


def _joined(parts: list[tuple[NDArray[np.int64], Floats, Floats]]) -> Mouth:
    frames, opening, drop = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Mouth(frames, opening, opening + JAW_SHARE * drop)


def at_frames(mouth: Mouth | None, frames: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Opening and drive at the asked frames; NaN where the mouth was not seen."""
    opening, drive = np.full(len(frames), np.nan), np.full(len(frames), np.nan)
    if mouth is not None and len(mouth.frames):
        place = np.clip(np.searchsorted(mouth.frames, frames), 0, len(mouth.frames) - 1)
        seen = mouth.frames[place] == frames
        opening[seen], drive[seen] = mouth.opening[place[seen]], mouth.drive[place[seen]]
    return opening, drive

