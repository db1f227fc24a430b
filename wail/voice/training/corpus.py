"""Reads the labelled recordings of a data folder into banks of mel pictures with labels, split by group."""

import csv
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from wail.voice.mel import mel_power, n_rows
from wail.voice.network import MEL, OUTPUTS
from wail.voice.training import synth

FORBIDDEN_LICENCE = re.compile(r"NC-|-SA|\bNC\b", re.IGNORECASE)
"""Shipped weights see no file whose collection is non-commercial or share-alike."""
SPEEDS = ((20, 17), (1, 1), (20, 23))
"""resample_poly factors: 0.85, 1 and 1.15 times the speed, pitch with it."""


@dataclass(frozen=True)
class Picture:
    """Mel power [rows, 64] of one recording, with labels [rows, 5] (0, 1, or NaN where nobody knows)."""

    power: NDArray[np.float32]
    label: NDArray[np.float32]
    kind: str


@dataclass(frozen=True)
class Entry:
    path: Path
    label: str
    group: str
    licence: str
    duration_s: float
    segments: tuple[tuple[float, float, str], ...]


def read_index(data: Path) -> list[Entry]:
    """Every recording of `data/index.csv` with its active parts of `data/segments.csv`."""
    segments: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    with (data / "segments.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            segments[row["path"]].append((float(row["start_s"]), float(row["end_s"]), row["label"]))
    with (data / "index.csv").open(newline="") as file:
        return [
            Entry(data / row["path"], row["label"], row["subject_or_group"], row["licence"],
                  float(row["duration_s"]), tuple(segments[row["path"]]))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def part_of(entry: Entry) -> str:
    """`train`, `tune` (thresholds may be chosen on it) or `test` (only reported), fixed by a hash of the group.

    A fifth of the groups is held out, and half of that is for tuning. What may not be trained on is held out too.
    Sirens, cats and car horns (ESC-50), half of the dogs' sources and the only laughter from life are test alone.
    """
    fold = _bucket(entry.group, 10)
    if entry.label == "laugh" or "esc50" in entry.path.name or ("Dog_bark" in entry.path.name and fold % 2):
        return "test"
    if may_train(entry) and fold % 5:
        return "train"
    return "tune" if _bucket("half" + entry.group, 2) == 0 else "test"


def _bucket(text: str, n: int) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % n


def may_train(entry: Entry) -> bool:
    return not FORBIDDEN_LICENCE.search(entry.licence)


def labels_of(entry: Entry, rows: int, speed: float = 1.0) -> NDArray[np.float32]:
    """Labels [rows, 5]. Between an infant's sounds its recording may hold talk: the adult label is unknown there."""
    label = np.zeros((rows, len(OUTPUTS)), np.float32)
    if entry.label in ("cry", "coo_babble", "laugh"):
        label[:, OUTPUTS.index("adult")] = np.nan
    centre_s = (np.arange(rows) + 0.5) * MEL.hop_samples / 16_000 * speed
    for start_s, end_s, kind in entry.segments:
        inside = (centre_s >= start_s) & (centre_s < end_s)
        name = {"coo_babble": "babble", "adult_speech": "adult"}.get(kind, kind)
        label[inside, OUTPUTS.index(name)] = 1.0
        if name != "adult":
            label[inside, OUTPUTS.index("infant")] = 1.0
            label[inside, OUTPUTS.index("adult")] = np.fmax(label[inside, OUTPUTS.index("adult")], 0.0)
    if entry.label == "coo_babble":
        # Weakly labelled: what lies between the listed parts may well be more babble.
        unlisted = label[:, 0] == 0
        label[unlisted, :4] = np.nan
    return label


def read_wave(entry: Entry) -> NDArray[np.float32]:
    wave, rate = soundfile.read(entry.path, dtype="float32")
    if rate != 16_000 or wave.ndim != 1:
        raise ValueError(f"{entry.path.name}: expected 16 kHz mono, got {rate} Hz, shape {wave.shape}")
    return np.asarray(wave, np.float32)


def real_pictures(entries: list[Entry]) -> dict[str, list[Picture]]:
    """Pictures of each recording at three speeds, by the recording's label."""
    bank: dict[str, list[Picture]] = defaultdict(list)
    for entry in entries:
        wave = read_wave(entry)
        for up, down in SPEEDS:
            moved = wave if up == down else resample_poly(wave, up, down).astype(np.float32)
            label = labels_of(entry, n_rows(len(moved), MEL), down / up)
            bank[entry.label].append(Picture(mel_power(moved, MEL), label, entry.label))
    return bank


def synthetic_pictures(rng: np.random.Generator, count: int, duration_s: float = 6.0) -> dict[str, list[Picture]]:
    """`count` each of synthetic cry, laugh, babble, adult talk, siren and tune."""
    makers = {"cry": synth.cry, "laugh": synth.laugh, "babble": synth.babble, "adult": synth.adult_talk,
              "siren": synth.siren, "tune": synth.tune}  # fmt: skip
    bank: dict[str, list[Picture]] = {}
    for name, make in makers.items():
        bank[f"synthetic {name}"] = [_synthetic(make(rng, duration_s), name) for _ in range(count)]
    return bank


def _synthetic(sound: synth.Sound, name: str) -> Picture:
    power = mel_power(sound.wave, MEL)
    label = np.zeros((len(power), len(OUTPUTS)), np.float32)
    centre = np.minimum(((np.arange(len(power)) + 0.5) * MEL.hop_samples).astype(int), len(sound.wave) - 1)
    if name in OUTPUTS:
        label[:, OUTPUTS.index(name)] = sound.active[centre]
        if name != "adult":
            label[:, 0] = sound.active[centre]
    return Picture(power, label, f"synthetic {name}")
