"""Stage `verdicts`: the accounting. Every grid frame once, with one reason where it is not kept; the final takes."""

from typing import Any

import numpy as np

from schemas.arrow import to_table
from schemas.tables import TAKES, VERDICTS
from wail.config import CurateConfig, FitLimits
from wail.media.probe import GRID_FPS
from wail.steps.fit import read_fit
from wail.steps.step import Outcome, Step
from wail.steps.takes import seen_and_heard
from wail.store import ClipFolder, read_table, write_table
from wail.vision.verdicts import verdicts


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    frames, voice, vocal = seen_and_heard(clip)
    candidates = read_table(clip.file("candidates.parquet"), TAKES).to_pylist()
    poor = {take["take_id"]: poor_frames(clip, take, config.fit_limits) for take in candidates}
    takes = [judged(take, poor[take["take_id"]], config.fit_limits) for take in candidates]
    rows = verdicts(frames, voice, vocal, takes, poor, config.takes)
    write_table(clip.file("verdicts.parquet"), to_table(rows, VERDICTS))
    write_table(clip.file("takes.parquet"), to_table(takes, TAKES))
    facts = {
        "kept_s": sum(row["keep"] for row in rows) / GRID_FPS, "frames": len(rows),
        "n_takes": sum(take["reason"] is None for take in takes),
    }  # fmt: skip
    return Outcome(("verdicts.parquet", "takes.parquet"), facts=facts)


def poor_frames(clip: ClipFolder, take: dict[str, Any], limits: FitLimits) -> set[int]:
    """Frames of a take whose fit is not to be trusted: too large a residual, or not converged."""
    if take["reason"] is not None:
        return set()
    table, _ = read_fit(clip.file(f"fits/{take['take_id']}.parquet"))
    residual = table["residual"].to_numpy()
    seen = table["n_landmarks"].to_numpy() > 0
    poor = seen & (~(residual <= limits.max_residual) | ~table["converged"].to_numpy())
    return set(table["frame"].to_numpy()[np.flatnonzero(poor)].tolist())


def judged(take: dict[str, Any], poor: set[int], limits: FitLimits) -> dict[str, Any]:
    """The take, dropped as `poor_fit` where too many of its frames are."""
    if take["reason"] is None and len(poor) > limits.max_poor_share * take["n_frames"]:
        return {**take, "reason": "poor_fit"}
    return take


STEP = Step(
    name="verdicts", version=2, reads=("voice", "vision", "takes", "fit"), needs_media=False,
    settings=lambda config: [config.takes, config.fit_limits], models=lambda config: {}, run=run, timeout_s=600.0,
)  # fmt: skip
