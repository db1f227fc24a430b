"""Stage `vision`: whose face is where and how visible. Decodes once; writes its tables and `thumbs`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.tables import FAN, LANDMARKS
from wail.config import CurateConfig
from wail.errors import ModelError
from wail.media.decode import grid_frames
from wail.steps.media import media_file
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, atomic_path, write_table
from wail.vision.analyse import analyse, model_ids
from wail.vision.fan import PATTERN, Fan, find_fan
from wail.vision.landmarks import Sink

FAN_FILE = "fan.parquet"
"""Only where FAN is asked for: the receipt's outputs say whether it is of this run."""


def fan_of(config: CurateConfig) -> Fan | None:
    """FAN, where the config asks for it. Raises ModelError where its weights are not there, or are damaged."""
    if not config.vision.fan_every_frames:
        return None
    path = find_fan(config.weights)
    if path is None:
        where = f"in {config.weights} or in torch's cache" if config.weights else "in torch's cache"
        raise ModelError(f"vision.fan_every_frames = {config.vision.fan_every_frames} asks for FAN, but {where} is no "
                         f"{PATTERN}: `wail doctor` says how to get it, then give its folder as --weights; or leave "
                         "the setting at 0")  # fmt: skip
    return loaded(path, path.stat().st_mtime_ns)


@lru_cache(1)
def loaded(path: Path, mtime_ns: int) -> Fan:
    """One for all clips of a process; anew where the file has changed."""
    return Fan(path)


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    fan = fan_of(config)
    clip.file(FAN_FILE).unlink(missing_ok=True)  # an earlier run's, of other settings
    with ExitStack() as open_tables:
        sink = open_tables.enter_context(stream(clip.file("landmarks.parquet"), LANDMARKS))
        fan_sink = open_tables.enter_context(stream(clip.file(FAN_FILE), FAN)) if fan else None
        found = analyse(grid_frames(media_file(clip), config.media), config.vision, sink, fan, fan_sink)
    write_table(clip.file("frames.parquet"), found.frames)
    write_table(clip.file("evidence.parquet"), found.evidence)
    with atomic_path(clip.file("thumbs.npz")) as temporary:
        np.savez_compressed(
            temporary,
            frame=np.array([frame for frame, _ in found.thumbs], np.int32),
            rgb=np.array([rgb for _, rgb in found.thumbs], np.uint8),
        )
    width_px, height_px = found.size_px
    facts = {"size_px": [width_px, height_px], "face_rows": found.face_rows}
    outputs = ("frames.parquet", "evidence.parquet", "landmarks.parquet", "thumbs.npz", *([FAN_FILE] if fan else []))
    return Outcome(outputs, found.models, facts)


@contextmanager
def stream(path: Path, schema: pa.Schema) -> Iterator[Sink]:
    """A table that goes to disk as it comes: landmarks of an hour would fill the memory."""
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        yield writer.write_batch


STEP = Step(
    name="vision", version=2, reads=("media",), needs_media=True,
    settings=lambda config: [config.vision], models=lambda config: model_ids(fan_of(config)), run=run, timeout_s=7200.0,
)  # fmt: skip
