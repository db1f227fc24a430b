"""Benchmark of the accounting: whole runs of the pipeline over clips with sound, every second counted once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from schemas.tables import TAKES, VERDICTS
from wail.bench.composites.voiced import (
    MARGIN_S,
    VoicedShot,
    make_voiced,
    media_of,
    picture_times,
    shift_s,
    voice_of,
)
from wail.bench.rows import Row
from wail.bench.sync import voiced_shots
from wail.config import CurateConfig
from wail.media.probe import GRID_FPS
from wail.media.sources import read_sources
from wail.pipeline import Progress, curate
from wail.review.accounting import funnel, read_manifest
from wail.steps.pool import run_here
from wail.store import ClipFolder, read_table

Tell = Callable[[Progress], None]
SPEAKS, BESIDE = 4, 2
"""Shots of each kind, with all their sounds: swapped and shifted soundtracks have to add up as well."""


@dataclass(frozen=True)
class Account:
    """One file, curated: what it is of, and its tables."""

    shot: VoicedShot
    sound: str
    verdicts: pa.Table
    takes: pa.Table


def rows(folder: Path, split: str, tell: Tell = lambda progress: None) -> list[Row]:
    """The figures of split `tune` or `test`; clips and the curated dataset are kept in `folder`."""
    shots = [shot for shot in voiced_shots(split) if shot.kind != "silent"]
    chosen = (*[one for one in shots if one.kind == "speaks"][:SPEAKS],
              *[one for one in shots if one.kind == "beside"][:BESIDE])  # fmt: skip
    accounts, problems = run(folder, chosen, tell, f"dataset-{split}")
    return figures(accounts, problems)


def run(
    folder: Path, shots: Sequence[VoicedShot], tell: Tell, name: str = "dataset"
) -> tuple[list[Account], tuple[str, ...]]:
    """Curate every file of the shots, from the source list to the shards; the accounts, and what does not add up."""
    media, dataset = folder / "voiced", folder / "voiced" / name
    make_voiced(media, shots, lambda done, total: tell(Progress("clips with sound", done, total)))
    files = {media_of(media, shot, sound).name: (shot, sound) for shot in shots for sound in shot.sounds}
    curate(read_sources([str(media / name) for name in files]).items, dataset, CurateConfig(), run_here,
           on_progress=tell)  # fmt: skip
    accounts = []
    for row in read_manifest(dataset):
        clip = ClipFolder(dataset, row["clip_id"])
        shot, sound = files[Path(row["uri"]).name]
        accounts.append(Account(shot, sound, read_table(clip.file("verdicts.parquet"), VERDICTS),
                                read_table(clip.file("takes.parquet"), TAKES)))  # fmt: skip
    return accounts, funnel(dataset).problems


def figures(accounts: Sequence[Account], problems: Sequence[str]) -> list[Row]:
    errors = [error for one in accounts for error in bound_errors_s(one)]
    note = f"{len(accounts)} files, {sum(one.verdicts.num_rows for one in accounts)} frames through the whole pipeline"
    return [
        Row("kept frames' seconds accounted, sum against input", max(map(unaccounted_frames, accounts)), "frames",
            "down", at_least=1, aim=0, note=f"worst file; {note}"),
        Row("accounts that do not add up", len(problems), "problems", "down", at_least=0, aim=0,
            note="; ".join(problems[:3]) or note),
        Row("bounds of takes against the voice and its 0.3 s of silence: median error",
            float(np.median(errors)) * 1000 if errors else None, "ms", "down",
            note=f"{len(errors)} bounds that no hidden face, adult or other voice moved"),
    ]  # fmt: skip


def unaccounted_frames(one: Account) -> float:
    """By how many frames the frames kept and the frames per reason, each counted once, miss the clip's own."""
    frames = one.verdicts["frame"].to_numpy()
    keep = one.verdicts["keep"].to_numpy(zero_copy_only=False).astype(bool)
    reasons = np.array([name or "" for name in one.verdicts["reason"].to_pylist()])
    told = np.unique(frames[keep & (reasons == "")]).size + np.unique(frames[~keep & (reasons != "")]).size
    doubled = len(frames) - np.unique(frames).size
    return float(abs(told - frames_in(one.shot)) + doubled)


def frames_in(shot: VoicedShot) -> int:
    """Grid times before the end of the last picture, counted from the pictures that were drawn."""
    return int(np.ceil(len(picture_times(shot)) / shot.fps * GRID_FPS - 0.05))


def bound_errors_s(one: Account) -> list[float]:
    """How far the bounds of kept takes lie from where the voice's truth puts them.

    Only bounds beside frames that were dropped for want of a voice count: others lie where the face was lost.
    """
    if one.sound == "swapped":
        return []
    own = [(u.start_s - MARGIN_S, u.end_s - MARGIN_S) for u in voice_of(one.shot).utterances]
    moved = shift_s(one.sound)
    reasons = dict(zip(one.verdicts["frame"].to_pylist(), one.verdicts["reason"].to_pylist(), strict=True))
    out = []
    for take in one.takes.to_pylist():
        first, last = round(take["start_s"] * GRID_FPS), round(take["end_s"] * GRID_FPS)
        if take["reason"] is None and reasons.get(first - 1) == "no_infant_voice":
            out.append(min(abs(take["start_s"] - (start + moved - 0.3)) for start, _ in own))
        if take["reason"] is None and reasons.get(last) == "no_infant_voice":
            out.append(min(abs(take["end_s"] - (end + moved + 0.3)) for _, end in own))
    return out
