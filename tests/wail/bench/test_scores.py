"""Metrics against values counted by hand."""

import math

import numpy as np
import pytest

from wail.bench import scores
from wail.bench.scores import Counts

NAN = np.nan


def truth(text: str) -> np.ndarray:
    """"01?" to 0, 1 and unknown."""
    return np.array([{"0": 0, "1": 1, "?": NAN}[char] for char in text], np.float32)


def spread(n: int, *spans: tuple[int, int]) -> np.ndarray:
    out = np.zeros(n, np.float32)
    for start, stop in spans:
        out[start:stop] = 1
    return out


def test_precision_recall_and_f1_of_counts():
    assert (Counts(6, 2, 4).precision, Counts(6, 2, 4).recall) == (0.75, 0.6)
    assert Counts(6, 2, 4).f1 == pytest.approx(12 / 18)
    assert math.isnan(Counts(0, 0, 0).f1), "nothing to find and nothing found is no score"


def test_frames_of_unknown_truth_are_not_counted():
    found = np.array([1, 1, 0, 0, 1], bool)
    assert scores.frame_counts(found, truth("1010?")) == Counts(1, 1, 1)


def test_scores_are_pooled_over_clips_not_averaged():
    assert scores.pooled([Counts(1, 0, 0), Counts(0, 5, 4)]) == Counts(1, 5, 4)
    assert scores.pooled([]) == Counts(0, 0, 0)


def test_a_second_counts_with_ten_frames_of_a_hundred():
    active = spread(350, (0, 10), (100, 109), (300, 350))
    assert scores.by_second(active).tolist() == [1, 0, 0], "the half second at the end is no second"


def test_a_second_that_unknown_frames_could_decide_is_unknown():
    active = spread(300, (0, 10), (100, 105))
    active[50:60] = active[110:115] = active[200:205] = NAN
    assert scores.by_second(active)[[0, 2]].tolist() == [1, 0]
    assert np.isnan(scores.by_second(active)[1]), "5 active and 5 unknown may be 10"


def test_prediction_and_truth_of_a_second_go_by_the_same_rule():
    found, real = spread(200, (0, 9), (100, 110)) == 1, spread(200, (50, 60), (100, 200))
    assert scores.second_counts(found, real) == Counts(1, 0, 1)


def test_runs_and_closed_gaps():
    assert scores.runs(truth("0110010") == 1) == [(1, 3), (5, 6)]
    assert scores.closed([(0, 10), (12, 20), (23, 30)], 3) == [(0, 20), (23, 30)]


def test_events_match_from_an_iou_of_three_tenths():
    known = np.ones(100, bool)
    assert scores.iou((0, 30), (0, 100), known) == pytest.approx(0.3)
    assert scores.matched([(0, 30)], [(0, 100)], known) == [(0, 0)]
    assert scores.matched([(0, 29)], [(0, 100)], known) == []


def test_one_event_matches_one_only_and_the_most_matches_win():
    known = np.ones(100, bool)
    # One long found event over two true ones: one match, one miss.
    assert scores.matched([(0, 40)], [(0, 18), (20, 40)], known) == [(0, 1)]
    # The middle one overlaps the first best, but taking it there would leave the last without a match.
    found, real = [(0, 16), (4, 40)], [(0, 30), (20, 44)]
    assert scores.iou(found[1], real[0], known) > scores.iou(found[0], real[0], known)
    assert scores.matched(found, real, known) == [(0, 0), (1, 1)]


def test_event_counts_leave_out_what_nobody_can_judge():
    known_part, unknown = spread(60, (10, 20)), np.full(40, NAN, np.float32)
    real = np.r_[known_part, unknown].astype(np.float32)
    assert scores.event_counts([(10, 20), (62, 90)], real) == Counts(1, 0, 0)
    assert scores.event_counts([(30, 40), (50, 65)], real) == Counts(0, 2, 1), "(50, 65) is known to two thirds"


def test_gaps_of_truth_can_be_closed_as_those_of_the_segments_are():
    real = spread(100, (0, 20), (30, 50))
    assert scores.event_counts([(0, 50)], real) == Counts(1, 0, 1)
    assert scores.event_counts([(0, 50)], real, close_gaps=30) == Counts(1, 0, 0)


def test_a_true_event_too_short_to_be_asked_for_is_neither_missed_nor_found():
    real = spread(200, (0, 10), (100, 150))
    assert scores.event_counts([(100, 150)], real, shortest=30) == Counts(1, 0, 0)
    assert scores.event_counts([(0, 12), (100, 150)], real, shortest=30) == Counts(1, 0, 0)
    assert scores.event_counts([(50, 62)], real, shortest=30) == Counts(0, 1, 1)


def test_edge_errors_are_signed_seconds_of_matched_events():
    errors = scores.edge_errors_s([(12, 45), (70, 71)], spread(100, (10, 50)), close_gaps=0)
    assert errors == pytest.approx(np.array([[0.02, -0.05]]))
    assert scores.edge_errors_s([], spread(100, (10, 50)), 0).shape == (0, 2)


def test_the_interval_holds_the_score_and_is_a_point_when_all_clips_are_alike():
    low, high = scores.f1_interval([Counts(8, 2, 2)] * 10)
    assert low == high == pytest.approx(0.8)
    low, high = scores.f1_interval([Counts(10, 0, 0), Counts(0, 5, 5)] * 10)
    assert low < scores.pooled([Counts(10, 0, 0), Counts(0, 5, 5)]).f1 < high


def test_calibration_error_weighs_each_bins_gap_by_its_count():
    # Bin 0: three frames at .02, none true. Bin 14: one at 1.0, not true. The unknown frame does not count.
    p = np.array([0.02, 0.02, 0.02, 1.0, 0.5])
    table = scores.reliability(p, truth("0000?"))
    assert table.shape == (15, 3) and table[:, 2].sum() == 4
    assert table[14].tolist() == [1.0, 0.0, 1.0]
    assert scores.calibration_error(table) == pytest.approx((3 * 0.02 + 1 * 1.0) / 4)


def test_a_calibrated_probability_has_no_error():
    p = np.repeat([0.2, 0.8], 10)
    real = np.r_[np.ones(2), np.zeros(8), np.ones(8), np.zeros(2)].astype(np.float32)
    assert scores.calibration_error(scores.reliability(p, real)) == pytest.approx(0)
