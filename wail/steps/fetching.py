"""The download queue: one source at a time, paced, and paused as a whole when the platform blocks us."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from wail.config import CurateConfig
from wail.media.queue import BlockPause
from wail.steps.pool import Done, Runner
from wail.store import ClipFolder


def fetch_queue(
    clip_ids: Sequence[str],
    root: Path,
    config: CurateConfig,
    runner: Runner,
    done: Done,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Run stage media over clips of URLs. A block (HTTP 429, a bot check) makes the whole queue wait and try the same
    item again; past the configured patience the queue stops, and the sentence that says so is returned."""
    pause = BlockPause(config.download)
    for index, clip_id in enumerate(clip_ids):
        while True:
            runner("media", [clip_id], root, config, lambda _: None)
            receipt = ClipFolder(root, clip_id).receipt("media")
            if receipt is None or receipt.failure != "blocked":
                pause.clear()
                break
            wait_s = pause.next_wait_s()
            if wait_s is None:
                return (f"the platform blocks downloads ({receipt.reason}); {len(clip_ids) - index} items are left for "
                        "a later run: run again in a few hours, or give cookies")  # fmt: skip
            sleep(wait_s)
        done(clip_id)
        if index + 1 < len(clip_ids):
            sleep(config.download.pace_s)
    shutil.rmtree(root / "fetched", ignore_errors=True)
    return None
