"""Which class a failed download belongs to, by the server's status and by what yt-dlp says of it."""

import re

from schemas.reasons import Failure

STATUS: dict[int, Failure] = {
    401: "private", 402: "private", 403: "private", 404: "gone", 410: "gone", 429: "blocked", 451: "geo",
}  # fmt: skip

SAYINGS: tuple[tuple[Failure, str], ...] = (
    ("transient", r"no space left on device|disk quota exceeded"),
    ("unsupported", r"is not a public one and refused|only .* native downloader"),
    # A bot check or a limit, in each of its disguises, before anything that "sign in" could mean besides.
    ("blocked", r"not a bot|too many requests|rate.?limit|try again later|unusual traffic|captcha|http error 429"),
    ("age", r"confirm your age|age.restricted|age.?gate|inappropriate for some users|over 18"),
    ("geo", r"in your (?:country|region|location)|from your location|geo.?restrict|blocked it in"),
    ("gone", r"video unavailable|no longer available|has been removed|been terminated|does not exist|is not available$"
             r"|this video is not available|deleted|http error (?:404|410)"),
    ("private", r"private video|is private|members.only|channel's members|join this channel|requires payment|purchase"
                r"|registered users|log ?in|sign in|authentication|http error (?:401|403)"),
    ("transient", r"premieres in|will begin in|http error 5\d\d|timed? ?out|connection (?:refused|reset|aborted)"
                  r"|name or service not known|name resolution|no address associated|network is unreachable"
                  r"|remote end closed|bytes read|incomplete|giving up after|unexpected eof|connection broken"),
)  # fmt: skip


def plain(message: str) -> str:
    """yt-dlp's message without its prefix and its repetition of the cause."""
    return re.sub(r"^ERROR: |\s*\(caused by .*\)", "", message)


NAMES = re.compile(r"^error: |\[[\w:+]+\] \S+: |https?://\S+")
"""Parts of a message that are the video's own name, and could say anything."""


def classify(message: str, status: int | None, platform: str) -> Failure:
    """The failure class of one failed download.

    The words are asked first, since a status hides much (YouTube answers 403 to a limit as well as to a stale link);
    what neither words nor status explain is `unsupported`: trying again by itself would not help.
    """
    text = NAMES.sub("", message.lower().replace("’", "'"))
    for failure, pattern in SAYINGS:
        if re.search(pattern, text) and not _is_youtube_403(failure, status, platform):
            return failure
    if status is not None and status >= 500:
        return "transient"
    if platform == "youtube" and status == 403:
        return "transient"
    return STATUS.get(status or 0, "unsupported")


def _is_youtube_403(failure: Failure, status: int | None, platform: str) -> bool:
    return failure == "private" and status == 403 and platform == "youtube"
