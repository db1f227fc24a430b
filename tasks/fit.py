"""INFACE latents of the takes."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batch import Counts, run_batch
from wail.config import CurateConfig


@task(name="fit", task_run_name="fit {first}", tags=["gpu"], timeout_seconds=21600, cache_policy=NO_CACHE)
def fit(first: str, clip_ids: list[str], root: Path, config: CurateConfig, jobs: int) -> Counts:
    return run_batch("fit", clip_ids, root, config, jobs)
