"""Lists of URLs: plain text, CSV, and AudioSet's segment files. A bad row is refused by itself, with its line."""

import csv
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.documents import SourceItem
from wail.media.audioset import HEADER, is_segment_row, label_ids, segment_item
from wail.media.identity import FILE
from wail.media.spans import parse_span
from wail.media.urls import is_url, url_item

COLUMNS = {
    "url": "url", "uri": "url", "link": "url",
    "start": "start", "start_s": "start", "start_seconds": "start", "start_time": "start",
    "end": "end", "end_s": "end", "end_seconds": "end", "end_time": "end",
    "label": "labels", "labels": "labels", "licence": "licence", "license": "licence",
    "uploader": "uploader", "channel": "uploader",
}  # fmt: skip
SHOWN_CHARS = 200
PLAIN = ("url", "start", "end", "labels")


class Refused(NamedTuple):
    """Something asked for that cannot be taken: where it stands, and one sentence with the rule it breaks."""

    uri: str
    detail: str


class Row(NamedTuple):
    line: int
    fields: list[str]


ReadRow = Callable[[list[str]], SourceItem | None]


def read_list(path: Path, labels: Sequence[str]) -> Iterator[SourceItem | Refused | None]:
    """Each row's item; None for an AudioSet row without any of the labels; Refused for a row that breaks a rule.

    A text list has a URL a line, then, if wanted, start and end, set apart by blanks or commas; a CSV may name its
    columns (url, start, end, labels, licence, uploader) in its first row. A path, relative to the list, does as a URL.
    Empty lines and lines that start with # are passed over. Raises SourceError on an unknown label.
    """
    read: ReadRow | None = None
    audioset = False
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            audioset = audioset or HEADER.match(line.lstrip()) is not None
            continue
        try:
            fields = _fields(line, path.suffix.lower(), audioset)
            if read is None:
                audioset = audioset or is_segment_row(fields)
                header = _header(fields)
                read = _reader(path, audioset, labels, header)
                if header is not None:
                    continue
            yield read(fields)
        except ValueError as error:
            where = f"line {number} of {path.name}"
            yield Refused(f"{path.name}:{number}", f"{where}: {error}; mend the line and run again")


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        yield from file


def _fields(line: str, suffix: str, audioset: bool) -> list[str]:
    if "\ufffd" in line or "\0" in line:
        raise ValueError("it is not UTF-8 text")
    if suffix == ".txt" and not audioset and "," not in line:
        return line.split()
    delimiter = "\t" if suffix == ".tsv" and not audioset else ","
    try:
        (fields,) = csv.reader([line.rstrip("\r\n")], strict=True, skipinitialspace=True, delimiter=delimiter)
    except csv.Error as error:
        raise ValueError(f"its quotes do not pair ({error})") from error
    return [text.strip() for text in fields]


def _header(fields: list[str]) -> list[str] | None:
    names = [name.strip().lower() for name in fields]
    return names if any(COLUMNS.get(name) == "url" for name in names) else None


def _reader(path: Path, audioset: bool, labels: Sequence[str], header: list[str] | None) -> ReadRow:
    if audioset:
        wanted = label_ids(labels)
        return lambda fields: segment_item(fields, wanted)
    columns = [COLUMNS.get(name, "") for name in header] if header else None
    return lambda fields: _row_item(path, fields, columns)


def _row_item(path: Path, fields: list[str], columns: list[str] | None) -> SourceItem:
    most = len(columns or PLAIN)
    if len(fields) > most:
        raise ValueError(f"it has {len(fields)} fields where {most} are allowed (quote a field that holds a comma)")
    cells = dict(zip(columns or PLAIN, fields, strict=False))
    start_s, end_s = parse_span(cells.get("start", ""), cells.get("end", ""))
    labels = tuple(label.strip() for label in cells.get("labels", "").replace(";", "|").split("|") if label.strip())
    return _place(path, cells.get("url", "")).model_copy(update={
        "asked_start_s": start_s, "asked_end_s": end_s, "labels": labels,
        "licence": cells.get("licence") or None, "uploader": cells.get("uploader") or None,
    })  # fmt: skip


def _place(path: Path, text: str) -> SourceItem:
    if not text:
        raise ValueError("it has no URL")
    if is_url(text):
        return url_item(text)
    try:
        return file_item(path.parent / text)
    except ValueError as error:
        raise ValueError(f"{shown(text)!r} is neither a URL (http:// or https://) nor a file beside the list "
                         f"({error})") from error  # fmt: skip


def file_item(path: Path) -> SourceItem:
    """A file of one's own, links followed. Raises ValueError with the reason where it is none: missing, a pipe, a loop
    of links, a name that no file can have or that cannot be kept as text."""
    try:
        whole = path.resolve(strict=True)
        mode = whole.stat().st_mode
    except RuntimeError:  # what pathlib raises for it
        raise ValueError("its links go round in a circle; give the file itself") from None
    except FileNotFoundError:
        raise ValueError("no such file or folder; check the path") from None
    except OSError as error:
        raise ValueError(f"it cannot be reached ({error.strerror}); check the path and its rights") from None
    if not stat.S_ISREG(mode):
        raise ValueError("it is a folder, pipe, device or socket, where a file is wanted; copy what it gives to a file")
    try:
        str(whole).encode()
    except UnicodeEncodeError:
        raise ValueError(
            "the name of the file, or of a folder that it is in, is not UTF-8; rename it"
        ) from None
    return SourceItem(uri=str(whole), platform=FILE, video_id="")


def shown(name: str) -> str:
    """A name that may hold bytes which are not UTF-8, as text that can be printed and kept; cut where it is long."""
    text = os.fsencode(name).decode(errors="backslashreplace")
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."
