"""The ledger keeps what it is given, in order, at a few hundred bytes a face and frame."""

import numpy as np

from wail.vision.records import RECORD, Ledger


def test_rows_come_back_in_order_over_the_edges_of_chunks():
    ledger = Ledger(chunk_rows=3)
    assert len(ledger.rows()) == 0
    for frame in range(7):
        row = np.zeros(1, RECORD)
        row["frame"] = frame
        ledger.add(row)
        assert ledger.rows()["frame"].tolist() == list(range(frame + 1))


def test_an_hour_of_four_faces_fits_in_memory():
    assert RECORD.itemsize <= 500
