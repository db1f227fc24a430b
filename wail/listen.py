"""The infant vocalisations of one file, on its own clock, without a dataset."""

from pathlib import Path
from typing import Any

from wail.media.audio import read_audio, read_sound
from wail.steps.voice import separator_for
from wail.store import atomic_path
from wail.voice.analyse import WAVE44_HZ, VoiceConfig, analyse
from wail.voice.mel import RATE_HZ
from wail.voice.plot import plot_voice
from wail.voice.separate import Missing


def listen(file: Path, plot: Path | None = None, weights: Path | None = None) -> list[dict[str, Any]]:
    """Rows of table `vocal` for a media file; optionally draws what was heard. Raises MediaError without sound."""
    wave = read_sound(file, RATE_HZ)
    separator = separator_for(weights)
    wave44 = None if isinstance(separator, Missing) else read_audio(file, WAVE44_HZ, channels=2)
    found = analyse(wave, VoiceConfig(), wave44=wave44, separator=separator)
    if plot is not None:
        with atomic_path(plot) as temporary:
            plot_voice(wave, found, temporary)
    return found.rows
