"""What is to be seen in the clips: a fixed design, the same for every split, filled in by each split's own seeds.

The design is a list of slots (which part of the benchmark, which occluder, when it is there, which light); faces,
poses, places, sizes, backgrounds and what the camera does to the picture are drawn from the slot's seed. Slots come in
a fixed shuffled order, so that any first `n` of them are a mixture, and repeat with new seeds beyond the last one.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from wail.bench.composites.backgrounds import BACKGROUNDS
from wail.bench.composites.people import Band, Kind, Split
from wail.samples.poses import Key

SEEDS: dict[Split, int] = {"train": 11_000_000, "tune": 23_000_000, "test": 37_000_000}
"""First seed of each split; shot k has SEEDS[split] + k, and there are never 10^6 shots."""
OCCLUDERS = ("hand", "fist", "pacifier", "bottle", "toy", "blanket")
PHASES = {"throughout": 8, "still": 4, "moving": 4, "entering": 4, "leaving": 4}
"""Shots of every occluder by when it is there: from the first frame to the last; for a while, at rest or sliding about;
from some time on; up to some time. In `near` shots it is close by and leaves the mouth free."""
LIGHTS = ("bright", "dim", "side", "warm", "cold", "infrared", "window")
BANDS: tuple[Band, ...] = ("light", "medium", "dark")
OWN_COLOUR = {"hand": 0.5, "fist": 0.75, "pacifier": 0.125, "bottle": 0.125, "toy": 0.4, "blanket": 0.25}
"""Share of the shots in which the occluder has the colour of the face's own skin."""
SIZES_PX = ((320, 240), (360, 360), (400, 300), (240, 320), (480, 360), (640, 480))
EYES_MM = 71.0
"""Outer eye distance that sizes are planned with; the truth measures each face's own."""


@dataclass(frozen=True)
class Cast:
    """Who it is: what make_actor takes, and the poses over time."""

    kind: Kind
    seed: int
    band: Band
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Shot:
    """One clip."""

    name: str
    split: Split
    part: str
    """occluded, near, clean, profile, tilted, border, roll, people or poor (blurred, dark or tiny)."""
    seed: int
    cast: tuple[Cast, ...]
    """The infant first; occluders are before its face."""
    occluder: str
    phase: str
    own_colour: bool
    light: str
    size_px: tuple[int, int]
    focal_px: float
    interocular_px: float
    mood: str
    """cry, laugh, babble or calm."""
    background: str
    exposure: float
    blur_px: float
    """Defocus: standard deviation of a Gaussian."""
    shake_px: float
    """Motion blur: length of a streak."""
    crf: int
    duration_s: float


@dataclass(frozen=True)
class Slot:
    """One entry of the design."""

    part: str
    occluder: str = "none"
    phase: str = "none"
    own_colour: bool = False
    light: str = "bright"
    band: Band = "light"
    which: int = 0
    """Number within its part and occluder, for what goes in turn."""


@cache
def slots() -> tuple[Slot, ...]:
    """The design, shuffled once and for all."""
    out = [slot for k, kind in enumerate(OCCLUDERS) for slot in _occluded(kind, k)]
    out += [Slot("near", kind, "near", i % 2 == 0, which=i) for kind in OCCLUDERS for i in range(4)]
    out += [Slot("clean", light=light, band=band, which=i) for light in LIGHTS for band in BANDS for i in range(3)]
    for part, count in (("profile", 24), ("tilted", 8), ("border", 20), ("roll", 36), ("people", 12), ("poor", 12)):
        out += [Slot(part, which=i) for i in range(count)]
    # Where the design leaves light and skin open, they go round.
    turned = [slot if slot.part in ("occluded", "clean") else replace(
        slot, light=LIGHTS[k % len(LIGHTS)], band=BANDS[(k // 2) % 3]) for k, slot in enumerate(out)]  # fmt: skip
    return tuple(turned[int(k)] for k in np.random.default_rng(4).permutation(len(turned)))


def _occluded(kind: str, offset: int) -> list[Slot]:
    phases = [phase for phase, count in PHASES.items() for _ in range(count)]
    share = OWN_COLOUR[kind]
    return [Slot("occluded", kind, phase, int((i + 1) * share) > int(i * share), LIGHTS[(i + offset) % len(LIGHTS)],
                 BANDS[(i + offset) % 3], i) for i, phase in enumerate(phases)]  # fmt: skip


def plan(split: Split, n: int | None = None) -> tuple[Shot, ...]:
    """The first `n` shots of a split (the whole design once, when None)."""
    if split not in SEEDS:
        raise ValueError(f"there is no split {split!r} of the composites: there are {', '.join(SEEDS)}")
    design = slots()
    return tuple(_shot(split, k, design[k % len(design)]) for k in range(len(design) if n is None else n))


def _shot(split: Split, k: int, slot: Slot) -> Shot:
    seed = SEEDS[split] + k
    rng = np.random.default_rng(seed)
    width, height = SIZES_PX[int(rng.choice(len(SIZES_PX), p=[0.3, 0.24, 0.18, 0.1, 0.12, 0.06]))]
    eyes = _interocular(slot, min(width, height), rng)
    focal = max(width, height) * float(rng.uniform(0.85, 2.2))
    focal = max(focal, 190.0 * eyes / EYES_MM)
    keys, duration = _poses(slot, rng), float(rng.uniform(1.6, 2.2))
    placed = _placed(keys, slot, duration, (width, height), focal, eyes, rng)
    others: tuple[Cast, ...] = ()
    if slot.part == "people":
        width, placed, beside = _company(placed, width, focal, eyes, rng)
        others = (Cast("child" if slot.which % 3 == 2 else "adult", seed, slot.band, beside),)
    poor = slot.part == "poor"
    return Shot(
        f"{split}_{k:04d}_{slot.part}" + f"_{slot.occluder}" * (slot.occluder != "none"), split, slot.part, seed,
        (Cast("infant", seed, slot.band, placed), *others), slot.occluder, slot.phase, slot.own_colour, slot.light,
        (width, height), focal, eyes,
        str(rng.choice(["cry", "laugh", "babble", "calm"], p=[0.4, 0.2, 0.2, 0.2])),
        str(rng.choice(BACKGROUNDS[split])),
        float(rng.uniform(0.10, 0.2)) if poor and slot.which % 3 == 0 else float(np.exp(rng.normal(0, 0.12))),
        float(rng.uniform(2.5, 4.0)) if poor and slot.which % 3 == 1 else float(rng.choice([0, 0, 0.5, 0.8, 1.1])),
        0.0 if rng.random() < 0.7 else float(rng.uniform(1.5, 3.5)),
        int(rng.integers(18, 35)), duration,
    )  # fmt: skip


def _interocular(slot: Slot, short_px: int, rng: np.random.Generator) -> float:
    """Outer eye distance in pixels: the whole face fits into the picture's shorter side."""
    most = short_px / 2.6
    if slot.part == "roll":
        return float(rng.uniform(30, min(most, 85)))
    if slot.part == "poor" and slot.which % 3 == 2:
        return float(rng.uniform(12, 20))
    if slot.part == "people":
        return float(rng.uniform(48, 66))
    return float(np.exp(rng.uniform(np.log(34), np.log(most))))


def _poses(slot: Slot, rng: np.random.Generator) -> list[tuple[float, float, float, float]]:
    """Poses (share of the clip, yaw, pitch, roll) of the infant."""
    any_roll = slot.part != "people" and rng.random() < 0.5
    roll = float(rng.uniform(0, 360)) if any_roll else float(rng.normal(0, 18))
    if slot.part == "roll":
        roll = 10.0 * slot.which + float(rng.uniform(0, 10))
    side = float(rng.choice([-1, 1]))
    if slot.part == "profile":
        return _turning(side, 0.0, roll, slot.which % 4, rng)
    if slot.part == "tilted":
        low, high = float(rng.uniform(-20, 10)), side * float(rng.uniform(55, 68))
        return [(0, 0, low, roll), (0.3, 5, low, roll), (0.6, 5, high, roll), (1, 0, high, roll)]
    yaw, pitch = float(rng.uniform(-36, 36)), float(rng.uniform(-24, 24))
    # Heads turn over the clip, but within the limits.
    to_yaw, to_pitch = (float(np.clip(v + rng.normal(0, 9), -m, m)) for v, m in ((yaw, 38), (pitch, 27)))
    return [(0, yaw, pitch, roll), (1, to_yaw, to_pitch, roll + float(rng.normal(0, 8)))]


def _turning(
    side: float, pitch: float, roll: float, how: int, rng: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """Into the profile, out of it, there and back, or within it throughout."""
    free, gone = side * float(rng.uniform(-25, 20)), side * float(rng.uniform(62, 86))
    pitch = float(rng.uniform(-15, 15))
    if how == 0:
        return [(0, free, pitch, roll), (0.4, free, pitch, roll), (0.65, gone, pitch, roll), (1, gone, pitch, roll)]
    if how == 1:
        return [(0, gone, pitch, roll), (0.35, gone, pitch, roll), (0.6, free, pitch, roll), (1, free, pitch, roll)]
    if how == 2:
        return [(0, free, pitch, roll), (0.22, free, pitch, roll), (0.4, gone, pitch, roll), (0.6, gone, pitch, roll),
                (0.78, free, pitch, roll), (1, free, pitch, roll)]  # fmt: skip
    return [(0, gone, pitch, roll), (1, side * float(rng.uniform(60, 86)), pitch, roll)]


def _placed(
    poses: list[tuple[float, float, float, float]], slot: Slot, duration_s: float, size_px: tuple[int, int],
    focal_px: float, eyes_px: float, rng: np.random.Generator,
) -> tuple[Key, ...]:  # fmt: skip
    """Keys with places: anywhere in the picture that holds the whole face, or over its border and back."""
    z = focal_px * EYES_MM / eyes_px
    mm = z / focal_px
    room = [max(0.0, side / 2 - 1.35 * eyes_px) for side in size_px]
    at = np.array([rng.uniform(-r, r) * mm for r in room])
    keys = [Key(share * duration_s, yaw, pitch, roll, at[0], at[1], z) for share, yaw, pitch, roll in poses]
    if slot.part != "border":
        return tuple(keys)
    return _over_border(keys[0], slot.which, duration_s, size_px, eyes_px, mm, rng)


def _over_border(
    key: Key, which: int, duration_s: float, size_px: tuple[int, int], eyes_px: float, mm: float,
    rng: np.random.Generator,
) -> tuple[Key, ...]:  # fmt: skip
    """The face moves until its mouth is out over one of four borders (out, in, or out and back)."""
    axis, way = which % 2, (-1.0, 1.0)[which // 2 % 2]
    far = way * (size_px[axis] / 2 + eyes_px * float(rng.uniform(0.7, 1.1))) * mm
    out = replace(key, **{("x_mm", "y_mm")[axis]: far})
    shares = {0: ((0, key), (0.35, key), (0.7, out), (1, out)), 1: ((0, out), (0.3, out), (0.65, key), (1, key)),
              2: ((0, key), (0.25, key), (0.45, out), (0.6, out), (0.8, key), (1, key))}[which % 3]  # fmt: skip
    return tuple(replace(one, time_s=share * duration_s) for share, one in shares)


def _company(
    infant: tuple[Key, ...], width_px: int, focal_px: float, eyes_px: float, rng: np.random.Generator
) -> tuple[int, tuple[Key, ...], tuple[Key, ...]]:
    """A wider picture with somebody beside the infant, a little farther away."""
    wide = width_px + int(4 * round(eyes_px * 2.6 / 4))
    z = infant[0].z_mm
    side, off = float(rng.choice([-1, 1])), (wide / 4) * z / focal_px
    placed = tuple(replace(key, x_mm=side * off, y_mm=0.3 * key.y_mm) for key in infant)
    far = 1.25 * z
    other = tuple(Key(key.time_s, float(rng.uniform(-30, 30)), float(rng.uniform(-10, 10)), float(rng.normal(0, 10)),
                      -side * off * 1.25, 0.0, far) for key in (infant[0], infant[-1]))  # fmt: skip
    return wide, placed, other
