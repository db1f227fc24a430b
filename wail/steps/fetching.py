"""The download queue: one source at a time, paced, and paused as a whole when the platform blocks us."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from wail.config import CurateConfig
from wail.media.pacing import BlockPause
from wail.steps.pool import Done, Runner
from wail.store import ClipFolder

log = logging.getLogger(__name__)


def fetch_queue(
    clip_ids: Sequence[str],
    root: Path,
    config: CurateConfig,
    runner: Runner,
    done: Done,
    sleep: Callable[[float], None] = time.sleep,
    now_s: Callable[[], float] = time.monotonic,
) -> str | None:
    """Run stage media over clips of URLs. A block (HTTP 429, a bot check) makes the whole queue wait and try the same
    item again; after too many in a row the queue stops, and the sentence that says so is returned."""
    pause = BlockPause(config.download.pace)
    for index, clip_id in enumerate(clip_ids):
        failure: str | None = "blocked"
        while failure == "blocked":
            if pause.stopped:
                return (f"the platform blocks downloads: the queue stopped with {len(clip_ids) - index} items left; "
                        "run again in a few hours, or give a cookie file (download.cookies)")  # fmt: skip
            wait(pause, sleep, now_s)
            runner("media", [clip_id], root, config, lambda _: None)
            receipt = ClipFolder(root, clip_id).receipt("media")
            failure = receipt.failure if receipt else None
            pause = pause.after(failure, now_s())
        done(clip_id)
    drop_fetched(root)
    return None


def drop_fetched(root: Path) -> None:
    """Whole files are kept while spans of them are still to be cut, so only until the queue is through."""
    shutil.rmtree(root / "fetched", ignore_errors=True)


def wait(pause: BlockPause, sleep: Callable[[float], None], now_s: Callable[[], float]) -> None:
    wait_s = pause.wait_s(now_s())
    if wait_s > pause.config.gap_s:
        log.warning("the platform blocks downloads: waiting %.0f minutes before the next try", wait_s / 60)
    if wait_s > 0:
        sleep(wait_s)
