"""Stage `fit`: the INFACE latents of each candidate take. Writes `fits/<take_id>.parquet`."""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import flat, list_column
from schemas.tables import FITS, LANDMARKS, TAKES
from wail.config import CurateConfig
from wail.inface.fit import TakeFit, fit_take
from wail.inface.landmarks import LandmarkMap, load_map
from wail.inface.model import FaceModel, load_model
from wail.media.probe import GRID_FPS
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, read_between, read_table, write_table

N_LANDMARKS = 478
DEVICE_VARIABLE = "WAIL_DEVICE"
"""Where to fit: `cpu` (default) or `cuda`. It is no setting: the same result is asked of both."""


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    model, landmark_map = face_model(config.face_model)
    takes = [row for row in read_table(clip.file("candidates.parquet"), TAKES).to_pylist() if row["reason"] is None]
    size_px = tuple(clip.receipt("vision").facts["size_px"])  # type: ignore[union-attr]  # the key says it is there
    names = []
    for take in takes:
        start = first_frame(take)
        # Those of an hour would fill the memory: a take's are read by themselves.
        last = start + take["n_frames"] - 1
        landmarks = read_between(clip.file("landmarks.parquet"), LANDMARKS, "frame", start, last)
        xy_px, visibility = take_landmarks(landmarks, take)
        fit = fit_take(model, landmark_map, xy_px, visibility, size_px, config.fit,
                       device=os.environ.get(DEVICE_VARIABLE, "cpu"))  # fmt: skip
        names.append(f"fits/{take['take_id']}.parquet")
        write_table(clip.file(names[-1]), fit_table(fit, start, model, size_px))
    facts = {"fits": len(names), "stand_in": model.is_stand_in}
    return Outcome(tuple(names), model_ids(config), facts)


def first_frame(take: dict[str, Any]) -> int:
    frame: int = round(take["start_s"] * GRID_FPS)
    return frame


def take_landmarks(table: pa.Table, take: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """xy_px [n, 478, 2] and visibility [n, 478] of a take; bridged frames have NaN and visibility 0."""
    start, n = first_frame(take), take["n_frames"]
    xy_px = np.full((n, N_LANDMARKS, 2), np.nan, np.float32)
    visibility = np.zeros((n, N_LANDMARKS), np.float32)
    frame = table["frame"].to_numpy()
    rows = np.flatnonzero((table["track"].to_numpy() == take["track"]) & (frame >= start) & (frame < start + n))
    chosen = table.take(pa.array(rows))
    index = frame[rows] - start
    xy_px[index] = flat(chosen["xy_px"]).reshape(-1, N_LANDMARKS, 2)
    visibility[index] = flat(chosen["visibility"]).reshape(-1, N_LANDMARKS)
    return xy_px, visibility


@lru_cache(maxsize=1)
def face_model(path: Path | None) -> tuple[FaceModel, LandmarkMap]:
    model = load_model(path)
    return model, load_map(model)


def model_ids(config: CurateConfig) -> dict[str, str]:
    model, landmark_map = face_model(config.face_model)
    name = f"{model.name} (stand-in)" if model.is_stand_in and "stand-in" not in model.name else model.name
    return {name: model.sha256, "landmark map": f"{landmark_map.name} {landmark_map.version}"}


def fit_table(fit: TakeFit, first: int, model: FaceModel, size_px: tuple[int, ...]) -> pa.Table:
    """The per-frame table; what the take shares goes into the schema's metadata."""
    n = len(fit.residual)
    arrays = [
        pa.array(np.arange(first, first + n, dtype=np.int32)),
        list_column(fit.pose), list_column(fit.expression),
        pa.array(fit.residual, pa.float32()), pa.array(fit.lip_sd_mm, pa.float32()),
        pa.array(fit.n_landmarks, pa.int32()), pa.array(fit.converged, pa.bool_()),
    ]  # fmt: skip
    shared = {
        "identity": np.asarray(fit.identity, np.float32).tolist(), "age": float(fit.age),
        "focal_px": float(fit.focal_px),
        "iterations": int(fit.iterations), "energy": float(fit.energy), "device": fit.device,
        "model": model.sha256, "model_name": model.name, "is_stand_in": model.is_stand_in, "size_px": list(size_px),
        "confidence": np.asarray(fit.confidence, np.float32).tolist(),
    }  # fmt: skip
    return pa.table(arrays, schema=FITS).replace_schema_metadata(
        {**(FITS.metadata or {}), b"wail.fit": json.dumps(shared).encode()}
    )


def read_fit(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """A fit's table and what its take shares."""
    table = read_table(path, FITS)
    return table, json.loads(table.schema.metadata[b"wail.fit"])


STEP = Step(
    name="fit", version=1, reads=("vision", "takes"), needs_media=False,
    settings=lambda config: [config.fit], models=model_ids, run=run, timeout_s=7200.0,
)  # fmt: skip
