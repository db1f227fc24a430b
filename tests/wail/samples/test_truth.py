import numpy as np
import pytest

from wail.errors import DatasetError
from wail.samples.truth import Span, in_spans, read_truth, spans_of


def test_spans_and_masks_are_inverse():
    mask = np.array([0, 1, 1, 0, 0, 1], bool)
    spans = spans_of(mask, "hand")
    assert spans == (Span(1 / 30, 3 / 30, "hand"), Span(5 / 30, 6 / 30, "hand"))
    assert np.array_equal(in_spans(spans, 6), mask)


def test_no_true_frame_gives_no_span():
    assert spans_of(np.zeros(4, bool), "x") == ()
    assert not in_spans((), 4).any()


def test_folder_without_truth_says_how_to_make_it(tmp_path):
    with pytest.raises(DatasetError, match=r"wail\.samples\.make"):
        read_truth(tmp_path)
