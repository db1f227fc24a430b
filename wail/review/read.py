"""One clip's folder, read for people: what is there is shown, what is damaged is said, nothing stops the report."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.documents import Probe, Receipt
from schemas.tables import LANDMARKS
from wail.errors import DatasetError
from wail.review.accounting import ClipAccount, clip_account, read_probe, read_some
from wail.store import ClipFolder, read_table

STAGES = ("media", "voice", "vision", "takes", "fit", "verdicts", "features")
NEEDED = {
    "voice": ("time_s", "p_infant", "p_cry", "p_laugh", "p_babble", "p_adult", "loudness_db"),
    "vocal": ("start_s", "end_s", "label", "probability", "p_mix", "p_stem", "adult_overlap"),
    "frames": ("frame", "time_s", "track", "p_infant_face", "yaw_deg", "pitch_deg", "roll_deg", "interocular_px",
               "sharpness", "visible", "mouth_visible", "usable", "reason"),
    "verdicts": ("frame", "time_s", "keep", "reason", "take_id"),
    "takes": ("take_id", "track", "start_s", "end_s", "n_frames", "bridged", "label", "probability", "sync_score",
              "reason"),
}  # fmt: skip
"""Columns that are drawn, by table: data sets of other versions are read as long as they have these."""
FIT_COLUMNS = ("frame", "pose", "expression", "residual", "lip_sd_mm", "n_landmarks", "converged")
"""The same of a take's fit; `n_outliers` and `bad_frame` are shown where it has them."""


@dataclass(frozen=True)
class Fit:
    """One take's fit: its table and what its metadata say (identity, age, focal_px, iterations, ...)."""

    table: pa.Table
    about: Mapping[str, Any]


@dataclass(frozen=True)
class ShardTake:
    """What the shards say of a kept take, per frame."""

    split: str
    start_s: float
    aperture_mm: NDArray[np.float32]
    closed_below_mm: float
    confidence: NDArray[np.float32]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class ClipData:
    """All that a clip's folder holds; a table that is not there, or cannot be read, is absent from `tables`."""

    clip_id: str
    probe: Probe | None
    receipts: Mapping[str, Receipt]
    tables: Mapping[str, pa.Table]
    fits: Mapping[str, Fit]
    thumbs: tuple[NDArray[np.int64], NDArray[np.uint8]] | None
    """Grid frames [k] and pictures [k, h, w, 3]: one pixel a block, or (older data sets) 96 px high."""
    account: ClipAccount | None
    problems: tuple[str, ...] = field(default=())

    @property
    def duration_s(self) -> float:
        """Length of the clip's clock: of the video, or what the tables cover."""
        ends = [self.probe.duration_s if self.probe else 0.0]
        ends += [float(self.tables[n]["time_s"][-1].as_py()) for n in ("verdicts", "voice", "frames")
                 if n in self.tables and len(self.tables[n])]  # fmt: skip
        return max(ends)


def read_clip(dataset: Path, clip_id: str) -> ClipData:
    """Read one clip's folder; landmarks only where there are thumbnails to draw them on (`read_landmarks` for all)."""
    folder = ClipFolder(dataset, clip_id)
    tables, problems = {}, []
    for name, needed in NEEDED.items():
        if not folder.file(f"{name}.parquet").is_file():
            continue
        try:
            tables[name] = read_some(folder.file(f"{name}.parquet"), needed)
        except DatasetError as error:
            problems.append(str(error))
    tables |= _evidence(folder)
    thumbs, trouble = _read_thumbs(folder.file("thumbs.npz"))
    fits, bad_fits = _read_fits(folder.file("fits"))
    return ClipData(
        clip_id=clip_id, probe=read_probe(folder), receipts=_receipts(folder), tables=tables, fits=fits,
        thumbs=thumbs, account=clip_account(folder), problems=tuple(problems + trouble + bad_fits),
    )  # fmt: skip


def read_landmarks(dataset: Path, clip_id: str, frames: NDArray[np.integer[Any]] | None = None) -> pa.Table | None:
    """The clip's landmarks, of the given grid frames only when asked; None where there are none to be had."""
    path = ClipFolder(dataset, clip_id).file("landmarks.parquet")
    if not path.is_file():
        return None
    if frames is None:
        return read_table(path, LANDMARKS)
    try:
        return pq.read_table(path, filters=[("frame", "in", [int(frame) for frame in frames])])
    except (OSError, pa.ArrowInvalid):
        return None


def _evidence(folder: ClipFolder) -> dict[str, pa.Table]:
    """Table EVIDENCE with whatever columns its version has; older data sets have none."""
    try:
        table = pq.read_table(folder.file("evidence.parquet"))
    except (OSError, pa.ArrowException):
        return {}
    return {"evidence": table} if {"frame", "track"} <= set(table.column_names) else {}


def _receipts(folder: ClipFolder) -> dict[str, Receipt]:
    names = sorted(path.stem for path in folder.path.glob("*.json")) if folder.path.is_dir() else []
    names.sort(key=lambda name: STAGES.index(name) if name in STAGES else len(STAGES))
    found = {name: folder.receipt(name) for name in names if not name.startswith(".") and name != "probe"}
    return {name: receipt for name, receipt in found.items() if receipt is not None}


def _read_thumbs(path: Path) -> tuple[tuple[NDArray[np.int64], NDArray[np.uint8]] | None, list[str]]:
    if not path.is_file():
        return None, []
    try:
        with np.load(path, allow_pickle=False) as held:
            frame, rgb = held["frame"], held["rgb"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        return None, [f"thumbs.npz cannot be read ({error}); delete it and run again"]
    if rgb.ndim != 4 or rgb.shape[-1] != 3 or len(frame) != len(rgb) or not len(frame):
        return None, [f"thumbs.npz has shapes {frame.shape} and {rgb.shape}, expected [k] and [k, h, w, 3]"] * bool(
            len(frame)
        )
    return (frame.astype(np.int64), rgb.astype(np.uint8)), []


def _read_fits(folder: Path) -> tuple[dict[str, Fit], list[str]]:
    fits, problems = {}, []
    for path in sorted(folder.glob("[!.]*.parquet")):
        try:
            table = read_some(path, FIT_COLUMNS)
            about = json.loads((pq.read_schema(path).metadata or {}).get(b"wail.fit", b"{}"))
            fits[path.stem] = Fit(table, about)
        except (DatasetError, ValueError) as error:
            problems.append(f"fits/{path.name}: {error}")
    return fits, problems


def read_shards(dataset: Path) -> tuple[dict[str, ShardTake], list[str]]:
    """Every take in the shards by its id, and what could not be read."""
    columns = ["take_id", "start_s", "aperture_mm", "closed_below_mm", "confidence", "valid"]
    takes, problems = {}, []
    for path in sorted((dataset / "shards").glob("split=*/[!.]*.parquet")):
        try:
            rows = pq.ParquetFile(path).read(columns=columns).to_pylist()
        except (OSError, pa.ArrowInvalid, KeyError) as error:
            problems.append(f"shard {path.parent.name}/{path.name} cannot be read ({error}); delete it and run again")
            continue
        for row in rows:
            takes[row["take_id"]] = ShardTake(
                split=path.parent.name.removeprefix("split="), start_s=row["start_s"],
                aperture_mm=np.array(row["aperture_mm"], dtype=np.float32), closed_below_mm=row["closed_below_mm"],
                confidence=np.array(row["confidence"], dtype=np.float32), valid=np.array(row["valid"], dtype=bool),
            )  # fmt: skip
    return takes, problems


@dataclass(frozen=True)
class Limits:
    """Thresholds of the run, to draw beside the values they judge; None where dataset.json does not say."""

    yaw_deg: float | None = None
    pitch_deg: float | None = None
    visible: float | None = None
    mouth_visible: float | None = None
    p_infant_face: float | None = None
    interocular_px: float | None = None
    sharpness: float | None = None
    residual: float | None = None
    p_infant: float | None = None
    """From which a vocalisation starts; it lasts while the probability is above `p_infant_leave`."""
    p_infant_leave: float | None = None
    p_adult: float | None = None


NO_LIMITS = Limits()


def limits_of(about: Mapping[str, Any]) -> Limits:
    """The thresholds in dataset.json's configuration."""
    vision, fit, takes = (_part(about, "config", name) for name in ("vision", "fit_limits", "takes"))
    voice = _part(about, "config", "voice", "segments")

    def number(part: Mapping[str, Any], name: str) -> float | None:
        value = part.get(name)
        return float(value) if isinstance(value, int | float) else None

    return Limits(
        yaw_deg=number(vision, "max_abs_yaw_deg"), pitch_deg=number(vision, "max_abs_pitch_deg"),
        visible=number(vision, "min_visible"), mouth_visible=number(vision, "min_mouth_visible"),
        p_infant_face=number(vision, "min_p_infant_face"), interocular_px=number(vision, "min_interocular_px"),
        sharpness=number(vision, "min_sharpness"), residual=number(fit, "max_residual"),
        p_infant=number(voice, "enter"), p_infant_leave=number(voice, "leave"), p_adult=number(takes, "min_p_adult"),
    )  # fmt: skip


def _part(value: Any, *names: str) -> Mapping[str, Any]:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def read_dataset_json(dataset: Path) -> dict[str, Any]:
    """dataset.json as it is, empty where there is none or it cannot be read."""
    try:
        value = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
