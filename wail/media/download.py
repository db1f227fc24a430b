"""Fetching one video: yt-dlp in a process of its own, with a wall-clock limit, and a look at what came of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge, Gt

from schemas.documents import SourceItem
from wail.errors import ConfigError, FetchError, MediaError
from wail.media.fetch import Job, job_line
from wail.media.ffmpeg import ffmpeg_exe
from wail.media.opening import DEFAULT_LIMITS, MediaLimits
from wail.media.pacing import PaceConfig
from wail.media.probe import probe
from wail.media.sources import PICTURE_SUFFIXES, VIDEO_SUFFIXES

AUDIO_SUFFIXES = frozenset({".m4a", ".mp3", ".ogg", ".opus", ".wav", ".flac", ".aac"})
NAME = "media"
NEXT: dict[str, str] = {
    "gone": "leave it out of the list", "private": "leave it out, or give a cookie file of an account that may see it",
    "age": "leave it out, or give a cookie file of a grown-up's account", "geo": "leave it out, or fetch it elsewhere",
    "blocked": "wait an hour or more before the next run", "transient": "run again later",
    "unsupported": "give the public URL of one video", "too_large": "raise the limit or leave it out",
    "corrupt": "run again with --retry-failed, or leave it out",
}  # fmt: skip


@dataclass(frozen=True)
class DownloadConfig:
    """Limits and manners of a download."""

    max_height_px: Annotated[int, Ge(1)] = 1080
    max_bytes: Annotated[int, Ge(1)] = 2 * 1024**3
    max_duration_s: Annotated[float, Gt(0)] = 3600.0
    timeout_s: Annotated[float, Gt(0)] = 1800.0
    """Wall clock of one download, all retries in it."""
    socket_timeout_s: Annotated[float, Gt(0)] = 20.0
    retries: Annotated[int, Ge(0)] = 3
    rate_limit_bytes_per_s: Annotated[int, Ge(1)] | None = None
    cookies: str | None = None
    """A Netscape cookie file. Only a copy of it is used, since yt-dlp writes to it."""
    allow_private_addresses: bool = False
    """For tests against a server on this machine."""
    pace: PaceConfig = PaceConfig()  # noqa: RUF009 (frozen)


class Downloaded(NamedTuple):
    """A fetched file, and what the platform says of it (None where it says nothing)."""

    path: Path
    licence: str | None
    uploader: str | None
    channel_id: str | None
    duration_s: float
    """As probed."""


def download(
    item: SourceItem,
    folder: Path,
    config: DownloadConfig = DownloadConfig(),
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Downloaded:
    """Fetch the whole video of an item into `folder` as media.<suffix>. `on_progress` is told bytes had and in all.

    Raises FetchError with a failure class; `blocked` means that the queue should pause (see pacing.BlockPause). What
    yt-dlp calls a success is still probed: a page sent as a video is `unsupported`, half a file `corrupt`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f".{NAME}"
    _remove_parts(stem)
    try:
        with _cookie_copy(config) as cookies:
            answer = _run(_job(item, stem, config, cookies), config.timeout_s, on_progress)
        if "failed" in answer:
            raise _error(item, answer["failed"], answer["message"])
        return _checked(item, folder, config, answer["done"])
    finally:
        _remove_parts(stem)


def _job(item: SourceItem, stem: Path, config: DownloadConfig, cookies: Path | None) -> Job:
    return Job(
        url=item.uri, platform=item.platform, stem=str(stem.resolve()), ffmpeg=ffmpeg_exe(),
        max_bytes=config.max_bytes, max_duration_s=config.max_duration_s, max_height_px=config.max_height_px,
        socket_timeout_s=config.socket_timeout_s, retries=config.retries,
        cookies=None if cookies is None else str(cookies),
        rate_limit_bytes_per_s=config.rate_limit_bytes_per_s, allow_private_addresses=config.allow_private_addresses,
    )  # fmt: skip


def _error(item: SourceItem, failure: str, message: str) -> FetchError:
    what = f"{item.uri} could not be fetched, {failure.replace('_', ' ')}"
    return FetchError(f"{what} ({message}): {NEXT[failure]}", failure)


@contextmanager
def _cookie_copy(config: DownloadConfig) -> Iterator[Path | None]:
    if config.cookies is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as place:  # mode 0700
        copy = Path(place) / "cookies.txt"
        try:
            shutil.copyfile(config.cookies, copy)
        except OSError as error:
            raise ConfigError(f"the cookie file {config.cookies} cannot be read ({error.strerror}): check the path "
                              "of `cookies`") from error  # fmt: skip
        yield copy


def _run(job: Job, timeout_s: float, on_progress: Callable[[int, int | None], None] | None) -> dict[str, Any]:
    """Start the process, pass its progress on, and return its last word. It and all it started end with us."""
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]  # where `pip install deno` puts it
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PATH": os.pathsep.join(path)}
    with subprocess.Popen(
        [sys.executable, "-m", "wail.media.fetch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(timeout_s, end)
        timer.start()
        try:
            process.stdin.write(job_line(job))
            process.stdin.flush()
            answer: dict[str, Any] = {}
            for line in process.stdout:
                answer = json.loads(line)
                if on_progress is not None and "bytes" in answer:
                    on_progress(answer["bytes"], answer["of"])
        finally:
            timer.cancel()
            _kill(process)
    if "done" in answer or "failed" in answer:
        return answer
    if late.is_set():
        return {"failed": "transient", "message": f"it took more than {timeout_s:g} s"}
    return {"failed": "transient", "message": f"the download process ended by itself with {process.returncode}"}


def _kill(process: subprocess.Popen[str]) -> None:
    """The process was started in a session of its own, so that its group is its and its children's."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _checked(item: SourceItem, folder: Path, config: DownloadConfig, done: dict[str, Any]) -> Downloaded:
    found = Path(done["path"])
    limits = MediaLimits(max_bytes=config.max_bytes, max_duration_s=config.max_duration_s,
                         max_pixels=DEFAULT_LIMITS.max_pixels)  # fmt: skip
    try:
        facts = probe(found, limits)
    except MediaError as error:
        raise _error(item, error.failure, f"what came is no sound video: {error}") from error
    said_s = done["duration_s"]
    if said_s and facts.duration_s < 0.95 * said_s - 2:
        raise _error(item, "corrupt", f"{facts.duration_s:.1f} s came of the {said_s:g} s that the platform states")
    known = VIDEO_SUFFIXES | PICTURE_SUFFIXES | AUDIO_SUFFIXES
    out = folder / (NAME + (found.suffix.lower() if found.suffix.lower() in known else ".bin"))
    found.replace(out)
    return Downloaded(out, done["licence"], done["uploader"], done["channel_id"], facts.duration_s)


def _remove_parts(stem: Path) -> None:
    for part in stem.parent.glob(f"{stem.name}.*"):
        part.unlink(missing_ok=True)
