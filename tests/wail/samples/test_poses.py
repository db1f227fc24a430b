import numpy as np

from wail.inface.camera import to_camera
from wail.samples.poses import Key, pose_track


def test_keys_are_met_and_held_outside():
    keys = (Key(1.0, yaw_deg=10), Key(2.0, yaw_deg=50, roll_deg=-20, x_mm=30))
    track = pose_track(keys, np.array([0.0, 1.0, 2.0, 5.0]), restless=0.0, seed=0)
    assert np.allclose(track.angles_deg[:, 0], [10, 10, 50, 50])
    assert np.allclose(track.translation_mm[-1], [30, 0, 430])


def test_yaw_turns_to_the_subjects_left_and_roll_clockwise():
    at = np.array([0.0])
    nose = np.array([[0.0, 0.0, 60.0]])
    left = to_camera(nose, pose_track((Key(0, yaw_deg=30),), at, 0.0, 0).pose[0])[0]
    assert left[0] > 20
    crown = np.array([[0.0, 60.0, 0.0]])
    clockwise = to_camera(crown, pose_track((Key(0, roll_deg=90),), at, 0.0, 0).pose[0])[0]
    assert np.allclose(clockwise, [60, 0, 430], atol=1e-6)
    up = to_camera(nose, pose_track((Key(0, pitch_deg=30),), at, 0.0, 0).pose[0])[0]
    assert up[1] < -20


def test_pose_is_continuous_through_half_a_turn():
    at = np.arange(0, 3, 1 / 30)
    pose = pose_track((Key(0, roll_deg=120), Key(3, roll_deg=260)), at, 1.0, 3).pose
    assert np.abs(np.diff(pose[:, :3], axis=0)).max() < 0.2


def test_restless_wobble_is_of_its_size_and_repeatable():
    at = np.arange(0, 20, 1 / 30)
    track, again = (pose_track((Key(0),), at, 3.0, 5) for _ in range(2))
    assert np.array_equal(track.angles_deg, again.angles_deg)
    assert 1.0 < track.angles_deg[:, 0].std() < 5.0
