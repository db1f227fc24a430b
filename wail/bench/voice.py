"""`wail bench voice`: the voice benchmark.

Thresholds and models are chosen on the groups of `tune`; `test` is for the report alone. The parts share mixtures and
tracks (`Held`); a part that cannot be measured here leaves its rows, with the reason.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wail.bench import voice_adult, voice_baselines, voice_clean, voice_cost, voice_mixtures, voice_shipped, voice_stem
from wail.bench.held import Held
from wail.bench.index import read_index
from wail.bench.mixtures import COUNT, SEEDS
from wail.bench.recordings import find_index
from wail.bench.rows import NotMeasured, Row
from wail.bench.voice_figures import FIGURES
from wail.bench.voice_mixtures import Measured
from wail.bench.voice_plot import plot_reliability
from wail.errors import ConfigError
from wail.pipeline import Progress
from wail.voice.analyse import detector_id
from wail.voice.separate import Missing, Separator, find_infant

PARTS: dict[str, Callable[[Held], Measured]] = {
    "detector": voice_mixtures.detector, "baselines": voice_baselines.compare, "clean": voice_clean.clean,
    "typing": voice_clean.typing, "adult": voice_adult.adult, "edges": voice_mixtures.edges,
    "calibration": voice_mixtures.calibration, "separator": voice_stem.separator, "shipped": voice_shipped.shipped,
    "cost": voice_cost.cost, "size": voice_cost.size,
}  # fmt: skip


def bench_voice(
    data: Path | None,
    split: str = "test",
    only: Sequence[str] = (),
    cache: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    find: Callable[[], Separator | Missing] = find_infant,
    plot: Path | None = None,
    count: int = COUNT,
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of the parts named by `only` (all, if none is), and what the run was of.

    `data` holds labelled recordings (index.csv, or audio/index.csv); without it only what needs no recordings is
    measured. `split` is `tune` or `test`, `cache` a folder that keeps the baselines' scores, `plot` a PNG for the
    reliability diagram; `find` gives the separator under test, `count` is the number of mixtures.
    Raises ConfigError on a folder without an index, an unknown part, or a diagram without data, and SourceError on
    lists or recordings that are damaged.
    """
    if unknown := [name for name in only if name not in PARTS]:
        raise ConfigError(f"wail bench voice has no part {', '.join(unknown)}: choose from {', '.join(PARTS)}")
    if data is not None:
        read_index(find_index(data))  # all of it, before hours are spent
    elif plot is not None:
        raise ConfigError("a reliability diagram needs recordings: give --data with --plot")
    held, started = Held(data, split, find, on_progress, cache, count), time.monotonic()
    rows = [row for name in PARTS if not only or name in only for row in measured(name, held)]
    if plot is not None:
        plot_reliability(voice_mixtures.reliability_table(held), plot)
    about = {"bench": "voice", "split": split, "seed": SEEDS[split], "parts": list(only) or list(PARTS),
             "detector": detector_id(), "separator": separator_name(held),
             "seconds": round(time.monotonic() - started, 1)}  # fmt: skip
    return rows, about


def measured(part: str, held: Held) -> list[Row]:
    """A row for every figure of a part, whether it could be measured or not."""
    try:
        values, why = PARTS[part](held), ""
    except NotMeasured as error:
        values, why = {}, str(error)
    names = {figure.name for figure in FIGURES[part]}
    if not why and names != set(values):
        raise ValueError(f"part {part} gave other figures than it lists: {sorted(names ^ set(values))}")
    return [figure.row(*values.get(figure.name, (None, why))) for figure in FIGURES[part]]


def separator_name(held: Held) -> str:
    try:
        return held.separator.name
    except NotMeasured as why:
        return f"none: {why}"
