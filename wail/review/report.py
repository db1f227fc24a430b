"""The dataset's report for people: one HTML file that opens offline and accounts for every second.

Everything in it comes from the dataset's tables and receipts, so the same dataset gives the same bytes. Whatever came
from outside (names, addresses, details) is escaped by the template; a content security policy forbids the page to
load anything at all. Pictures are coarse mosaics only.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from schemas.reasons import RETRIED
from wail.media.probe import GRID_FPS
from wail.review import plots
from wail.review.accounting import ClipAccount, Funnel, clip_ids, read_manifest, total
from wail.review.read import (
    STAGES,
    ClipData,
    ShardTake,
    read_clip,
    read_dataset_json,
    read_landmarks,
    read_shards,
)
from wail.review.thumbs import Thumb, data_uri, face_path, mosaic, spread
from wail.review.wording import KEPT_COLOUR, STEPS, failure_text, reason_text
from wail.store import write_text

THUMBS_PER_CLIP = 12
OPEN_CLIPS = 12
"""So many clips' details are open from the start; in larger reports they open on demand."""


def write_report(dataset: Path) -> Path:
    """Write `report/index.html` of a dataset and return its path. Raises DatasetError where there is no dataset."""
    manifest = read_manifest(dataset)
    shards, problems = read_shards(dataset)
    first_row: dict[str, Mapping[str, Any]] = {}
    for row in manifest:
        first_row.setdefault(row["clip_id"], row)
    clips: list[dict[str, Any]] = []
    accounts: list[ClipAccount] = []
    summary = Summary()
    for clip_id in clip_ids(dataset, manifest):
        clip = read_clip(dataset, clip_id)
        about = first_row.get(clip_id, {})
        if clip.account is not None and about.get("status", "done") == "done":
            accounts.append(clip.account)
        summary.add(clip, shards)
        if clip.tables:
            clips.append(_clip_view(dataset, clip, about, shards))
    numbers = total(accounts, manifest)
    html = _environment().get_template("report.html.j2").render(
        **_page(dataset, numbers, manifest, clips, accounts, summary, [*problems, *numbers.problems])
    )
    path = dataset / "report" / "index.html"
    write_text(path, html)
    return path


class Summary:
    """What adds up over clips while each is read once and let go: models, seconds per stage, fits."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.models: dict[tuple[str, str, str], int] = {}
        self.fits: list[dict[str, Any]] = []
        self.notes: dict[str, int] = {}

    def add(self, clip: ClipData, shards: Mapping[str, ShardTake]) -> None:
        for stage, receipt in clip.receipts.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + receipt.seconds
            for name, value in receipt.models.items():
                self.models[stage, name, value] = self.models.get((stage, name, value), 0) + 1
            for note in _notes(receipt.facts):
                self.notes[note] = self.notes.get(note, 0) + 1
        self.fits += _fit_rows(clip, shards)

    @property
    def stand_ins(self) -> list[str]:
        """Names of the models that only stand in for the real one."""
        named = {name for _, name, value in self.models if is_stand_in(name, value)}
        return sorted(named | {fit["model"] for fit in self.fits if fit["stand_in"]})


def is_stand_in(*texts: str) -> bool:
    return any("stand-in" in text.lower() or "standin" in text.lower() for text in texts)


def _notes(facts: Mapping[str, Any]) -> list[str]:
    notes = facts.get("notes", [])
    return [str(note) for note in notes] if isinstance(notes, list) else [str(notes)]


def _environment() -> Environment:
    made = Environment(loader=PackageLoader("wail.review", "."), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    made.filters["s1"] = lambda seconds: f"{seconds:.1f}"
    made.filters["s2"] = lambda seconds: f"{seconds:.2f}"
    made.filters["share"] = lambda part, whole: f"{part / whole:.0%}" if whole else "–"
    made.filters["reason"] = reason_text
    return made


def _page(dataset: Path, numbers: Funnel, manifest: Sequence[Mapping[str, Any]], clips: Sequence[Mapping[str, Any]],
          accounts: Sequence[ClipAccount], summary: Summary, problems: Sequence[str]) -> dict[str, Any]:  # fmt: skip
    script = _part("report.js")
    about = read_dataset_json(dataset)
    return {
        "numbers": numbers,
        "funnel_svg": Markup(plots.funnel_svg(numbers)) if numbers.seconds_in else "",
        "unfinished": not (dataset / "manifest.parquet").is_file(),
        "reasons": _reason_rows(numbers, clips),
        "unseen": [reason_text(name).title for name, frames in numbers.frames_by_reason.items() if not frames],
        "clips": clips,
        "open_clips": len(clips) <= OPEN_CLIPS,
        "accounts": accounts,
        "lost": [_lost_view(row) for row in manifest if row["status"] != "done"],
        "fits": sorted(summary.fits, key=lambda fit: -fit["residual"]),
        "models": _model_rows(summary),
        "notes": sorted(summary.notes.items()),
        "stand_ins": summary.stand_ins,
        "stage_seconds": sorted(summary.seconds.items(), key=lambda item: _stage_order(item[0])),
        "problems": problems,
        "version": about.get("version"),
        "stale": _stale(about.get("stale")),
        "about": [(name, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False))
                  for name, value in sorted(about.items()) if isinstance(value, dict | list) and value],
        "kept_colour": KEPT_COLOUR,
        "steps": STEPS,
        "css": Markup(_part("report.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }  # fmt: skip


def _stale(value: Any) -> list[tuple[str, int]]:
    """Stages that were not redone because the media is gone, with how many clips each."""
    return [(stage, len(clips)) for stage, clips in value.items()] if isinstance(value, dict) else []


def _part(name: str) -> str:
    return files("wail.review").joinpath(name).read_text(encoding="utf-8")


def _stage_order(stage: str) -> tuple[int, str]:
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)


def _reason_rows(numbers: Funnel, clips: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reasons that took anything, the largest first, each with the clips it took most from."""
    rows = []
    for name, frames in sorted(numbers.frames_by_reason.items(), key=lambda item: -item[1]):
        if not frames:
            continue
        hit = sorted((c for c in clips if c["frames_by_reason"].get(name)), key=lambda c: -c["frames_by_reason"][name])
        rows.append({
            "name": name, "text": reason_text(name), "frames": frames, "seconds": frames / GRID_FPS,
            "n_clips": len(hit), "worst": [(c, c["frames_by_reason"][name] / GRID_FPS) for c in hit[:3]],
        })  # fmt: skip
    return rows


def _lost_view(row: Mapping[str, Any]) -> dict[str, Any]:
    again = row["failure"] in RETRIED
    return {**row, "advice": failure_text(row["failure"]) if row["failure"] else "", "again": again}


def _model_rows(summary: Summary) -> list[dict[str, Any]]:
    return [{"stage": stage, "name": name, "value": value, "clips": count, "stand_in": is_stand_in(name, value)}
            for (stage, name, value), count in
            sorted(summary.models.items(), key=lambda item: (_stage_order(item[0][0]), item[0]))]  # fmt: skip


def _clip_view(dataset: Path, clip: ClipData, row: Mapping[str, Any], shards: Mapping[str, ShardTake]
               ) -> dict[str, Any]:  # fmt: skip
    """Everything that the template says of one clip."""
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
        "svg": Markup(plots.clip_svg(clip, shards)) if clip.tables else None,
        "thumbs": _thumbs(dataset, clip),
        "takes": [{**take, "split": shards[take["take_id"]].split if take["take_id"] in shards else None}
                  for take in takes],
        "n_takes": sum(take["reason"] is None for take in takes),
        "fits": _fit_rows(clip, shards),
        "probe": clip.probe,
        "receipts": clip.receipts,
        "bad_receipts": bad,
    }  # fmt: skip


def _fit_rows(clip: ClipData, shards: Mapping[str, ShardTake]) -> list[dict[str, Any]]:
    rows = []
    for take_id, fit in sorted(clip.fits.items()):
        residual = fit.table["residual"].to_numpy()
        if not len(residual):
            continue
        shard = shards.get(take_id)
        rows.append({
            "clip_id": clip.clip_id, "take_id": take_id, "n_frames": len(residual),
            "residual": float(np.nanmedian(residual)), "residual_95": float(np.nanpercentile(residual, 95)),
            "lip_sd_mm": float(np.nanmedian(fit.table["lip_sd_mm"].to_numpy())),
            "n_landmarks": float(np.median(fit.table["n_landmarks"].to_numpy())),
            "converged": float(fit.table["converged"].to_numpy(zero_copy_only=False).mean()),
            "focal_px": fit.about.get("focal_px"), "age": fit.about.get("age"),
            "iterations": fit.about.get("iterations"), "seconds": fit.about.get("seconds"),
            "device": fit.about.get("device", ""),
            "model": str(fit.about.get("model_name") or fit.about.get("model", "")),
            "stand_in": bool(fit.about.get("is_stand_in", False)),
            "split": shard.split if shard else None,
            "aperture_mm": float(np.nanmax(shard.aperture_mm)) if shard and len(shard.aperture_mm) else None,
            "closed_below_mm": shard.closed_below_mm if shard else None,
            "valid": float(shard.valid.mean()) if shard and len(shard.valid) else None,
        })  # fmt: skip
    return rows


def _thumbs(dataset: Path, clip: ClipData) -> list[dict[str, Any]]:
    """The clip's pictures as mosaics with the tracked faces' lines, and the verdict of each."""
    if clip.thumbs is None:
        return []
    frames, pictures = clip.thumbs
    chosen = spread(len(frames), THUMBS_PER_CLIP)
    paths = _face_paths(dataset, clip, frames[chosen], pictures.shape[1])
    verdicts = {}
    if "verdicts" in clip.tables:
        table = clip.tables["verdicts"]
        verdicts = dict(zip(table["frame"].to_pylist(), zip(table["keep"].to_pylist(), table["reason"].to_pylist(),
                                                            strict=True), strict=True))  # fmt: skip
    made = []
    for index in chosen:
        frame = int(frames[index])
        title, colour = "no verdict yet", "var(--line)"
        if frame in verdicts:
            keep, reason = verdicts[frame]
            title, colour = plots.span_style(None if keep else reason or "unexplained")
        thumb = Thumb(frame, frame / GRID_FPS, data_uri(mosaic(pictures[index])), pictures.shape[2],
                      pictures.shape[1], tuple(paths.get(frame, ())))  # fmt: skip
        made.append({"thumb": thumb, "title": title, "colour": colour})
    return made


def _face_paths(dataset: Path, clip: ClipData, frames: np.ndarray[Any, Any], height: int
                ) -> dict[int, list[str]]:  # fmt: skip
    paths: dict[int, list[str]] = {}
    landmarks = read_landmarks(dataset, clip.clip_id, frames)
    if landmarks is None or clip.probe is None:
        return paths
    for row in landmarks.to_pylist():
        xy = np.array(row["xy_px"], dtype=np.float64).reshape(-1, 2)
        if len(xy) == 478:
            paths.setdefault(row["frame"], []).append(face_path(xy, height / clip.probe.height_px))
    return paths
