"""The scores of the evaluation."""

import numpy as np

from wail.voice.training.evaluate import f1, frame_scores


def test_frame_scores_leave_out_what_nobody_knows():
    found = np.array([True, True, False, False, True])
    truth = np.array([1, 0, 1, 0, np.nan], np.float32)
    assert frame_scores(found, truth).tolist() == [1, 1, 1]
    assert f1(np.array([8.0, 2.0, 2.0])) == (0.8, 0.8, 0.8)
