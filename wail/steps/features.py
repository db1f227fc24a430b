"""Stage `features`: audio features for the trainer, computed once, near the infant voices of the clip.

Writes `features-<encoder>.parquet`. Takes are cut from it when shards are written, so that other takes can be made of
a clip whose sound was deleted.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import flat, list_column
from schemas.tables import CLIP_FEATURES, FEATURES, VOCAL
from wail.config import CurateConfig
from wail.errors import DatasetError
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, read_table, write_table
from wail.voice.features import Encoder, Features, find_encoder
from wail.voice.mel import RATE_HZ
from wail.voice.wave import FlacWave, Wave, pieces

MARGIN_S = 0.5
"""Features are kept for so long before and after the take, so that its ends have context on both sides."""
NEAR_S = 1.5
"""How far from an infant's voice features are kept: a take's padding and margin, and half of a pause in it. The rest
of the sound leaves no trace, since speech can be made out of such features again."""


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    vocal = read_table(clip.file("vocal.parquet"), VOCAL).to_pylist()
    names = []
    for encoder in config.encoders:
        table = CLIP_FEATURES.empty_table()
        if vocal:
            table = encode(FlacWave(clip.file(audio_name(clip))), find_encoder(encoder, config.weights), vocal)
        names.append(f"features-{encoder}.parquet")
        write_table(clip.file(names[-1]), table)
    return Outcome(tuple(names), encoder_ids(config.encoders, config.weights), {"audio_source": audio_source(clip)})


def encode(wave: Wave, encoder: Encoder, vocal: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The features near voices, of a wave of any length, piece by piece; as table `clip_features`."""
    tables = []
    for first, start, stop, last in pieces(len(wave)):
        start_s, stop_s = start / RATE_HZ, np.inf if stop == len(wave) else stop / RATE_HZ
        near = [row for row in vocal if row["end_s"] + NEAR_S > start_s and row["start_s"] - NEAR_S < stop_s]
        if near:
            found = encoder(wave[first:last])
            time_s = found.time_s + first / RATE_HZ
            own = (time_s >= start_s) & (time_s < stop_s)
            tables.append(near_voices(Features(time_s[own], found.values[own], found.encoder), near))
    return pa.concat_tables(tables).combine_chunks()


def audio_source(clip: ClipFolder) -> str:
    """What the trainer hears: the separated stem where stage voice found it good enough to keep, else the mix."""
    return "stem" if clip.file("stem.flac").exists() else "mix"


def audio_name(clip: ClipFolder) -> str:
    return "stem.flac" if audio_source(clip) == "stem" else "audio.flac"


def near_voices(features: Features, vocal: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The features within NEAR_S of any vocalisation, as table `clip_features`."""
    near = np.zeros(len(features.time_s), bool)
    for row in vocal:
        near |= (features.time_s >= row["start_s"] - NEAR_S) & (features.time_s < row["end_s"] + NEAR_S)
    values = np.asarray(features.values[near], np.float32)
    meta = {"encoder": features.encoder, "dim": int(values.shape[1])}
    columns = [pa.array(features.time_s[near], pa.float64()), list_column(values)]
    schema = CLIP_FEATURES.with_metadata({**(CLIP_FEATURES.metadata or {}), b"wail.encoder": json.dumps(meta).encode()})
    return pa.table(columns, schema=schema)


def take_features(table: pa.Table, take: Mapping[str, Any]) -> pa.Table:
    """One row of table `features`, cut from the clip's: times count from the take's first frame."""
    time_s: NDArray[np.float64] = table["time_s"].to_numpy()
    near = np.flatnonzero((time_s >= take["start_s"] - MARGIN_S) & (time_s < take["end_s"] + MARGIN_S))
    if not len(near):
        raise DatasetError(f"take {take['take_id']} has no audio features between {take['start_s']:.2f} and "
                           f"{take['end_s']:.2f} s: delete features-*.parquet of its clip and run again")  # fmt: skip
    values = flat(table["features"].take(pa.array(near)))
    row = {
        "take_id": take["take_id"], "time_s": (time_s[near] - take["start_s"]).tolist(), "features": values.tolist(),
    }  # fmt: skip
    encoder = (table.schema.metadata or {})[b"wail.encoder"]
    return pa.Table.from_pylist(
        [row], schema=FEATURES.with_metadata({**(FEATURES.metadata or {}), b"wail.encoder": encoder})
    )


@lru_cache(maxsize=1)
def encoder_ids(encoders: tuple[str, ...], weights: Path | None) -> dict[str, str]:
    """Each encoder with its weights' hash. Raises ConfigError for an unknown one, ModelError for a missing one."""
    silence = np.zeros(16000, np.float32)
    return {name: find_encoder(name, weights)(silence).encoder for name in encoders}


STEP = Step(
    name="features", version=2, reads=("media", "voice"), needs_media=True,
    settings=lambda config: [config.encoders, NEAR_S],
    models=lambda config: encoder_ids(config.encoders, config.weights), run=run, timeout_s=3600.0,
)  # fmt: skip
