"""Stage `takes`: runs of visible frames in which that infant vocalises. Writes `candidates.parquet` (table `takes`).

The final `takes.parquet` is written by stage `verdicts`, which knows how well each was fitted.
"""

import pyarrow as pa

from schemas.arrow import to_table
from schemas.tables import FRAMES, LANDMARKS, TAKES, VOCAL, VOICE
from wail.config import CurateConfig
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, read_table, write_table
from wail.vision.takes import make_takes


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    takes = make_takes(clip.clip_id, *seen_and_heard(clip), config.takes)
    rows = [take.row for take in takes]
    write_table(clip.file("candidates.parquet"), to_table(rows, TAKES))
    return Outcome(("candidates.parquet",), facts={"candidates": sum(row["reason"] is None for row in rows)})


def seen_and_heard(clip: ClipFolder) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Tables frames, landmarks, voice and vocal of a clip."""
    return (
        read_table(clip.file("frames.parquet"), FRAMES),
        read_table(clip.file("landmarks.parquet"), LANDMARKS),
        read_table(clip.file("voice.parquet"), VOICE),
        read_table(clip.file("vocal.parquet"), VOCAL),
    )


STEP = Step(
    name="takes", version=1, reads=("voice", "vision"), needs_media=False,
    settings=lambda config: [config.takes], models=lambda config: {}, run=run, timeout_s=600.0,
)  # fmt: skip
