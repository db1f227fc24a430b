"""The lists of labelled recordings, with every row checked: a benchmark of half its data would be another one."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from wail.errors import SourceError
from wail.voice.mel import RATE_HZ
from wail.voice.training.corpus import Entry

LABELS = ("cry", "laugh", "coo_babble", "adult_speech", "music", "noise")
SEGMENT_LABELS = ("cry", "laugh", "coo_babble", "adult_speech")
INDEX = ("path", "label", "subject_or_group", "licence", "duration_s")
SEGMENTS = ("path", "start_s", "end_s", "label")
SLACK_S = 0.05
"""A segment may end so much after its recording: durations in the index are rounded."""
SHORTEST_S = 0.1
Row = dict[str, str]


def read_index(folder: Path) -> list[Entry]:
    """Every recording of index.csv with its active parts of segments.csv, as training reads them.

    Raises SourceError, with file and line, on a column or value that is missing, a label that is none of those known, a
    time that is no number or lies outside its recording, a recording listed twice, and a segment of none that is.
    """
    index, listed = folder / "index.csv", folder / "segments.csv"
    found: dict[str, tuple[int, Row, float]] = {}
    for line, row in rows(index, INDEX):
        expect(row["label"] in LABELS, index, line, f"label '{row['label']}' is none of {', '.join(LABELS)}")
        expect(row["path"] not in found, index, line, f"path '{row['path']}' is listed before")
        expect((folder / row["path"]).is_file(), index, line, f"there is no file '{row['path']}' beside index.csv")
        duration_s = number(row, "duration_s", index, line)
        expect(duration_s > 0, index, line, f"duration_s is {duration_s:g}, but has to be more than 0")
        found[row["path"]] = line, row, duration_s
    if not found:
        raise SourceError(f"{index} lists no recordings: give a folder with a row for each recording as --data")
    segments: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for line, row in rows(listed, SEGMENTS):
        expect(row["path"] in found, listed, line, f"path '{row['path']}' is not in index.csv")
        segments[row["path"]].append(segment(row, found[row["path"]][2], listed, line))
    return [Entry(folder / path, row["label"], row["subject_or_group"], row["licence"], duration_s,
                  tuple(segments[path])) for path, (_, row, duration_s) in found.items()]  # fmt: skip


def segment(row: Row, duration_s: float, file: Path, line: int) -> tuple[float, float, str]:
    start_s, end_s = number(row, "start_s", file, line), number(row, "end_s", file, line)
    label = row["label"]
    expect(label in SEGMENT_LABELS, file, line, f"label '{label}' is none of {', '.join(SEGMENT_LABELS)}")
    expect(0 <= start_s < end_s <= duration_s + SLACK_S, file, line,
           f"a segment has to lie within its recording of {duration_s:g} s, not from {start_s:g} to {end_s:g} s")
    return start_s, end_s, label


def rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """(line, row) of a CSV with a header; a byte order mark and any line ends will do."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            if lacking := [name for name in columns if name not in (reader.fieldnames or ())]:
                raise SourceError(f"{file} has no column {', '.join(lacking)} in its first line: it needs "
                                  f"{', '.join(columns)}")  # fmt: skip
            for row in reader:
                for name in columns:
                    expect(bool(row[name]), file, reader.line_num, f"{name} is empty")
                yield reader.line_num, row
    except FileNotFoundError as error:
        raise SourceError(f"{file} is missing: put it beside index.csv, or give another folder as --data") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{file} cannot be read as CSV in UTF-8 ({error}): save it as that") from error


def number(row: Row, name: str, file: Path, line: int) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    expect(math.isfinite(value), file, line, f"{name} is '{row[name]}', which is no number of seconds")
    return value


def expect(holds: bool, file: Path, line: int, rule: str) -> None:
    if not holds:
        raise SourceError(f"{file}, line {line}: {rule}; mend that line and run again")


def read_wave(path: Path) -> NDArray[np.float32]:
    """A listed recording [n]. Raises SourceError unless it is 0.1 s or more of mono at 16 kHz, of finite numbers."""
    try:
        wave, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        what = "cannot be read as sound" if path.is_file() else "is no file"
        raise SourceError(f"{path}, listed in index.csv, {what} ({error}): fetch it again, or take out its rows"
                          ) from error  # fmt: skip
    if (rate_hz, wave.shape[1]) != (RATE_HZ, 1):
        raise SourceError(f"{path} has {wave.shape[1]} channels at {rate_hz} Hz, expected 1 at {RATE_HZ}: convert it "
                          f"(ffmpeg -i IN -ac 1 -ar {RATE_HZ} OUT.flac)")  # fmt: skip
    if len(wave) < SHORTEST_S * RATE_HZ:
        raise SourceError(f"{path} lasts {len(wave) / RATE_HZ:.4f} s, expected {SHORTEST_S} s or more: take out its "
                          "rows, or fetch it again")  # fmt: skip
    if bad := int(np.count_nonzero(~np.isfinite(wave))):
        raise SourceError(f"{path} holds {bad} samples that are no finite numbers: fetch or export it again")
    return np.asarray(wave[:, 0], np.float32)
