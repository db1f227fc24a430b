"""Whose face is where and how visible."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batch import Counts, run_batch
from wail.config import CurateConfig


@task(name="vision", task_run_name="vision {first}", tags=["cpu"], timeout_seconds=21600, cache_policy=NO_CACHE)
def vision(first: str, clip_ids: list[str], root: Path, config: CurateConfig, jobs: int) -> Counts:
    return run_batch("vision", clip_ids, root, config, jobs)
