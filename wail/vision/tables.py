"""Tables FRAMES and EVIDENCE from what was judged, built from whole columns."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import check_nulls
from schemas.tables import EVIDENCE, FRAMES
from wail.vision.fusion import KINDS, probability
from wail.vision.judge import Judged

MAX_TURNED_AWAY_FRAMES = 90
TURNING_YAW_DEG = 36.0
_MEASURED = ("track", "yaw_deg", "pitch_deg", "roll_deg", "interocular_px", "sharpness")


def frames_table(frames: NDArray[np.int64], time_s: NDArray[np.float64], judged: Judged) -> pa.Table:
    """Table FRAMES of a clip's grid frames: a row per face, and one without a track for a frame without any."""
    empty = np.setdiff1d(frames, judged.records["frame"])
    at = np.concatenate([judged.records["frame"], empty])
    order = np.argsort(at, kind="stable")
    none = [None] * len(empty)
    reasons = judged.reasons + empty_reasons(empty, judged)
    columns: dict[str, Any] = {name: judged.records[name].tolist() + none for name in _MEASURED}
    columns |= {
        "frame": at, "time_s": time_s[np.searchsorted(frames, at)], "bbox": judged.records["bbox"].tolist() + none,
        "p_infant_face": judged.p_infant_face.tolist() + none, "visible": judged.visible.tolist() + none,
        "mouth_visible": judged.mouth_visible.tolist() + none, "reason": reasons,
        "usable": [reason is None or judged.score_only for reason in judged.reasons] + [False] * len(empty),
    }  # fmt: skip
    return _table(columns, FRAMES).take(pa.array(order))


def empty_reasons(empty: NDArray[np.int64], judged: Judged) -> list[str | None]:
    """Why frames without a face have none.

    Heads turn further than any face can be followed: frames after a face lost beyond TURNING_YAW_DEG are called
    `profile` too, for at most MAX_TURNED_AWAY_FRAMES. A face that left over the border did not turn away.
    """
    records = judged.records
    last_seen = np.unique(records["frame"])
    turning = np.unique(records["frame"][(np.abs(records["yaw_deg"]) > TURNING_YAW_DEG) & records["inside"]])
    out: list[str | None] = []
    for frame in empty.tolist():
        before = int(np.searchsorted(last_seen, frame)) - 1
        since = frame - int(last_seen[before]) if before >= 0 else MAX_TURNED_AWAY_FRAMES + 1
        away = since <= MAX_TURNED_AWAY_FRAMES and last_seen[before] in turning
        out.append("profile" if away else "no_face")
    return out


def evidence_table(judged: Judged) -> pa.Table:
    """Table EVIDENCE: what the verdicts rest on."""
    records = judged.records
    columns: dict[str, Any] = {name: records[name] for name in EVIDENCE.names if name in (records.dtype.names or ())}
    columns |= {
        f"by_{kind}": pa.array(probability(records["evidence"][:, k]), from_pandas=True)
        for k, kind in enumerate(KINDS)
    }
    return _table(columns | {"mouth_hidden": judged.hidden, "p_live": judged.p_live}, EVIDENCE)


def frame_reasons(frames: pa.Table) -> dict[int, str | None]:
    """Per grid frame of a table FRAMES: None where any face is usable, else the reason of the one most likely an
    infant's."""
    best: dict[int, tuple[float, str | None]] = {}
    columns = (frames[name].to_pylist() for name in ("frame", "p_infant_face", "reason"))
    for frame, p_infant, reason in zip(*columns, strict=True):
        rank = 2.0 if reason is None else (-1.0 if p_infant is None else p_infant)
        if frame not in best or rank > best[frame][0]:
            best[frame] = rank, reason
    return {frame: reason for frame, (_, reason) in best.items()}


def _table(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    arrays = [_array(columns[field.name], field.type) for field in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    check_nulls(table)
    return table


def _array(values: Any, type_: pa.DataType) -> pa.Array:
    return values.cast(type_) if isinstance(values, pa.Array) else pa.array(values, type_)
