"""Ways to run one stage over many clips: in this process, or in worker processes with a wall-clock limit per clip.

A worker that hangs, crashes or is killed for memory ends its one clip, which is receipted as failed; the run goes on.
"""

import faulthandler
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from types import TracebackType
from typing import Protocol

from pebble import ProcessExpired, ProcessPool

from schemas.documents import Receipt
from schemas.reasons import Failure
from wail.config import CurateConfig
from wail.errors import WailError
from wail.media.parent import end_with_parent, starting_workers
from wail.steps.order import BY_NAME
from wail.steps.step import Step, failed, leave, run_step, step_key
from wail.store import ClipFolder

Done = Callable[[str], None]


class Runner(Protocol):
    """Runs a stage over clips whose keys say it is due; the receipts it leaves are its only result."""

    def __call__(self, stage: str, clip_ids: Sequence[str], root: Path, config: CurateConfig, done: Done) -> None: ...


def run_clip(stage: str, clip_id: str, root: Path, config: CurateConfig) -> None:
    """Run one stage of one clip in this process and leave its receipt."""
    clip, step = ClipFolder(root, clip_id), BY_NAME[stage]
    run_step(step, clip, config, current_key(step, clip, config))


def current_key(step: Step, clip: ClipFolder, config: CurateConfig) -> str:
    key = step_key(step, clip, config, clip.clip_id)
    if key is None:
        raise WailError(f"stage {step.name} of clip {clip.clip_id} was asked for before the stages that it reads")
    return key


def run_here(stage: str, clip_ids: Sequence[str], root: Path, config: CurateConfig, done: Done) -> None:
    """The plain runner: one clip after another in this process, without limits. For debugging and small tests."""
    for clip_id in clip_ids:
        run_clip(stage, clip_id, root, config)
        done(clip_id)


class LocalPool:
    """A runner over worker processes that keep their models loaded from one stage and clip to the next."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.pool: ProcessPool | None = None

    def __enter__(self) -> "LocalPool":
        for name, value in THREADS.items():
            os.environ.setdefault(name, value)
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPool(self.jobs, context=context, initializer=start_worker, initargs=[os.getpid()])
        with starting_workers():
            assert self.pool.active, "a fresh pool starts when it is asked"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.stop() if kind else self.pool.close()
            self.pool.join()

    def __call__(self, stage: str, clip_ids: Sequence[str], root: Path, config: CurateConfig, done: Done) -> None:
        assert self.pool is not None, "LocalPool is used as a context manager"
        step = BY_NAME[stage]
        jobs = {
            self.pool.schedule(run_clip, args=[stage, clip_id, root, config], timeout=step.timeout_s): clip_id
            for clip_id in clip_ids
        }
        for future in as_completed(jobs):
            clip = ClipFolder(root, jobs[future])
            error = future.exception()
            if isinstance(error, TimeoutError | ProcessExpired):
                leave(lost_worker(step, clip, config, error), clip)
            elif error is not None:
                raise error
            done(clip.clip_id)


THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "GLOG_minloglevel": "3",
           "TF_CPP_MIN_LOG_LEVEL": "3"}  # fmt: skip
"""One thread a worker: the clips are the parallelism, and sums come out the same on every machine."""


def start_worker(parent_pid: int) -> None:
    """Fix the thread counts, and end with the parent even when that is killed outright."""
    import torch

    torch.set_num_threads(1)
    mute_native_libraries()
    end_with_parent(parent_pid)


def mute_native_libraries() -> None:
    """Drop what C++ libraries print (mediapipe: a screenful a clip), but keep Python's own stderr and crashes."""
    kept = os.fdopen(os.dup(2), "w", buffering=1)
    sys.stderr = kept
    faulthandler.enable(kept)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(kept)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def lost_worker(step: Step, clip: ClipFolder, config: CurateConfig, error: BaseException) -> Receipt:
    """The receipt of a clip whose worker ran out of time, crashed or was killed."""
    failure: Failure = "corrupt" if step.name == "media" else "bug"
    if isinstance(error, TimeoutError):
        reason = f"stage {step.name} took longer than its {step.timeout_s:.0f} s; cut the clip shorter, or leave it out"
        return failed(step.name, current_key(step, clip, config), reason, failure, step.timeout_s)
    reason = (f"the process at stage {step.name} died (exit {getattr(error, 'exitcode', '?')}): the file breaks its "
              "decoder or "
              "needs more memory than there is; leave it out, or run again with --retry-failed")  # fmt: skip
    return failed(step.name, current_key(step, clip, config), reason, failure, 0.0)
