"""From a URL to the video it means, so that the same video under two URLs is one source."""

import re
from urllib.parse import parse_qs, urlsplit

from schemas.documents import SourceItem

YOUTUBE_HOSTS = frozenset(
    {"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "www.youtube-nocookie.com", "youtu.be"}
)
YOUTUBE_ID = re.compile(r"[\w-]{11}", re.ASCII)
YOUTUBE_PATH = re.compile(r"/(?:shorts|embed|live|v)/([^/]+)/?", re.ASCII)
LEGAL = re.compile(r"[!-~]+")
MAX_CHARS = 2000


def is_url(text: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def url_item(url: str) -> SourceItem:
    """The source that a URL means: of YouTube the video's id, of any other host path and query.

    Raises ValueError with the rule that the URL breaks.
    """
    if len(url) > MAX_CHARS or not LEGAL.fullmatch(url):
        raise ValueError(f"a URL has at most {MAX_CHARS} visible ASCII characters (percent-encode the others), "
                         f"not {url[:80]!r}")  # fmt: skip
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https"):
        raise ValueError(f"a URL starts with http:// or https://, not {parts.scheme}://")
    if not parts.hostname:
        raise ValueError(f"a URL names a host, {url!r} does not")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold a user name or password, since it is kept in the manifest: "
                         "give a cookie file instead")  # fmt: skip
    if parts.hostname in YOUTUBE_HOSTS:
        ytid = _youtube_id(parts.hostname, parts.path, parts.query)
        return SourceItem(uri=f"https://www.youtube.com/watch?v={ytid}", platform="youtube", video_id=ytid)
    video_id = parts.path + (f"?{parts.query}" if parts.query else "")
    platform = parts.hostname + (f":{parts.port}" if parts.port else "")
    return SourceItem(uri=parts._replace(fragment="").geturl(), platform=platform, video_id=video_id or "/")


def _youtube_id(host: str, path: str, query: str) -> str:
    found = YOUTUBE_PATH.fullmatch(path)
    candidate = path.strip("/") if host == "youtu.be" else found[1] if found else parse_qs(query).get("v", [""])[0]
    if not YOUTUBE_ID.fullmatch(candidate):
        raise ValueError("a YouTube URL has to be of one video (watch?v= with 11 characters), not of a list, a channel "
                         f"or a search: {path}{'?' + query if query else ''}")  # fmt: skip
    return candidate
