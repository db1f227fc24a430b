"""Features reach the frames by their true times."""

import numpy as np
import pytest

from wail.errors import DatasetError
from wail.motion.data import read_split
from wail.motion.features import at_frame_times


def test_a_ramp_in_time_is_read_off_at_frame_times():
    time_s = 0.0125 + 0.02 * np.arange(100)
    values = np.stack([time_s, -2 * time_s], axis=1).astype(np.float32)
    got, heard = at_frame_times(time_s, values, 50, margin=0)
    t = np.clip(np.arange(50) / 30, time_s[0], None)
    np.testing.assert_allclose(got, np.stack([t, -2 * t], axis=1), atol=1e-6)
    assert heard.all()


def test_uneven_times_are_honoured_where_an_index_ratio_would_not():
    time_s = np.array([0.0, 0.05, 0.4, 0.5])
    got, _ = at_frame_times(time_s, time_s[:, None].astype(np.float32), 16, margin=0)
    np.testing.assert_allclose(got[:, 0], np.arange(16) / 30, atol=1e-6)


def test_margins_reach_before_the_first_and_after_the_last_frame():
    time_s = np.arange(-0.5, 1.5, 0.02)
    got, heard = at_frame_times(time_s, time_s[:, None].astype(np.float32), 30)
    np.testing.assert_allclose(got[:, 0], np.arange(-15, 45) / 30, atol=1e-6)
    assert heard.all()


def test_frames_far_from_any_feature_are_not_heard_and_hold_the_nearest():
    got, heard = at_frame_times(np.array([0.21, 0.29]), np.array([[1.0], [2.0]], np.float32), 16, margin=0)
    np.testing.assert_array_equal(np.flatnonzero(heard), np.arange(4, 12))  # 0.11 s to 0.39 s
    assert got[0, 0] == 1 and got[-1, 0] == 2


def test_a_single_feature_serves_the_frames_near_it():
    got, heard = at_frame_times(np.array([0.01]), np.array([[3.0]], np.float32), 6, margin=0)
    np.testing.assert_array_equal(heard, [True, True, True, True, False, False])
    assert (got == 3).all()


def test_times_that_do_not_rise_are_an_error(synthetic):
    row, features = synthetic.take("a", 20, seed=0)
    features["time_s"] = features["time_s"][::-1]
    synthetic.write({"train": [(row, features)]})
    with pytest.raises(DatasetError, match="take a: feature times must rise"):
        read_split(synthetic.root, "train")
