"""Every frame's one verdict."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batch import Counts, run_batch
from wail.config import CurateConfig


@task(name="verdicts", task_run_name="verdicts {first}", tags=["cpu"], timeout_seconds=3600, cache_policy=NO_CACHE)
def verdicts(first: str, clip_ids: list[str], root: Path, config: CurateConfig, jobs: int) -> Counts:
    return run_batch("verdicts", clip_ids, root, config, jobs)
