"""Audio features of the kept takes."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batch import Counts, run_batch
from wail.config import CurateConfig


@task(name="features", task_run_name="features {first}", tags=["cpu"], timeout_seconds=21600, cache_policy=NO_CACHE)
def features(first: str, clip_ids: list[str], root: Path, config: CurateConfig, jobs: int) -> Counts:
    return run_batch("features", clip_ids, root, config, jobs)
