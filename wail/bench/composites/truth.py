"""The truth of the composites: per clip an .npz beside the media, with the design's attributes and arrays per frame."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.stage import MOUTH, Played, Set, hidden, pixels
from wail.errors import DatasetError
from wail.samples.shapes import F64
from wail.samples.stage import LIPS

Array = NDArray[np.float32]
SUFFIX = ".truth.npz"


@dataclass(frozen=True)
class FaceTruth:
    """One person over the grid frames [n] of a clip (30 fps; frame k at k / 30 s).

    Angles by the project's convention. `interocular_px`: between the outer eye corners as seen; `size_px`: the same
    distance in space, had it lain across the picture (what yaw does not shrink). `mouth_covered`, `face_covered`: share
    of the lips' (of all) landmarks behind something, by depth; `mouth_outside`, `face_outside`: share out of the
    picture. `landmarks_px` [n, 468, 2]: in the displayed picture, of hidden ones too.
    """

    kind: str
    age_years: float
    skin_band: str
    yaw_deg: Array
    pitch_deg: Array
    roll_deg: Array
    interocular_px: Array
    size_px: Array
    mouth_covered: Array
    face_covered: Array
    mouth_outside: Array
    face_outside: Array
    aperture_mm: Array
    landmarks_px: Array


@dataclass(frozen=True)
class Truth:
    """One clip: the attributes of its shot (see plan.Shot) and its people, the infant first."""

    path: Path
    shot: Mapping[str, Any]
    faces: tuple[FaceTruth, ...]

    @property
    def n_frames(self) -> int:
        return len(self.faces[0].yaw_deg)


ARRAYS = tuple(name for name, kind in FaceTruth.__annotations__.items() if kind is Array)
FACTS = ("kind", "age_years", "skin_band")


def face_truth(made: Set, which: int) -> FaceTruth:
    """What is true of one person of a shot."""
    one = made.played[which]
    n = len(one.verts_mm)
    marks = one.landmarks_mm
    px = pixels(marks, made.shot)
    covered = np.array([hidden(made, which, k) for k in range(n)])
    inside = ((px >= 0) & (px < made.shot.size_px)).all(-1)
    eyes = np.linalg.norm(marks[:, 33] - marks[:, 263], axis=1)
    near = marks[:, [33, 263], 2].mean(1)
    lips = list(LIPS)
    arrays: dict[str, F64] = {
        "yaw_deg": one.poses.angles_deg[:, 0], "pitch_deg": one.poses.angles_deg[:, 1],
        "roll_deg": one.poses.angles_deg[:, 2] % 360, "size_px": made.shot.focal_px * eyes / near,
        "interocular_px": np.linalg.norm(px[:, 33] - px[:, 263], axis=1),
        "mouth_covered": covered[:, lips].mean(1), "face_covered": covered.mean(1),
        "mouth_outside": 1 - inside[:, lips].mean(1), "face_outside": 1 - inside.mean(1),
        "aperture_mm": _aperture_mm(one), "landmarks_px": px,
    }  # fmt: skip
    actor = one.actor
    return FaceTruth(actor.kind, actor.age_years, actor.skin_band,
                     **{name: np.asarray(value, np.float32) for name, value in arrays.items()})  # fmt: skip


def _aperture_mm(one: Played) -> F64:
    upper, lower = (one.verts_mm[:, i] for i in MOUTH)
    return np.asarray(np.linalg.norm(upper - lower, axis=1))


def write_truth(path: Path, made: Set, key: str) -> None:
    """Write a shot's truth, by a temporary name. `key` says what it was made from."""
    faces = [face_truth(made, k) for k in range(len(made.played))]
    arrays = {f"{name}_{k}": getattr(face, name) for k, face in enumerate(faces) for name in ARRAYS}
    facts = [{name: getattr(face, name) for name in FACTS} for face in faces]
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.savez_compressed(file, key=key, document=json.dumps({"shot": asdict(made.shot), "faces": facts}), **arrays)
    temporary.replace(path)


def truth_path(media: Path) -> Path:
    return media.with_name(media.stem + SUFFIX)


def read_truth(path: Path) -> Truth:
    """The truth of one clip from its .npz."""
    with np.load(path) as stored:
        document = json.loads(str(stored["document"]))
        faces = tuple(
            FaceTruth(**facts, **{name: stored[f"{name}_{k}"] for name in ARRAYS})
            for k, facts in enumerate(document["faces"])
        )
    return Truth(path.with_name(path.name.removesuffix(SUFFIX) + ".mp4"), document["shot"], faces)


def read_truths(folder: Path) -> dict[str, Truth]:
    """The truth of every clip of a folder by its name. Raises DatasetError where there is none.

    Shot attributes beside those of the plan: see FaceTruth for skin band, kind and size.
    """
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    if not paths:
        raise DatasetError(f"{folder} has no composites: `python -m wail.bench.composites.make {folder}` makes them")
    return {path.name.removesuffix(SUFFIX): read_truth(path) for path in paths}
