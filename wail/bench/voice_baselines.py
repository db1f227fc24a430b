"""Other systems on the very mixtures that the detector is judged by, and by how much it beats the best of them."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.bench import baselines, mixtures, recordings
from wail.bench.baselines import (
    ABOVE_FLOOR_DB,
    Scorer,
    best_config,
    boosting_score,
    pitch_score,
    silero_score,
    silero_spans,
    track_of,
    train_boosting,
)
from wail.bench.held import Held
from wail.bench.mixtures import Mixture
from wail.bench.recordings import find_index
from wail.bench.rows import NotMeasured
from wail.bench.scores import pooled
from wail.bench.voice_mixtures import Measured, Scored, score_all, scored
from wail.store import atomic_path
from wail.voice.segments import SegmentConfig

TRAIN_TIMES = 2
"""Training mixtures for each that is judged."""
TRAIN_LEVELS_DB = (-8.0, -3.0, 2.0, 7.0, 12.0, 17.0)
"""Around the levels that are judged, not these themselves."""
Scores = list[NDArray[np.float32]]


def compare(held: Held) -> Measured:
    """Frame F1 of each baseline, and the detector's margin over the best of them."""
    judged, boosting = held.mixtures, booster(held)
    marked = [silero_spans(score, len(mixture.wave)) for mixture, score in
              zip(judged, scores(held, "Silero", silero_score, judged), strict=True)]  # fmt: skip
    systems = {
        "Silero at its defaults": figure([scored(m, spans) for m, spans in zip(judged, marked, strict=True)],
                                         "by its own get_speech_timestamps"),
        "Silero at its best threshold": fitted(held, {"Silero": silero_score}),
        "energy + F0": fitted(held, {f"F0 {db:g} dB above the floor": partial(pitch_score, above_floor_db=db)
                                     for db in ABOVE_FLOOR_DB}),
        "log-mel + boosting": fitted(held, {"boosting": boosting}),
    }  # fmt: skip
    ours = pooled(one.frames for one in score_all(judged, held.tracks, SegmentConfig())).f1
    best = max(systems, key=lambda name: systems[name][0])
    out: Measured = {f"baseline, {name}: frame F1": value for name, value in systems.items()}
    theirs = systems[best][0]
    out["margin over the best baseline"] = (ours - theirs, f"{ours:.3f} against {best}, {theirs:.3f}")
    return out


def fitted(held: Held, variants: Mapping[str, Scorer]) -> tuple[float, str]:
    """The variant and thresholds of the highest frame F1 on the tuning mixtures, judged on the mixtures of this run."""
    tune = held.mixtures_of("tune")
    trials: list[tuple[float, str, SegmentConfig]] = []
    for name, scorer in variants.items():
        tracks = [track_of(s, m.wave) for s, m in zip(scores(held, name, scorer, tune), tune, strict=True)]
        config, f1 = best_config(tune, tracks)
        trials.append((f1, name, config))
    f1, name, config = max(trials, key=lambda trial: trial[0])
    judged = held.mixtures
    of_judged = zip(scores(held, name, variants[name], judged), judged, strict=True)
    found = score_all(judged, [track_of(s, m.wave) for s, m in of_judged], config)
    return figure(found, f"{name}; enter {config.enter:g}, leave {config.leave:.3g} by the tuning mixtures ({f1:.3f})")


def figure(found: Sequence[Scored], note: str) -> tuple[float, str]:
    frames = pooled(one.frames for one in found)
    return frames.f1, (f"precision {frames.precision:.2f}, recall {frames.recall:.2f}; event F1 "
                       f"{pooled(one.events for one in found).f1:.3f}, 1 s F1 "
                       f"{pooled(one.seconds for one in found).f1:.3f}; {note}")  # fmt: skip


def booster(held: Held) -> Scorer:
    """Boosted trees, trained on mixtures of `train` when first asked for a score."""

    if find_spec("sklearn") is None:
        raise NotMeasured("the boosted baseline needs scikit-learn, of the extra `dev`: pip install scikit-learn")

    @cache
    def model() -> Any:
        count, seed = TRAIN_TIMES * held.count, mixtures.SEEDS["train"]
        return train_boosting(mixtures.compose(held.entries("train"), seed, count, TRAIN_LEVELS_DB))

    return lambda wave: boosting_score(model(), wave)


def scores(held: Held, name: str, scorer: Scorer, of: Sequence[Mixture]) -> Scores:
    """The scorer's output for each mixture, made once for the same data and code, with a cache folder once for all."""
    known_as = key(held, name, of)
    if known_as not in held.memo:
        place = None if held.cache is None else held.cache / f"{known_as}.npz"
        held.memo[known_as] = read_scores(place, len(of)) if place is not None and place.is_file() else [
            scorer(mixture.wave) for mixture in held.follow(name, of)]  # fmt: skip
        if place is not None and not place.is_file():
            with atomic_path(place) as temporary, temporary.open("wb") as file:
                np.savez(file, **{str(k): score for k, score in enumerate(held.memo[known_as])})
    return held.memo[known_as]


def read_scores(place: Path, count: int) -> Scores:
    with np.load(place) as kept:
        return [kept[str(k)] for k in range(count)]


def key(held: Held, name: str, of: Sequence[Mixture]) -> str:
    """A hash of all that the scores depend on: the mixtures, the labelled data, and the code that makes both."""
    digest = sha256(name.encode())
    for mixture in of:
        digest.update(mixture.wave.tobytes())
    folder = [] if held.data is None else [find_index(held.data) / file for file in ("index.csv", "segments.csv")]
    for file in [*folder, *(Path(str(module.__file__)) for module in (baselines, mixtures, recordings))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:24]
