"""Whether a separated stem is good enough to be heard in place of the mix, judged without any reference.

The rule was chosen on mixtures of the tuning groups, for the SI-SDR that later steps get (the stem's where it is fed,
else the mix's): +3.3 dB on average, against +1.7 with the stem always and +5.5 with hindsight (gains cut at +-15 dB).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.voice.detect import VoiceTrack

MARGIN = 0.2
"""The infant may be heard so much less surely in the stem, as a mean probability over what was found: even the perfect
stem of a cry scores below the mix, since the detector's bias on stems is taken off (`SegmentConfig.stem_bias`)."""
MIN_LOSS_DB, MAX_LOSS_DB = 0.3, 20.0
"""By how much the stem may be below the mix where the infant was found. Less: there was nothing to take away, and a
separator only damages a clean sound. More: an infant lies some 8 dB below the mix where it is still found at all, so
the stem has lost it."""


@dataclass(frozen=True)
class StemUse:
    """Which sound later steps hear. `fed`: features and shards hear the stem, else the mix; `why` in words."""

    fed: bool
    why: str
    looked_at: bool = False
    """Whether segments were looked for in the stem too."""

    def facts(self, stem: str | None) -> dict[str, Any]:
        """For the receipt; `stem` names the separator whose stem it is, None where there is none."""
        later = "stem" if self.fed else "mix"
        fed = {"segments": "mix and stem" if self.looked_at else "mix", "features": later, "audio": later}
        return {"stem": stem if self.looked_at else None, "fed": fed, "why": self.why}


MIX = StemUse(False, "nothing was separated")


def judge_stem(mix: VoiceTrack, stem: VoiceTrack, rows: Sequence[Mapping[str, Any]]) -> StemUse:
    """Over the segments found (rows of VOCAL), the stem has to be about as surely an infant as the mix, to have taken
    something away, and not to be silent.

    Means are over the time of all segments, so a long cry counts for more than a burst.
    """
    inside = within(mix.time_s, rows)
    if not inside.any():
        return StemUse(False, "no infant voice was found", True)
    loss_db = power_db(mix.loudness_db[inside]) - power_db(stem.loudness_db[inside])
    if loss_db > MAX_LOSS_DB:
        return StemUse(False, f"where the infant is heard, the stem is {loss_db:.0f} dB below the mix", True)
    if loss_db < MIN_LOSS_DB:
        return StemUse(False, f"there was next to nothing to take away ({max(loss_db, 0):.1f} dB)", True)
    length_s = [row["end_s"] - row["start_s"] for row in rows]
    p_mix, p_stem = (float(np.average([row[name] for row in rows], weights=length_s)) for name in ("p_mix", "p_stem"))
    heard = f"the infant is heard with {p_stem:.2f} in the stem and {p_mix:.2f} in the mix"
    return StemUse(p_stem >= p_mix - MARGIN, heard, True)


def within(time_s: NDArray[np.float64], rows: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """Which times lie in any row."""
    inside = np.zeros(len(time_s), np.bool_)
    for row in rows:
        inside |= (time_s >= row["start_s"]) & (time_s < row["end_s"])
    return inside


def power_db(loudness_db: NDArray[np.float32]) -> float:
    """Loudness of several steps together."""
    return float(10 * np.log10(np.mean(10 ** (loudness_db.astype(np.float64) / 10))))
