"""Audio features that were computed once, per take, and their values at frame times."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wail.errors import DatasetError
from wail.motion.parquet import check_finite, metadata, read, rows, schema

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

FPS = 30.0
MARGIN_FRAMES = 15  # kept before and after a take, so that its ends are heard in context
HEARD_WITHIN_S = 0.1  # a frame further than this from any feature has no audio
MAKE_FEATURES = "run `wail curate` on this dataset again: its features step makes them"


def at_frame_times(
    time_s: NDArray[np.float64], values: Floats, n_frames: int, margin: int = MARGIN_FRAMES
) -> tuple[Floats, Bools]:
    """Features [m, d] with true centres `time_s` [m], linearly between them at times i / 30 s.

    The result is [margin + n_frames + margin, d], for i from -margin on. Before the first and after the last centre the
    nearest one holds; the second result says where a feature lies within 0.1 s.
    """
    t = np.arange(-margin, n_frames + margin) / FPS
    right = np.clip(np.searchsorted(time_s, t), 1, max(1, len(time_s) - 1))
    left, right = right - 1, np.minimum(right, len(time_s) - 1)
    span = np.maximum(time_s[right] - time_s[left], 1e-9)
    share = np.clip((t - time_s[left]) / span, 0, 1).astype(np.float32)[:, None]
    heard = np.minimum(np.abs(t - time_s[left]), np.abs(t - time_s[right])) <= HEARD_WITHIN_S
    return ((1 - share) * values[left] + share * values[right]).astype(np.float32), heard


def read_features(
    dataset: Path, take_ids: Sequence[str], encoder: str | None
) -> tuple[str, int, dict[str, tuple[NDArray[np.float64], Floats]]]:
    """Encoder name, dimensions, and `(time_s [m], features [m, d])` of each of the takes."""
    folder = _encoder_folder(dataset, encoder)
    wanted, found, names = set(take_ids), {}, set()
    for path in sorted(folder.glob("part-*.parquet")):
        table = read(path, ["take_id", "time_s", "features"])
        name, dim = _encoder_of(path, table.schema)
        names.add((name, dim))
        for row in rows(table, ["take_id", "time_s", "features"]):
            if row["take_id"] in wanted:
                found[row["take_id"]] = _feature_row(row, dim)
    if len(names) > 1:
        raise DatasetError(f"{folder} mixes encoders {sorted(names)}: delete that folder and {MAKE_FEATURES}")
    missing = sorted(wanted - found.keys())
    if missing:
        raise DatasetError(f"{len(missing)} of {len(wanted)} takes have no {folder.name} features, {missing[0]} the "
                           f"first: {MAKE_FEATURES}")  # fmt: skip
    name, dim = next(iter(names))
    return name, dim, found


def _encoder_folder(dataset: Path, encoder: str | None) -> Path:
    root = dataset / "features"
    folders = sorted({path.parent for path in root.glob("*/part-*.parquet")})
    if not folders:
        raise DatasetError(f"{dataset} has no audio features (features/<encoder>/part-*.parquet): {MAKE_FEATURES}")
    if encoder is None:
        if len(folders) > 1:
            raise DatasetError(f"{dataset} has features of several encoders ({', '.join(f.name for f in folders)}): "
                               "say which one to train on")  # fmt: skip
        return folders[0]
    for folder in folders:
        part = sorted(folder.glob("part-*.parquet"))[0]
        if encoder in (folder.name, _encoder_of(part, schema(part))[0]):
            return folder
    raise DatasetError(f"{dataset} has no features of encoder {encoder}, only of {', '.join(f.name for f in folders)}: "
                       f"choose one of these, or {MAKE_FEATURES}")  # fmt: skip


def _feature_row(row: dict[str, Any], dim: int) -> tuple[NDArray[np.float64], Floats]:
    take, time_s = row["take_id"], row["time_s"].astype(np.float64)
    if len(time_s) == 0 or row["features"].size != len(time_s) * dim:
        raise DatasetError(f"take {take}: features have {row['features'].size} values for {len(time_s)} times of {dim} "
                           f"each; {MAKE_FEATURES}")  # fmt: skip
    check_finite(take, "time_s", time_s)
    check_finite(take, "features", row["features"])
    if (np.diff(time_s) <= 0).any():
        raise DatasetError(f"take {take}: feature times must rise, but they do not; {MAKE_FEATURES}")
    return time_s, row["features"].reshape(-1, dim)


def _encoder_of(path: Path, table_schema: pa.Schema) -> tuple[str, int]:
    meta = metadata(path, table_schema, "wail.encoder", MAKE_FEATURES)
    try:
        return str(meta["encoder"]), int(meta["dim"])
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{path}: wail.encoder in the schema metadata lacks {error}; {MAKE_FEATURES}") from error
