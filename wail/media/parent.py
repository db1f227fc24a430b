"""Worker processes end with the one that started them, even when that is killed outright, and leave Ctrl-C to it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from typing import Any

POLL_S = 0.2


def end_with_parent(parent_pid: int) -> None:
    """Watch from a thread of its own, and leave at once when this process gets another parent than `parent_pid`."""
    threading.Thread(target=_watch, args=[parent_pid], daemon=True).start()


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(POLL_S)
    os._exit(1)


@contextmanager
def starting_workers() -> Iterator[None]:
    """Processes and threads started in here do not hear Ctrl-C.

    A terminal sends it to all its processes; so only the one that the user sees stops, stops the others, and no worker
    prints a trace.
    """
    resource_tracker.ensure_running()  # its own start would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def each_done(
    job: Callable[..., Any], calls: Sequence[tuple[Any, ...]], workers: int,
    begin: Callable[[int], None] = end_with_parent,
) -> Iterator[None]:  # fmt: skip
    """Run `job(*call)` for every call, and yield whenever one is done; what a call raises is raised.

    In `workers` spawned processes, each of which begins with `begin(this process's id)`; in this one where that does.
    """
    if workers == 1 or len(calls) < 2:
        for call in calls:
            job(*call)
            yield
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), begin, (os.getpid(),)) as pool:
        with starting_workers():
            jobs = [pool.submit(job, *call) for call in calls]
        for one in as_completed(jobs):
            one.result()
            yield
