"""Running a function on a hostile file in a process of its own, within time and memory."""

import resource
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing import get_context
from typing import TypeVar

import pebble

from wail.errors import MediaError

Result = TypeVar("Result")


def run_guarded(
    function: Callable[..., Result], args: tuple[object, ...], timeout_s: float, max_memory_bytes: int | None = None
) -> Result:
    """`function(*args)` in a fresh process (spawn); both have to pickle. What it raises is raised here.

    Raises MediaError (`corrupt`) where it takes longer than `timeout_s`, or the process dies or outgrows its memory:
    a file that does this ends one clip, not the run.
    """
    pool = pebble.ProcessPool(
        max_workers=1, context=get_context("spawn"), initializer=_limit_memory, initargs=(max_memory_bytes,)
    )
    name = getattr(function, "__name__", "the step")
    with pool:
        try:
            result: Result = pool.schedule(function, args=args, timeout=timeout_s).result()
            return result
        except FutureTimeoutError as error:
            raise MediaError(f"{name} took more than {timeout_s:g} s and was ended: check that the file plays, "
                             "or raise timeout_s", "corrupt") from error  # fmt: skip
        except (pebble.ProcessExpired, MemoryError) as error:
            raise MediaError(f"{name} died on the file ({error or 'out of memory'}): check that the file plays",
                             "corrupt") from error  # fmt: skip


def _limit_memory(max_bytes: int | None) -> None:
    if max_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))
