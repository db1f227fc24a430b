"""Reads the labelled recordings of a data folder, split by group."""

import csv
import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from wail.voice.network import MEL, OUTPUTS

FORBIDDEN_LICENCE = re.compile(r"NC-|-SA|\bNC\b", re.IGNORECASE)
"""Shipped weights see no file whose collection is non-commercial or share-alike."""


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
