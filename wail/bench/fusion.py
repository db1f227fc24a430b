"""Weights of vision's evidence, fitted on the tuning composites: `python -m wail.bench.fusion FOLDER`.

FOLDER holds clips and truths of the split `tune` (wail.bench.composites). Each clip is analysed once and its tables are
kept in FOLDER/fusion. A frame counts as covered where at least COVERED of the lips' landmarks are hidden, as free where
at most FREE are, and not at all between. Weights are those of a logistic regression on the pieces' log-odds, held at or
above 0, in which both classes weigh the same; the floors of `Fusion` stay as they are.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from scipy.optimize import minimize

from wail.media.decode import grid_frames
from wail.vision.analyse import VisionConfig, analyse
from wail.vision.fusion import KINDS, LIMIT, Fusion

COVERED, FREE = 0.6, 0.02
MAX_AWAY = 1.0
"""A face farther than this from every true one, in outer eye distances, is nobody's."""
PENALTY = 1e-3
Floats = NDArray[np.float64]


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Fit the weights of vision's evidence.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    odds, hidden = (np.concatenate(part) for part in zip(*examples(folder), strict=True))
    weights, prior = fitted(floored(odds, Fusion()), hidden)
    console = Console()
    console.print(f"{len(hidden)} frames, {hidden.mean():.0%} covered")
    for kind, weight, alone in zip(KINDS, weights, odds.T, strict=True):
        console.print(f"{kind:10} weight {weight:.2f}, alone AUC {auc(alone, hidden):.3f}")
    console.print(f"log_odds {prior:.2f}, together AUC {auc(prior + floored(odds, Fusion()) @ weights, hidden):.3f}")


def examples(folder: Path) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Per clip: log-odds [n, k] and whether the mouth is covered [n], of frames where that is beyond doubt."""
    (folder / "fusion").mkdir(exist_ok=True)
    for clip in sorted(folder.glob("*.mp4")):
        kept = folder / "fusion" / f"{clip.stem}.parquet"
        if not kept.is_file():
            found = analyse(grid_frames(clip), VisionConfig())
            frames = found.frames.filter(pa.compute.is_valid(found.frames["track"]))
            pq.write_table(found.evidence.append_column("bbox", frames["bbox"]), kept)
        with np.load(clip.with_suffix(".truth.npz")) as truth:
            yield of_clip(pq.read_table(kept), truth)


def of_clip(evidence: pa.Table, truth: Any) -> tuple[Floats, NDArray[np.bool_]]:
    """The same of one clip, given its evidence (with `bbox`) and its truth's arrays."""
    odds, hidden = [], []
    actors = [int(name.rsplit("_", 1)[1]) for name in truth if name.startswith("landmarks_px_")]
    for row in evidence.to_pylist():
        middle = np.array(row["bbox"]).reshape(2, 2).mean(0)
        frame = min(row["frame"], len(truth["yaw_deg_0"]) - 1)
        away = [np.linalg.norm(truth[f"landmarks_px_{k}"][frame].mean(0) - middle)
                / max(float(truth[f"interocular_px_{k}"][frame]), 1.0) for k in actors]  # fmt: skip
        who = actors[int(np.argmin(away))] if actors else -1
        share = float(truth[f"mouth_covered_{who}"][frame]) if actors else np.nan
        if actors and min(away) < MAX_AWAY and (share >= COVERED or share <= FREE):
            odds.append([_log_odds(row[f"by_{kind}"]) for kind in KINDS])
            hidden.append(share >= COVERED)
    return np.array(odds, np.float64).reshape(-1, len(KINDS)), np.array(hidden, bool)


def _log_odds(probability: float | None) -> float:
    if probability is None:
        return 0.0
    return float(np.clip(np.log(max(probability, 1e-6) / max(1 - probability, 1e-6)), -LIMIT, LIMIT))


def floored(odds: Floats, fusion: Fusion) -> Floats:
    return np.maximum(odds, [getattr(fusion, kind).floor for kind in KINDS])


def fitted(odds: Floats, hidden: NDArray[np.bool_]) -> tuple[Floats, float]:
    """(weights [k] >= 0, log-odds of nothing known) of the balanced logistic regression."""
    share = np.where(hidden, 0.5 / max(hidden.sum(), 1), 0.5 / max((~hidden).sum(), 1))
    sign = np.where(hidden, 1.0, -1.0)

    def loss(x: Floats) -> tuple[float, Floats]:
        margin = sign * (odds @ x[:-1] + x[-1])
        slope = -share * sign / (1 + np.exp(margin))
        gradient = np.append(odds.T @ slope + 2 * PENALTY * x[:-1], slope.sum())
        return float(share @ np.logaddexp(0, -margin) + PENALTY * (x[:-1] ** 2).sum()), gradient

    bounds = [(0.0, None)] * odds.shape[1] + [(None, None)]
    best = minimize(loss, np.append(np.full(odds.shape[1], 0.5), 0.0), jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(best.x[:-1]), float(best.x[-1])


def auc(scores: Floats, hidden: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a covered frame scores above a free one (ties count half)."""
    ranks = np.searchsorted(np.sort(scores), scores, "left") + np.searchsorted(np.sort(scores), scores, "right")
    covered = float((ranks[hidden] / 2).sum())
    n, m = int(hidden.sum()), int((~hidden).sum())
    return (covered - n * n / 2) / max(n * m, 1)


if __name__ == "__main__":
    main()
