"""The documents say what the code does: settings with their defaults, reasons in order, links that lead somewhere."""

import dataclasses
import re
from pathlib import Path

import pytest

from schemas.reasons import REASONS
from wail.vision.config import VisionConfig

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
VISION = (ROOT / "docs/vision.md").read_text(encoding="utf-8")


def shown(value):
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def test_every_setting_of_vision_is_described_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", VISION, re.MULTILINE))
    defaults = {field.name: getattr(VisionConfig(), field.name) for field in dataclasses.fields(VisionConfig)}
    plain = {name: shown(value) for name, value in defaults.items() if not dataclasses.is_dataclass(value)}
    described = {name: rows.get(name, "not described") for name in plain}
    assert described == plain, "mend the table of settings in docs/vision.md"
    nested = re.search(r"settings of their own.*?:(.*?)\(", VISION, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", nested.group(1))) == set(defaults) - set(plain)


def test_every_reason_is_there_in_the_order_in_which_it_counts():
    table = VISION[VISION.index("| reason |") : VISION.index("Yaw is positive")]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(REASONS)
    for setting in re.findall(r"`((?:min|max)_\w+)`", table):
        assert hasattr(VisionConfig(), setting), setting


def test_the_pieces_of_evidence_are_those_of_the_table():
    from schemas.tables import EVIDENCE

    pieces = {name.removeprefix("by_") for name in EVIDENCE.names if name.startswith("by_")}
    table = VISION[VISION.index("| piece |") : VISION.index("They are summed")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == pieces


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text(encoding="utf-8")):
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        assert target.exists(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        anchors = {re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in headings}
        assert not anchor or anchor in anchors, link


def test_the_benchmarks_options_exist():
    from wail.bench.cli import bench

    text = (ROOT / "docs/bench/README.md").read_text(encoding="utf-8")
    for verb, rest in re.findall(r"^\$ \.venv/bin/wail bench (\w+) (.*)$", text, re.MULTILINE):
        known = {option for parameter in bench.commands[verb].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest.split("#")[0])) <= known, verb
