"""Worker processes end with the one that started them, even when that is killed outright."""

import os
import threading
import time

POLL_S = 0.2


def end_with_parent(parent_pid: int) -> None:
    """Watch from a thread of its own, and leave at once when this process gets another parent than `parent_pid`."""
    threading.Thread(target=_watch, args=[parent_pid], daemon=True).start()


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(POLL_S)
    os._exit(1)
