"""What is kept of each face in each frame until the clip ends: one packed row, so that an hour fits in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.vision.fusion import KINDS
from wail.vision.infant import NAMES
from wail.vision.observe import Observation

RECORD = np.dtype([
    ("frame", "i4"), ("track", "i4"), ("bbox", "f4", 4),
    ("yaw_deg", "f4"), ("pitch_deg", "f4"), ("roll_deg", "f4"), ("interocular_px", "f4"),
    ("presence", "f4"), ("sharpness", "f4"), ("skin_luma", "f4"),
    ("outside_share", "f4"),    # of the lips' landmarks, outside the picture
    ("inside", "?"),            # the whole face lies in the picture
    ("face_seen", "f4"),        # mean visibility of landmarks that are no mouth
    ("mouth_seen", "f4"),       # what pose, border and hands leave of the mouth
    ("evidence", "f4", len(KINDS)),
    ("proportions", "f4", len(NAMES)),
])  # fmt: skip
"""One face in one frame; about 150 bytes."""

Records = NDArray[Any]
"""[n] of RECORD, by frame, then track."""


def record(seen: Observation) -> NDArray[Any]:
    """One observation's row [1]."""
    row = np.zeros(1, RECORD)
    row["bbox"] = np.concatenate([seen.xy_px.min(0), seen.xy_px.max(0)])
    row["inside"] = seen.inside.all()
    row["sharpness"] = seen.look.sharpness
    for name in ("frame", "track", "yaw_deg", "pitch_deg", "roll_deg", "interocular_px", "presence", "skin_luma",
                 "outside_share", "face_seen", "mouth_seen", "evidence",
                 "proportions"):  # fmt: skip
        row[name] = getattr(seen, name)
    return row


class Ledger:
    """Rows of RECORD, added one at a time."""

    def __init__(self, chunk_rows: int = 4096) -> None:
        self._chunk_rows = chunk_rows
        self._chunks: list[NDArray[Any]] = []
        self._used = chunk_rows

    def add(self, row: NDArray[Any]) -> None:
        if self._used == self._chunk_rows:
            self._chunks.append(np.zeros(self._chunk_rows, RECORD))
            self._used = 0
        self._chunks[-1][self._used] = row[0]
        self._used += 1

    def rows(self) -> Records:
        """Everything added so far."""
        if not self._chunks:
            return np.zeros(0, RECORD)
        return np.concatenate([*self._chunks[:-1], self._chunks[-1][: self._used]])
