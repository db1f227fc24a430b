"""The clips' media: fetched or linked, probed, cut. Retried by Prefect when the whole batch breaks (a lost network)."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.batch import Counts, run_batch
from wail.config import CurateConfig


@task(name="media", task_run_name="media {first}", tags=["network"], retries=2, retry_delay_seconds=30,
      timeout_seconds=21600, cache_policy=NO_CACHE)  # fmt: skip
def media(first: str, clip_ids: list[str], root: Path, config: CurateConfig, jobs: int) -> Counts:
    return run_batch("media", clip_ids, root, config, jobs)
