"""The dataset's shards: one row a kept take, by split, in an order and in bytes that depend on the data alone."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from schemas.arrow import flat, to_table
from schemas.reasons import SPLITS
from schemas.tables import CLIP_FEATURES, FRAMES, SHARDS, TAKES
from wail.config import CurateConfig
from wail.inface.landmarks import aperture_mm
from wail.inface.model import FaceModel
from wail.media.audio import flac_bytes
from wail.media.probe import GRID_FPS
from wail.steps.features import audio_name, audio_source, take_features
from wail.steps.fit import face_model, first_frame
from wail.steps.fits import fit_name, read_fit, trusted
from wail.steps.groups import split_of, subjects
from wail.store import ClipFolder, read_table, sha256_file, write_table, write_text
from wail.voice.mel import RATE_HZ
from wail.voice.wave import FlacWave, Wave

ROWS_PER_PART = 512
ROWS_PER_GROUP = 32


def write_shards(root: Path, clips: Mapping[str, Mapping[str, Any]], config: CurateConfig) -> dict[str, int]:
    """Write `shards/` and `features/` anew from every finished clip; `clips` holds source_id, group_id and provenance
    by clip_id. Returns takes per split."""
    model, _ = face_model(config.face_model)
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for clip_id in sorted(clips):
        made = clip_rows(ClipFolder(root, clip_id), clips[clip_id], config, model)
        rows[split_of(clips[clip_id]["group_id"], config.split)] += made
    schema = SHARDS.with_metadata({**(SHARDS.metadata or {}), b"wail.model": json.dumps(model_facts(model)).encode()})
    written = []
    for split, of_split in rows.items():
        # A split without takes has one empty part, so that readers find its folder and its columns.
        for part, start in enumerate(range(0, max(len(of_split), 1), ROWS_PER_PART)):
            path = root / "shards" / f"split={split}" / f"part-{part:05d}.parquet"
            table = to_table(of_split[start : start + ROWS_PER_PART], schema)
            write_table(path, table, ROWS_PER_GROUP)
            written.append(path)
    written += write_features(root, sorted(clips), config)
    drop_stale(root, written)
    shards = [path for path in written if path.is_relative_to(root / "shards")]
    lines = (f"{sha256_file(path)}  {path.relative_to(root).as_posix()}\n" for path in sorted(shards))
    # Beside the folder, not in it: readers of Parquet folders stumble over other files.
    write_text(root / "shards.sha256", "".join(lines))
    return {split: len(of_split) for split, of_split in rows.items()}


def drop_stale(root: Path, written: list[Path]) -> None:
    for folder in (root / "shards", root / "features"):
        for path in sorted(folder.rglob("part-*.parquet")):
            if path not in written:
                path.unlink()
        for path in sorted(folder.glob("*/")):
            if path.is_dir() and not any(path.iterdir()):
                shutil.rmtree(path)


def write_features(root: Path, clip_ids: list[str], config: CurateConfig) -> list[Path]:
    """Gather the clips' features into `features/<encoder>/part-*.parquet`."""
    paths = []
    for encoder in config.encoders:
        tables = [
            take_features(read_table(clip.file(f"features-{encoder}.parquet"), CLIP_FEATURES), take)
            for clip_id in clip_ids if (takes := kept_takes(clip := ClipFolder(root, clip_id))) for take in takes
        ]  # fmt: skip
        if tables:
            paths.append(root / "features" / encoder / "part-00000.parquet")
            write_table(paths[-1], pa.concat_tables(tables), ROWS_PER_GROUP)
    return paths


def model_facts(model: FaceModel) -> dict[str, Any]:
    return {
        "name": model.name, "sha256": model.sha256, "is_stand_in": model.is_stand_in,
        "latent_mean": model.latent_mean.tolist(), "latent_std": model.latent_std.tolist(),
    }  # fmt: skip


def clip_rows(
    clip: ClipFolder, facts: Mapping[str, Any], config: CurateConfig, model: FaceModel
) -> list[dict[str, Any]]:
    takes = kept_takes(clip)
    if not takes:
        return []
    frames = read_table(clip.file("frames.parquet"), FRAMES)
    subject = subjects(takes, facts["source_id"])
    audio = FlacWave(clip.file(audio_name(clip))) if has_audio(clip, config) else None
    return [
        take_row(clip, take, frames, config, model) | audio_of(take, audio, audio_source(clip)) | {
            "clip_id": clip.clip_id, "source_id": facts["source_id"], "group_id": facts["group_id"],
            "subject_id": subject[take["take_id"]],
            "provenance": json.dumps(facts["provenance"], sort_keys=True, ensure_ascii=False),
        }
        for take in takes
    ]  # fmt: skip


def kept_takes(clip: ClipFolder) -> list[dict[str, Any]]:
    return [row for row in read_table(clip.file("takes.parquet"), TAKES).to_pylist() if row["reason"] is None]


def has_audio(clip: ClipFolder, config: CurateConfig) -> bool:
    """Whether the clip's shard rows carry sound: not in a derived dataset, nor after it was one."""
    return config.retain == "media" and clip.file(audio_name(clip)).exists()


def audio_of(take: Mapping[str, Any], audio: Wave | None, source: str) -> dict[str, Any]:
    """The take's own sound, from its first frame to its end."""
    if audio is None:
        return {"audio": None, "audio_source": None}
    start, size = round(take["start_s"] * RATE_HZ), round((take["end_s"] - take["start_s"]) * RATE_HZ)
    part = audio[start : start + size]
    return {"audio": flac_bytes(np.pad(part, (0, size - len(part))), RATE_HZ), "audio_source": source}


def take_row(
    clip: ClipFolder, take: Mapping[str, Any], frames: pa.Table, config: CurateConfig, model: FaceModel
) -> dict[str, Any]:
    """The columns that come from the take's fit and its frames."""
    fit, shared = read_fit(clip.file(fit_name(take["take_id"])))
    n = take["n_frames"]
    expression = flat(fit["expression"]).reshape(n, 64)
    residual = fit["residual"].to_numpy()
    seen, visible = seen_frames(frames, dict(take))
    aperture = apertures(model, shared, expression)
    closed_below = closed_threshold(aperture, config.fit_limits.closed_floor_mm)
    valid = seen & trusted(fit, config.fit_limits)
    return {
        "take_id": take["take_id"], "label": take["label"], "start_s": take["start_s"], "fps": GRID_FPS, "n_frames": n,
        "identity": shared["identity"], "age": shared["age"], "focal_px": shared["focal_px"],
        "expression": expression.ravel().tolist(), "pose": flat(fit["pose"]).tolist(),
        "aperture_mm": aperture.tolist(), "closed": (aperture < closed_below).tolist(), "closed_below_mm": closed_below,
        "visible": visible.tolist(), "residual": residual.tolist(), "lip_sd_mm": fit["lip_sd_mm"].to_pylist(),
        "confidence": shared["confidence"], "valid": valid.tolist(),
    }  # fmt: skip


def seen_frames(frames: pa.Table, take: dict[str, Any]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Per take frame: whether its face was usable there (a bridged frame was not), and its visible share."""
    start, n = first_frame(take), take["n_frames"]
    frame = frames["frame"].to_numpy()
    track = frames["track"].fill_null(-1).to_numpy()
    rows = np.flatnonzero((track == take["track"]) & (frame >= start) & (frame < start + n))
    seen, visible = np.zeros(n, bool), np.zeros(n, np.float32)
    seen[frame[rows] - start] = frames["usable"].to_numpy()[rows]
    visible[frame[rows] - start] = frames["visible"].fill_null(0.0).to_numpy()[rows]
    return seen, visible


def apertures(model: FaceModel, shared: Mapping[str, Any], expression: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance between the fitted mesh's inner lips, mm, [n]."""
    fixed = np.concatenate([shared["identity"], [shared["age"]]]).astype(np.float32)
    latents = np.concatenate(
        [np.tile(fixed[:32], (len(expression), 1)), expression, np.tile(fixed[32:], (len(expression), 1))], axis=1
    )
    with torch.no_grad():
        return np.asarray(aperture_mm(model, torch.from_numpy(latents)), np.float32)


def closed_threshold(aperture: NDArray[np.float32], floor_mm: float) -> float:
    """A mouth is closed in the lowest part of its own range: below the 5th percentile plus a tenth of the way to the
    95th, but never below `floor_mm` (landmarks jitter by as much)."""
    low, high = np.percentile(aperture, [5, 95])
    return float(max(floor_mm, low + 0.1 * (high - low)))
