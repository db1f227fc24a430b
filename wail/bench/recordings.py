"""The held-out recordings that benchmarks are made of, with their labels on frames of 10 ms."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.bench.index import read_index, read_wave
from wail.bench.scores import FRAMES_PER_S
from wail.errors import ConfigError
from wail.voice.mel import RATE_HZ
from wail.voice.network import OUTPUTS
from wail.voice.training import corpus

FRAME = RATE_HZ // FRAMES_PER_S
INFANT, CRY, LAUGH, BABBLE, ADULT = range(5)
STRANGER = re.compile(r"^esc\d+_(siren|cat|Dog_bark|car_horn)_")
"""File names of what the index calls noise, but benchmarks judge by itself."""
FADE = 160
"""Samples: excerpts are cut anywhere, and the click of a cut would tell where one begins."""


@dataclass(frozen=True)
class Recording:
    """A wave [n * 160] at 16 kHz, and truth [n, 5] in the order of `OUTPUTS`: 0, 1, or NaN where nobody knows."""

    wave: NDArray[np.float32]
    truth: NDArray[np.float32]
    name: str
    label: str

    @property
    def duration_s(self) -> float:
        return len(self.truth) / FRAMES_PER_S


def find_index(data: Path) -> Path:
    """The folder with index.csv: `data` itself or its `audio`. Raises ConfigError where neither has one."""
    for folder in (data, data / "audio"):
        if (folder / "index.csv").is_file():
            return folder
    raise ConfigError(f"{data} holds no index.csv, nor does {data / 'audio'}: give the folder of labelled recordings "
                      "(index.csv and segments.csv) as --data")  # fmt: skip


def read_part(data: Path, part: str) -> list[corpus.Entry]:
    """The recordings of `train`, `tune` or `test`. Raises ConfigError where there is no index,
    and SourceError where it is damaged."""
    return [entry for entry in read_index(find_index(data)) if corpus.part_of(entry) == part]


def read_recording(entry: corpus.Entry) -> Recording:
    wave = read_wave(entry.path)
    frames = len(wave) // FRAME
    return Recording(wave[: frames * FRAME], frame_labels(entry, frames), entry.path.name, entry.label)


def frame_labels(entry: corpus.Entry, frames: int) -> NDArray[np.float32]:
    """Truth [frames, 5] of an entry. A frame counts as what its centre is.

    Between an infant's sounds its recording may hold talk that nobody labelled: the adult is unknown there. Coos are
    weakly labelled: what lies between the listed ones is unknown.
    """
    truth = np.zeros((frames, len(OUTPUTS)), np.float32)
    infants = entry.label in ("cry", "coo_babble", "laugh")
    truth[:, ADULT] = np.nan if infants else 0
    centre_s = (np.arange(frames) + 0.5) / FRAMES_PER_S
    for start_s, end_s, label in entry.segments:
        inside = (centre_s >= start_s) & (centre_s < end_s)
        name = {"coo_babble": "babble", "adult_speech": "adult"}.get(label, label)
        truth[inside, OUTPUTS.index(name)] = 1
        if name != "adult":
            truth[inside, INFANT] = 1
    if entry.label == "coo_babble":
        truth[truth[:, INFANT] == 0, :ADULT] = np.nan
    return truth


def excerpt(recording: Recording, frames: int, rng: np.random.Generator) -> Recording:
    """A stretch of at most so many frames, with faded ends; one with infants holds at least one of their sounds."""
    n = len(recording.truth)
    frames = min(frames, n)
    start = int(rng.integers(n - frames + 1))
    active = np.flatnonzero(recording.truth[:, INFANT] == 1)
    if len(active) and not (recording.truth[start : start + frames, INFANT] == 1).any():
        inside = int(rng.choice(active))
        start = int(rng.integers(max(0, inside - frames + 1), min(inside, n - frames) + 1))
    wave = faded(recording.wave[start * FRAME : (start + frames) * FRAME])
    return Recording(wave, recording.truth[start : start + frames], recording.name, recording.label)


def faded(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """The wave with 10 ms ramps at both ends."""
    n = min(FADE, len(wave) // 2)
    out = wave.copy()
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    out[:n] *= ramp
    out[len(out) - n :] *= ramp[::-1]
    return out


def rms(wave: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(wave.astype(np.float64) ** 2))) if len(wave) else 0.0


def active_rms(recording: Recording) -> float:
    """RMS of the time in which the infant is known to sound; of all where it never is."""
    loud = np.repeat(recording.truth[:, INFANT] == 1, FRAME)
    return rms(recording.wave[loud] if loud.any() else recording.wave)


def by_label(entries: Sequence[corpus.Entry]) -> dict[str, list[corpus.Entry]]:
    """Entries by label; sirens, cats, dogs and car horns are no noise but `stranger`.

    All of them but some dogs are in `test` alone, where they would be most of the noise: mixtures of `tune` and `test`
    would not be alike, and thresholds chosen on one would say little on the other.
    """
    found: dict[str, list[corpus.Entry]] = {}
    for entry in entries:
        found.setdefault("stranger" if STRANGER.match(entry.path.name) else entry.label, []).append(entry)
    return found
