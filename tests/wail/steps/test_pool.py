"""Workers that die or hang end their one clip; workers end with their parent and carry errors home."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from schemas.documents import SourceItem
from wail.config import CurateConfig
from wail.errors import WailError
from wail.media.identity import clip_id, with_content_id
from wail.steps import pool as pool_module
from wail.steps.order import BY_NAME
from wail.steps.pool import LocalPool, current_key, run_clip, run_here
from wail.steps.step import state, step_key
from wail.store import ClipFolder, write_document

CONFIG = CurateConfig()


@pytest.fixture
def two_clips(cry_clip, tmp_path):
    """Two clips with stage media done: 4 s and 0.3 s of the cry."""
    ids = []
    for span in ((0.0, 4.0), (4.2, 4.5)):
        item = with_content_id(SourceItem(uri=str(cry_clip), platform="file", video_id="", asked_start_s=span[0],
                                          asked_end_s=span[1]))  # fmt: skip
        ids.append(clip_id(item))
        write_document(ClipFolder(tmp_path, ids[-1]).file("source.json"), item)
    run_here("media", ids, tmp_path, CONFIG, lambda clip: None)
    return tmp_path, ids


def children() -> list[int]:
    """Living children of this process that run a pool's worker."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"spawn_main" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def kill_worker_once(killed: list[int]) -> None:
    """Wait until stage vision is at work, seen by a worker that maps mediapipe's library, then kill it."""
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s and not killed:
        for pid in children():
            try:
                at_work = b"mediapipe" in Path(f"/proc/{pid}/maps").read_bytes()
            except OSError:
                continue
            if at_work:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        time.sleep(0.02)


def test_a_worker_killed_amid_vision_ends_that_clip_alone(two_clips):
    root, (long, short) = two_clips
    done, killed = [], []
    with LocalPool(1) as pool:
        killer = threading.Thread(target=kill_worker_once, args=[killed])
        killer.start()
        pool("vision", [long, short], root, CONFIG, done.append)
        killer.join()
    assert len(killed) == 1
    lost = ClipFolder(root, long).receipt("vision")
    assert (lost.status, lost.failure) == ("failed", "bug")
    assert "the process at stage vision died" in lost.reason and "--retry-failed" in lost.reason
    assert ClipFolder(root, short).receipt("vision").status == "done", "the run went on, in a new worker"
    assert sorted(done) == sorted([long, short])
    step, clip = BY_NAME["vision"], ClipFolder(root, long)
    key = step_key(step, clip, CONFIG, long)
    assert [state(step, clip, key, retry_failed=retry) for retry in (False, True)] == ["current", "run"]


def test_a_clip_that_takes_too_long_is_ended_and_the_run_goes_on(two_clips, monkeypatch):
    import dataclasses

    root, ids = two_clips
    vision = BY_NAME["vision"]
    monkeypatch.setitem(pool_module.BY_NAME, "vision", dataclasses.replace(vision, timeout_s=0.3))
    with LocalPool(1) as pool:
        pool("vision", ids[:1], root, CONFIG, lambda clip: None)
        monkeypatch.setitem(pool_module.BY_NAME, "vision", vision)
        pool("voice", ids, root, CONFIG, lambda clip: None)
    late = ClipFolder(root, ids[0]).receipt("vision")
    assert (late.status, late.failure) == ("failed", "bug")
    assert "stage vision took longer than its 0 s; cut the clip shorter" in late.reason
    assert [ClipFolder(root, one).receipt("voice").status for one in ids] == ["done", "done"]


def test_the_pool_gives_the_same_bytes_as_this_process(two_clips, tmp_path_factory):
    import shutil

    root, ids = two_clips
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(root / "clips", other / "clips")
    run_here("voice", ids, root, CONFIG, lambda clip: None)
    with LocalPool(2) as pool:
        pool("voice", ids, other, CONFIG, lambda clip: None)
    for one in ids:
        here, there = (ClipFolder(place, one).receipt("voice") for place in (root, other))
        assert here.outputs == there.outputs and here.key == there.key


def test_a_stage_asked_for_before_what_it_reads_is_a_mistake_that_says_so(two_clips):
    root, (one, _) = two_clips
    with pytest.raises(WailError, match=r"stage takes of clip .* before the stages that it reads"):
        run_clip("takes", one, root, CONFIG)
    with pytest.raises(WailError, match="before the stages that it reads"):
        current_key(BY_NAME["fit"], ClipFolder(root, one), CONFIG)


def test_no_worker_outlives_the_pool(two_clips):
    root, ids = two_clips
    with LocalPool(1) as pool:
        pool("voice", ids[1:], root, CONFIG, lambda clip: None)
        assert children()
    assert not children()


def test_workers_do_not_hear_ctrl_c_but_this_process_does():
    with LocalPool(1):
        deadline_s = time.monotonic() + 20
        while not (workers := children()) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        blocked = int(Path(f"/proc/{workers[0]}/status").read_text().partition("SigBlk:")[2].split()[0], 16)
        assert blocked >> (signal.SIGINT - 1) & 1
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
