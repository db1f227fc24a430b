"""Vision run over the composites, and what it said of each clip's infant laid beside the truth, frame by frame."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.truth import FaceTruth, Truth, read_truth, truth_path
from wail.media.decode import grid_frames
from wail.media.parent import each_done
from wail.samples.truth import stored_key
from wail.vision.analyse import VisionConfig, VisionResult, analyse, model_ids

Array = NDArray[np.float32]
POINTS = np.array([33, 133, 362, 263, 168, 6, 4, 1])
"""Eyes and nose: where a found face is compared with the true one."""
SAME_FACE = 0.6
"""A found face belongs to a true one when their middles are no farther apart than this (outer eye distances)."""


@dataclass(frozen=True)
class Seen:
    """What vision said of a clip's infant [n frames]. `error`: mean distance of eyes and nose from the truth in outer
    eye distances; `mouth_visible`, `yaw_deg`, `error` are NaN where the face is not found. `reason`: of the face, or of
    the frame where none is found ("" for a usable face)."""

    found: NDArray[np.bool_]
    error: Array
    mouth_visible: Array
    yaw_deg: Array
    usable: NDArray[np.bool_]
    reason: NDArray[np.str_]


@dataclass(frozen=True)
class Clip:
    """A clip's truth (of its infant, and the attributes of the shot) beside what was seen."""

    name: str
    truth: Truth
    seen: Seen

    @property
    def face(self) -> FaceTruth:
        return self.truth.faces[0]

    @property
    def part(self) -> str:
        return str(self.truth.shot["part"])


def look(
    media: Sequence[Path], config: VisionConfig, workers: int, on_progress: Callable[[int, int], None]
) -> list[Clip]:
    """Every clip analysed, or read from beside the media where clip, code, models and config are the same."""
    here = code_id(config)
    todo = [path for path in media if not _stored(path, here)]
    there = len(media) - len(todo)
    on_progress(there, len(media))
    for done, _ in enumerate(each_done(look_at, [(path, config, here) for path in todo], workers), there + 1):
        on_progress(done, len(media))
    return [read_clip(path) for path in media]


def look_at(media: Path, config: VisionConfig, here: str) -> None:
    """Analyse one clip and keep what was seen of its infant beside it."""
    truth = read_truth(truth_path(media))
    seen = seen_of(truth.faces[0], analyse(grid_frames(media), config))
    arrays = {name: getattr(seen, name) for name in Seen.__annotations__}
    path = seen_path(media)
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.savez_compressed(file, key=_key(media, here), **arrays)
    temporary.replace(path)


def seen_path(media: Path) -> Path:
    return media.with_name(media.stem + ".seen.npz")


def read_clip(media: Path) -> Clip:
    with np.load(seen_path(media)) as stored:
        seen = Seen(**{name: stored[name] for name in Seen.__annotations__})
    return Clip(media.stem, read_truth(truth_path(media)), seen)


def _key(media: Path, here: str) -> str:
    return f"{stored_key(truth_path(media))} {here}"


def _stored(media: Path, here: str) -> bool:
    path = seen_path(media)
    if not path.exists():
        return False
    with np.load(path) as stored:
        return str(stored["key"]) == _key(media, here)


@lru_cache(maxsize=4)
def code_id(config: VisionConfig) -> str:
    """Hash of vision's sources, weights, models and thresholds, and of this file's matching."""
    import wail.vision

    folder = Path(str(wail.vision.__file__)).parent
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
                   and "training" not in path.relative_to(folder).parts)  # fmt: skip
    told = "".join((repr(config), repr(model_ids()))).encode()
    return hashlib.sha256(b"".join(path.read_bytes() for path in [*files, Path(__file__)]) + told).hexdigest()[:16]


def seen_of(face: FaceTruth, result: VisionResult) -> Seen:
    """What the tables say of the face that lies where the true one does; the nearest, where several do."""
    n = len(face.yaw_deg)
    error, mouth, yaw = (np.full(n, np.nan, np.float32) for _ in range(3))
    seen = Seen(np.zeros(n, bool), error, mouth, yaw, np.zeros(n, bool), np.full(n, "no_face", "<U16"))
    best = np.full(n, SAME_FACE)
    points = _points(result)
    for row in result.frames.to_pylist():
        k = row["frame"]
        if k >= n:
            continue
        if row["track"] is None:
            seen.reason[k] = row["reason"]
            continue
        xy, true = points[k, row["track"]], face.landmarks_px[k]
        away = float(np.linalg.norm(xy[:468].mean(0) - true.mean(0)) / face.size_px[k])
        if away < best[k]:
            best[k] = away
            seen.found[k], seen.usable[k], seen.reason[k] = True, row["usable"], row["reason"] or ""
            seen.mouth_visible[k], seen.yaw_deg[k] = row["mouth_visible"], row["yaw_deg"]
            seen.error[k] = np.linalg.norm(xy[POINTS] - true[POINTS], axis=1).mean() / face.size_px[k]
    return seen


def _points(result: VisionResult) -> dict[tuple[int, int], Array]:
    """Landmarks [478, 2] by frame and track."""
    table = result.landmarks
    if table is None:
        raise ValueError("the landmarks went to a sink: analyse the clip without one")
    xy = table["xy_px"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, 478, 2)
    keys = zip(table["frame"].to_pylist(), table["track"].to_pylist(), strict=True)
    return {key: xy[i] for i, key in enumerate(keys)}
