"""A take's fit on disk: table FITS per frame, what the take shares in the schema's metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import list_column
from schemas.tables import FITS
from wail.config import FitLimits
from wail.inface.fit import TakeFit
from wail.inface.model import FaceModel
from wail.store import read_table


def fit_name(take_id: str) -> str:
    """In the clip's folder."""
    return f"fits/{take_id}.parquet"


def fit_table(fit: TakeFit, first: int, model: FaceModel, size_px: tuple[int, int]) -> pa.Table:
    """The per-frame table from grid frame `first` on. How long it took is not in it: the bytes must not tell."""
    n = len(fit.residual)
    arrays = [
        pa.array(np.arange(first, first + n, dtype=np.int32)),
        list_column(fit.pose), list_column(fit.expression),
        pa.array(fit.residual, pa.float32()), pa.array(fit.lip_sd_mm, pa.float32()),
        pa.array(fit.n_landmarks, pa.int32()), pa.array(fit.n_outliers, pa.int32()),
        pa.array(fit.bad_frame, pa.bool_()), pa.array(fit.converged, pa.bool_()),
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


def trusted(fit: pa.Table, limits: FitLimits) -> NDArray[np.bool_]:
    """Frames [n] whose latents may be used: converged, not masked as a bad frame, and residual within the limit."""
    residual = fit["residual"].to_numpy()
    settled = fit["converged"].to_numpy() & ~fit["bad_frame"].to_numpy()
    return np.asarray(settled & (residual <= limits.max_residual), np.bool_)
