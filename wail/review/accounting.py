"""From tables to the funnel: seconds in, seconds kept, and seconds per reason, with what does not add up said aloud.

Used by the report, the command's table and Prefect's artifacts, so that all of them show the same numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from schemas.documents import Probe
from schemas.reasons import REASONS
from schemas.tables import MANIFEST, VERDICTS
from wail.errors import DatasetError
from wail.media.probe import GRID_FPS
from wail.store import ClipFolder, read_table


@dataclass(frozen=True)
class ClipAccount:
    """One clip's frames: `frames_kept` plus all of `frames_by_reason` is `frames_read`, or `problems` says why not."""

    clip_id: str
    frames_read: int
    frames_kept: int
    frames_by_reason: dict[str, int]
    """Every reason of the vocabulary, those with 0 frames too."""
    problems: tuple[str, ...] = ()

    @property
    def main_reason(self) -> str | None:
        """The reason that took most frames; None where nothing was dropped."""
        reason = max(self.frames_by_reason, key=lambda name: self.frames_by_reason[name])
        return reason if self.frames_by_reason[reason] else None


@dataclass(frozen=True)
class Funnel:
    """A dataset's accounting. `seconds_in` is `seconds_kept` + all `seconds_by_reason` + `seconds_unread`."""

    seconds_in: float
    seconds_kept: float
    seconds_by_reason: dict[str, float]
    """Every reason of the vocabulary, in its order, those with 0 s too."""
    seconds_unread: float
    """Known length of clips that failed or were skipped, so that no verdict of theirs counts."""
    frames_read: int
    frames_kept: int
    frames_by_reason: dict[str, int]
    sources: int
    sources_done: int
    sources_failed: int
    sources_skipped: int
    clips: int
    """Clips that are done and have verdicts."""
    clips_with_takes: int
    takes: int
    """Takes kept."""
    problems: tuple[str, ...] = ()
    """What does not add up; empty when the accounting holds."""


def account(clip_id: str, verdicts: pa.Table, frames_read: NDArray[np.int64] | None = None) -> ClipAccount:
    """Count one clip's verdicts and hold them to the frames that were read.

    `frames_read` are the distinct grid frames that vision saw; without them the verdicts' own rows are counted.
    """
    frames = verdicts["frame"].to_numpy()
    keep = verdicts["keep"].to_numpy(zero_copy_only=False).astype(bool)
    reasons = np.array([name or "" for name in verdicts["reason"].to_pylist()], dtype=object)
    read = np.unique(frames) if frames_read is None else np.unique(frames_read)
    names, counts = np.unique(reasons[~keep].astype(str), return_counts=True)
    by_reason = {reason: 0 for reason in REASONS} | {str(n): int(c) for n, c in zip(names, counts, strict=True) if n}
    problems = _verdict_problems(frames, keep, reasons) + _read_problems(frames, read)
    unknown = sorted(by_reason.keys() - set(REASONS))
    if unknown:
        problems.append(f"unknown reasons {', '.join(unknown)}")
    kept = int(keep.sum())
    if kept + sum(by_reason.values()) != len(read):
        problems.append(f"{kept} frames kept and {sum(by_reason.values())} dropped do not make the {len(read)} read")
    return ClipAccount(clip_id, len(read), kept, by_reason, tuple(problems))


def _verdict_problems(frames: NDArray[Any], keep: NDArray[np.bool_], reasons: NDArray[Any]) -> list[str]:
    told = reasons.astype(str) != ""
    found = [
        (len(frames) - len(np.unique(frames)), "verdicts for a frame that already has one"),
        (int((keep & told).sum()), "kept frames that also have a reason"),
        (int((~keep & ~told).sum()), "dropped frames without a reason"),
    ]
    return [f"{count} {what}" for count, what in found if count]


def _read_problems(frames: NDArray[Any], read: NDArray[Any]) -> list[str]:
    without, beyond = len(np.setdiff1d(read, frames)), len(np.setdiff1d(frames, read))
    problems = [f"{without} frames read without a verdict"] if without else []
    return problems + ([f"{beyond} verdicts for frames that were not read"] if beyond else [])


def take_problems(verdicts: pa.Table, takes: pa.Table) -> list[str]:
    """Every kept frame has to lie in a kept take. (Frames of a kept take may still be dropped one by one.)"""
    inside: set[int] = set()
    for take in takes.select(["start_s", "n_frames", "reason"]).to_pylist():
        if take["reason"] is None:
            first = round(take["start_s"] * GRID_FPS)
            inside.update(range(first, first + take["n_frames"]))
    keep = verdicts["keep"].to_numpy(zero_copy_only=False).astype(bool)
    outside = sum(int(frame) not in inside for frame in verdicts["frame"].to_numpy()[keep])
    return [f"{outside} kept frames lie in no kept take"] if outside else []


def total(accounts: Iterable[ClipAccount], manifest: Iterable[Mapping[str, Any]]) -> Funnel:
    """Add up the accounts of the clips that are done; `manifest` are its rows, of which several may name one clip.

    A clip that failed or was skipped may still hold verdicts of an earlier run: those count no more, its length is
    unread.
    """
    rows = list(manifest)
    done = {row["clip_id"]: row for row in rows if row["status"] == "done"}
    by_clip = {one.clip_id: one for one in accounts if one.clip_id in done or not rows}
    names = list(REASONS) + sorted({n for one in by_clip.values() for n in one.frames_by_reason} - set(REASONS))
    frames = {name: sum(one.frames_by_reason.get(name, 0) for one in by_clip.values()) for name in names}
    kept = sum(one.frames_kept for one in by_clip.values())
    lost = {row["clip_id"]: float(row["duration_s"]) for row in rows
            if row["clip_id"] not in by_clip and row["duration_s"] is not None}  # fmt: skip
    status = [row["status"] for row in rows]
    takes = [int(done[clip_id]["n_takes"]) for clip_id in by_clip if clip_id in done]
    return Funnel(
        seconds_in=(kept + sum(frames.values())) / GRID_FPS + sum(lost.values()),
        seconds_kept=kept / GRID_FPS,
        seconds_by_reason={name: count / GRID_FPS for name, count in frames.items()},
        seconds_unread=sum(lost.values()),
        frames_read=sum(one.frames_read for one in by_clip.values()), frames_kept=kept, frames_by_reason=frames,
        sources=len(rows), sources_done=status.count("done"),
        sources_failed=status.count("failed"), sources_skipped=status.count("skipped"),
        clips=len(by_clip), clips_with_takes=sum(n > 0 for n in takes), takes=sum(takes),
        problems=tuple(f"clip {one.clip_id}: {text}" for one in by_clip.values() for text in one.problems)
        + tuple(_manifest_problems(done.values(), by_clip)),
    )  # fmt: skip


def _manifest_problems(done: Iterable[Mapping[str, Any]], by_clip: Mapping[str, ClipAccount]) -> list[str]:
    problems = []
    for row in done:
        one = by_clip.get(row["clip_id"])
        if one is None:
            problems.append(f"clip {row['clip_id']}: done in the manifest, but without verdicts")
        elif abs(one.frames_kept / GRID_FPS - row["kept_s"]) > 0.5 / GRID_FPS:
            problems.append(f"clip {one.clip_id}: the manifest says {row['kept_s']:.2f} s kept, "
                            f"the verdicts {one.frames_kept / GRID_FPS:.2f} s")  # fmt: skip
    return problems


def frames_read(folder: ClipFolder) -> NDArray[np.int64] | None:
    """The grid frames that were read: from vision's table, else from the probe, else None."""
    table = folder.file("frames.parquet")
    if table.is_file():
        try:
            column: NDArray[np.int64] = pq.read_table(table, columns=["frame"])["frame"].to_numpy().astype(np.int64)
            return np.unique(column)
        except (OSError, pa.ArrowInvalid, KeyError) as error:
            raise DatasetError(f"clip {folder.clip_id}: frames.parquet cannot be read ({error}); "
                               "delete it and run again") from error  # fmt: skip
    probe = read_probe(folder)
    return None if probe is None else np.arange(probe.n_grid_frames, dtype=np.int64)


def read_some(path: Path, needed: Sequence[str]) -> pa.Table:
    """A clip's table of whatever version, as long as it has the columns that are needed. Raises DatasetError."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} cannot be read as Parquet ({error}): delete it and run again") from error
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise DatasetError(f"{path} lacks the columns {', '.join(missing)}; it was written by another version: delete "
                           "it and run again to make it anew")  # fmt: skip
    return table


def read_probe(folder: ClipFolder) -> Probe | None:
    """The clip's probe; None where there is none or it cannot be read."""
    try:
        return Probe.model_validate_json(folder.file("probe.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def clip_account(folder: ClipFolder) -> ClipAccount | None:
    """One clip's account from its folder; None before it has verdicts. A damaged table becomes a problem."""
    if not folder.file("verdicts.parquet").is_file():
        return None
    try:
        verdicts = read_some(folder.file("verdicts.parquet"), VERDICTS.names)
        one = account(folder.clip_id, verdicts, frames_read(folder))
        if not folder.file("takes.parquet").is_file():
            return one
        problems = take_problems(verdicts, read_some(folder.file("takes.parquet"), ["start_s", "n_frames", "reason"]))
    except DatasetError as error:
        return ClipAccount(folder.clip_id, 0, 0, dict.fromkeys(REASONS, 0), (str(error),))
    return ClipAccount(**{**vars(one), "problems": (*one.problems, *problems)})


def read_manifest(dataset: Path) -> list[dict[str, Any]]:
    """The manifest's rows, empty before there is one. Raises DatasetError where there is no dataset at all."""
    path = dataset / "manifest.parquet"
    if path.is_file():
        rows: list[dict[str, Any]] = read_table(path, MANIFEST).to_pylist()
        return rows
    if not dataset.is_dir():
        raise DatasetError(f"there is no dataset at {dataset}: make one with `wail curate SOURCE --out {dataset}`")
    return []


def clip_ids(dataset: Path, manifest: Iterable[Mapping[str, Any]]) -> list[str]:
    """The manifest's clips in its order, each once; without a manifest, every clip folder by name."""
    listed = list(dict.fromkeys(row["clip_id"] for row in manifest if row["clip_id"]))
    if listed or (dataset / "manifest.parquet").is_file():
        return listed
    folder = dataset / "clips"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def funnel(dataset: Path) -> Funnel:
    """The dataset's accounting, from its manifest and its clips' verdicts."""
    manifest = read_manifest(dataset)
    accounts = [clip_account(ClipFolder(dataset, clip_id)) for clip_id in clip_ids(dataset, manifest)]
    return total([one for one in accounts if one is not None], manifest)
