"""Curation, written once: which stage runs after which, over which clips. How a stage is run is the caller's choice.

A clip's stages are re-run exactly when their key changes (see `wail.steps.step`); the receipts in the clips' folders
are the only state, so a run that is killed anywhere goes on where it stopped.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from schemas.documents import Document, SourceItem
from schemas.hashing import hash_of
from wail.config import CurateConfig
from wail.errors import DatasetError, SourceError
from wail.media.identity import clip_id, with_content_id
from wail.steps.fetching import drop_fetched, fetch_queue
from wail.steps.fit import model_ids
from wail.steps.manifest import outcome, write_manifest
from wail.steps.order import STEPS
from wail.steps.plan import Planned, place_of, plan_all, remember
from wail.steps.pool import Runner
from wail.steps.retain import delete_media
from wail.steps.shards import has_audio, write_shards
from wail.steps.step import Step, deleted_files, state, step_key
from wail.store import ClipFolder, dataset_lock, read_json, sweep_temporaries, write_json

DATASET_VERSION = 1


@dataclass(frozen=True)
class Options:
    """How a run behaves; none of it changes what a finished dataset holds."""

    retry_failed: bool = False
    """Try all failed items again, whatever their class."""
    only_failed: bool = False
    """Do nothing but that."""
    refetch: bool = False
    """Fetch deleted media again where a stage needs it."""


@dataclass(frozen=True)
class Progress:
    """What the caller is told: a stage, how many clips of it are due, how many are done."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Summary:
    """What came of a run."""

    items: dict[str, int]
    """Items of the dataset by status."""
    ran: dict[str, int]
    """Clips run per stage; a run that finds all done has only zeros."""
    stuck: dict[str, list[str]]
    """Stages that could not be redone since the media was deleted, with their clips."""
    takes: dict[str, int]
    """Takes kept, per split."""
    kept_s: float
    failures: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """Of each item that failed or was refused, the sentence that says why."""
    refused: int = 0
    paused: str | None = None
    """Why the download queue stopped early, if it did."""


def curate(
    items: Sequence[SourceItem],
    root: Path,
    config: CurateConfig,
    runner: Runner,
    options: Options = Options(),
    *,
    refused: Sequence[tuple[str, str]] = (),
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Summary:
    """Bring the dataset at `root` up to date for all it was ever asked plus `items`.

    Raises DatasetBusyError when another run holds it, DatasetError when the disk is full, ModelError for a wrong model
    file; anything that concerns one clip alone is in its receipt and in the manifest.
    """
    with dataset_lock(root):
        sweep_temporaries(root)
        for step in STEPS:
            step.models(config)  # a wrong or missing model file is worth saying before anything is done
        planned, replaced = plan_all(root, readable(items, on_progress))
        if not planned and not refused:
            raise SourceError("the sources hold no media at all; give a media file, a folder, a list or AudioSet's CSV")
        remember(root, planned)
        for item in replaced:
            shutil.rmtree(ClipFolder(root, clip_id(item)).path, ignore_errors=True)
        clips = chosen_clips(root, planned, options, replaced)
        ran, stuck, paused = run_stages(clips, planned, config, runner, options, on_progress)
        return finish(root, planned, refused, config, ran, stuck, paused, on_progress)


def readable(items: Sequence[SourceItem], on_progress: Callable[[Progress], None]) -> list[SourceItem]:
    """Items with their content ids; a local file that cannot be read fails later, at stage media, under its name."""
    found = []
    for index, item in enumerate(items):
        try:
            found.append(with_content_id(item))
        except SourceError:
            found.append(item.model_copy(update={"video_id": hash_of(["unreadable", item.uri])}))
        on_progress(Progress("read", index + 1, len(items)))
    return found


def chosen_clips(
    root: Path, planned: Sequence[Planned], options: Options, replaced: Set[SourceItem]
) -> list[ClipFolder]:
    """The clips to work on. `replaced` are items of files that failed, and have other content now."""
    clips = {ClipFolder(root, one.clip_id): one.item for one in planned if one.twin is None}
    if not options.only_failed:
        return list(clips)
    mended = {place_of(item) for item in replaced}
    return [clip for clip, item in clips.items() if outcome(clip)[0] == "failed" or place_of(item) in mended]


def run_stages(
    clips: Sequence[ClipFolder],
    planned: Sequence[Planned],
    config: CurateConfig,
    runner: Runner,
    options: Options,
    on_progress: Callable[[Progress], None],
) -> tuple[dict[str, int], dict[str, list[str]], str | None]:
    """Every stage in order over the clips for which it is due."""
    ran: dict[str, int] = {}
    stuck: dict[str, list[str]] = {}
    paused = None
    remote = {one.clip_id for one in planned if one.item.platform != "file"}
    for step in STEPS:
        states = {clip.clip_id: due(step, clip, config, options) for clip in clips}
        todo = [clip_id for clip_id, found in states.items() if found == "run"]
        blocked = [clip_id for clip_id, found in states.items() if found == "stuck"]
        if blocked:
            stuck[step.name] = blocked
        ran[step.name] = len(todo)
        tick = ticker(step.name, len(todo), on_progress)
        if step.name == "media":
            far = [clip_id for clip_id in todo if clip_id in remote]
            paused = fetch_queue(far, clips[0].root, config, runner, tick) if far else None
            if clips and not far:
                drop_fetched(clips[0].root)  # a run that was killed may have left some
            todo = [clip_id for clip_id in todo if clip_id not in remote]
        if todo:
            runner(step.name, todo, clips[0].root, config, tick)
    return ran, stuck, paused


def due(step: Step, clip: ClipFolder, config: CurateConfig, options: Options) -> str:
    """The state of a stage of a clip, see `wail.steps.step.state`; with `options.refetch`, deleted media is to be
    fetched where anything hangs on it."""
    if step.name == "media" and options.refetch and deleted_files(clip):
        needed = config.retain == "media" or any(state_now(other, clip, config, options) == "stuck" for other in STEPS)
        return "run" if needed else "current"
    return state_now(step, clip, config, options)


def state_now(step: Step, clip: ClipFolder, config: CurateConfig, options: Options) -> str:
    key = step_key(step, clip, config, clip.clip_id)
    return state(step, clip, key, retry_failed=options.retry_failed)


def ticker(stage: str, total: int, on_progress: Callable[[Progress], None]) -> Callable[[str], None]:
    done = 0

    def tick(clip_id: str) -> None:
        nonlocal done
        done += 1
        on_progress(Progress(stage, done, total))

    return tick


def finish(
    root: Path,
    planned: Sequence[Planned],
    refused: Sequence[tuple[str, str]],
    config: CurateConfig,
    ran: dict[str, int],
    stuck: dict[str, list[str]],
    paused: str | None,
    on_progress: Callable[[Progress], None],
) -> Summary:
    """Manifest, shards, deletion of media that is not retained, and `dataset.json`."""
    rows = write_manifest(root, planned, refused)
    finished = {row["clip_id"]: clip_facts(root, row, config) for row in rows if row["status"] == "done"}
    on_progress(Progress("shards", 0, 1))
    takes = shards_up_to_date(root, finished, config)
    on_progress(Progress("shards", 1, 1))
    silent = [clip_id for clip_id, facts in finished.items() if config.retain == "media" and not facts["audio"]
              and deleted_files(ClipFolder(root, clip_id))]  # fmt: skip
    if silent:
        stuck = {**stuck, "shards": silent}
    if config.retain == "derived":
        delete_media([ClipFolder(root, clip_id) for clip_id in finished])
    summary = Summary(
        items=dict(Counter(row["status"] for row in rows)), ran=ran, stuck=stuck, takes=takes,
        kept_s=sum(row["kept_s"] for row in rows), refused=len(refused), paused=paused,
        failures=dict(Counter(row["failure"] for row in rows if row["failure"])),
        problems=[problem(row) for row in rows if row["status"] == "failed"],
    )  # fmt: skip
    write_json(root / "dataset.json", {
        "version": DATASET_VERSION, "config": config.model_dump(mode="json"), "models": model_ids(config),
        "items": summary.items, "takes": takes, "kept_s": summary.kept_s, "stale": stuck,
    })  # fmt: skip
    return summary


def problem(row: dict[str, Any]) -> str:
    """What a row's `detail` says, with the source's name where that is not in it."""
    return row["detail"] if row["uri"] in row["detail"] else f"{row['uri']}: {row['detail']}"


def clip_facts(root: Path, row: dict[str, Any], config: CurateConfig) -> dict[str, Any]:
    """What a clip's shard rows say of where they come from: no time, host or device."""
    clip = ClipFolder(root, row["clip_id"])
    receipts = [receipt for step in STEPS if (receipt := clip.receipt(step.name))]
    models = {name: value for receipt in receipts for name, value in receipt.models.items()}
    provenance = {
        "uri": row["uri"], "licence": row["licence"], "models": models,
        "stages": {receipt.stage: receipt.key for receipt in receipts},
    }  # fmt: skip
    return {
        "source_id": row["source_id"], "group_id": row["group_id"], "provenance": provenance,
        "audio": has_audio(clip, config),
    }  # fmt: skip


class ShardsNote(Document):
    """`shards.json`: what the shards were made of, takes per split, and the files."""

    key: str
    takes: dict[str, int]
    files: list[str]


def read_note(path: Path) -> ShardsNote | None:
    """None where there is none, or it is damaged: then the shards are written anew."""
    try:
        return read_json(path, TypeAdapter(ShardsNote), "") if path.exists() else None
    except DatasetError:
        return None


def shards_up_to_date(root: Path, clips: dict[str, dict[str, Any]], config: CurateConfig) -> dict[str, int]:
    """Write the shards, unless those there were made of the very same."""
    note = root / "shards.json"
    key = hash_of([clips, asdict(config.split), config.retain, config.encoders, model_ids(config)])
    said = read_note(note)
    if said is not None and said.key == key and all((root / path).is_file() for path in said.files):
        return said.takes
    takes = write_shards(root, clips, config)
    parts = sorted((root / "shards").rglob("part-*.parquet")) + sorted((root / "features").rglob("part-*.parquet"))
    write_json(note, {"key": key, "takes": takes, "files": [path.relative_to(root).as_posix() for path in parts]})
    return takes
