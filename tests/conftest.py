"""Shared by all tests: quiet libraries, no network hubs, and one demo run that several tests look at."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

QUIET = {
    "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE", "GLOG_minloglevel": "3", "TF_CPP_MIN_LOG_LEVEL": "3",
}  # fmt: skip
os.environ.update(QUIET)


def wail(*arguments: str, check: bool = True, **options) -> subprocess.CompletedProcess[str]:
    """Run the `wail` command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "wail", *map(str, arguments)], check=check, capture_output=True, text=True, **options
    )


@pytest.fixture(scope="session")
def run_wail():
    return wail


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> tuple[Path, dict]:
    """One `wail demo --short`: its folder and what it printed. WAIL_DEMO names a folder to go on with instead."""
    out = Path(os.environ.get("WAIL_DEMO") or tmp_path_factory.mktemp("demo"))
    done = wail("demo", "--short", "--out", out, "--json", check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return out, json.loads(done.stdout)
