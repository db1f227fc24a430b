"""Spans of a source as people write them."""

import re

CLOCK = re.compile(r"(?:(\d+):)?([0-5]?\d):([0-5]?\d(?:\.\d+)?)", re.ASCII)
SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
MAX_S = 86400.0


def parse_span(start: str, end: str) -> tuple[float | None, float | None]:
    """Start and end in seconds; an empty one is None (from the beginning, to the end).

    Raises ValueError with the rule that is broken.
    """
    start_s, end_s = _parse_time("start", start), _parse_time("end", end)
    if end_s is not None and end_s <= (start_s or 0.0):
        raise ValueError(f"the end ({end_s:g} s) has to be after the start ({start_s or 0:g} s)")
    return start_s, end_s


def _parse_time(what: str, text: str) -> float | None:
    text = text.strip()
    if not text:
        return None
    clock = CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds = clock.groups()
        value = 3600.0 * int(hours or 0) + 60 * int(minutes) + float(seconds)
    elif SECONDS.fullmatch(text):
        value = float(text)
    else:
        raise ValueError(f"the {what} has to be seconds or h:mm:ss, not {text!r}")
    if value > MAX_S:
        raise ValueError(f"the {what} has to be within a day ({MAX_S:.0f} s), not {value:g} s")
    return value
