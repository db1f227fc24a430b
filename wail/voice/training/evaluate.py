"""Measures the detector on waves mixed from groups it never saw: `python -m wail.voice.training.evaluate --data DIR`.

Held-out groups are halved by hash: thresholds were looked at on `--split tune`, the figures of the card are of
`--split test`. Frames are 10 ms.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from wail.voice.adult import adult_speech
from wail.voice.detect import VoiceTrack, detect
from wail.voice.segments import SegmentConfig, vocal_segments
from wail.voice.training import corpus, synth

RATE_HZ = 16_000
FRAMES_PER_S = 100
BACKGROUNDS = ("speech", "tv", "music", "noise", "quiet")


@dataclass(frozen=True)
class Mixture:
    """A wave with truth per 10 ms [n, 5] in the order of `wail.voice.network.OUTPUTS`; NaN where nobody knows."""

    wave: NDArray[np.float32]
    truth: NDArray[np.float32]
    background: str
    snr_db: float


def mixtures(entries: Sequence[corpus.Entry], seed: int, count: int = 60) -> list[Mixture]:
    """Seeded mixtures of 20-30 s: 2-4 cries or coos at -5..15 dB over a background of the five kinds in turn."""
    rng = np.random.default_rng(seed)
    by_label: dict[str, list[corpus.Entry]] = {}
    for entry in entries:
        by_label.setdefault(entry.label, []).append(entry)
    return [_mixture(by_label, BACKGROUNDS[k % 5], rng) for k in range(count)]


def _mixture(by_label: dict[str, list[corpus.Entry]], background: str, rng: np.random.Generator) -> Mixture:
    n = int(rng.uniform(20, 30) * FRAMES_PER_S)
    bed, truth = _background(by_label, background, n, rng)
    snr_db = float(rng.choice([-5, 0, 5, 10, 15]))
    bed_level = np.sqrt(np.mean(bed**2)) + 1e-9
    wave = bed * (0.02 / bed_level if background != "quiet" else 1.0)
    at = int(rng.uniform(0, 3) * FRAMES_PER_S)
    while at < n - 200:
        cries = by_label["cry"] if rng.random() < 0.9 else by_label.get("coo_babble", by_label["cry"])
        entry = cries[int(rng.integers(len(cries)))]
        piece, label = _excerpt(entry, int(rng.uniform(2, 6) * FRAMES_PER_S), rng)
        m = min(len(label), n - at)
        loud = np.repeat(label[:m, 0] == 1, 160)
        level = np.sqrt(np.mean(piece[: m * 160][loud] ** 2)) if loud.any() else np.sqrt(np.mean(piece**2))
        piece = piece[: m * 160] * (0.02 * 10 ** (snr_db / 20) / (level + 1e-9))
        if rng.random() < 0.5:
            piece = sosfilt(butter(4, rng.uniform(3000, 6500), fs=RATE_HZ, output="sos"), piece)
        wave[at * 160 : (at + m) * 160] += piece
        here = truth[at : at + m]
        truth[at : at + m] = np.where((here == 1) | (label[:m] == 1), 1.0, here + label[:m])
        at += m + int(rng.uniform(0.5, 6) * FRAMES_PER_S)
    peak = np.abs(wave).max()
    wave = wave * (10 ** (rng.uniform(-30, -2) / 20) / peak) + rng.standard_normal(len(wave)) * 3e-4
    return Mixture(wave.astype(np.float32), truth, background, snr_db)


def _background(by_label: dict[str, list[corpus.Entry]], background: str, n: int, rng: np.random.Generator
                ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:  # fmt: skip
    labels = {"speech": ["adult_speech"], "tv": ["adult_speech", "music"], "music": ["music"], "noise": ["noise"],
              "quiet": []}[background]  # fmt: skip
    bed, truth = np.zeros(n * 160), np.zeros((n, 5), np.float32)
    for label in labels:
        at = 0
        while at < n:
            entry = by_label[label][int(rng.integers(len(by_label[label])))]
            piece, marks = _excerpt(entry, n - at, rng)
            bed[at * 160 : at * 160 + len(piece)] += piece / (np.sqrt(np.mean(piece**2)) + 1e-6)
            truth[at : at + len(marks)] = np.fmax(truth[at : at + len(marks)], marks)
            at += len(marks)
    return bed, truth


def _excerpt(entry: corpus.Entry, frames: int, rng: np.random.Generator
             ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:  # fmt: skip
    wave = corpus.read_wave(entry).astype(np.float64)
    total = len(wave) // 160
    frames = min(frames, total)
    start = int(rng.integers(total - frames + 1))
    label = frame_labels(entry, total)[start : start + frames]
    return wave[start * 160 : (start + frames) * 160], label


def frame_labels(entry: corpus.Entry, frames: int) -> NDArray[np.float32]:
    """The corpus' labels on 10 ms frames [frames, 5]."""
    rows = corpus.labels_of(entry, int(frames * 160 / 256) + 2)
    return np.asarray(rows[np.minimum((np.arange(frames) * 160 + 80) // 256, len(rows) - 1)], np.float32)


def frame_scores(found: NDArray[np.bool_], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """True positives, false positives, false negatives over the frames whose truth is known."""
    known = ~np.isnan(truth)
    found, real = found[known], truth[known] == 1
    return np.array([(found & real).sum(), (found & ~real).sum(), (~found & real).sum()], float)


def f1(counts: NDArray[np.float64]) -> tuple[float, float, float]:
    """Precision, recall, F1."""
    tp, fp, fn = counts
    return float(tp / max(tp + fp, 1)), float(tp / max(tp + fn, 1)), float(2 * tp / max(2 * tp + fp + fn, 1))


def segments_to_frames(track: VoiceTrack, config: SegmentConfig, frames: int) -> NDArray[np.bool_]:
    """The segments of a track on 10 ms frames."""
    out = np.zeros(frames, np.bool_)
    for row in vocal_segments(track, None, config):
        out[round(row["start_s"] * FRAMES_PER_S) : round(row["end_s"] * FRAMES_PER_S)] = True
    return out


def on_frames(time_s: NDArray[np.float64], p: NDArray[np.float32], frames: int) -> NDArray[np.float64]:
    return np.interp((np.arange(frames) + 0.5) / FRAMES_PER_S, time_s, p)


def measure(mixed: Sequence[Mixture], tracks: Sequence[VoiceTrack], config: SegmentConfig) -> dict[str, Any]:
    """Frame P, R, F1 in all, by background and by level; one-second F1."""
    counts: dict[str, NDArray[np.float64]] = {}
    for mixture, track in zip(mixed, tracks, strict=True):
        truth = mixture.truth[:, 0]
        found = segments_to_frames(track, config, len(truth))
        seconds = len(truth) // 100
        by_second = np.fmax.reduce(truth[: seconds * 100].reshape(seconds, 100), 1)
        scores = frame_scores(found, truth)
        for key in ("all", mixture.background, f"{mixture.snr_db:+.0f} dB"):
            counts[key] = counts.get(key, 0) + scores
        second_scores = frame_scores(found[: seconds * 100].reshape(seconds, 100).any(1), by_second)
        counts["1 s"] = counts.get("1 s", 0) + second_scores
    return {key: [round(v, 3) for v in f1(value)] for key, value in sorted(counts.items())}


def adult_scores(mixed: Sequence[Mixture], tracks: Sequence[VoiceTrack]) -> dict[str, list[float]]:
    """Frame scores of adult speech by the network, by Silero, and by ways to join them, at 0.5."""
    ways: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]] = {
        "network": lambda net, silero, infant: net,
        "silero": lambda net, silero, infant: silero,
        "larger": lambda net, silero, infant: np.maximum(net, silero),
        "mean": lambda net, silero, infant: (net + silero) / 2,
        "larger, silero where no infant sounds": lambda net, silero, infant: np.maximum(net, silero * (1 - infant)),
    }
    counts = {name: np.zeros(3) for name in ways}
    for mixture, track in zip(mixed, tracks, strict=True):
        time_s, speech = adult_speech(mixture.wave)
        n = len(mixture.truth)
        net, infant = on_frames(track.time_s, track.p_adult, n), on_frames(track.time_s, track.p_infant, n)
        for name, way in ways.items():
            joined = way(net, on_frames(time_s, speech, n), infant)
            counts[name] += frame_scores(joined >= 0.5, mixture.truth[:, 4])
    return {name: [round(v, 3) for v in f1(value)] for name, value in counts.items()}


def false_alarms(entries: Sequence[corpus.Entry], config: SegmentConfig) -> dict[str, float]:
    """Share of the time of clean recordings without infants that is called infant, by kind."""
    seconds: dict[str, list[float]] = {}
    for entry in entries:
        if entry.label in ("adult_speech", "music", "noise"):
            special = [name for name in ("siren", "cat", "Rooster", "car_horn", "Sneezing") if name in entry.path.name]
            key = special[0] if special else entry.label
            found = segments_to_frames(detect(corpus.read_wave(entry)), config, int(entry.duration_s * FRAMES_PER_S))
            both = seconds.setdefault(key, [0.0, 0.0])
            both[0] += float(found.sum()) / FRAMES_PER_S
            both[1] += entry.duration_s
    return {key: round(a / b, 3) for key, (a, b) in sorted(seconds.items())}


def typing(entries: Sequence[corpus.Entry], config: SegmentConfig) -> dict[str, dict[str, int]]:
    """Label of each found vocalisation against the clip's: real cries and coos, and synthetic sounds of new seeds."""
    out: dict[str, dict[str, int]] = {}
    for entry in entries:
        if entry.label in ("cry", "coo_babble"):
            _count(out, entry.label, detect(corpus.read_wave(entry)), config)
    rng = np.random.default_rng(991)
    for name, make in (("cry", synth.cry), ("laugh", synth.laugh), ("babble", synth.babble)):
        for _ in range(20):
            _count(out, f"synthetic {name}", detect(make(rng, 6.0).wave), config)
    return out


def _count(out: dict[str, dict[str, int]], key: str, track: VoiceTrack, config: SegmentConfig) -> None:
    rows = vocal_segments(track, None, config)
    here = out.setdefault(key, {})
    for row in rows:
        here[row["label"]] = here.get(row["label"], 0) + 1
    if not rows:
        here["nothing"] = here.get("nothing", 0) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("tune", "test"), default="tune")
    parser.add_argument("--thresholds", action="store_true", help="print F1 over a small grid instead")
    arguments = parser.parse_args()
    index = corpus.read_index(arguments.data)
    entries = [e for e in index if corpus.part_of(e) == arguments.split]
    mixed = mixtures(entries, seed={"tune": 101, "test": 202}[arguments.split])
    started = time.perf_counter()
    tracks = [detect(mixture.wave) for mixture in mixed]
    ms = 1000 * (time.perf_counter() - started) / sum(len(m.wave) / RATE_HZ for m in mixed)
    if arguments.thresholds:
        for enter in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
            for ratio in (0.5, 0.7, 1.0):
                config = SegmentConfig(enter=enter, leave=enter * ratio)
                _print({"enter": enter, "leave": enter * ratio, "all": measure(mixed, tracks, config)["all"]})
        return
    config = SegmentConfig()
    _print({"split": arguments.split, "clips": len(mixed), "ms_per_s": round(ms, 2),
            "infant": measure(mixed, tracks, config), "adult": adult_scores(mixed, tracks),
            "false_alarms_held_out": false_alarms(entries, config),
            "false_alarms_never_trained_licence": false_alarms([e for e in index if not corpus.may_train(e)], config),
            "typing": typing(entries, config)})  # fmt: skip


def _print(result: dict[str, Any]) -> None:
    print(json.dumps(result, indent=None if "enter" in result else 1))  # noqa: T201  # it is a command of its own


if __name__ == "__main__":
    main()
