"""Stage `features`: the audio features of each kept take, computed once. Writes `features-<encoder>.parquet`."""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.tables import FEATURES, TAKES
from wail.config import CurateConfig
from wail.errors import DatasetError
from wail.media.audio import read_flac
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, read_table, write_table
from wail.voice.features import Features, find_encoder

MARGIN_S = 0.5
"""Features are kept for so long before and after the take, so that its ends have context on both sides."""


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    takes = [row for row in read_table(clip.file("takes.parquet"), TAKES).to_pylist() if row["reason"] is None]
    names = []
    for encoder in config.encoders:
        tables = [FEATURES.empty_table()]
        if takes:
            wave, _ = read_flac(clip.file(audio_name(clip)))
            features = find_encoder(encoder, config.weights)(wave)
            tables = [take_features(features, take) for take in takes]
        names.append(f"features-{encoder}.parquet")
        write_table(clip.file(names[-1]), pa.concat_tables(tables))
    return Outcome(tuple(names), facts={"audio_source": audio_source(clip)})


def audio_source(clip: ClipFolder) -> str:
    """What the trainer hears: the separated stem where there is one, else the mix."""
    return "stem" if clip.file("stem.flac").exists() else "mix"


def audio_name(clip: ClipFolder) -> str:
    return "stem.flac" if audio_source(clip) == "stem" else "audio.flac"


def take_features(features: Features, take: dict[str, Any]) -> pa.Table:
    """One row of table `features`: times count from the take's first frame."""
    near = (features.time_s >= take["start_s"] - MARGIN_S) & (features.time_s < take["end_s"] + MARGIN_S)
    values = np.asarray(features.values[near], np.float32)
    if not near.any():
        raise DatasetError(f"take {take['take_id']} has no audio features between {take['start_s']:.2f} and "
                           f"{take['end_s']:.2f} s: its sound is shorter than its picture")  # fmt: skip
    meta = {"encoder": features.encoder, "dim": int(values.shape[1])}
    row = {
        "take_id": take["take_id"],
        "time_s": (features.time_s[near] - take["start_s"]).tolist(),
        "features": values.ravel().tolist(),
    }
    schema = FEATURES.with_metadata({**(FEATURES.metadata or {}), b"wail.encoder": json.dumps(meta).encode()})
    return pa.Table.from_pylist([row], schema=schema)


STEP = Step(
    name="features", version=1, reads=("media", "voice", "verdicts"), needs_media=True,
    settings=lambda config: [config.encoders, str(config.weights)], models=lambda config: {}, run=run, timeout_s=3600.0,
)  # fmt: skip
