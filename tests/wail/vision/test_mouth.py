"""The mouth's opening does not depend on the head's pose, and is read from the table in parts."""

import numpy as np
import pytest

from schemas.arrow import to_table
from schemas.tables import LANDMARKS
from wail.inface.rotation import matrix_from_angles
from wail.vision.geometry import canonical_face
from wail.vision.mouth import CHIN, LOWER_LIP, at_frames, mouths, openings


def face(opening_cm: float, yaw=0.0, pitch=0.0, roll=0.0, scale=20.0, drop_cm=0.0) -> np.ndarray:
    """Landmarks [478, 2] of the canonical face with its lips apart, seen from afar."""
    verts = np.zeros((478, 3))
    verts[:468] = canonical_face()[0]
    verts[LOWER_LIP] = verts[[13, 82, 312, 81, 311]] - [0, opening_cm, 0]
    verts[CHIN, 1] -= drop_cm
    turn = matrix_from_angles(*(np.array([a]) for a in (yaw, pitch, roll)))[0]
    return (scale * (verts @ turn.T)[:, :2] + 300).astype(np.float32)


@pytest.mark.parametrize("pose", [{}, {"roll": 130}, {"yaw": 35}, {"pitch": -25}, {"scale": 6.0},
                                  {"yaw": -30, "pitch": 20, "roll": 200}])  # fmt: skip
def test_the_opening_is_the_same_in_every_pose(pose):
    eyes_cm = np.linalg.norm(canonical_face()[0][33] - canonical_face()[0][263])
    opening, _ = openings(np.stack([face(w, **pose) for w in (0.0, 1.0, 2.0)]))
    assert opening * eyes_cm == pytest.approx([0.0, 1.0, 2.0], abs=0.02)


def test_the_chins_drop_counts_too():
    _, drop = openings(np.stack([face(0.5), face(0.5, drop_cm=1.0)]))
    assert drop[1] - drop[0] == pytest.approx(1.0 / np.linalg.norm(np.ptp(canonical_face()[0][[33, 263]], axis=0)))


def test_a_mesh_fallen_into_one_point_is_unseen():
    opening, drop = openings(np.zeros((1, 478, 2), np.float32))
    assert np.isnan(opening[0]) and np.isnan(drop[0])


def test_tracks_are_put_together_from_parts_of_the_table():
    rows = [{"frame": k, "track": track, "xy_px": face(w).ravel().tolist(), "visibility": [1.0] * 478}
            for k, track, w in ((0, 0, 0.0), (1, 0, 1.0), (1, 3, 2.0), (2, 0, 0.5), (4, 3, 1.0))]  # fmt: skip
    table = to_table(rows, LANDMARKS)
    found = mouths([table.slice(0, 3), table.slice(3)])
    assert {track: mouth.frames.tolist() for track, mouth in found.items()} == {0: [0, 1, 2], 3: [1, 4]}
    opening, _ = at_frames(found[3], np.arange(5))
    assert np.isnan(opening).tolist() == [True, False, True, True, False]
    assert opening[1] == pytest.approx(2 * opening[4], rel=0.01)
    assert np.isnan(at_frames(None, np.arange(2))[0]).all()
