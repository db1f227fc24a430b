"""Evidence adds up, what was not taken says nothing, and what can only accuse never acquits."""

import numpy as np
import pytest

from wail.vision.fusion import KINDS, LIMIT, Fusion, Piece, hidden, log_odds

FUSION = Fusion(colour=Piece(1.0, 0.5, 1.0, 0.0), lips=Piece(0.0, 0.1, 1.0), log_odds=-1.0)


def together(**measured: float) -> float:
    return float(hidden(log_odds(measured, FUSION), FUSION))


def test_nothing_known_is_the_prior_and_missing_pieces_say_nothing():
    assert together() == pytest.approx(1 / (1 + np.e))
    odds = log_odds({"lips": 0.1}, FUSION)
    assert np.isnan(odds).sum() == len(KINDS) - 1
    assert together(lips=0.1) == pytest.approx(0.5)


def test_an_accusing_piece_does_not_acquit_but_its_probability_is_told():
    assert together(colour=-9.0) == together()
    assert together(lips=-0.2) < together()
    assert log_odds({"colour": 0.0}, FUSION)[KINDS.index("colour")] == -2
    assert together(colour=2.0) > together(colour=1.5) > together()


def test_no_piece_says_more_than_the_limit():
    assert together(colour=1e9) == together(colour=1.0 + 0.5 * LIMIT)


def test_weights_that_are_all_nothing_are_refused():
    nothing = {kind: Piece(0.0, 1.0, 0.0) for kind in KINDS}
    with pytest.raises(ValueError, match="every weight is 0"):
        Fusion(**nothing)
