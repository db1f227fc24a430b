"""What the user gives on the command line, turned into single items: files, folders, URLs, lists, AudioSet."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.documents import SourceItem
from wail.errors import SourceError
from wail.media.audioset import DEFAULT_LABELS, label_ids
from wail.media.lists import Refused, file_item, read_list, shown
from wail.media.urls import is_url, url_item

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".flv", ".wmv",
     ".ogv", ".gif"}
)  # fmt: skip
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
LIST_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
SHOWN_REFUSALS = 5


class SourceList(NamedTuple):
    """What there is to do. A file's `video_id` is empty until `identity.with_content_id` has read it."""

    items: tuple[SourceItem, ...]
    refused: tuple[Refused, ...]
    n_not_chosen: int = 0
    """AudioSet rows without any of the labels."""


def read_sources(sources: Sequence[str], labels: Sequence[str] = DEFAULT_LABELS) -> SourceList:
    """Items in the order given, each once; what cannot be taken is refused one by one.

    A source is a media file, a folder (searched through; files that start with a dot and files that are neither video
    nor picture by their suffix are passed over), a URL, or a list of them (.txt .csv .tsv, AudioSet's segment CSVs).
    `labels` (ids or names, with all below them) choose AudioSet's rows.

    Raises SourceError when nothing at all can be taken, and on an unknown label.
    """
    items: dict[tuple[str, str, float | None, float | None], SourceItem] = {}
    refused: list[Refused] = []
    n_not_chosen = 0
    label_ids(labels)  # an unknown label is worth saying before anything is read
    for source in sources:
        for found in _read_source(source, labels):
            if isinstance(found, SourceItem):
                items.setdefault((found.platform, found.video_id or found.uri, found.asked_start_s,
                                  found.asked_end_s), found)  # fmt: skip
            elif found is None:
                n_not_chosen += 1
            else:
                refused.append(found)
    if not items:
        raise SourceError(_nothing(sources, refused, n_not_chosen, labels))
    return SourceList(tuple(items.values()), tuple(refused), n_not_chosen)


def _nothing(sources: Sequence[str], refused: list[Refused], n_not_chosen: int, labels: Sequence[str]) -> str:
    if not sources:
        return "no source was given: give a media file, a folder, a URL, or a list of URLs"
    if n_not_chosen and not refused:
        return f"none of {n_not_chosen} AudioSet rows has any of the labels {', '.join(labels)}: choose others"
    more = len(refused) - SHOWN_REFUSALS
    said = "; ".join(r.detail for r in refused[:SHOWN_REFUSALS]) + (f"; and {more} more" if more > 0 else "")
    return f"nothing to read in {', '.join(map(shown, sources))}: {said or 'the lists are empty'}"


def _read_source(source: str, labels: Sequence[str]) -> Iterator[SourceItem | Refused | None]:
    name = shown(source)
    if is_url(source):
        try:
            yield url_item(source)
        except ValueError as error:
            yield Refused(name, f"{name}: {error}")
        return
    if not source.strip():  # as a path it would be the folder that the command runs in
        yield Refused(name, "a source is empty: give a media file, a folder, a URL or a list")
    elif os.path.isdir(source):
        yield from _folder(Path(source))
    elif os.path.isfile(source) and Path(source).suffix.lower() in LIST_SUFFIXES:
        try:
            yield from read_list(Path(source), labels)
        except OSError as error:
            yield Refused(name, f"{name} cannot be read ({error.strerror}): check the file's rights")
    else:
        yield _file_item(Path(source))


def _folder(folder: Path) -> Iterator[SourceItem | Refused]:
    found = sorted(
        path for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES | PICTURE_SUFFIXES and os.path.isfile(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )  # fmt: skip
    if not found:
        yield Refused(str(folder), f"{folder}: the folder holds no media file ({', '.join(sorted(VIDEO_SUFFIXES))} "
                                   "or a picture); check the path")  # fmt: skip
    for path in found:
        yield _file_item(path)


def _file_item(path: Path) -> SourceItem | Refused:
    try:
        return file_item(path)
    except ValueError as error:
        name = shown(str(path))
        return Refused(name, f"{name}: {error}")
