"""Stage `takes`: runs of visible frames in which that infant vocalises. Writes `candidates.parquet` (table `takes`).

The final `takes.parquet` is written by stage `verdicts`, which knows how well each was fitted.
"""

from collections.abc import Mapping

import pyarrow as pa

from schemas.arrow import to_table
from schemas.tables import FRAMES, LANDMARKS, TAKES, VOCAL, VOICE
from wail.config import CurateConfig
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, read_parts, read_table, write_table
from wail.vision.mouth import Mouth, mouths
from wail.vision.takes import make_takes

PART_ROWS = 2048
"""Landmarks of an hour would fill the memory: so many faces at a time, 12 MB of them."""


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    frames, voice, vocal = seen_and_heard(clip)
    takes = make_takes(clip.clip_id, frames, mouths_of(clip) if vocal.num_rows else {}, voice, vocal, config.takes)
    rows = [take.row for take in takes]
    write_table(clip.file("candidates.parquet"), to_table(rows, TAKES))
    return Outcome(("candidates.parquet",), facts={"candidates": sum(row["reason"] is None for row in rows)})


def seen_and_heard(clip: ClipFolder) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Tables frames, voice and vocal of a clip."""
    return (
        read_table(clip.file("frames.parquet"), FRAMES),
        read_table(clip.file("voice.parquet"), VOICE),
        read_table(clip.file("vocal.parquet"), VOCAL),
    )


def mouths_of(clip: ClipFolder) -> Mapping[int, Mouth]:
    """The mouth of every track of a clip."""
    return mouths(read_parts(clip.file("landmarks.parquet"), LANDMARKS, ("frame", "track", "xy_px"), PART_ROWS))


STEP = Step(
    name="takes", version=2, reads=("voice", "vision"), needs_media=False,
    settings=lambda config: [config.takes], models=lambda config: {}, run=run, timeout_s=600.0,
)  # fmt: skip
