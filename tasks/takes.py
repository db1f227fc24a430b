"""Runs of visible frames in which that infant vocalises."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batch import Counts, run_batch
from wail.config import CurateConfig


@task(name="takes", task_run_name="takes {first}", tags=["cpu"], timeout_seconds=3600, cache_policy=NO_CACHE)
def takes(first: str, clip_ids: list[str], root: Path, config: CurateConfig, jobs: int) -> Counts:
    return run_batch("takes", clip_ids, root, config, jobs)
