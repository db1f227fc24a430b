"""The process that downloads one video with yt-dlp: `python -m wail.media.fetch`, started by wail/media/download.py.

One JSON line on standard input says what to fetch (`Job`); JSON lines on standard output say how it goes:
{"bytes": n, "of": n or null}, then one of {"done": {...}} and {"failed": class, "message": text}. When standard
input closes, the one who asked is gone, and this process ends with all it started.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from wail.media.addresses import refuse_private_addresses
from wail.media.failures import classify, plain
from wail.media.ffmpeg import INPUT_OPTIONS

EXTRACTORS = ["youtube", "generic"]
MAX_MESSAGE = 400


@dataclass(frozen=True)
class Job:
    """What to fetch, where to, and within which limits."""

    url: str
    platform: str
    stem: str
    """Path of the file to write, without its suffix."""
    ffmpeg: str
    max_bytes: int
    max_duration_s: float
    max_height_px: int
    socket_timeout_s: float
    retries: int
    cookies: str | None
    rate_limit_bytes_per_s: int | None
    allow_private_addresses: bool


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # yt-dlp may print what it likes, the answer stays clean
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if not job.allow_private_addresses:
        refuse_private_addresses()
    # Its sockets would pass by the guard above; yt-dlp takes it for not installed.
    sys.modules["curl_cffi"] = None  # type: ignore[assignment]
    _say(out, _fetch(job, out))


def _end_with_parent() -> None:
    sys.stdin.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _say(out: TextIO, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


def _fetch(job: Job, out: TextIO) -> dict[str, Any]:
    import yt_dlp

    stops: list[dict[str, Any]] = []

    def stop(failure: str, message: str) -> None:
        stops.append({"failed": failure, "message": message})
        raise yt_dlp.utils.DownloadCancelled(message)

    def check_size(n_bytes: int | None) -> None:
        if n_bytes and n_bytes > job.max_bytes:
            stop("too_large", f"it has {n_bytes} bytes or more, the limit is {job.max_bytes}")

    def on_progress(status: dict[str, Any]) -> None:
        done, total = status.get("downloaded_bytes"), status.get("total_bytes") or status.get("total_bytes_estimate")
        check_size(done)
        check_size(status.get("total_bytes"))
        _say(out, {"bytes": done or 0, "of": total})

    def check_info(info: dict[str, Any], *, incomplete: bool) -> None:
        if info.get("live_status") in ("is_live", "is_upcoming"):
            stop("transient", "it is a live stream: it can be fetched when it has ended")
        duration_s = info.get("duration")
        if duration_s and duration_s > job.max_duration_s:
            stop("too_large", f"it lasts {duration_s:g} s, the limit is {job.max_duration_s:g} s")

    _native_only(yt_dlp)
    try:
        with yt_dlp.YoutubeDL(_options(job) | {"progress_hooks": [on_progress], "match_filter": check_info}) as ydl:
            info = ydl.extract_info(job.url)
            return _answer(ydl.sanitize_info(info), job)
    except yt_dlp.utils.DownloadCancelled:
        return stops[-1]
    except (yt_dlp.utils.YoutubeDLError, OSError) as error:
        message = " ".join(yt_dlp.utils.remove_terminal_sequences(str(error)).split())
        return {"failed": classify(message, _status(error), job.platform), "message": plain(message)[:MAX_MESSAGE]}


def _options(job: Job) -> dict[str, Any]:
    height = f"[height<=?{job.max_height_px}]"
    guard = [part for key, value in INPUT_OPTIONS.items() for part in (f"-{key}", value)]
    return {
        "format": f"bv*{height}+ba/b{height}/bv*+ba/b", "merge_output_format": "mp4/mkv",
        "outtmpl": f"{job.stem.replace('%', '%%')}.%(ext)s", "allowed_extractors": EXTRACTORS,
        "js_runtimes": {"deno": {}, "node": {}, "bun": {}, "quickjs": {}},  # by itself yt-dlp takes deno alone
        "noplaylist": True, "extract_flat": "in_playlist", "playlist_items": "1",
        "external_downloader": {"default": "native"}, "hls_prefer_native": True, "enable_file_urls": False,
        "fixup": "never", "ffmpeg_location": job.ffmpeg, "postprocessor_args": {"ffmpeg_i": guard},
        "socket_timeout": job.socket_timeout_s, "retries": job.retries, "fragment_retries": job.retries,
        "extractor_retries": job.retries, "file_access_retries": 1, "skip_unavailable_fragments": False,
        "max_filesize": job.max_bytes, "ratelimit": job.rate_limit_bytes_per_s, "cookiefile": job.cookies,
        "proxy": "", "cachedir": False, "overwrites": True, "updatetime": False,
        "quiet": True, "no_warnings": True, "noprogress": True, "color": "no_color",
    }  # fmt: skip


def _native_only(yt_dlp: Any) -> None:
    """yt-dlp hands some streams to programs that open sockets of their own; here they fail instead."""

    def refuse(self: Any, *args: Any) -> bool:
        raise yt_dlp.utils.DownloadError("only streams of yt-dlp's native downloader are taken, this one is not")

    from yt_dlp.downloader import external, rtmp

    external.ExternalFD.real_download = refuse
    rtmp.RtmpFD.real_download = refuse


def _answer(info: dict[str, Any] | None, job: Job) -> dict[str, Any]:
    if info is None or info.get("_type") in ("playlist", "multi_video") or "entries" in info:
        return {"failed": "unsupported", "message": "the page is of several videos or of none: give one video's URL"}
    path = next((d.get("filepath") for d in info.get("requested_downloads") or [] if d.get("filepath")), None)
    if path is None or not Path(path).is_file():
        # yt-dlp ends without an error and without a file when the server announces more than max_filesize.
        return {"failed": "too_large", "message": f"nothing was fetched: the limit is {job.max_bytes} bytes"}
    return {"done": {
        "path": path, "licence": info.get("license"), "uploader": info.get("uploader"),
        "channel_id": info.get("channel_id") or info.get("uploader_id"), "duration_s": info.get("duration"),
    }}  # fmt: skip


def _status(error: BaseException | None) -> int | None:
    """The HTTP status at the bottom of an error, if there is one."""
    for link in _chain(error):
        status = getattr(link, "status", None)
        if isinstance(status, int):
            return status
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        info = getattr(link, "exc_info", None) or (None, None)
        waiting += [info[1], getattr(link, "cause", None), link.__cause__, link.__context__]


def job_line(job: Job) -> str:
    return json.dumps(asdict(job)) + "\n"


if __name__ == "__main__":
    main()
