"""Names that stay the same from run to run: which source it is, and which span of it was asked for."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from schemas.documents import SourceItem
from wail.errors import SourceError

ID_CHARS = 16
FILE = "file"
"""The platform of media of one's own, whose `video_id` is their content's sha256."""


def with_content_id(item: SourceItem) -> SourceItem:
    """For a file, the item with its content's sha256 as `video_id`; any other item as it is.

    Raises SourceError where the file cannot be read.
    """
    if item.platform != FILE or item.video_id:
        return item
    try:
        with Path(item.uri).open("rb") as file:
            return item.model_copy(update={"video_id": hashlib.file_digest(file, "sha256").hexdigest()})
    except OSError as error:
        raise SourceError(f"{item.uri} cannot be read ({error.strerror}): check the path and its rights") from error


def source_id(item: SourceItem) -> str:
    """16 hex digits: hash of platform and the platform's video id (a file's sha256). The same file under two names is
    one source. Raises SourceError where a file cannot be read."""
    known = with_content_id(item)
    return _hash([known.platform, known.video_id])


def clip_id(item: SourceItem) -> str:
    """16 hex digits: hash of `source_id` and the asked span. Raises SourceError where a file cannot be read."""
    return _hash([source_id(item), _ms(item.asked_start_s), _ms(item.asked_end_s)])


def _ms(time_s: float | None) -> int | None:
    return None if time_s is None else round(time_s * 1000)


def _hash(parts: Sequence[str | int | None]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:ID_CHARS]

