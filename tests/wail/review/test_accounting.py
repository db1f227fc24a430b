import pytest

from schemas import tables
from schemas.arrow import to_table
from schemas.reasons import REASONS
from wail.errors import DatasetError
from wail.review.accounting import account, funnel, take_problems, total


def verdicts(rows):
    return to_table([{"frame": f, "time_s": f / 30, "keep": keep, "reason": reason, "take_id": None}
                     for f, keep, reason in rows], tables.VERDICTS)  # fmt: skip


def test_frames_are_counted_by_reason_and_every_reason_is_listed():
    one = account("c", verdicts([(0, True, None), (1, False, "profile"), (2, False, "profile"), (3, False, "dark")]))
    assert (one.frames_read, one.frames_kept) == (4, 1)
    assert {name: n for name, n in one.frames_by_reason.items() if n} == {"profile": 2, "dark": 1}
    assert list(one.frames_by_reason) == list(REASONS)
    assert one.main_reason == "profile" and one.problems == ()


@pytest.mark.parametrize(
    ("rows", "read", "words"),
    [
        ([(0, True, None), (0, True, None)], None, "1 verdicts for a frame that already has one"),
        ([(0, True, "dark")], None, "1 kept frames that also have a reason"),
        ([(0, False, None)], None, "1 dropped frames without a reason"),
        ([(0, True, None)], [0, 1], "1 frames read without a verdict"),
        ([(0, True, None), (5, True, None)], [0], "1 verdicts for frames that were not read"),
        ([(0, False, "aliens")], None, "unknown reasons aliens"),
    ],
)
def test_what_does_not_add_up_is_said(rows, read, words):
    import numpy as np

    one = account("c", verdicts(rows), None if read is None else np.array(read))
    assert any(words in problem for problem in one.problems), one.problems


def test_a_kept_frame_outside_every_kept_take_is_a_problem():
    take = {"take_id": "t", "track": 0, "start_s": 0.0, "end_s": 1 / 30, "n_frames": 1, "bridged": 0, "label": "cry",
            "probability": 0.9, "sync_score": None, "av_offset_s": None, "reason": None}  # fmt: skip
    table = verdicts([(0, True, None), (1, True, None)])
    assert take_problems(table, to_table([take], tables.TAKES)) == ["1 kept frames lie in no kept take"]
    assert take_problems(table, to_table([{**take, "n_frames": 2}], tables.TAKES)) == []
    assert take_problems(table, to_table([{**take, "reason": "poor_fit"}], tables.TAKES)) == [
        "2 kept frames lie in no kept take"
    ]


def test_funnel_adds_up_over_clips_sources_and_reasons(builder):
    builder.clip("a" * 16)
    builder.clip("b" * 16, [(300, None, "t"), (360, "dark", None)])
    builder.failed("c" * 16, "corrupt", "broken", duration_s=4.0)
    builder.failed("d" * 16, "gone", "removed")
    numbers = funnel(builder.finish())
    assert numbers.problems == ()
    assert (numbers.frames_read, numbers.frames_kept) == (720, 110 + 300)
    assert numbers.frames_kept + sum(numbers.frames_by_reason.values()) == numbers.frames_read
    assert numbers.frames_by_reason["dark"] == 60 and numbers.frames_by_reason["mouth_occluded"] == 40
    assert numbers.seconds_in == pytest.approx(24.0 + 4.0)
    assert numbers.seconds_in == pytest.approx(
        numbers.seconds_kept + sum(numbers.seconds_by_reason.values()) + numbers.seconds_unread
    )
    assert (numbers.sources, numbers.sources_failed, numbers.clips, numbers.takes) == (4, 2, 2, 2)


def test_the_same_clip_asked_twice_counts_once(builder):
    builder.clip("a" * 16)
    builder.failed("a" * 16, None, "the same media and span; counted there", status="skipped")
    numbers = funnel(builder.finish())
    assert (numbers.frames_read, numbers.takes, numbers.sources_skipped, numbers.problems) == (360, 1, 1, ())


def test_verdicts_of_a_clip_that_failed_since_count_no_more(builder):
    builder.clip("a" * 16)
    builder.rows[0] |= {"status": "failed", "failure": "bug", "detail": "stage fit failed", "kept_s": 0.0}
    numbers = funnel(builder.finish())
    assert (numbers.frames_read, numbers.seconds_kept, numbers.seconds_unread) == (0, 0.0, 12.0)


def test_a_manifest_that_disagrees_with_the_verdicts_is_a_problem(builder):
    builder.clip("a" * 16, kept_s=9.0)
    assert "the manifest says 9.00 s kept, the verdicts 3.67 s" in funnel(builder.finish()).problems[0]


def test_a_damaged_table_is_a_problem_of_its_clip_alone(builder):
    builder.clip("a" * 16)
    builder.clip("b" * 16)
    root = builder.finish()
    (root / "clips" / ("a" * 16) / "verdicts.parquet").write_bytes(b"PAR1 no")
    numbers = funnel(root)
    assert numbers.frames_read == 360
    assert "verdicts.parquet cannot be read" in numbers.problems[0]


def test_no_dataset_is_an_error_that_says_how_to_make_one(tmp_path):
    with pytest.raises(DatasetError, match="wail curate SOURCE --out"):
        funnel(tmp_path / "nowhere")


def test_nothing_at_all_is_all_zero():
    numbers = total([], [])
    assert (numbers.seconds_in, numbers.frames_read, numbers.problems) == (0.0, 0, ())
