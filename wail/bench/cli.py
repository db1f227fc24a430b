"""The verb `wail bench NAME`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wail.bench.rows import Row

EXIT_NOTHING = 3
"""The run went through, but not one figure could be measured."""


def names_in(only: str | None) -> list[str]:
    """The names of a comma-separated option."""
    return [name.strip() for name in only.split(",") if name.strip()] if only else []


def say(title: str, rows: Sequence["Row"], about: Mapping[str, Any], as_json: bool) -> None:
    """Print the figures; end with EXIT_NOTHING where none could be measured."""
    from wail.bench.rows import document, print_rows
    from wail.show import out, print_json

    if as_json:
        print_json(document(rows, about))
    else:
        print_rows(title, rows, out)
    if all(row.value is None for row in rows):
        raise SystemExit(EXIT_NOTHING)


@click.group()
def bench() -> None:
    """Measure what WAIL claims: one row a figure, as a table or JSON."""


@bench.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of labelled recordings (index.csv and segments.csv, or audio/ with them).")  # fmt: skip
@click.option("--split", type=click.Choice(["test", "tune"]), default="test", show_default=True,
              help="Held-out groups: tune is what thresholds were chosen on, test is for the report.")  # fmt: skip
@click.option("--only", metavar="PART,...", help="Some parts: detector, baselines, clean, typing, adult, edges, "
              "calibration, separator, shipped, cost, size.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False),
              help="Folder that keeps the baselines' scores for the next run.")  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False),
              help="Draw the reliability diagram of the infant probability into a PNG.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def voice(data: Path | None, split: str, only: str | None, cache: Path | None, plot: Path | None, as_json: bool
          ) -> None:  # fmt: skip
    """Infant voice: detector, baselines, false alarms, typing, edges, calibration, separation, cost."""
    from wail.bench.voice import bench_voice
    from wail.show import bars

    with bars() as tell:
        rows, about = bench_voice(data, split, names_in(only), cache, tell, plot=plot)
    say(f"wail bench voice, split {split}, {about['seconds']:.0f} s", rows, about, as_json)


@bench.command()
@click.option("--split", type=click.Choice(["test", "tune"]), default="test", show_default=True,
              help="Composites: tune is what thresholds were chosen on, test is for the report.")  # fmt: skip
@click.option("--only", metavar="PART,...", help="Some parts: mouth, throughout, profile, border, found, fairness, "
              "tables, people, sync, accounting.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False),
              help="Folder that keeps the clips, and what was seen in them, for the next run.")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes.")
@click.option("--count", type=click.IntRange(min=1), help="Only the first so many clips: a mixture of all kinds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def visibility(split: str, only: str | None, cache: Path | None, workers: int, count: int | None, as_json: bool
               ) -> None:  # fmt: skip
    """What vision keeps and drops of rendered clips of known truth: occluders, poses, borders, faces, light, skin."""
    from wail.bench.visibility import bench_visibility
    from wail.show import bars

    with bars() as tell:
        rows, about = bench_visibility("tune" if split == "tune" else "test", names_in(only), cache, workers,
                                       count, tell)
    say(f"wail bench visibility, split {split}, {about['seconds']:.0f} s", rows, about, as_json)


@bench.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder with video/: real clips instead of a rendered one.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False),
              help="Folder that keeps the rendered clip for the next run.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Passes; medians count.")
@click.option("--hour", is_flag=True, help="Memory over a whole hour of video (half an hour of work), not scaled.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def vision(data: Path | None, cache: Path | None, rounds: int, hour: bool, as_json: bool) -> None:
    """Speed of faces, landmarks, tracks and all of vision beside mediapipe's bare face mesh; memory over an hour."""
    from wail.bench.vision import bench_vision

    rows, about = bench_vision(data, cache, rounds, hour, lambda text: click.echo(text, err=True))
    say(f"wail bench vision, {about['seconds']:.0f} s", rows, about, as_json)


@bench.command()
@click.option("--split", type=click.Choice(["test", "tune"]), default="test", show_default=True,
              help="Decoders and takes: tune is what weights were chosen on, test is for the report.")  # fmt: skip
@click.option("--only", metavar="PART,...", help="Some parts: accuracy, robust, rigid, quality, energy, speed, gpu, "
              "clips, memory.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False),
              help="Folder that keeps the rendered clips, and their dataset, for the next run.")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Torch's, where it is timed.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Of what is timed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def fit(split: str, only: str | None, cache: Path | None, threads: int, rounds: int, as_json: bool) -> None:
    """The fit against known truth: errors in mm, energy and speed beside Adam, rigid heads, rendered clips, memory."""
    from wail.bench.fit import bench_fit
    from wail.show import bars

    with bars() as tell:
        rows, about = bench_fit("tune" if split == "tune" else "test", names_in(only), cache, threads, rounds, tell)
    say(f"wail bench fit, split {split}, {about['seconds']:.0f} s", rows, about, as_json)
