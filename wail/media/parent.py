"""Worker processes end with the one that started them, even when that is killed outright, and leave Ctrl-C to it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

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
