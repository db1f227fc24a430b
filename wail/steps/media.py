"""Stage `media`: the clip's picture and sound, on the clip's own clock.

Local files are linked (or copied) as they are; a URL is fetched whole, once for all of its spans; an asked span is cut
out exactly. Sound goes to `audio.flac`, 16 kHz mono, sample 0 at the clip's time 0.
"""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from schemas.documents import Document, Probe, SourceItem
from wail.config import CurateConfig
from wail.errors import FetchError, MediaError
from wail.media.audio import audio_blocks, write_flac_blocks
from wail.media.cut import cut_span
from wail.media.download import download
from wail.media.fingerprint import audio_fingerprint
from wail.media.identity import source_id
from wail.media.probe import probe
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, atomic_path, read_json, sha256_file, write_document
from wail.voice.wave import FlacWave

RATE_HZ = 16000
REMEDY = "delete it and run again"
PROGRESS_BYTES = 20_000_000
log = logging.getLogger(__name__)


class Fetched(Document):
    """What came of fetching one source; stands beside the file until every clip of it is cut."""

    name: str
    licence: str | None
    uploader: str | None
    retrieved_at: str


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    item = read_source(clip)
    source, facts = obtain(item, clip, config)
    found = probe(source, config.media)
    if found.video_codec is None:
        raise MediaError(f"{source.name} has no video stream, so no face can be seen in it; give a file with picture "
                         "and sound", "unsupported")  # fmt: skip
    media, span = place(item, source, found, clip, config)
    found = found if media.suffix == source.suffix and span is None else probe(media, config.media)
    write_document(clip.file("probe.json"), found)
    names = [media.name, "probe.json"]
    if found.audio_codec is not None:
        notes: list[str] = []
        with atomic_path(clip.file("audio.flac")) as temporary:
            write_flac_blocks(temporary, audio_blocks(media, RATE_HZ, 1, config.media, notes, found), RATE_HZ)
        names.append("audio.flac")
        facts |= {"notes": notes, "fingerprint": audio_fingerprint(FlacWave(clip.file("audio.flac")))}
    start_s, end_s = span or (0.0, found.duration_s)
    facts |= {"start_s": start_s, "end_s": end_s, "duration_s": found.duration_s, "frames": found.n_grid_frames}
    return Outcome(tuple(names), facts=facts)


def read_source(clip: ClipFolder) -> SourceItem:
    return read_json(clip.file("source.json"), TypeAdapter(SourceItem), REMEDY)


def obtain(item: SourceItem, clip: ClipFolder, config: CurateConfig) -> tuple[Path, dict[str, Any]]:
    """The source's file on this machine, and what the platform says of it."""
    if item.platform == "file":
        path = Path(item.uri)
        if not path.is_file():
            raise FetchError(f"{path.name} is no longer where the source list says; restore it and run again", "gone")
        check_content(path, item)
        return path, {"licence": item.licence, "uploader": item.uploader, "retrieved_at": None}
    folder = clip.root / "fetched" / source_id(item)
    note = folder / "fetched.json"
    if not note.exists():
        fetched = download(item, folder, config.download, progress_log(item.uri))
        write_document(note, Fetched(
            name=fetched.path.name, licence=fetched.licence, uploader=fetched.channel_id or fetched.uploader,
            retrieved_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ))  # fmt: skip
    said = read_json(note, TypeAdapter(Fetched), REMEDY)
    return folder / said.name, {
        "licence": said.licence or item.licence,
        "uploader": said.uploader or item.uploader,
        "retrieved_at": said.retrieved_at,
    }


def progress_log(uri: str) -> Callable[[int, int | None], None]:
    """Logs how far a download is, every `PROGRESS_BYTES`."""
    told = 0

    def tell(had: int, of: int | None) -> None:
        nonlocal told
        if had - told >= PROGRESS_BYTES:
            told = had
            log.info("%s: %.0f MB%s", uri, had / 1e6, f" of {of / 1e6:.0f}" if of else "")

    return tell


def check_content(path: Path, item: SourceItem) -> None:
    """Raises FetchError where a file is not the one that was listed: its ids are hashes of its content."""
    try:
        found = sha256_file(path)
    except OSError as error:
        raise FetchError(f"{path.name} cannot be read ({error.strerror}): check its rights, and run again with "
                         "--retry-failed", "gone") from error  # fmt: skip
    if found != item.video_id:
        raise FetchError(f"{path.name} has other content than when it was listed: restore that, or give the file as "
                         "a source again", "gone")  # fmt: skip


def place(
    item: SourceItem, source: Path, found: Probe, clip: ClipFolder, config: CurateConfig
) -> tuple[Path, tuple[float, float] | None]:
    """Put the clip's media into its folder; returns its path and, when it was cut, the actual span."""
    start_s, end_s = item.asked_start_s, item.asked_end_s
    if start_s is None and end_s is None:
        target = clip.file(f"media{source.suffix.lower()}")
        link_or_copy(source, target)
        return target, None
    if (start_s or 0.0) >= found.duration_s:
        raise MediaError(f"the span asked for starts at {start_s} s, but {source.name} ends at "
                         f"{found.duration_s:.2f} s; "
                         "mend the span in the source list", "unsupported")  # fmt: skip
    target = clip.file("media.mp4")
    with atomic_path(target) as temporary:
        span = cut_span(
            source, temporary, start_s or 0.0, min(end_s or found.duration_s, found.duration_s), config.media
        )
    return target, span


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link costs no disk, and deleting it later leaves the user's own file alone."""
    with suppress(FileNotFoundError):
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def media_file(clip: ClipFolder) -> Path:
    """The clip's media; FetchError when it was deleted."""
    receipt = clip.receipt("media")
    names = [output.path for output in receipt.outputs if output.path.startswith("media.")] if receipt else []
    if not names or not clip.file(names[0]).exists():
        raise FetchError(
            f"the media of clip {clip.clip_id} was deleted; run again with --refetch to get it back", "gone"
        )
    return clip.file(names[0])


def read_probe(clip: ClipFolder) -> Probe:
    return read_json(clip.file("probe.json"), TypeAdapter(Probe), REMEDY)


STEP = Step(
    name="media", version=1, reads=(), needs_media=True,
    settings=lambda config: [config.media], models=lambda config: {}, run=run, timeout_s=3600.0,
)  # fmt: skip
