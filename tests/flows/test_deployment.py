"""The README's deployment lines for real: server, work pool, deploy --all, worker, deployment run, on loopback."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).with_name("prefect"))
CLIP = "cry_plain"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(command, environment, log):
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)


def stop(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Prefect server and a worker with a scratch PREFECT_HOME; yields their environment."""
    home = tmp_path_factory.mktemp("prefect")
    port = free_port()
    environment = os.environ | {
        "PREFECT_HOME": str(home), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "WAIL_HOME": str(ROOT),
        "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_WORKER_QUERY_SECONDS": "1",
    }  # fmt: skip
    with (home / "log.txt").open("w+") as log:
        running = [start([PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)], environment, log)]
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.5)
            subprocess.run([PREFECT, "work-pool", "create", "wail", "--type", "process"], env=environment, check=True,
                           cwd=ROOT, stdout=log, stderr=log)  # fmt: skip
            subprocess.run([PREFECT, "--no-prompt", "deploy", "--all"], env=environment, check=True, cwd=ROOT,
                           stdout=log, stderr=log)  # fmt: skip
            running.append(start([PREFECT, "worker", "start", "--pool", "wail", "--type", "process"], environment, log))
            yield environment
        finally:
            for process in reversed(running):
                stop(process)


def run_deployment(environment, name, **parameters) -> str:
    given = [part for key, value in parameters.items() for part in ("-p", f"{key}={json.dumps(value)}")]
    done = subprocess.run([PREFECT, "deployment", "run", name, *given, "--watch", "--watch-interval", "1"],
                          env=environment, cwd=ROOT, capture_output=True, text=True, timeout=400)  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout


def api(environment, path, body):
    request = urllib.request.Request(
        f"{environment['PREFECT_API_URL']}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_the_deployment_curates_a_clip_and_shows_funnel_and_report(server, demo, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(demo[0] / "samples" / f"{CLIP}.mp4", source)
    out = tmp_path / "set"
    run_deployment(server, "curate/local", sources=[str(source)], out=str(out), jobs=1)
    (row,) = pq.read_table(out / "manifest.parquet").to_pylist()
    assert (row["status"], row["n_takes"] > 0) == ("done", True)
    assert (out / "report" / "index.html").exists()
    keys = {artifact["key"] for artifact in api(server, "/artifacts/filter", {})}
    assert {"funnel", "report", "summary"} <= keys
    by_pool = next(
        table for part in (out / "shards").rglob("part-*.parquet") if (table := pq.read_table(part)).num_rows
    )
    in_process = [
        pq.read_table(part, filters=[("clip_id", "=", row["clip_id"])])
        for part in (demo[0] / "dataset" / "shards").rglob("part-*.parquet")
    ]
    same = next(table for table in in_process if table.num_rows)
    assert by_pool["expression"].to_pylist() == same["expression"].to_pylist(), "Prefect changes nothing in the shards"


def test_the_training_deployment_is_there_with_its_parameters(server):
    names = {one["name"] for one in api(server, "/deployments/filter", {})}
    assert names == {"local"}
    entrypoints = {one["entrypoint"] for one in api(server, "/deployments/filter", {})}
    assert entrypoints == {"flows/curate.py:curate_flow", "flows/train.py:train_flow"}
