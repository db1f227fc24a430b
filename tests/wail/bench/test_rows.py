"""Rows, what is met, and how they are printed."""

import io
import json

import pytest
from rich.console import Console

from wail.bench.rows import Row, document, machine, print_rows


@pytest.mark.parametrize(("direction", "value", "met"), [
    ("up", 0.8, True), ("up", 0.79, False), ("down", 0.8, True), ("down", 0.81, False), ("up", None, None),
])  # fmt: skip
def test_a_bound_is_met_from_its_side(direction, value, met):
    assert Row("x", value, "F1", direction, 0.8).met is met


def test_json_has_the_agreed_keys_and_a_note_wherever_met_is_null():
    rows = [Row("a", 0.123456, "F1", "up", 0.1, 0.2, "12 clips"), Row("b", None, "F1", "up", 0.1, None, "no data"),
            Row("c", 1.0, "s")]  # fmt: skip
    shown = document(rows, {"split": "tune"})
    a, b, c = shown["rows"]
    assert a == {"name": "a", "value": 0.1235, "unit": "F1", "direction": "up", "at_least": 0.1, "aim": 0.2,
                 "met": True, "note": "12 clips"}  # fmt: skip
    assert (b["value"], b["met"], b["note"]) == (None, None, "no data")
    assert c["met"] is None and "for information" in c["note"]
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_a_value_that_is_no_number_is_none():
    assert Row("x", float("inf"), "dB").as_dict()["value"] is None


def test_the_machine_is_described_without_its_name():
    import platform

    told = machine()
    assert told["cores"] >= 1 and told["memory_gb"] > 0 and told["torch"]
    assert platform.node() not in json.dumps(told)


def test_the_table_marks_what_is_not_met_and_shows_notes_as_they_are():
    text = io.StringIO()
    print_rows("title", [Row("good", 0.9, "F1", "up", 0.8, 0.85), Row("bad", 0.2, "F1", "up", 0.8, None, "why [x]"),
                         Row("cost", None, "ms", "down", 5, 2, "why [x]")], Console(file=text))  # fmt: skip
    lines = text.getvalue().splitlines()
    (good,), (bad,), (cost,) = ([line for line in lines if f" {name} " in line] for name in ("good", "bad", "cost"))
    assert "≥ 0.8" in good and "yes" in good
    assert "NO" in bad and "why [x]" in bad
    assert "≤ 5" in cost and "″" in cost, "a note that repeats is not printed twice"
