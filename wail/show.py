"""What the `wail` command shows on a terminal: progress bars, tables, and JSON for machines."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from wail import pipeline

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


SHOWN_PROBLEMS = 20


def one_line(text: str) -> str:
    """Names may hold line breaks and control characters; a terminal should not get to see them."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, default=str, ensure_ascii=False) + "\n")


@contextmanager
def bars() -> Iterator[Callable[[pipeline.Progress], None]]:
    """One bar a stage on a terminal; elsewhere one line as each stage ends. On stderr, so that JSON stays clean."""
    if not err.is_terminal:
        yield line
        return
    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        tasks: dict[str, Any] = {}

        def tell(one: pipeline.Progress) -> None:
            if one.stage not in tasks:
                tasks[one.stage] = progress.add_task(one.stage, total=one.total)
            progress.update(tasks[one.stage], completed=one.done, total=one.total)

        yield tell


def line(one: pipeline.Progress) -> None:
    if one.total and one.done == one.total:
        err.print(f"{one.stage}: {one.done} of {one.total}", markup=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    shown = Table(title=Text(title), title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        shown.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        shown.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    out.print(shown)


VOICE_COLUMNS = ("start_s", "end_s", "label", "probability", "adult_overlap", "p_mix", "p_stem")


def voice_table(name: str, rows: Sequence[Mapping[str, Any]], notes: Sequence[str], models: Mapping[str, str]) -> None:
    """Segments (rows of table `vocal`), what is odd or missing, and the models used."""
    from wail.voice.segments import EXPERIMENTAL

    shown = [{**row, "label": row["label"] + " *" * (row["label"] in EXPERIMENTAL)} for row in rows]
    if rows:
        table(one_line(name), VOICE_COLUMNS, [["-" if row[c] is None else row[c] for c in VOICE_COLUMNS]
                                              for row in shown])  # fmt: skip
    else:
        out.print(f"{one_line(name)}: no infant voice was found", markup=False)
    if any(row["label"] in EXPERIMENTAL for row in rows):
        out.print("* experimental: learnt from little data, see the detector's model card", markup=False)
    for note in notes:
        out.print(f"note: {one_line(note)}", markup=False)
    for what, which in models.items():
        out.print(f"{what}: {one_line(which)}", markup=False)


def summary_table(summary: pipeline.Summary, seconds: Mapping[str, float]) -> None:
    """The funnel, and what needs a person's eye."""
    table("seconds", ["what", "s"], [[what, round(value, 2)] for what, value in seconds.items()])
    items = ", ".join(f"{count} {status}" for status, count in sorted(summary.items.items()))
    takes = ", ".join(f"{count} {split}" for split, count in summary.takes.items())
    out.print(f"items: {items}; takes kept: {takes}; seconds kept: {summary.kept_s:.1f}", markup=False)
    for sentence in summary.problems[:SHOWN_PROBLEMS]:
        out.print(f"  failed: {one_line(sentence)}", markup=False)
    if len(summary.problems) > SHOWN_PROBLEMS:
        counts = ", ".join(f"{count} {failure}" for failure, count in sorted(summary.failures.items()))
        out.print(f"  and more ({counts} in all): see manifest.parquet or the report for each reason", markup=False)
    for stage, clips in summary.stuck.items():
        what = "have no sound in the shards" if stage == "shards" else f"keep their earlier {stage}"
        out.print(f"  {len(clips)} clips {what}: their media was deleted (retain = derived); run again with --refetch "
                  "to fetch it again", markup=False)  # fmt: skip
    if summary.paused:
        out.print(f"  {summary.paused}", markup=False)
