"""`wail bench fit`: how near the fit comes to known truth, how fast, and what it is worth beside Adam."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from wail.bench import fit_accuracy, fit_clips, fit_speed
from wail.bench.fit_truth import Split
from wail.bench.rows import Row
from wail.errors import ConfigError
from wail.pipeline import Progress

PARTS = ("accuracy", "robust", "rigid", "quality", "energy", "speed", "gpu", "clips", "memory")
Tell = Callable[[Progress], None]


def bench_fit(
    split: Split = "test", only: Sequence[str] = (), cache: Path | None = None, threads: int = 2, rounds: int = 3,
    tell: Tell = lambda progress: None,
) -> tuple[list[Row], dict[str, Any]]:  # fmt: skip
    """Rows of the parts named by `only` (all, if none is), and what the run was of.

    `cache` keeps the rendered clips and their dataset; `threads` are torch's, for what is timed; `rounds`: of what is
    timed, the median counts. Raises ConfigError on an unknown part.
    """
    if unknown := [name for name in only if name not in PARTS]:
        raise ConfigError(f"wail bench fit has no part {', '.join(unknown)}: choose from {', '.join(PARTS)}")
    started, parts = time.monotonic(), [name for name in PARTS if not only or name in only]
    rows: list[Row] = []
    with nullcontext(cache) if cache else tempfile.TemporaryDirectory(prefix="wail-fit-") as folder:
        for done, name in enumerate(parts):
            tell(Progress(name, done, len(parts)))
            rows += part(name, Path(folder), split, threads, rounds, tell)
    about = {"bench": "fit", "split": split, "parts": parts, "threads": threads, "rounds": rounds,
             "takes": len(fit_accuracy.SEEDS), "frames": fit_speed.FRAMES,
             "seconds": round(time.monotonic() - started, 1)}  # fmt: skip
    return rows, about


def part(name: str, folder: Path, split: Split, threads: int, rounds: int, tell: Tell) -> list[Row]:
    """One part's rows."""
    if name == "clips":
        return fit_clips.clips(folder, split, tell)
    if name == "memory":
        return fit_speed.memory(threads)
    if name in ("energy", "speed", "gpu"):
        timed: Callable[[Split, int, int], list[Row]] = getattr(fit_speed, name)
        return timed(split, threads, rounds)
    judged: Callable[[Split], list[Row]] = getattr(fit_accuracy, name)
    return judged(split)
