"""AudioSet: its ontology, and the rows of its segment lists."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from schemas.documents import SourceItem
from wail.errors import SourceError
from wail.media.spans import parse_span

DEFAULT_LABELS = ("/t/dd00002", "/t/dd00001", "/m/0261r1", "/m/07qz6j3")
"""Baby cry, baby laughter, babbling, whimper."""

YTID = re.compile(r"[\w-]{11}", re.ASCII)
HEADER = re.compile(r"#\s*YTID\b")
LABEL_ID = re.compile(r"/[a-z]+/[\w]+", re.ASCII)


class SoundClass(NamedTuple):
    """One class of the ontology."""

    name: str
    child_ids: tuple[str, ...]


@cache
def ontology() -> Mapping[str, SoundClass]:
    """AudioSet's classes by id (CC BY 4.0, Google; see AUDIOSET.md beside this file)."""
    raw = json.loads(files("wail.media").joinpath("audioset_ontology.json").read_text(encoding="utf-8"))
    return {key: SoundClass(name, tuple(children)) for key, (name, children) in raw.items()}


def label_ids(labels: Iterable[str]) -> frozenset[str]:
    """Ids of the labels asked for, by id or by name (whole, or one of the parts between its commas, in any case),
    with all that lies below them in the ontology. Raises SourceError on an unknown one, with those closest to it."""
    found: set[str] = set()
    for label in labels:
        found |= _descendants(_label_id(label))
    return frozenset(found)


def _label_id(label: str) -> str:
    if label in ontology():
        return label
    names = _ids_by_name()
    ids = names.get(label.strip().lower(), ())
    if len(ids) == 1:
        return ids[0]
    if ids:
        choice = ", ".join(f"{ontology()[i].name} ({i})" for i in ids)
        raise SourceError(f"AudioSet label {label!r} is the name of several classes: give one of their ids: {choice}")
    close = difflib.get_close_matches(label.strip().lower(), list(names), n=3)
    near = ", ".join(f"{ontology()[i].name} ({i})" for i in dict.fromkeys(i for name in close for i in names[name]))
    hint = f"; close to it: {near}" if near else "; see wail/media/audioset_ontology.json for the names and ids"
    raise SourceError(f"AudioSet label {label!r} is neither an id nor a name of the ontology{hint}")


@cache
def _ids_by_name() -> Mapping[str, tuple[str, ...]]:
    """Whole names first; a part of a name only where no class has it as its whole name."""
    whole: dict[str, tuple[str, ...]] = {}
    parts: dict[str, tuple[str, ...]] = {}
    for key, entry in ontology().items():
        whole[entry.name.lower()] = (*whole.get(entry.name.lower(), ()), key)
        for part in {p.strip().lower() for p in entry.name.split(",")}:
            parts[part] = (*parts.get(part, ()), key)
    return parts | whole


def _descendants(label_id: str) -> set[str]:
    """The label and all below it; the ontology is a graph in which some classes have two parents."""
    seen: set[str] = set()
    waiting = [label_id]
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            waiting += ontology()[key].child_ids
    return seen


def is_segment_row(fields: Sequence[str]) -> bool:
    """Whether a row looks like one of AudioSet's, for lists that have lost their header."""
    return len(fields) == 4 and bool(YTID.fullmatch(fields[0])) and bool(LABEL_ID.match(fields[3]))


def segment_item(fields: Sequence[str], wanted: frozenset[str]) -> SourceItem | None:
    """The item of one row (YTID, start_seconds, end_seconds, positive_labels), None where it has no wanted label.

    Raises ValueError with the rule that the row breaks.
    """
    if len(fields) != 4:
        raise ValueError(f"an AudioSet row has 4 fields (YTID, start, end, labels in quotes), this one {len(fields)}")
    ytid, start, end, labels = fields
    if not YTID.fullmatch(ytid):
        raise ValueError(f"a YTID has 11 letters, digits, - or _, not {ytid!r}")
    start_s, end_s = parse_span(start, end)
    ids = [label.strip() for label in labels.split(",")]
    bad = [label for label in ids if not LABEL_ID.fullmatch(label)]
    if bad:
        raise ValueError(f"a label is an id such as /t/dd00002, not {bad[0]!r}")
    if wanted.isdisjoint(ids):
        return None
    names = tuple(ontology()[i].name if i in ontology() else i for i in ids)
    return SourceItem(uri=f"https://www.youtube.com/watch?v={ytid}", platform="youtube", video_id=ytid,
                      asked_start_s=start_s, asked_end_s=end_s, labels=names)  # fmt: skip
