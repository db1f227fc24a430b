"""Reading shards and their audio features: one `Take` per row, checked, with features at the frames' own times."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wail.errors import DatasetError, shape_message
from wail.motion.config import LABELS
from wail.motion.features import FPS, Bools, Floats, at_frame_times, read_features
from wail.motion.parquet import AGAIN, check_finite, metadata, read, rows

N_LATENT = 97
IDENTITY, EXPRESSION, AGE = slice(0, 32), slice(32, 96), slice(96, 97)
COLUMNS = ["take_id", "group_id", "label", "fps", "n_frames", "identity", "age", "expression", "closed", "confidence",
           "valid"]  # fmt: skip


@dataclass(frozen=True)
class FaceModelInfo:
    """Which face model the latents belong to, and its statistics (`latent_mean`, `latent_std` [97])."""

    name: str
    sha256: str
    is_stand_in: bool
    latent_mean: Floats
    latent_std: Floats


@dataclass(frozen=True)
class Take:
    """One take of n frames at i / 30 s. Latents are raw codes; features begin MARGIN_FRAMES before the first frame."""

    take_id: str
    group_id: str
    label: str
    identity: Floats  # [32]
    age: float
    expression: Floats  # [n, 64]
    closed: Bools  # [n]
    confidence: Floats  # [n], 0-1
    valid: Bools  # [n]
    features: Floats  # [MARGIN_FRAMES + n + MARGIN_FRAMES, d]
    heard: Bools  # [MARGIN_FRAMES + n + MARGIN_FRAMES], whether there is audio

    @property
    def n_frames(self) -> int:
        return len(self.expression)

    @property
    def person(self) -> Floats:
        """Raw identity and age, [33]."""
        return np.append(self.identity, np.float32(self.age)).astype(np.float32)

    @property
    def weight(self) -> Floats:
        """Trust in each frame [n]: confidence where valid, 0 elsewhere."""
        return np.where(self.valid, self.confidence, np.float32(0)).astype(np.float32)


@dataclass(frozen=True)
class Split:
    """The takes of one split, in shard order, with what they share."""

    name: str
    takes: tuple[Take, ...]
    face: FaceModelInfo
    encoder: str
    n_features: int


def read_split(dataset: Path, split: str, encoder: str | None = None) -> Split:
    """Read `DATASET/shards/split=<split>` with the features of `encoder` (None: the only one there is).

    Raises DatasetError, naming file, take and column, where the split is empty, models or encoders are mixed, a shape
    or a value is wrong, or features are missing.
    """
    parts = sorted((dataset / "shards" / f"split={split}").glob("part-*.parquet"))
    tables = [read(path, COLUMNS) for path in parts]
    if not sum(table.num_rows for table in tables):
        raise DatasetError(f"split {split} of {dataset} has no takes: curate more clips, or choose another split")
    face = _one_face(list(zip(parts, tables, strict=True)))
    takes_rows = [row for table in tables for row in rows(table, COLUMNS)]
    for row in takes_rows:
        _check_row(row)
    encoder, n_features, features = read_features(dataset, [row["take_id"] for row in takes_rows], encoder)
    takes = tuple(_take(row, *features[row["take_id"]]) for row in takes_rows)
    if not any(take.weight.any() for take in takes):
        raise DatasetError(f"split {split} of {dataset} has no frame that is valid with confidence above 0: nothing "
                           "can be learnt or scored; look at the report for the takes' residuals")  # fmt: skip
    return Split(split, takes, face, encoder, n_features)


def _take(row: dict[str, Any], time_s: NDArray[np.float64], values: Floats) -> Take:
    n = int(row["n_frames"])
    features, heard = at_frame_times(time_s, values, n)
    return Take(
        take_id=row["take_id"], group_id=row["group_id"], label=row["label"], identity=row["identity"],
        age=float(row["age"]), expression=row["expression"].reshape(n, 64), closed=row["closed"],
        confidence=row["confidence"], valid=row["valid"], features=features, heard=heard,
    )  # fmt: skip


def _check_row(row: dict[str, Any]) -> None:
    take, n = row["take_id"], int(row["n_frames"])
    sizes = {"identity": 32, "expression": n * 64, "closed": n, "confidence": n, "valid": n}
    for column, size in sizes.items():
        if len(row[column]) != size or n < 1:
            raise DatasetError(f"take {take}: {shape_message(column, f'({size},) for {n} frames', row[column].shape)}; "
                               f"the shard is damaged: {AGAIN}")  # fmt: skip
    for column in ("identity", "age", "expression", "confidence"):
        check_finite(take, column, np.asarray(row[column]))
    confidence = row["confidence"]
    if confidence.min() < 0 or confidence.max() > 1:
        raise DatasetError(f"take {take}: confidence must be in 0-1 but reaches {confidence.min():g} to "
                           f"{confidence.max():g}; {AGAIN}")  # fmt: skip
    if row["fps"] != FPS:
        raise DatasetError(f"take {take}: frames must be at {FPS:g} per second but are at {row['fps']:g}")
    if row["label"] not in LABELS:
        raise DatasetError(f"take {take}: label {row['label']!r} is none of {', '.join(LABELS)}: mend it in the review")


def _one_face(parts: Iterable[tuple[Path, pa.Table]]) -> FaceModelInfo:
    faces = [(path, _face_of(path, table.schema)) for path, table in parts]
    first_path, first = faces[0]
    for path, face in faces[1:]:
        if face.sha256 != first.sha256:
            raise DatasetError(f"shards mix face models: {first_path.name} was fitted with {first.name} "
                               f"({first.sha256[:12]}), {path.name} with {face.name} ({face.sha256[:12]}); curate with "
                               "one model into one dataset")  # fmt: skip
    return first


def _face_of(path: Path, schema: pa.Schema) -> FaceModelInfo:
    meta = metadata(path, schema, "wail.model", AGAIN)
    try:
        mean, std = (np.asarray(meta[key], dtype=np.float32) for key in ("latent_mean", "latent_std"))
        face = FaceModelInfo(str(meta["name"]), str(meta["sha256"]), bool(meta["is_stand_in"]), mean, std)
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{path}: wail.model in the schema metadata is wrong ({error}); {AGAIN}") from error
    for name, values in (("latent_mean", mean), ("latent_std", std)):
        if values.shape != (N_LATENT,):
            raise DatasetError(f"{path}: {shape_message(name, f'({N_LATENT},)', values.shape)}")
        if not np.isfinite(values).all() or (name == "latent_std" and (values < 0).any()):
            raise DatasetError(f"{path}: {name} must be finite, and a deviation not negative; check the model file")
    return face
