"""How a stage is run under Prefect: batches of clips, one task run each, a local pool inside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.futures import wait

from tasks.features import features
from tasks.fit import fit
from tasks.media import media
from tasks.takes import takes
from tasks.verdicts import verdicts
from tasks.vision import vision
from tasks.voice import voice
from wail.config import CurateConfig
from wail.steps.pool import Done, Runner

TASKS: dict[str, Any] = {task.name: task for task in (media, voice, vision, takes, fit, verdicts, features)}


def prefect_runner(batch_clips: int, jobs: int) -> Runner:
    """A runner that submits one task run for each `batch_clips` clips; each of them uses `jobs` processes."""

    def run(stage: str, clip_ids: Sequence[str], root: Path, config: CurateConfig, done: Done) -> None:
        batches = [list(clip_ids[start : start + batch_clips]) for start in range(0, len(clip_ids), batch_clips)]
        # One batch after another: a batch already uses the whole machine.
        for batch in batches:
            future = TASKS[stage].submit(batch[0], batch, root, config, jobs)
            wait([future])
            future.result()
            for clip_id in batch:
                done(clip_id)

    return run
