"""What detector and separator cost on one core, and how large their weights are. Needs no data folder."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.bench.held import Held
from wail.bench.rows import NotMeasured
from wail.bench.voice_mixtures import Measured
from wail.voice import detect as detector_module
from wail.voice.detect import detect
from wail.voice.frames import one_thread
from wail.voice.mel import RATE_HZ
from wail.voice.training import synth

SEED = 707
DETECTOR_S, SEPARATOR_S = 60.0, 30.0
RUNS = 5


def cost(held: Held) -> Measured:
    """Shortest of several runs, torch on one thread, the model warm."""
    out: Measured = {"detector: time per second of sound": timed(detect, DETECTOR_S)}
    try:
        model = held.separator
    except NotMeasured as why:
        out["separation (b): time per second of sound"] = (None, str(why))
    else:
        out["separation (b): time per second of sound"] = timed(lambda wave: model.stem(wave, RATE_HZ), SEPARATOR_S)
    return out


def timed(run: Callable[[NDArray[np.float32]], object], duration_s: float) -> tuple[float, str]:
    """Milliseconds of wall time per second of sound; processor time in the note."""
    wave = sound(duration_s)
    with one_thread():
        run(wave[: 2 * RATE_HZ])
        each = [clocked(run, wave) for _ in range(RUNS)]
    wall, cpu = (1000 * min(of) / duration_s for of in zip(*each, strict=True))
    return wall, f"shortest of {RUNS} runs over {duration_s:g} s, one thread, float32; {cpu:.2f} ms of processor time"


def clocked(run: Callable[[NDArray[np.float32]], object], wave: NDArray[np.float32]) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    run(wave)
    return time.perf_counter() - wall, time.process_time() - cpu


def sound(duration_s: float) -> NDArray[np.float32]:
    """Cries and talk, made here."""
    rng = np.random.default_rng(SEED)
    return (synth.cry(rng, duration_s).wave + synth.adult_talk(rng, duration_s).wave) / 2


def size(held: Held) -> Measured:
    weights = Path(detector_module.WEIGHTS)
    stem = weights.parent / "infant_stem"
    return {"detector: weights": megabytes([weights]),
            "separation (b): weights": megabytes(sorted(stem.glob("*.th")))}  # fmt: skip


def megabytes(files: list[Path]) -> tuple[float | None, str]:
    there = [file for file in files if file.is_file()]
    if not there:
        return None, "no weights are installed"
    return sum(file.stat().st_size for file in there) / 1e6, ", ".join(file.name for file in there)
