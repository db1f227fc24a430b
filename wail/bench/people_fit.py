"""Fit what `wail.vision.infant` knows of infants and adults: `python -m wail.bench.people_fit OUT --data DIR`.

1. Portraits of the `train` actors (poses, expressions, lights, sizes) go through the landmark network; OUT keeps what
   it said. What expressions and pose do to each figure is a regression within persons, infants and adults together.
2. The network draws rendered and real faces a little differently: the faces in DIR (a real and a generated infant, a
   real adult) have lower faces some 5 % shorter and narrower for their eyes than rendered ones of their kind. Three
   faces are few, so all means move by half of that difference, the other half counts as not known: it is added to the
   covariance, so that the discriminant turns away from figures that differ by it.
3. Fisher's discriminant between the persons' medians, its covariance shrunk by a third to its diagonal: at full
   strength it leans on differences of correlated figures that hold for these renders alone. Log-odds as of two normal
   classes.
4. The unrest of single frames, at rest and by degrees of turning, comes from the portraits again.

Prints the constants of `Poles`. Children have no part in it.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.people import Kind, Split, make_actor
from wail.bench.portraits import seen_points, take_portrait
from wail.media.decode import grid_frames
from wail.vision.config import VisionConfig
from wail.vision.detect import FaceDetector
from wail.vision.geometry import angles_deg, head_rotation
from wail.vision.infant import BEST_DEG, FIGURES, STRAIGHT_DEG, OfFigures, Poles, at_rest, proportions
from wail.vision.mesh import FaceMesh
from wail.vision.tracks import FaceTracker

F64 = NDArray[np.float64]
N = len(FIGURES)
PER_PERSON = 14
SHRINK = 0.33
MAX_TURNED_DEG = 45.0
REAL = (("infant", "video/infant_dim_6s.mp4"), ("infant", "images/generated_baby.png"),
        ("adult", "video/adult_talking.mp4"))  # fmt: skip
Seen = dict[str, NDArray[np.float64]]


def portraits(split: Split, counts: dict[Kind, int], per_person: int = PER_PERSON) -> Seen:
    """Rows of `proportions` [n, 12] of every portrait whose face was found, with person [n], kind (0 infant, 1 child,
    2 adult), age_years, turned_deg, and interocular_px."""
    mesh, rows = FaceMesh(), []
    for order, (kind, count) in enumerate(counts.items()):
        for k in range(count):
            actor, rng = make_actor(kind, split, k), np.random.default_rng([7, k, len(kind)])
            for _ in range(per_person):
                portrait = take_portrait(actor, rng)
                points = seen_points(mesh, portrait)
                if points is not None:
                    eyes = float(np.linalg.norm(portrait.landmarks_px[33] - portrait.landmarks_px[263]))
                    rows.append([order * 1000 + k, order, actor.age_years, eyes, *measured(points)])
    mesh.close()
    return as_seen(np.array(rows))


def measured(points: NDArray[np.float32]) -> list[float]:
    """turned_deg, then `proportions`."""
    rotation, _, _ = head_rotation(points)
    yaw, pitch, _ = angles_deg(rotation)
    return [float(np.hypot(yaw, pitch)), *proportions(points, rotation).tolist()]


def as_seen(rows: F64) -> Seen:
    """Columns by name, of rows as `portraits` collects them."""
    return {"person": rows[:, 0], "kind": rows[:, 1], "age_years": rows[:, 2], "interocular_px": rows[:, 3],
            "turned_deg": rows[:, 4], "figures": rows[:, 5:]}  # fmt: skip


def real_faces(data: Path) -> list[tuple[str, F64]]:
    """Kind and rows of `proportions` of the faces of REAL, one track each."""
    mesh, config = FaceMesh(), VisionConfig()
    detector = FaceDetector(config.min_detection_score)
    out = []
    for kind, name in REAL:
        tracker, rows = FaceTracker(config, mesh, detector), []
        for rgb in _pictures(data / name):
            rows += [measured(view.points) for view in tracker.step(rgb)]
        found = np.array(rows)
        out.append((kind, found[found[:, 0] < BEST_DEG, 1:]))
    mesh.close()
    return out


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    if path.suffix == ".mp4":
        yield from (frame.rgb for frame in grid_frames(path) if frame.frame % 3 == 0)
        return
    still = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)
    for scale in (0.8, 0.5, 0.3, 0.15):
        yield np.asarray(cv2.resize(still, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def fit(seen: Seen, real: list[tuple[str, F64]]) -> Poles:
    """The constants, from portraits and real faces."""
    grown = (seen["kind"] != 1) & (seen["turned_deg"] < MAX_TURNED_DEG)
    figures, person, kind = seen["figures"][grown], seen["person"][grown], seen["kind"][grown]
    slopes, *_ = np.linalg.lstsq(_within(figures[:, N + 1:], person), _within(figures[:, :N], person), rcond=None)
    states: Any = tuple(tuple(row) for row in np.round(slopes.T, 4).tolist())
    rest = tuple(np.round(np.median(figures[:, N + 1:], 0), 4).tolist())
    plain = replace(Poles(), states=states, rest=rest)
    still = at_rest(figures.astype(np.float32), plain)
    ids = np.unique(person)
    medians = np.array([np.median(still[person == i], 0) for i in ids])
    infants = np.array([kind[person == i][0] == 0 for i in ids])
    means = medians[infants].mean(0), medians[~infants].mean(0)
    spread = (np.cov(medians[infants].T) + np.cov(medians[~infants].T)) / 2
    away = _away(real, means, plain)
    domain = np.mean([np.mean([d for kind, d in away if kind == one], 0) for one in ("infant", "adult")], 0)
    spread = spread + np.outer(domain, domain) / 4
    spread = (1 - SHRINK) * spread + SHRINK * np.diag(np.diag(spread))
    # Two normal classes of one covariance: log-odds = (x - middle) S^-1 (m0 - m1).
    weight = np.linalg.solve(spread, means[0] - means[1])
    frame_sd, per_deg = _unrest(still @ weight, person, seen["turned_deg"][grown])
    return replace(
        plain, infant=_row(means[0] + domain / 2, 4), adult=_row(means[1] + domain / 2, 4), weight=_row(weight, 2),
        face_sd=round(float(np.sqrt(weight @ spread @ weight)), 3),
        frame_sd=round(frame_sd, 3), frame_sd_per_deg=round(per_deg, 4),
    )  # fmt: skip


def _row(values: F64, digits: int) -> OfFigures:
    first, second, third = np.round(values, digits).tolist()
    return first, second, third


def _within(values: F64, person: F64) -> F64:
    """Values less their own person's mean."""
    out = values.copy()
    for one in np.unique(person):
        out[person == one] -= values[person == one].mean(0)
    return out


def _away(real: list[tuple[str, F64]], means: tuple[F64, F64], plain: Poles) -> list[tuple[str, F64]]:
    """How far each real face's figures lie from its kind's rendered mean."""
    return [(kind, np.median(at_rest(rows.astype(np.float32), plain), 0) - means[kind == "adult"])
            for kind, rows in real]  # fmt: skip


def _unrest(odds: F64, person: F64, turned_deg: F64) -> tuple[float, float]:
    """Standard deviation of one frame's log-odds about its person's, facing the camera, and its growth per degree."""
    off = _within(odds[:, None], person)[:, 0]
    edges = (0.0, STRAIGHT_DEG, 25.0, 35.0, MAX_TURNED_DEG)
    middles, spreads = [], []
    for low, high in pairwise(edges):
        inside = (turned_deg >= low) & (turned_deg < high)
        middles.append(max(0.0, (low + high) / 2 - STRAIGHT_DEG))
        spreads.append(float(off[inside].std()))
    slope = float(np.polyfit(middles, spreads, 1)[0])
    return spreads[0], max(0.0, slope)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m wail.bench.people_fit", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder for what the network said of the portraits")
    parser.add_argument("--data", type=Path, required=True, help="folder of real media (../shared/data)")
    parser.add_argument("--persons", type=int, default=120, help="infants, and as many adults")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    cache = options.out / f"portraits_{options.persons}.npz"
    if not cache.exists():
        np.savez(cache, **portraits("train", {"infant": options.persons, "child": 0, "adult": options.persons}))
    with np.load(cache) as stored:
        poles = fit(dict(stored), real_faces(options.data))
    for name in Poles.__dataclass_fields__:
        sys.stdout.write(f"{name} = {getattr(poles, name)!r}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
