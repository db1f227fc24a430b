"""SI-SDR against worked examples."""

import numpy as np
import pytest

from wail.voice.si_sdr import si_sdr

S = np.array([3.0, 0.0, -4.0, 0.0])
ORTHOGONAL = np.array([0.0, 1.0, 0.0, 2.0])


@pytest.mark.parametrize("scale", [1.0, 0.01, -7.0])
def test_the_reference_itself_at_any_level_is_as_good_as_it_gets(scale):
    assert si_sdr(scale * S, S) == 120.0


def test_error_that_the_reference_does_not_explain_counts_by_its_energy():
    # |s|^2 = 25, |e|^2 = 5: a ratio of 5.
    assert si_sdr(S + ORTHOGONAL, S) == pytest.approx(10 * np.log10(5))
    assert si_sdr(10 * (S + ORTHOGONAL), S) == pytest.approx(10 * np.log10(5))
    assert si_sdr(S + 10 * ORTHOGONAL, S) == pytest.approx(10 * np.log10(5) - 20)


def test_an_estimate_without_any_of_the_reference_is_as_bad_as_it_gets():
    assert si_sdr(ORTHOGONAL, S) == -120.0
    assert si_sdr(np.zeros(4), S) == -120.0


def test_means_are_not_removed():
    # Le Roux et al. take them to be zero: an offset is an error like any other.
    assert si_sdr(S + 1.0, S) < 10


def test_waves_of_different_lengths_and_silent_references_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(4,\) and \(3,\)"):
        si_sdr(S, S[:3])
    with pytest.raises(ValueError, match="silent reference"):
        si_sdr(S, np.zeros(4))
