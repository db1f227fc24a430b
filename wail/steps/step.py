"""What a stage is, and how one stage of one clip is run and receipted."""

import logging
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from schemas.documents import Receipt
from schemas.hashing import hash_of
from schemas.reasons import RETRIED, Status
from wail.config import CurateConfig
from wail.errors import ClipError, DatasetError, WailError
from wail.store import DISK_FULL, ClipFolder, read_json

log = logging.getLogger(__name__)

DELETED = "deleted.json"
"""In a clip's folder: the outputs that `retain = derived` deleted on purpose."""
_NAMES = TypeAdapter(list[str])
LEAST_FREE_BYTES = 1 << 20
"""With less of it left, whatever a stage failed of is put down to the full disk: libraries word that in many ways."""


@dataclass(frozen=True)
class Outcome:
    """What a stage made: names of files in the clip's folder, the models used, and small findings."""

    outputs: tuple[str, ...] = ()
    models: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One stage. Its key covers `version`, `settings`, `models` and the content of what it reads."""

    name: str
    version: int
    reads: tuple[str, ...]
    """Stages whose outputs it reads."""
    needs_media: bool
    """Whether it makes or reads picture or sound, which `retain = derived` deletes."""
    settings: Callable[[CurateConfig], Any]
    models: Callable[[CurateConfig], dict[str, str]]
    run: Callable[[ClipFolder, CurateConfig], Outcome]
    timeout_s: float
    """Wall-clock limit for one clip, in a process of its own."""


def step_key(step: Step, clip: ClipFolder, config: CurateConfig, source: str) -> str | None:
    """The key the stage's receipt must carry to be up to date; None where a stage it reads has not succeeded."""
    inputs: dict[str, Any] = {"source": source} if not step.reads else {}
    for name in step.reads:
        receipt = clip.receipt(name)
        if receipt is None or receipt.status != "done":
            return None
        inputs[name] = {output.path: output.sha256 for output in receipt.outputs}
    settings = TypeAdapter(Any).dump_python(step.settings(config), mode="json")
    return hash_of([step.name, step.version, settings, step.models(config), inputs])


def listed_deletions(clip: ClipFolder) -> frozenset[str]:
    path = clip.file(DELETED)
    remedy = "delete the clip's folder, and run again to make it anew"
    names = read_json(path, _NAMES, remedy) if path.exists() else []
    return frozenset(names)


def deleted_files(clip: ClipFolder) -> frozenset[str]:
    """What was deleted on purpose and has not come back. With the media back, what was made of it and deleted with it
    (a separated voice) is merely missing, and so made anew."""
    listed, media = listed_deletions(clip), clip.receipt("media")
    return frozenset() if listed and media and clip.intact(media) else listed


def state(step: Step, clip: ClipFolder, key: str | None, *, retry_failed: bool = False) -> str:
    """`current` (nothing to do), `run`, `waits` (an earlier stage has not succeeded) or `stuck` (media deleted)."""
    if key is None:
        return "waits"
    receipt = clip.receipt(step.name)
    gone = deleted_files(clip)
    if receipt is not None and receipt.key == key:
        if receipt.status == "done" and clip.intact(receipt, gone):
            return "current"
        if receipt.status == "failed" and receipt.failure not in RETRIED and not retry_failed:
            return "current"
    return "stuck" if step.needs_media and gone else "run"


def run_step(step: Step, clip: ClipFolder, config: CurateConfig, key: str) -> Receipt:
    """Run the stage and write its receipt last. A failure ends this clip with its class; a full disk ends the run."""
    started = time.monotonic()
    try:
        outcome = step.run(clip, config)
        receipt = Receipt(
            stage=step.name, key=key, status="done", seconds=time.monotonic() - started,
            outputs=clip.outputs(outcome.outputs), models=outcome.models, facts=outcome.facts,
        )  # fmt: skip
    except Exception as error:  # One clip's bug must not end the run: it is logged whole and counted.
        if is_disk_full(error, clip.root):
            raise disk_full(clip.root) from error
        if isinstance(error, WailError) and not isinstance(error, ClipError | DatasetError):
            raise
        receipt = receipt_of(error, step, clip, key, time.monotonic() - started)
    leave(receipt, clip)
    return receipt


def leave(receipt: Receipt, clip: ClipFolder) -> None:
    """Write the receipt, unless it says that deleted media could not be had back: what was made of it still stands."""
    if receipt.stage == "media" and receipt.status == "failed" and deleted_files(clip):
        log.warning("clip %s keeps what was made of its deleted media: %s", clip.clip_id, receipt.reason)
    else:
        clip.write_receipt(receipt)


def receipt_of(error: Exception, step: Step, clip: ClipFolder, key: str, seconds: float) -> Receipt:
    if isinstance(error, ClipError):
        return failed(step.name, key, str(error), error.failure, seconds)
    if isinstance(error, DatasetError):  # a file of this clip is damaged: tried again when it has been deleted
        return failed(step.name, key, str(error), "transient", seconds)
    log.error("stage %s of clip %s failed", step.name, clip.clip_id, exc_info=error)
    return failed(step.name, key, describe(error), "bug", seconds)


def is_disk_full(error: Exception, root: Path) -> bool:
    said = isinstance(error, OSError) and error.errno in DISK_FULL
    return said or shutil.disk_usage(root).free < LEAST_FREE_BYTES


def describe(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"{type(error).__name__} at {place}: {error}; this is a defect of WAIL, please report it with the log"


def failed(stage: str, key: str, reason: str, failure: Any, seconds: float) -> Receipt:
    status: Status = "failed"
    return Receipt(stage=stage, key=key, status=status, reason=reason, failure=failure, seconds=seconds)


def disk_full(root: Path) -> DatasetError:
    return DatasetError(
        f"no space is left on the disk of {root}: free some and run again; what is finished stays and is not redone"
    )
