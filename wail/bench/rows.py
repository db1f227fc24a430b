"""What every benchmark prints: one row a figure, beside the machine it was measured on."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table


class NotMeasured(Exception):
    """Why a figure could not be measured here: its row stays, with this as its note."""


FOR_INFORMATION = "for information"
WIDTH = 150
"""Columns where there is no terminal."""


@dataclass(frozen=True)
class Row:
    """One figure. `value` None: not measured, and `note` says why. `at_least` is the bound that has to be met (from
    below where `direction` is up, from above where it is down), `aim` the one to hope for."""

    name: str
    value: float | None
    unit: str
    direction: Literal["up", "down"] = "up"
    at_least: float | None = None
    aim: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether `at_least` is met; None where nothing was measured or asked for."""
        if self.value is None or self.at_least is None:
            return None
        return self.value >= self.at_least if self.direction == "up" else self.value <= self.at_least

    def as_dict(self) -> dict[str, Any]:
        """As JSON prints it; a row whose `met` is null always has a note."""
        shown = {"name": self.name, "value": rounded(self.value), "unit": self.unit, "direction": self.direction,
                 "at_least": self.at_least, "aim": self.aim, "met": self.met}  # fmt: skip
        note = "; ".join(text for text in (self.note, FOR_INFORMATION * (self.at_least is None)) if text)
        return shown | ({"note": note} if note else {})


def rounded(value: float | None) -> float | None:
    """To four significant digits: no figure here is known better. JSON has no NaN: it is a value not measured."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """What the figures were measured on. No host name: result files are published."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "memory_gb": memory_gb(), "gpu": gpu,
            "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            "torch": torch.__version__, "numpy": np.__version__}  # fmt: skip


def cpu_name() -> str:
    """The processor's name as Linux tells it, or else as Python does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def memory_gb() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def document(rows: Sequence[Row], about: Mapping[str, Any]) -> dict[str, Any]:
    """What `--json` prints: the machine, what the run was of, and the rows."""
    return {"machine": machine(), "run": dict(about), "rows": [row.as_dict() for row in rows]}


def print_rows(title: str, rows: Sequence[Row], console: Console) -> None:
    """The table for people: an unmet bound is marked, notes are wrapped."""
    shown = Table(title=title, title_justify="left", title_style="bold")
    for name in ("figure", "value", "unit", "bound", "aim", "met"):
        shown.add_column(name, justify="left" if name in ("figure", "unit") else "right", no_wrap=True)
    shown.add_column("note", overflow="fold")
    said = ""
    for row in rows:
        sign = ("≥ " if row.direction == "up" else "≤ ") if row.at_least is not None else ""
        met = {True: "yes", False: "[bold red]NO[/]", None: "-"}[row.met]
        shown.add_row(row.name, number(row.value), row.unit, sign + number(row.at_least), number(row.aim), met,
                      "″" if row.note and row.note == said else escape(row.note))  # fmt: skip
        said = row.note
    width = console.width if console.is_terminal else WIDTH
    Console(file=console.file, width=width, highlight=False).print(shown)


def number(value: float | None) -> str:
    """Four significant digits at most, an empty cell for None."""
    return "" if rounded(value) is None else f"{value:.4g}"
