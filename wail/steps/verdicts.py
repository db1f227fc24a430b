"""Stage `verdicts`: the accounting. Every grid frame once, with one reason where it is not kept; the final takes."""

from typing import Any

import pyarrow as pa

from schemas.arrow import to_table
from schemas.tables import TAKES, VERDICTS
from wail.config import CurateConfig, FitLimits
from wail.media.probe import GRID_FPS
from wail.steps.fits import fit_name, read_fit, trusted
from wail.steps.shards import seen_frames
from wail.steps.step import Outcome, Step
from wail.steps.takes import seen_and_heard
from wail.store import ClipFolder, read_table, write_table
from wail.vision.takes import take_frames
from wail.vision.verdicts import verdicts


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    frames, voice, vocal = seen_and_heard(clip)
    candidates = read_table(clip.file("candidates.parquet"), TAKES).to_pylist()
    poor = {take["take_id"]: poor_frames(clip, take, frames, config.fit_limits) for take in candidates}
    takes = [judged(take, poor[take["take_id"]], config.fit_limits) for take in candidates]
    rows = verdicts(frames, voice, vocal, takes, poor, config.takes)
    write_table(clip.file("verdicts.parquet"), to_table(rows, VERDICTS))
    write_table(clip.file("takes.parquet"), to_table(takes, TAKES))
    facts = {
        "kept_s": sum(row["keep"] for row in rows) / GRID_FPS, "frames": len(rows),
        "n_takes": sum(take["reason"] is None for take in takes),
    }  # fmt: skip
    return Outcome(("verdicts.parquet", "takes.parquet"), facts=facts)


def poor_frames(clip: ClipFolder, take: dict[str, Any], frames: pa.Table, limits: FitLimits) -> set[int]:
    """Frames of a take whose fit is not to be trusted: too large a residual, not converged, or wrong as a whole; all of
    them where nothing could be fitted. Frames that were bridged and gave the fit no landmark were not observed."""
    if take["reason"] is not None:
        return set()
    path = clip.file(fit_name(take["take_id"]))
    if take["take_id"] in hidden_takes(clip):
        return set(take_frames(take).tolist())
    table, _ = read_fit(path)
    seen, _ = seen_frames(frames, take)
    observed = seen | (table["n_landmarks"].to_numpy() > 0) | table["bad_frame"].to_numpy()
    return set(table["frame"].to_numpy()[observed & ~trusted(table, limits)].tolist())


def hidden_takes(clip: ClipFolder) -> set[str]:
    """Takes that show too little of the face to be fitted."""
    receipt = clip.receipt("fit")
    return set(receipt.facts.get("hidden", ())) if receipt else set()


def judged(take: dict[str, Any], poor: set[int], limits: FitLimits) -> dict[str, Any]:
    """The take, dropped as `poor_fit` where too many of its frames are, or all."""
    if take["reason"] is None and (len(poor) > limits.max_poor_share * take["n_frames"] or
                                   len(poor) == take["n_frames"]):  # fmt: skip
        return {**take, "reason": "poor_fit"}
    return take


STEP = Step(
    name="verdicts", version=3, reads=("voice", "vision", "takes", "fit"), needs_media=False,
    settings=lambda config: [config.takes, config.fit_limits], models=lambda config: {}, run=run, timeout_s=600.0,
)  # fmt: skip
