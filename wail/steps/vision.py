"""Stage `vision`: whose face is where and how visible. Decodes once; writes its tables and `thumbs`."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from schemas.tables import LANDMARKS
from wail.config import CurateConfig
from wail.media.decode import grid_frames
from wail.steps.media import media_file
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, atomic_path, write_table
from wail.vision.analyse import analyse, model_ids
from wail.vision.fan import Fan, find_fan


def fan_of(config: CurateConfig) -> Fan | None:
    """FAN, where the config asks for it and its weights are there; `wail doctor` says how to get them."""
    path = find_fan(config.weights) if config.vision.fan_every_frames else None
    return None if path is None else loaded(path, path.stat().st_mtime_ns)


@lru_cache(1)
def loaded(path: Path, mtime_ns: int) -> Fan:
    """One for all clips of a process; anew where the file has changed."""
    return Fan(path)


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    # Landmarks go to disk as they come: those of an hour would fill the memory.
    with (
        atomic_path(clip.file("landmarks.parquet")) as temporary,
        pq.ParquetWriter(temporary, LANDMARKS, compression="zstd") as writer,
    ):
        found = analyse(grid_frames(media_file(clip), config.media), config.vision, writer.write_batch,
                        fan_of(config))
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
    outputs = ("frames.parquet", "evidence.parquet", "landmarks.parquet", "thumbs.npz")
    return Outcome(outputs, found.models, facts)


STEP = Step(
    name="vision", version=2, reads=("media",), needs_media=True,
    settings=lambda config: [config.vision], models=lambda config: model_ids(fan_of(config)), run=run, timeout_s=7200.0,
)  # fmt: skip
