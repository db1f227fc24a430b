"""What `wail voice FILE` does: the voice analysis of one media file, as values that print as JSON."""

from pathlib import Path
from typing import Any

import numpy as np

from wail.media.audio import read_audio
from wail.voice.analyse import WAVE44_HZ, VoiceAnalysis, VoiceConfig, analyse
from wail.voice.mel import RATE_HZ
from wail.voice.separate import Missing, Separator


def voice_file(path: Path, config: VoiceConfig | None = None, separator: Separator | Missing | None = None,
               plot: Path | None = None) -> VoiceAnalysis:  # fmt: skip
    """Analyses the sound of a media file on its clip's clock, and draws it into `plot` (PNG) where that is given.

    Raises MediaError where the file cannot be read.
    """
    wave16 = read_audio(path, RATE_HZ, 1)
    with_stem = separator is not None and not isinstance(separator, Missing)
    wave44 = read_audio(path, WAVE44_HZ, 2) if with_stem else None
    analysis = analyse(wave16, config or VoiceConfig(), wave44, separator)
    if plot is not None:
        from wail.voice.plot import plot_voice

        plot_voice(wave16, analysis, plot)
    return analysis


def summary(analysis: VoiceAnalysis) -> dict[str, Any]:
    """Segments, seconds by label, shares of time, models and notes, as plain JSON values."""
    track = analysis.track
    step_s = 2 * float(track.time_s[0]) if len(track.time_s) else 0.0
    seconds = {label: 0.0 for label in ("cry", "laugh", "babble")}
    for row in analysis.rows:
        seconds[row["label"]] += row["end_s"] - row["start_s"]
    return {
        "duration_s": round(len(track.time_s) * step_s, 3),
        "seconds": {label: round(value, 3) for label, value in seconds.items()},
        "adult_s": round(float(np.count_nonzero(track.p_adult >= 0.5)) * step_s, 3),
        "segments": [{k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()} for row in analysis.rows],
        "models": analysis.models,
        "notes": analysis.notes,
    }
