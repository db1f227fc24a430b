"""The table of a checkpoint on a split: ours against faces that do not listen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wail.errors import DatasetError
from wail.motion.checkpoint import Checkpoint, load_checkpoint
from wail.motion.data import Split, Take, read_split
from wail.motion.decoder import Decoder
from wail.motion.features import Bools, Floats
from wail.motion.losses import join_latents
from wail.motion.metrics import concordance, dtw, lip_vertex_error, pearson
from wail.motion.sample import generate_at_frames

DTW_RADIUS = 15  # frames, half a second
METRICS = ("lve_mm", "lve_mm2", "dtw_mm", "l_pcc", "l_ccc")
DEFINITIONS = {
    "lve_mm": "per frame the largest distance of any lip vertex, mean over the take's valid frames, no alignment",
    "lve_mm2": "the same of squared distances",
    "dtw_mm": f"DTW of mouth aperture over valid frames, |difference|, radius {DTW_RADIUS} frames, per path cell",
    "l_pcc": "Pearson correlation of mouth aperture over a take's valid frames; 0 for a still mouth",
    "l_ccc": "Lin's concordance correlation of the same; 0 for a still mouth",
    "pooling": "mean over takes, each counting once; truth and prediction have the take's own identity and age",
    "ours": "one sample per take, DDIM, given the take's audio, label, identity and age",
    "static": "still: mean training code of closed mouths",
    "class_mean": "still: mean training code of the take's label (of closed mouths, for a label not trained on)",
    "shuffled_audio": "ours, hearing the next take of the split (a lone take: itself, turned round by half its length)",
}

Predict = Callable[[int, Take], Floats]


def evaluate(
    dataset: Path,
    checkpoint: Checkpoint | Path,
    decoder: Decoder,
    split: str = "test",
    seed: int = 0,
) -> dict[str, Any]:
    """Score a checkpoint on `DATASET/shards/split=<split>`; take k is generated with `seed` + k.

    Returns `rows` (each `name`: ours, static, class_mean or shuffled_audio, and the metrics of `METRICS`), `n_takes`,
    `n_frames`, `definitions`, and what was used. Raises DatasetError where the split is empty, belongs to another face
    model or encoder, or shares a group with the training data.
    """
    checkpoint = load_checkpoint(checkpoint) if isinstance(checkpoint, Path) else checkpoint
    data = read_split(dataset, split, checkpoint.encoder)
    _check_fits(checkpoint, data)
    takes = [take for take in data.takes if take.valid.any()]

    def ours(index: int, take: Take, heard_from: Take | None = None) -> Floats:
        features, heard = _audio_of(take, heard_from)
        return generate_at_frames(checkpoint, features, heard, take.identity, take.age, take.label, seed + index)

    predictors: dict[str, Predict] = {
        "ours": ours,
        "static": lambda index, take: _still(checkpoint.neutral, take),
        "class_mean": lambda index, take: _still(checkpoint.class_means.get(take.label, checkpoint.neutral), take),
        "shuffled_audio": lambda index, take: ours(index, take, takes[(index + 1) % len(takes)]),
    }
    rows = [{"name": name, **_scores(takes, predict, decoder)} for name, predict in predictors.items()]
    return {
        "split": split, "n_takes": len(takes), "n_frames": int(sum(take.valid.sum() for take in takes)), "rows": rows,
        "definitions": DEFINITIONS, "dtw_radius_frames": DTW_RADIUS, "face_model": data.face.name,
        "is_stand_in": data.face.is_stand_in, "encoder": data.encoder, "preset": checkpoint.config.preset,
        "trained_steps": checkpoint.step, "sample_steps": checkpoint.config.sample_steps, "seed": seed,
    }  # fmt: skip


def score_take(predicted: Floats, take: Take, decoder: Decoder) -> dict[str, float]:
    """The metrics of raw expression codes `predicted` [n, 64] against the take, over its valid frames."""
    (lips, aperture), (true_lips, true_aperture) = (_mouth(e, take, decoder) for e in (predicted, take.expression))
    lve, squared = lip_vertex_error(lips, true_lips)
    return {
        "lve_mm": lve,
        "lve_mm2": squared,
        "dtw_mm": dtw(aperture, true_aperture, DTW_RADIUS),
        "l_pcc": pearson(aperture, true_aperture),
        "l_ccc": concordance(aperture, true_aperture),
    }


def _scores(takes: list[Take], predict: Predict, decoder: Decoder) -> dict[str, float]:
    scores = [score_take(predict(index, take), take, decoder) for index, take in enumerate(takes)]
    return {name: float(np.mean([score[name] for score in scores])) for name in METRICS}


@torch.inference_mode()
def _mouth(expression: Floats, take: Take, decoder: Decoder) -> tuple[Floats, Floats]:
    """Lip vertices [k, L, 3] and aperture [k] in mm, of the take's k valid frames."""
    codes = torch.from_numpy(np.ascontiguousarray(expression[take.valid]))
    latents = join_latents(torch.from_numpy(take.person), codes)
    return decoder.lips(latents).float().numpy(), decoder.aperture(latents).float().numpy()


def _still(code: Floats, take: Take) -> Floats:
    return np.repeat(code[None], take.n_frames, axis=0)


def _audio_of(take: Take, other: Take | None) -> tuple[Floats, Bools]:
    """Features and heard: the take's own, or another's, repeated to the take's length."""
    if other is None:
        return take.features, take.heard
    shift = take.n_frames // 2 if other is take else 0
    pick = (np.arange(len(take.features)) + shift) % len(other.features)
    return other.features[pick], other.heard[pick]


def _check_fits(checkpoint: Checkpoint, data: Split) -> None:
    if data.face.sha256 != checkpoint.face.sha256:
        raise DatasetError(f"the checkpoint was trained on latents of face model {checkpoint.face.name} "
                           f"({checkpoint.face.sha256[:12]}), the dataset holds {data.face.name} "
                           f"({data.face.sha256[:12]}): train on this dataset first")
    if data.n_features != len(checkpoint.norm.feature_mean):
        raise DatasetError(f"features of {data.encoder} have {data.n_features} dimensions here and "
                           f"{len(checkpoint.norm.feature_mean)} in the checkpoint: train on this dataset first")
    shared = sorted({take.group_id for take in data.takes} & checkpoint.train_groups)
    if data.name != "train" and shared:
        raise DatasetError(f"split {data.name} shares {len(shared)} groups with what the checkpoint was trained on, "
                           f"{shared[0]} the first: its scores would mean nothing; train on this dataset first")
