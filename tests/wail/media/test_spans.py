import pytest

from wail.media.spans import parse_span


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [("", "", (None, None)), ("30", "40", (30, 40)), ("0.5", "", (0.5, None)), ("1:02:03.5", "1:02:04", (3723.5, 3724)),
     (" 2:05 ", "130", (125, 130)), ("", "3", (None, 3)), (".5", "1.", (0.5, 1))],
)  # fmt: skip
def test_seconds_and_clock_times(start, end, span):
    assert parse_span(start, end) == span


@pytest.mark.parametrize(
    ("start", "end", "rule"),
    [("abc", "", "start has to be seconds or h:mm:ss, not 'abc'"), ("-1", "", "start has to be"),
     ("nan", "", "start has to be"), ("1e3", "", "start has to be"), ("1:99", "", "start has to be"),
     ("٣", "", "start has to be"), ("10", "10", r"end \(10 s\) has to be after the start \(10 s\)"),
     ("", "0", "after the start"), ("0", "1000000", "within a day")],
)  # fmt: skip
def test_spans_that_are_refused(start, end, rule):
    with pytest.raises(ValueError, match=rule):
        parse_span(start, end)
