"""HDR and wide-colour pictures (ITU-R BT.2100, BT.2020) as those of an ordinary screen, so that skin has skin's colour.

Shown as it is stored, an HDR face is grey and flat. Here its light is set against HDR's reference white (203 cd/m2,
ITU-R BT.2408), which becomes white; what is brighter becomes white too.
"""

from functools import cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Kind = Literal["pq", "hlg", "wide"]

BT2020_PRIMARIES, PQ_TRANSFER, HLG_TRANSFER = 9, 16, 18
"""Code points of ITU-T H.273, as FFmpeg has them."""
WHITE_NITS = 203.0
SCREEN_GAMMA = 2.4
TO_BT709 = ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730))
"""BT.2020's primaries in BT.709's (ITU-R BT.2087, table 2), for linear light."""
TO_BT709_OF_HLG = ((1.465, -0.409, -0.056), (-0.186, 1.191, -0.004), (-0.009, -0.016, 1.025))
"""The same for HLG, whose system gamma, taken channel by channel, saturates: fitted by least squares over the ten tones
of the Monk skin scale at five levels of light and 2000 uniform colours, greys held grey."""


class _Map(NamedTuple):
    curve: NDArray[np.uint8]
    """[256] stored level to the screen's."""
    matrix: NDArray[np.float64]
    """[3, 3] on the screen's levels."""


def kind_of(frame: Any) -> Kind | None:
    """What a decoded frame says of its light and colours; None for an ordinary one."""
    if frame.color_trc == PQ_TRANSFER:
        return "pq"
    if frame.color_trc == HLG_TRANSFER:
        return "hlg"
    return "wide" if frame.color_primaries == BT2020_PRIMARIES else None


def to_screen(rgb: NDArray[np.uint8], kind: Kind) -> NDArray[np.uint8]:
    """Stored R'G'B' levels, uint8 [h, w, 3], as those of a BT.709 screen.

    The matrix belongs on linear light; on the screen's levels it is right for greys and off by less than 6 levels for
    skin (Monk scale), by up to 40 for colours as saturated as no face is, and thirty times as fast as a cube.
    """
    made = _map(kind)
    return np.asarray(cv2.transform(cv2.LUT(rgb, made.curve), made.matrix), np.uint8)


@cache
def _map(kind: Kind) -> _Map:
    levels = np.arange(256) / 255
    if kind == "wide":
        return _Map(np.arange(256).astype(np.uint8), np.array(TO_BT709))
    nits = _pq_nits(levels) if kind == "pq" else _hlg_nits(levels)
    curve = np.round(255 * np.clip(nits / WHITE_NITS, 0, 1) ** (1 / SCREEN_GAMMA)).astype(np.uint8)
    return _Map(curve, np.array(TO_BT709 if kind == "pq" else TO_BT709_OF_HLG))


def _pq_nits(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084's EOTF (BT.2100-2, table 4): 0-1 to cd/m2."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = level ** (1 / m2)
    return np.asarray(10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))


def _hlg_nits(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """HLG's EOTF for greys on a screen of 1000 cd/m2 (BT.2100-2, table 5): system gamma 1.2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)
    return np.asarray(1000 * scene**1.2)
