"""The figures of `wail bench voice`, part by part, with what is asked of each. Names are stable."""

from dataclasses import dataclass
from math import isnan
from typing import Literal

from wail.bench.rows import Row


@dataclass(frozen=True)
class Figure:
    name: str
    unit: str = "F1"
    direction: Literal["up", "down"] = "up"
    at_least: float | None = None
    aim: float | None = None

    def row(self, value: float | None, note: str) -> Row:
        value = None if value is None or isnan(value) else value
        return Row(self.name, value, self.unit, self.direction, self.at_least, self.aim, note)


def alarms(name: str, at_most: float | None = None, aim: float | None = None, title: str = "false alarms") -> Figure:
    return Figure(f"{title}: {name}", "% of time", "down", at_most, aim)


def recorded_alarms(title: str) -> tuple[Figure, ...]:
    """False alarms on recordings, by kind."""
    return (
        alarms("adult speech", 2, 1, title), alarms("music", 3, 1.5, title), alarms("household noise", 3, 1.5, title),
        alarms("recorded sirens, cats and dogs", 20, 5, title), alarms("recorded sirens", 20, 5, title),
        alarms("recorded cats", 20, 5, title), alarms("recorded dogs", 20, 5, title),
        alarms("recorded car horns", title=title),
    )  # fmt: skip


def edge(name: str) -> Figure:
    return Figure(f"edges: {name}, median error", "s", "down", 0.1)


def gain(kind: str) -> Figure:
    return Figure(f"separation (b): SI-SDR gain over {kind}", "dB", "up", 3.0, 8.0)


def named(name: str) -> Figure:
    return Figure(f"typing (experimental): {name}", "share of found")


FIGURES: dict[str, tuple[Figure, ...]] = {
    "detector": (
        Figure("infant voice: frame F1", "F1", "up", 0.80, 0.86),
        Figure("infant voice: frame precision", "share"),
        Figure("infant voice: frame recall", "share"),
        Figure("infant voice: event F1", "F1", "up", 0.75, 0.82),
        Figure("infant voice: event F1 on truth as annotated"),
        Figure("infant voice: 1 s F1", "F1", "up", 0.86, 0.90),
        Figure("over adult speech: frame F1", "F1", "up", 0.85, 0.90),
        *(Figure(f"{where}: frame F1") for where in ("over TV", "over music", "over noise", "in quiet")),
        *(Figure(f"at {level:+d} dB: frame F1") for level in (-5, 0, 5, 10, 15)),
        Figure("over sirens, cats, dogs and car horns: frame F1"),
        Figure("through rooms and codecs: frame F1"),
    ),
    "baselines": (
        *(Figure(f"baseline, {name}: frame F1") for name in
          ("Silero at its defaults", "Silero at its best threshold", "energy + F0", "log-mel + boosting")),
        Figure("margin over the best baseline", "F1", "up", 0.1),
    ),
    "clean": (
        *recorded_alarms("false alarms"),
        *(alarms(f"synthetic {name}") for name in
          ("sirens", "cats", "dogs", "squeaks", "songs", "imitation cries", "adult laughs")),
        Figure("cry recall on clean clips", "share", "up", 0.90, 0.95),
        Figure("laughter recall on clean clips (experimental)", "share"),
        Figure("babble recall on clean clips (experimental)", "share"),
    ),
    "typing": (
        *(named(f"recorded {kind} named right") for kind in ("cries", "laughs", "babble")),
        *(named(f"synthetic {kind} named right") for kind in ("cries", "laughs", "babble")),
    ),
    "adult": tuple(Figure(f"adult speech, {who}: frame F1") for who in ("network", "Silero", "joined as shipped")),
    "edges": tuple(edge(f"{end}, {where}") for where in ("clean", "in rooms") for end in ("onset", "offset")),
    "calibration": (Figure("calibration error of infant probability", "ECE", "down", 0.05, 0.02),),
    "separator": tuple(gain(kind) for kind in ("speech", "music", "TV", "noise")),
    "shipped": (
        Figure("as shipped, mix and stem: frame F1", "F1", "up", 0.80, 0.86),
        Figure("as shipped, mix and stem: event F1", "F1", "up", 0.75, 0.82),
        Figure("as shipped, mix and stem: 1 s F1", "F1", "up", 0.86, 0.90),
        Figure("as shipped, over adult speech: frame F1", "F1", "up", 0.85, 0.90),
        *recorded_alarms("as shipped, false alarms"),
        Figure("as shipped, cry recall on clean clips", "share", "up", 0.90, 0.95),
        Figure("stem alone: frame F1"),
    ),
    "cost": (
        Figure("detector: time per second of sound", "ms", "down", 5, 2),
        Figure("separation (b): time per second of sound", "ms", "down", 150, 50),
    ),
    "size": (
        Figure("detector: weights", "MB", "down", 2), Figure("separation (b): weights", "MB", "down", 10),
    ),
}  # fmt: skip
