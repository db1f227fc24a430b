"""`retain = derived`: picture and sound of finished clips are deleted, and what was deleted is written down first."""

from collections.abc import Sequence

from wail.steps.step import DELETED, listed_deletions
from wail.store import ClipFolder, write_json

MEDIA_NAMES = ("audio.flac", "stem.flac")


def delete_media(clips: Sequence[ClipFolder]) -> None:
    """The list is written before the first file goes, so that a kill in between leaves nothing unexplained."""
    for clip in clips:
        there = {path.name for path in clip.path.glob("media.*") if path.suffix != ".json"}
        there |= {name for name in MEDIA_NAMES if clip.file(name).exists()}
        if not there:
            continue
        names = sorted(there | listed_deletions(clip))
        write_json(clip.file(DELETED), names)
        # The media first: while any of it is there, a kill would make the rest look lost rather than deleted.
        for name in sorted(there, key=lambda name: name == "stem.flac"):
            clip.file(name).unlink()
