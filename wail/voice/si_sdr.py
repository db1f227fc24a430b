"""How near an estimate comes to a reference, whatever its level."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-12
"""Against the reference's energy: an estimate without any error (or without any of the reference) ends at 120 dB."""


def si_sdr(estimate: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]]) -> float:
    """Scale-invariant signal-to-distortion ratio, dB, of two mono waves [n] of the same length.

    Le Roux et al. 2019, "SDR - half-baked or well done?", eq. 3: 10 log10(|a s|^2 / |a s - e|^2) with
    a = <e, s> / |s|^2. As in the paper, means are not removed. The result lies in -120..120 dB.
    Raises ValueError where the lengths differ or the reference is silent (the ratio is then not defined).
    """
    e, s = np.asarray(estimate, np.float64), np.asarray(reference, np.float64)
    if e.shape != s.shape or e.ndim != 1:
        raise ValueError(f"si_sdr needs two waves of one length [n], got shapes {e.shape} and {s.shape}: cut or pad "
                         "the estimate first.")  # fmt: skip
    energy = float(s @ s)
    if energy == 0.0:
        raise ValueError(f"si_sdr is not defined against a silent reference ({len(s)} samples): leave it out.")
    target = (float(e @ s) / energy) * s
    wanted, error = float(target @ target), float((target - e) @ (target - e))
    if wanted == 0.0:
        return -120.0
    return float(np.clip(10 * np.log10(wanted / max(error, FLOOR * wanted)), -120.0, 120.0))
