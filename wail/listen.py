"""The infant vocalisations of one file, on its own clock, without a dataset."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.documents import Probe
from wail.errors import ConfigError
from wail.media.audio import audio_blocks, check_sound, n_samples, write_flac_blocks
from wail.media.opening import MediaLimits
from wail.media.probe import probe
from wail.pipeline import Progress
from wail.steps.voice import separator_of, taggers_for
from wail.store import atomic_path
from wail.voice.analyse import WAVE44_HZ, VoiceConfig, analyse
from wail.voice.mel import RATE_HZ
from wail.voice.plot import plot_voice
from wail.voice.separate import Missing, Separator
from wail.voice.wave import FlacWave

LIMITS = MediaLimits(max_bytes=64 * 1024**3, max_duration_s=48 * 3600.0, timeout_s=3600.0)
"""For a file of one's own: a night of a baby monitor is welcome."""
Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Heard:
    """Rows of table `vocal`; sentences on what was odd or missing; the models used, with hashes, or why one was not."""

    rows: list[dict[str, Any]]
    notes: list[str]
    models: dict[str, str]


def listen(file: Path, plot: Path | None = None, weights: Path | None = None, config: VoiceConfig | None = None,
           on_progress: Tell = lambda one: None) -> Heard:  # fmt: skip
    """What infants do in the sound of a media file, as stage `voice` hears it; optionally drawn into a PNG.

    Memory does not grow with the file; a folder for temporary files holds its sound (at most 115 MB an hour).
    Raises MediaError where it cannot be read, has no sound, or claims a sampling rate that is none, ConfigError
    where `plot` is a folder.
    """
    config = config or VoiceConfig()
    if plot is not None and plot.is_dir():  # at once, not after a night of sound was listened to
        raise ConfigError(f"{plot} is a folder, and the plot is one picture: give a file in it, such as "
                          f"{plot / 'voice.png'}")  # fmt: skip
    facts = probe(file, LIMITS)
    check_sound(file, facts)
    separator, taggers = separator_of(config, weights), taggers_for(weights, config.taggers)
    notes: list[str] = []
    with TemporaryDirectory(prefix="wail-voice-") as folder:
        flac = Path(folder) / "audio.flac"
        blocks = audio_blocks(file, RATE_HZ, limits=LIMITS, notes=notes, facts=facts)
        write_flac_blocks(flac, _told(blocks, n_samples(facts, RATE_HZ), on_progress), RATE_HZ)
        can_separate = separator is not None and not isinstance(separator, Missing)
        # Gone through once for notes, detector and Silero each, and by each tagger and the separator.
        wave = _Watched(FlacWave(flac), 3 + len(taggers) + can_separate, on_progress)
        found = analyse(wave, config, full_band(file, facts, config, separator), separator, taggers,
                        stem_file=Path(folder) / "stem.flac")  # fmt: skip
        wave.done()
        if plot is not None:
            with atomic_path(plot) as temporary:
                plot_voice(FlacWave(flac), found, temporary, file.name, config.segments)
    return Heard(found.rows, [*notes, *found.notes], found.models)


def full_band(file: Path, facts: Probe, config: VoiceConfig, separator: Separator | Missing | None
              ) -> Iterable[NDArray[np.float32]] | None:  # fmt: skip
    """The sound as Demucs hears it, in stereo at 44.1 kHz; None where none is wanted."""
    if isinstance(separator, Missing) or not config.separator.startswith("demucs"):
        return None
    return audio_blocks(file, WAVE44_HZ, 2, LIMITS, facts=facts)


def _told(blocks: Iterable[NDArray[np.float32]], n: int, tell: Tell) -> Iterator[NDArray[np.float32]]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        tell(Progress("decode, s", done // RATE_HZ, n // RATE_HZ))


class _Watched:
    """A `Wave` that tells how much of it has been gone through, `times` in all, in seconds of it."""

    def __init__(self, wave: FlacWave, times: int, tell: Tell) -> None:
        self._wave, self._times, self._tell, self._read = wave, times, tell, 0
        self._total = len(wave) // RATE_HZ

    def __len__(self) -> int:
        return len(self._wave)

    def __getitem__(self, part: slice, /) -> NDArray[np.float32]:
        block = self._wave[part]
        self._read += len(block)
        # Pieces overlap, so that more is read than there is.
        done = min(self._read // (self._times * RATE_HZ), self._total - 1)
        self._tell(Progress("listen, s", max(done, 0), self._total))
        return block

    def done(self) -> None:
        self._tell(Progress("listen, s", self._total, self._total))
