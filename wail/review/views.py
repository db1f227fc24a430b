"""What the report's template says of one clip: spans, pictures, takes, fits and faces, as plain values."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS
from wail.review import plots
from wail.review.read import ClipData, Limits, ShardTake, read_landmarks
from wail.review.thumbs import VIEW_HEIGHT, Thumb, data_uri, face_path, mosaic

THUMBS_PER_CLIP = 12
FED = {"segments": "vocalisations", "features": "audio features", "audio": "the shards' sound"}
SOUNDS = {"mix": "the sound as it is", "stem": "the separated voice",
          "mix and stem": "the sound as it is and the separated voice"}  # fmt: skip


def clip_view(clip: ClipData, row: Mapping[str, Any], shards: Mapping[str, ShardTake], limits: Limits,
              thumbs: Mapping[int, Thumb]) -> dict[str, Any]:  # fmt: skip
    """Everything that the template says of one clip; `thumbs` holds at least the pictures of `strip_frames`."""
    one = clip.account
    spans = plots.verdict_spans(clip.tables["verdicts"]) if "verdicts" in clip.tables else []
    takes = clip.tables["takes"].to_pylist() if "takes" in clip.tables else []
    bad = {stage: receipt for stage, receipt in clip.receipts.items() if receipt.status != "done"}
    return {
        "id": clip.clip_id,
        "uri": row.get("uri", clip.clip_id),
        "labels": row.get("labels") or [],
        "status": row.get("status", "unfinished"),
        "detail": row.get("detail"),
        "duration_s": clip.duration_s,
        "frames_read": one.frames_read if one else 0,
        "frames_kept": one.frames_kept if one else 0,
        "kept_s": (one.frames_kept if one else 0) / GRID_FPS,
        "frames_by_reason": one.frames_by_reason if one else {},
        "main_reason": one.main_reason if one else None,
        "problems": [*clip.problems, *(one.problems if one else ())],
        "spans": [{"start_s": s.start_s, "end_s": s.end_s, "reason": s.reason, "title": plots.span_style(s.reason)[0],
                   "colour": plots.span_style(s.reason)[1]} for s in spans],
        "svg": Markup(plots.clip_svg(clip, shards, limits)) if clip.tables else None,
        "thumbs": _strip(clip, thumbs),
        "takes": [{**take, "split": shards[take["take_id"]].split if take["take_id"] in shards else None}
                  for take in takes],
        "n_takes": sum(take["reason"] is None for take in takes),
        "fits": fit_rows(clip, shards),
        "faces": _face_rows(clip),
        "vocal": clip.tables["vocal"].to_pylist() if "vocal" in clip.tables else [],
        "separation": _separation(clip),
        "probe": clip.probe,
        "receipts": clip.receipts,
        "bad_receipts": bad,
    }  # fmt: skip


def _separation(clip: ClipData) -> dict[str, Any] | None:
    """Which sound fed what, from the receipt of stage voice; None where it says nothing of it."""
    receipt = clip.receipts.get("voice")
    said = receipt.facts.get("separation") if receipt else None
    if not isinstance(said, dict) or not isinstance(said.get("fed"), dict):
        return None
    by_sound: dict[str, list[str]] = {}
    for step, sound in said["fed"].items():
        by_sound.setdefault(str(sound), []).append(FED.get(step, str(step)))
    return {"fed": [(SOUNDS.get(sound, sound), steps) for sound, steps in by_sound.items()],
            "stem": said.get("stem"), "why": said.get("why")}  # fmt: skip


def _face_rows(clip: ClipData) -> list[dict[str, Any]]:
    """Medians of what was measured of each face track."""
    if "frames" not in clip.tables:
        return []
    seen = clip.tables["frames"].filter(pc.is_valid(clip.tables["frames"]["track"]))
    rows = []
    for track in sorted(set(seen["track"].to_pylist())):
        part = seen.filter(pc.equal(seen["track"], track))
        names = ("p_infant_face", "yaw_deg", "pitch_deg", "interocular_px", "sharpness", "visible", "mouth_visible")
        middle = {name: _median(part[name]) for name in names}
        rows.append({
            "track": track, "n_frames": len(part), "start_s": part["time_s"][0].as_py(),
            "end_s": part["time_s"][-1].as_py() + 1 / GRID_FPS, "usable": float(pc.mean(part["usable"]).as_py()),
            "roll_deg": _median_angle(part["roll_deg"]), **middle,
        })  # fmt: skip
    return rows


def _median(column: pa.ChunkedArray) -> float | None:
    values = column.drop_null().to_numpy()
    return float(np.nanmedian(values)) if len(values) and np.isfinite(values).any() else None


def _median_angle(column: pa.ChunkedArray) -> float | None:
    """Median of angles in degrees, -179 to 180, taken around their mean direction, so that 359 and 1 give 0."""
    values = np.deg2rad(column.drop_null().to_numpy().astype(np.float64))
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    mean = np.angle(np.exp(1j * values).mean())
    off = np.angle(np.exp(1j * (values - mean)))
    turn = round(float(np.rad2deg(mean + np.median(off)))) % 360
    return turn - 360 if turn > 180 else turn


def fit_rows(clip: ClipData, shards: Mapping[str, ShardTake]) -> list[dict[str, Any]]:
    rows = []
    for take_id, fit in sorted(clip.fits.items()):
        residual = fit.table["residual"].to_numpy()
        if not len(residual):
            continue
        shard = shards.get(take_id)
        rows.append({
            "clip_id": clip.clip_id, "take_id": take_id, "n_frames": len(residual),
            "first": fit.table["frame"][0].as_py(),
            "residual": float(np.nanmedian(residual)), "residual_95": float(np.nanpercentile(residual, 95)),
            "lip_sd_mm": float(np.nanmedian(fit.table["lip_sd_mm"].to_numpy())),
            "n_landmarks": float(np.median(fit.table["n_landmarks"].to_numpy())),
            "outliers": _share_masked(fit.table), "bad_frames": _count(fit.table, "bad_frame"),
            "converged": float(fit.table["converged"].to_numpy(zero_copy_only=False).mean()),
            "focal_px": fit.about.get("focal_px"), "age": fit.about.get("age"),
            "iterations": fit.about.get("iterations"),
            "device": fit.about.get("device", ""),
            "model": str(fit.about.get("model_name") or fit.about.get("model", "")),
            "stand_in": bool(fit.about.get("is_stand_in", False)),
            "split": shard.split if shard else None,
            "aperture_mm": float(np.nanmax(shard.aperture_mm)) if shard and len(shard.aperture_mm) else None,
            "closed_below_mm": shard.closed_below_mm if shard else None,
            "valid": float(shard.valid.mean()) if shard and len(shard.valid) else None,
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["first"], row["take_id"]))


def _share_masked(fit: pa.Table) -> float | None:
    """Share of a take's landmarks that were masked as outliers; None in older data sets."""
    masked = _count(fit, "n_outliers")
    return None if masked is None else masked / max(masked + (_count(fit, "n_landmarks") or 0), 1)


def _count(fit: pa.Table, name: str) -> int | None:
    return int(pc.sum(fit[name]).as_py() or 0) if name in fit.column_names else None


def strip_frames(clip: ClipData) -> list[int]:
    """Grid frames of the pictures above a clip's timeline."""
    if clip.thumbs is None:
        return []
    frames = clip.thumbs[0].tolist()
    # There are more pictures where there is more to doubt: evenly in time, not in number.
    wanted = np.linspace(frames[0], frames[-1], min(THUMBS_PER_CLIP, len(frames)))
    return sorted({min(frames, key=lambda frame: abs(frame - at)) for at in wanted})


def read_thumbs(dataset: Path, clip: ClipData, wanted: Collection[int]) -> dict[int, Thumb]:
    """Pictures of some grid frames as mosaics, with the faces' lines; those that there are."""
    if clip.thumbs is None or not wanted:
        return {}
    frames, pictures = clip.thumbs
    chosen = [i for i, frame in enumerate(frames.tolist()) if frame in set(wanted)]
    paths = _face_paths(dataset, clip, frames[chosen])
    width = round(pictures.shape[2] * VIEW_HEIGHT / pictures.shape[1])
    return {frame: Thumb(frame, frame / GRID_FPS, data_uri(mosaic(pictures[i])), width, VIEW_HEIGHT,
                         tuple(paths.get(frame, ())))
            for i, frame in ((i, int(frames[i])) for i in chosen)}  # fmt: skip


def _strip(clip: ClipData, thumbs: Mapping[int, Thumb]) -> list[dict[str, Any]]:
    """The pictures above the timeline, and the verdict of each."""
    verdicts: dict[int, str | None] = {}
    if "verdicts" in clip.tables:
        table = clip.tables["verdicts"]
        verdicts = {frame: None if keep else reason or "unexplained" for frame, keep, reason in
                    zip(*(table[name].to_pylist() for name in ("frame", "keep", "reason")), strict=True)}  # fmt: skip
    made = []
    for frame in strip_frames(clip):
        title, colour = plots.span_style(verdicts[frame]) if frame in verdicts else ("no verdict yet", "var(--line)")
        made.append({"thumb": thumbs[frame], "title": title, "colour": colour})
    return made


def _face_paths(dataset: Path, clip: ClipData, frames: NDArray[np.int64]) -> dict[int, list[str]]:
    paths: dict[int, list[str]] = {}
    landmarks = read_landmarks(dataset, clip.clip_id, frames)
    if landmarks is None or clip.probe is None:
        return paths
    for row in landmarks.to_pylist():
        xy = np.array(row["xy_px"], dtype=np.float64).reshape(-1, 2)
        if len(xy) == 478:
            paths.setdefault(row["frame"], []).append(face_path(xy, VIEW_HEIGHT / clip.probe.height_px))
    return paths
