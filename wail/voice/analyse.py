"""A clip's whole voice analysis: detection on the mix and on the separated stem, adult speech, segments."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.voice.adult import adult_speech, silero_id
from wail.voice.detect import VoiceTrack, detect, weights_id
from wail.voice.mel import RATE_HZ
from wail.voice.segments import SegmentConfig, vocal_segments
from wail.voice.separate import Missing, Separator

WAVE44_HZ = 44_100


@dataclass(frozen=True)
class VoiceConfig:
    segments: SegmentConfig = field(default_factory=SegmentConfig)


@dataclass(frozen=True)
class VoiceAnalysis:
    """`track` of the mix; `rows` of schemas VOCAL; `stem16` [n] the separated voices at 16 kHz, or None.

    `models` names what was used, with hashes, or why something was not; `notes` are sentences for the receipt.
    """

    track: VoiceTrack
    rows: list[dict[str, Any]]
    stem16: NDArray[np.float32] | None
    models: dict[str, str]
    notes: list[str]


def analyse(wave16: NDArray[np.float32], config: VoiceConfig, wave44: NDArray[np.float32] | None = None,
            separator: Separator | Missing | None = None) -> VoiceAnalysis:  # fmt: skip
    """Who vocalises when, in a 16 kHz mono wave [n] whose sample 0 is clip time 0.

    `wave44` [2, n44] is the same sound at 44.1 kHz for the separator (the 16 kHz wave serves where it is None). Give
    what `find_separator` returned: what is missing is said in `models` and `notes`. The stem can add to what is heard
    in the mix, never take away, and one that fails or is silent is dropped with a note.
    Raises ClipError (corrupt) where the wave is not one row of finite numbers.
    """
    track = with_adult_speech(detect(wave16), wave16)
    notes = sound_notes(wave16)
    stem16, stem_note = separate(wave16, wave44, separator)
    notes += stem_note
    stem = None if stem16 is None else detect(stem16)
    rows = vocal_segments(track, stem, config.segments)
    models = {"detector": detector_id(), "separator": separator_id(separator)}
    return VoiceAnalysis(track, rows, stem16, models, notes)


def detector_id() -> str:
    """The detector's and Silero's versions and hashes, for receipts and their keys."""
    return f"{weights_id()} + {silero_id()}"


def with_adult_speech(track: VoiceTrack, wave16: NDArray[np.float32]) -> VoiceTrack:
    """The track with Silero's evidence joined to the network's own.

    Silero takes some cries for speech, so it counts only as far as no infant is heard; infants are never touched.
    """
    _, speech = adult_speech(wave16)
    joined = np.maximum(track.p_adult, speech * (1 - track.p_infant))
    return replace(track, p_adult=joined)


def separate(wave16: NDArray[np.float32], wave44: NDArray[np.float32] | None, separator: Separator | Missing | None
             ) -> tuple[NDArray[np.float32] | None, list[str]]:  # fmt: skip
    """The stem, as long as `wave16`, or None with the sentence that says why."""
    if separator is None or not len(wave16):
        return None, []
    if isinstance(separator, Missing):
        return None, [f"Voices were not separated from the mix: {separator.why}."]
    try:
        stem = separator.vocals(wave16, RATE_HZ) if wave44 is None else separator.vocals(wave44, WAVE44_HZ)
    except (RuntimeError, ValueError, MemoryError) as error:
        return None, [f"Separation failed ({type(error).__name__}: {error}): the mix alone was used."]
    stem = np.pad(stem[: len(wave16)], (0, max(0, len(wave16) - len(stem)))).astype(np.float32)
    if not np.isfinite(np.dot(stem, stem)):
        return None, ["The separated voices hold numbers that are not finite: the mix alone was used."]
    if not stem.any():
        return None, ["The separated voices are silent: the mix alone was used."]
    return stem, []


def separator_id(separator: Separator | Missing | None) -> str:
    if separator is None:
        return "none: switched off"
    return f"none: {separator.why}" if isinstance(separator, Missing) else separator.name


def sound_notes(wave16: NDArray[np.float32]) -> list[str]:
    """What is odd about the sound, in sentences."""
    if not len(wave16):
        return ["The clip has no sound."]
    low, high = float(wave16.min()), float(wave16.max())
    if max(-low, high) < 1e-4:
        return ["The sound is silent throughout (below -80 dB of full scale)."]
    if len(wave16) < RATE_HZ // 10:
        return [f"The sound lasts {len(wave16) / RATE_HZ:.4f} s only: too short for any vocalisation."]
    clipped = _clipped_share(wave16, low, high)
    return [f"The sound is clipped in {100 * clipped:.1f} % of its samples."] if clipped > 0.001 else []


def _clipped_share(wave16: NDArray[np.float32], low: float, high: float) -> float:
    """Share of samples stuck at either extreme, of a sound that reaches full scale."""
    if max(-low, high) < 0.98:
        return 0.0
    stretches = (wave16[k : k + (1 << 20)] for k in range(0, len(wave16), 1 << 20))
    stuck = sum(int(np.count_nonzero((w >= 0.999 * high) | (w <= 0.999 * low))) for w in stretches)
    return stuck / len(wave16)
