"""The fit as shipped, on rendered clips of the stand-in: decoded, seen by mediapipe, curated, laid beside the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from wail.bench.fit_decoders import stand_in
from wail.bench.fit_scores import rigid_motion
from wail.bench.fit_truth import F32, F64, Split
from wail.bench.rows import Row
from wail.config import CurateConfig
from wail.inface.landmarks import decode_landmarks, lip_vertices
from wail.inface.model import AGE, EXPRESSION, IDENTITY, N_LATENT
from wail.media.sources import read_sources
from wail.pipeline import Progress, curate
from wail.review.accounting import read_manifest
from wail.samples.make import make_samples
from wail.samples.truth import TRUTH_FPS, Truth, read_truth
from wail.steps.pool import run_here

NAMES = ("cry_plain", "laugh_plain", "cry_held_out", "cry_over_speech", "laugh_over_music")
SEED: dict[Split, int] = {"tune": 7, "test": 4107}
CLOSED_BELOW_MM = 1.0
"""True aperture of a mouth that counts as closed."""
Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class TakeScore:
    """A kept take's valid frames: mean lip vertex error (mm) after one rigid motion of the take, and with one scale;
    fitted and true aperture (mm)."""

    clip: str
    rigid_mm: float
    scaled_mm: float
    aperture_mm: F64
    true_aperture_mm: F64


def clips(folder: Path, split: Split, tell: Tell) -> list[Row]:
    """Clips and the curated dataset are kept in `folder`."""
    samples, dataset = folder / f"samples-{split}", folder / f"fitted-{split}"
    media = make_samples(samples, SEED[split], NAMES, workers=1,
                         on_progress=lambda done, total: tell(Progress("samples", done, total)))  # fmt: skip
    curate(read_sources([str(one) for one in media]).items, dataset, CurateConfig(), run_here, on_progress=tell)
    return figures(scores(dataset, read_truth(samples)))


def scores(dataset: Path, truth: dict[str, Truth]) -> list[TakeScore]:
    """Every take of the shards with a valid frame."""
    names = {row["clip_id"]: Path(row["uri"]).stem for row in read_manifest(dataset)}
    takes = pd.read_parquet(dataset / "shards") if (dataset / "shards").is_dir() else pd.DataFrame()
    rows = [row._asdict() for row in takes.itertuples(index=False)]
    return [score(row, truth[names[row["clip_id"]]]) for row in rows if np.any(row["valid"])]


def score(take: dict[str, Any], truth: Truth) -> TakeScore:
    model, landmark_map = stand_in()
    first = round(take["start_s"] * TRUTH_FPS)
    frames = first + np.flatnonzero(take["valid"])
    frames = frames[frames < truth.n_frames]
    expression = np.stack(take["expression"]) if np.ndim(take["expression"][0]) else take["expression"].reshape(-1, 64)
    found = torch.from_numpy(codes(take["identity"], take["age"], expression[frames - first]))
    true = torch.from_numpy(codes(truth.identity, truth.age or 0.0, truth.expression[frames]))
    marks = [decode_landmarks(model, one, landmark_map).double().numpy().reshape(-1, 3) for one in (found, true)]
    lips = [model.decode(one, lip_vertices(model)).double().numpy() for one in (found, true)]
    rigid_mm, scaled_mm = (_apart_mm(lips, rigid_motion(marks[0], marks[1], scale)) for scale in (False, True))
    fitted_mm = np.asarray(take["aperture_mm"], float)[frames - first]
    true_mm = np.asarray(truth.aperture_mm, float)[frames]
    return TakeScore(truth.name, rigid_mm, scaled_mm, fitted_mm, true_mm)


def _apart_mm(pair: Sequence[F64], motion: tuple[F64, F64]) -> float:
    turn, shift = motion
    return float(np.linalg.norm(pair[0] @ turn.T + shift - pair[1], axis=-1).mean())


def codes(identity: F32, age: float, expression: F32) -> F32:
    """[n, 97] raw codes."""
    out = np.empty((len(expression), N_LATENT), np.float32)
    out[:, IDENTITY], out[:, AGE], out[:, EXPRESSION] = identity, age, expression
    return out


def figures(takes: list[TakeScore]) -> list[Row]:
    """Errors are means over takes, apertures are pooled over their frames."""
    if not takes:
        return [Row("lips of rendered clips, through mediapipe", None, "mm", "down", note="no take was kept")]
    found, true = (np.concatenate([getattr(one, name) for one in takes]) for name in
                   ("aperture_mm", "true_aperture_mm"))  # fmt: skip
    long = [one for one in takes if len(one.aperture_mm) > 30]
    each = [float(np.corrcoef(one.aperture_mm, one.true_aperture_mm)[0, 1]) for one in long]
    closed = true < CLOSED_BELOW_MM
    note = f"{len(takes)} kept takes of {len({one.clip for one in takes})} clips, {len(true)} valid frames"
    return [
        Row("lip vertices of rendered clips, through mediapipe", float(np.mean([one.rigid_mm for one in takes])), "mm",
            "down", note=f"mean distance after one rigid motion a take, found on all landmarks; worst take "
                         f"{max(one.rigid_mm for one in takes):.3g}; with scale "
                         f"{np.mean([one.scaled_mm for one in takes]):.3g}; {note}"),
        Row("mouth aperture of the same: correlation with the truth", float(np.corrcoef(found, true)[0, 1]), "r", "up",
            0.95, note=f"all frames pooled; worst take {min(each, default=float('nan')):.3g}"),
        Row("a closed mouth's fitted aperture, less the true one", float((found - true)[closed].mean())
            if closed.any() else None, "mm", "down", note=f"{closed.sum()} frames under {CLOSED_BELOW_MM:g} mm"),
    ]  # fmt: skip
