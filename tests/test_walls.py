"""Who may import whom: the table of the layout, held to by reading the imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("wail", "flows", "tasks", "schemas")
ALLOWED = {
    "schemas": ("schemas",),
    "wail/media": ("schemas", "wail.media"),
    "wail/voice": ("schemas", "wail.media", "wail.voice"),
    "wail/vision": ("schemas", "wail.media", "wail.vision"),
    "wail/inface": ("wail.inface",),
    "wail/motion": ("wail.motion",),
    "wail/review": ("schemas", "wail.media", "wail.inface", "wail.review", "wail.store"),
    "wail/bench": ("schemas", "wail"),
    "wail/samples": ("schemas", "wail.media", "wail.inface", "wail.samples"),
    "wail": ("schemas", "wail"),
    "tasks": ("schemas", "wail", "tasks"),
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


def files(place: str) -> list[Path]:
    return sorted((ROOT / place).rglob("*.py"))


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("place", ALLOWED)
def test_a_package_imports_only_what_the_layout_allows(place):
    allowed = (*ALLOWED[place], "wail.errors")
    assert files(place), place
    for path in files(place):
        wrong = {name for name in imports(path) if within(name, OURS) and not within(name, allowed)}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


def test_only_flows_and_tasks_import_prefect():
    outside = [path for place in ("wail", "schemas") for path in files(place)]
    assert not [path for path in outside if any(within(name, ("prefect",)) for name in imports(path))]


def test_a_wrong_import_would_be_seen(tmp_path):
    path = tmp_path / "x.py"
    path.write_text("from wail.pipeline import curate\nimport prefect\n", encoding="utf-8")
    assert imports(path) == {"wail.pipeline", "prefect"}
