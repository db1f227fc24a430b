"""matplotlib figures as inline SVG that follows the page's colours, gives the same bytes each time, and is small."""

import io
import re
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, LINE, SURFACE = "#010101", "#020202", "#030303", "#040404"
INFANT, ADULT, LOUD, YAW, VISIBLE, MOUTH, RESIDUAL, APERTURE, LAUGH, BABBLE = (f"#0102{n:02x}" for n in range(1, 11))
_THEME = {
    INK: "ink", MUTED: "muted", LINE: "line", SURFACE: "surface", INFANT: "infant", ADULT: "adult", LOUD: "loud",
    YAW: "yaw", VISIBLE: "visible", MOUTH: "mouth", RESIDUAL: "residual", APERTURE: "aperture",
    LAUGH: "laugh", BABBLE: "babble",
}  # fmt: skip
"""Colours that stand for a variable of the page's style sheet, so that a plot turns dark with its page."""

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: small, sharp, and read aloud by screen readers
    "font.family": ["sans-serif"],
    "font.size": 7.5,
    "path.simplify": True,
    "path.simplify_threshold": 0.4,
}


def figure(width_in: float, height_in: float) -> Figure:
    """An empty figure without pyplot, whose state would outlive it."""
    made = Figure(figsize=(width_in, height_in))
    made.patch.set_alpha(0)
    FigureCanvasSVG(made)
    return made


def title(text: str) -> str:
    """The gid that makes an artist carry `text` as its tooltip and accessible name."""
    return f"tip:{text}"


def to_svg(made: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element. `name` keeps its ids apart from other figures'; `label` is read aloud."""
    buffer = io.StringIO()
    with matplotlib.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(buffer.getvalue(), label)


def _inline(text: str, label: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'<g id="tip:([^"]*)">', r"<g><title>\1</title>", text)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    text = re.sub(r"\n\s*", " ", text)
    text = re.sub(r"> <", "><", text)
    text = re.sub(r' d="[^"]*"', lambda match: _short_path(match.group(0)), text)
    text = re.sub(r" ?font-family: [^;\"]*;?", "", text)  # the page's own font
    for colour, variable in _THEME.items():
        text = text.replace(colour, f"var(--{variable})")
    head = re.match(r"<svg[^>]*>", text)
    box = re.search(r'viewBox="([^"]*)"', head.group(0)) if head else None
    if head is None or box is None:
        raise RuntimeError("matplotlib wrote an SVG without a viewBox")
    return f'<svg viewBox="{box.group(1)}" role="img" aria-label="{_attribute(label)}">' + text[head.end() :]


def _short_path(path: str) -> str:
    """Path data to a tenth of a unit (the drawing is some 760 wide) and without needless blanks."""
    path = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number.group(0)):.1f}", path)
    return re.sub(r"\s*([MLCQz])\s*", r"\1", path)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
