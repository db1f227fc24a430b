"""What is timed, or weighed, in a process of its own: threads and how they wait are settled before torch is loaded."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wail.bench.fit_adam import TUNED, UNIT, Unknowns, adam, energy, long_run, rescaled, state_of, task_of
from wail.bench.fit_decoders import Kind
from wail.bench.fit_scores import landmarks_of, solve
from wail.bench.fit_truth import FitProblem, Split, make_problem, smooth_config, truth_config
from wail.errors import DatasetError
from wail.inface.fit import FitConfig, TakeFit


def in_child(job: str, threads: int, **spec: Any) -> Any:
    """Run one of JOBS with so many threads of torch that sleep while they wait; what it returns, through JSON."""
    env = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    told = json.dumps({"threads": threads, **spec})
    done = subprocess.run([sys.executable, "-m", "wail.bench.fit_child", job, told], env=env, text=True, check=False,
                          capture_output=True)  # fmt: skip
    if done.returncode:
        raise DatasetError(f"the benchmark's own process for {job} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def race(threads: int, kind: Kind, split: Split, seeds: list[int], rounds: int, device: str) -> dict[str, list[float]]:
    """Ours and Adam in turn on the same takes: seconds of every round, and each take's energies."""
    out: dict[str, list[float]] = {}
    for seed in seeds:
        for name, values in race_of(make_problem(kind, split, seed), rounds, threads, device).items():
            out.setdefault(name, []).extend(values)
    return out


def race_of(problem: FitProblem, rounds: int, threads: int, device: str) -> dict[str, list[float]]:
    """One take. `low` is Adam with the decoder's products in bfloat16. The first fit of each warms up and is not timed.
    Energies are of one function, in float64, for all; `told` is what the fit says itself; `optimum` is the least that
    is known: of these, of a fit with ten times the iterations, and of a long run from the best of them all."""
    config, scales = truth_config(problem), TUNED[problem.kind]

    def ours() -> TakeFit:
        return solve([problem], config, device, threads)[0]

    def theirs(low: bool = False) -> Unknowns:
        return adam(task_of(problem, config, device), scales, low=low)

    calls: dict[str, Callable[[], Any]] = {"ours_s": ours, "adam_s": theirs, "low_s": partial(theirs, low=True)}
    fit, at, low = ours(), theirs(), theirs(low=True)
    rows = [{name: timed(call, device) for name, call in calls.items()} for _ in range(rounds)]
    task = task_of(problem, config, dtype=torch.float64)
    patient = replace(config, settled_nats=1e-3, key_stride=4, key_iterations=40, frame_iterations=60, iterations=60)
    ends = [state_of(problem, task, fit), rescaled(at, scales, UNIT),
            rescaled(low, scales, UNIT), state_of(problem, task, solve([problem], patient, device, threads)[0])]
    found = [float(energy(task, one, UNIT)) for one in ends]
    best = min(*found, long_run(task, ends[int(np.argmin(found))]))
    seconds = {name: [one[name] for one in rows] for name in calls}
    return {**seconds, "ours": found[:1], "adam": found[1:2], "low": found[2:3], "told": [fit.energy],
            "optimum": [best]}  # fmt: skip


def speed(
    threads: int, kind: Kind, split: Split, seeds: list[int], rounds: int, clips: int, device: str, smooth: bool = False
) -> dict[str, Any]:
    """Seconds of `rounds` fits of so many takes at once, for every seed's decoder, and the frames of one fit; `smooth`:
    told the first take's smoothness, so that frames are tied."""
    seconds = []
    frames = 0
    for seed in seeds:
        takes = [make_problem(kind, split, seed, take=k) for k in range(clips)]
        frames = sum(one.n_frames for one in takes)
        call = partial(solve, takes, smooth_config(takes[0]) if smooth else None, device, threads)
        call()
        seconds += [timed(call, device) for _ in range(rounds)]
    return {"seconds": seconds, "frames": frames}


def same(threads: int, kind: Kind, split: Split, seeds: list[int], device: str) -> dict[str, float]:
    """The farthest that a landmark of the device's fits lies from the CPU's, in mm, head frame."""
    apart = 0.0
    for seed in seeds:
        problem = make_problem(kind, split, seed)
        here, there = (landmarks_of(problem, solve([problem], None, one, threads)[0]) for one in ("cpu", device))
        apart = max(apart, float(np.linalg.norm(here - there, axis=-1).max()))
    return {"mm": apart}


def memory(threads: int, frames: int) -> dict[str, float]:
    """The most memory this process held while it fitted a take of so many frames by the shipped config."""
    short = make_problem("stand-in", "tune", 0)
    # There and back, so that the take has no seams.
    period = short.n_frames - 1
    order = period - np.abs(np.arange(frames) % (2 * period) - period)
    take = replace(short, xy_px=short.xy_px[order], visibility=short.visibility[order])
    seconds = timed(partial(solve, [take], FitConfig(), "cpu", threads))
    return {"peak_bytes": peak_bytes(), "seconds": seconds}


def peak_bytes() -> int:
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def timed(call: Callable[[], Any], device: str = "cpu") -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    started = time.perf_counter()
    call()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - started


JOBS: dict[str, Callable[..., Any]] = {"race": race, "speed": speed, "same": same, "memory": memory}

if __name__ == "__main__":
    settings = json.loads(sys.argv[2])
    torch.set_num_threads(settings["threads"])
    sys.stdout.write(json.dumps(JOBS[sys.argv[1]](**settings)) + "\n")
