"""Kill -9 at any moment: the next run goes on, gives the same bytes, and does nothing finished again."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from wail.store import sha256_file

MARK = "WAIL_TEST_RUN"


def start(root: Path, sources: Path) -> tuple[subprocess.Popen, str]:
    """A `wail curate` in a process group of its own, and the mark that all its processes carry."""
    mark = uuid.uuid4().hex
    arguments = [sys.executable, "-m", "wail", "curate", str(sources), "--out", str(root), "--jobs", "1", "--json"]
    process = subprocess.Popen(arguments, env=os.environ | {MARK: mark}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    return process, mark


def marked(mark: str) -> list[int]:
    """Processes of this run that still live."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:  # it has just ended, or is another user's
            continue
    return found


def wait_for(happened: Callable[[], object], limit_s: float, step_s: float = 0.005) -> bool:
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if happened():
            return True
        time.sleep(step_s)
    return False


def count(root: Path, pattern: str) -> int:
    return len(list(root.glob(pattern)))


def stamps(root: Path) -> dict[str, tuple[int, bytes]]:
    paths = root.glob("clips/*/*.json")
    return {str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


MOMENTS = (
    ("the first clip's media is there", "clips/*/media.json", 1),
    ("one voice is heard", "clips/*/voice.json", 1),
    ("one clip is seen, the other is being looked at", "clips/*/vision.json", 1),
    ("one fit is written", "clips/*/fits/*.parquet", 1),
    ("all clips are done, shards are to come", "clips/*/features.json", 2),
)


def test_killed_at_five_moments_it_ends_as_if_undisturbed(spans_csv, finished, tmp_path):
    root, before = tmp_path / "dataset", {}
    for moment, pattern, n in MOMENTS:
        process, mark = start(root, spans_csv)
        try:
            assert wait_for(lambda p=pattern, k=n: count(root, p) >= k, 120), f"never came so far: {moment}"
            assert process.poll() is None, f"the run had ended before {moment}"
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert wait_for(lambda m=mark: not marked(m), 5, 0.05), f"workers live on after the kill when {moment}"
        after = stamps(root)
        assert {name: after.get(name) for name in before} == before, f"something finished was done again by {moment}"
        before = after
    process, _ = start(root, spans_csv)
    assert process.wait(120) == 0
    after = stamps(root)
    assert {name: after[name] for name in before} == before
    for name in ("shards", "features"):
        assert hashes(root / name) == hashes(finished[0] / name)
    assert not [path for path in root.rglob(".*") if path.name != ".lock"], "no half-written file is left"


def hashes(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in sorted(folder.rglob("*.parquet"))}


def test_a_second_run_is_refused_while_the_first_is_at_work(spans_csv, dataset, run_wail):
    for path in dataset.glob("clips/*/vision.json"):
        path.unlink()
    process, mark = start(dataset, spans_csv)
    try:
        assert wait_for(lambda: locked(dataset), 60, 0.05), "the first run never began"
        second = run_wail("curate", spans_csv, "--out", dataset, "--jobs", 1, check=False)
        assert process.poll() is None, "the first run was still at work"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert second.returncode == 1
    assert "another run is at work on" in second.stderr and "Traceback" not in second.stderr
    assert wait_for(lambda: not marked(mark), 5, 0.05)


def locked(root: Path) -> bool:
    from wail.errors import DatasetBusyError
    from wail.store import dataset_lock

    try:
        with dataset_lock(root):
            return False
    except DatasetBusyError:
        return True


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_processes_are_found_by_their_mark():
    mark = uuid.uuid4().hex
    process = subprocess.Popen(["sleep", "30"], env=os.environ | {MARK: mark})
    try:
        assert wait_for(lambda: marked(mark) == [process.pid], 5)
    finally:
        process.kill()
        process.wait()
