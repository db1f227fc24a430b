"""What examples are mixed from: labelled recordings and synthetic sounds by name, and strangers made out of recordings
(speech raised in pitch, animals and music at other speeds, cries as slow as a grown voice)."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from wail.voice.mel import mel_power, n_rows
from wail.voice.network import MEL, OUTPUTS
from wail.voice.training import corpus, synth, synth_alarms, synth_animals, synth_music
from wail.voice.training.corpus import Entry
from wail.voice.training.source_filter import Sound
from wail.voice.training.vocoder import revoiced

SPEEDS = ((20, 17), (10, 9), (1, 1), (10, 11), (20, 23))
"""resample_poly factors: 0.85 to 1.15 times the speed, pitch with it."""
ANIMAL = re.compile(r"dog|rooster|sneez|hen|crow|cat", re.IGNORECASE)
VOICES: dict[str, Callable[[np.random.Generator, float], Sound]] = {
    "synthetic cry": synth.cry, "synthetic laugh": synth.laugh, "synthetic babble": synth.babble,
    "synthetic adult": synth.adult_talk, "motherese": synth.motherese,
}  # fmt: skip
STRANGERS: dict[str, Callable[[np.random.Generator, float], Sound]] = {
    "cat": synth_animals.cat, "dog": synth_animals.dog, "bird": synth_animals.bird, "farm": synth_animals.farm,
    "siren": synth_alarms.siren, "car horn": synth_alarms.car_horn, "squeak": synth_alarms.squeak,
    "whine": synth_alarms.whine, "telephone": synth_alarms.telephone, "tune": synth_music.tune,
    "blown": synth_music.blown, "song": synth_music.song, "imitation cry": synth.imitation_cry,
    "adult laugh": synth.adult_laugh,
}  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """A mono 16 kHz wave with labels [rows, 5] on mel rows (0, 1, or NaN where nobody knows)."""

    wave: NDArray[np.float32]
    label: NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """Mel power [rows, 64] of one recording, with labels [rows, 5]."""

    power: NDArray[np.float32]
    label: NDArray[np.float32]


Bank = dict[str, list[Recording]]


def recordings(entries: Sequence[Entry]) -> Bank:
    """Each file with its labels, by its own label."""
    bank: Bank = defaultdict(list)
    for entry in entries:
        wave = corpus.read_wave(entry)
        bank[entry.label].append(Recording(wave, corpus.labels_of(entry, n_rows(len(wave), MEL))))
    return bank


def other_infants(entries: Sequence[Entry], rng: np.random.Generator) -> Bank:
    """Every cry once more as of another infant: pitch 0.85-1.2 and resonances 0.88-1.15 times, the clock kept."""
    bank: Bank = {"varied cry": []}
    for recording in recordings([e for e in entries if e.label == "cry"]).get("cry", []):
        wave = revoiced(recording.wave, rng.uniform(0.85, 1.2), rng.uniform(0.88, 1.15))
        bank["varied cry"].append(Recording(wave, recording.label))
    return bank


def strangers_of(entries: Sequence[Entry], rng: np.random.Generator) -> Bank:
    """Sounds out of recordings that are no infants: raised voices, odd animals, bent music, cries of a grown size."""
    bank: Bank = defaultdict(list)
    for entry in entries:
        wave = corpus.read_wave(entry)
        if entry.label == "adult_speech":
            raised = revoiced(wave, rng.uniform(1.3, 2.6), rng.uniform(1.0, 1.3))
            bank["raised voice"].append(Recording(raised, corpus.labels_of(entry, n_rows(len(raised), MEL))))
        elif entry.label == "noise" and ANIMAL.search(entry.path.name):
            bank["animal"] += [_stranger(wave, *speed) for speed in ((1, 1), (5, 4), (5, 3), (2, 1), (3, 4), (5, 8))]
        elif entry.label == "music":
            bank["bent music"] += [Recording(bend(wave, rng), _nobody(len(wave))) for _ in range(2)]
        elif entry.label == "cry" and rng.random() < 0.4:
            bank["slow cry"].append(_stranger(wave[: 6 * 16_000], 1, 2))
    return bank


def _stranger(wave: NDArray[np.float32], up: int, down: int) -> Recording:
    """`up / down` times as fast and as high: 1, 2 is twice as long and an octave lower."""
    moved = resample_poly(wave, down, up).astype(np.float32) if up != down else wave
    return Recording(moved, _nobody(len(moved)))


def _nobody(n_samples: int) -> NDArray[np.float32]:
    label = np.zeros((n_rows(n_samples, MEL), len(OUTPUTS)), np.float32)
    label[:, OUTPUTS.index("adult")] = np.nan
    return label


def bend(wave: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Played at a speed that glides between 0.5 and 2: the notes of real instruments as a siren moves."""
    n_knots = max(3, int(len(wave) / 16_000 * 10 ** rng.uniform(-0.3, 0.7)))
    log_speed = np.interp(np.linspace(0, 1, len(wave)), np.linspace(0, 1, n_knots), rng.uniform(-0.7, 0.7, n_knots))
    place = np.cumsum(np.exp(log_speed))
    return np.interp(place % (len(wave) - 1), np.arange(len(wave)), wave).astype(np.float32)


def synthetic(rng: np.random.Generator, count: int, duration_s: float = 6.0) -> Bank:
    """`count` of every voice; of cats and sirens twice as many as of other strangers, which are `count` too."""
    bank: Bank = {}
    for name, make in VOICES.items():
        bank[name] = [_labelled(make(rng, duration_s), name) for _ in range(count)]
    for name, make in STRANGERS.items():
        times = 2 if name in ("cat", "siren") else 1
        bank[name] = [_labelled(make(rng, duration_s), "") for _ in range(count * times)]
    return bank


def _labelled(sound: Sound, name: str) -> Recording:
    label = np.zeros((n_rows(len(sound.wave), MEL), len(OUTPUTS)), np.float32)
    centre = np.minimum(((np.arange(len(label)) + 0.5) * MEL.hop_samples).astype(int), len(sound.wave) - 1)
    kind = {"motherese": "adult"}.get(name, name.removeprefix("synthetic "))
    if kind in OUTPUTS:
        label[:, OUTPUTS.index(kind)] = sound.active[centre]
        if kind != "adult":
            label[:, 0] = sound.active[centre]
    return Recording(sound.wave, label)


def at_speed(recording: Recording, up: int, down: int) -> Recording:
    """The recording `down / up` times as fast, its labels with it."""
    if up == down:
        return recording
    wave = resample_poly(recording.wave, up, down).astype(np.float32)
    rows = n_rows(len(wave), MEL)
    source = np.minimum((np.arange(rows) + 0.5) * down / up, len(recording.label) - 1).astype(int)
    return Recording(wave, recording.label[source])


def pictures(bank: Bank, real: Sequence[str] = ("cry", "coo_babble", "adult_speech", "music", "noise")
             ) -> dict[str, list[Picture]]:  # fmt: skip
    """Mel pictures of every recording; of those named in `real`, at three speeds."""
    out: dict[str, list[Picture]] = {}
    for name, all_ in bank.items():
        speeds = SPEEDS[::2] if name in real else ((1, 1),)
        versions = (partial(at_speed, up=up, down=down) for up, down in speeds)
        out[name] = [Picture(mel_power(r.wave, MEL), r.label) for version in versions for r in map(version, all_)]
    return out
