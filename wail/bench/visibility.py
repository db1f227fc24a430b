"""`wail bench visibility`: what vision says of composites of known truth, against what is asked of it."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from wail.bench import accounting, people, sync
from wail.bench.composites.make import make_composites
from wail.bench.composites.people import Split
from wail.bench.composites.plan import SEEDS, plan
from wail.bench.rows import Row
from wail.bench.visibility_rows import PARTS
from wail.bench.visibility_run import Clip, code_id, look
from wail.errors import ConfigError
from wail.pipeline import Progress
from wail.vision.config import VisionConfig

Tell = Callable[[Progress], None]
WITH_CLIPS_OF_THEIR_OWN: dict[str, Callable[[Path, Split, Tell], list[Row]]] = {
    "people": people.rows, "sync": sync.rows, "accounting": accounting.rows}  # fmt: skip


def bench_visibility(
    split: Split = "test", only: Sequence[str] = (), cache: Path | None = None, workers: int = 2,
    count: int | None = None, tell: Tell = lambda progress: None,
) -> tuple[list[Row], dict[str, Any]]:  # fmt: skip
    """Rows of the parts named by `only` (all, if none is), and what the run was of.

    `cache` keeps clips, and what vision said of them, for the next run; without it they live in a temporary folder.
    `workers` processes share the clips; `count`: the first so many clips only. Raises ConfigError on an unknown part.
    """
    known = [*PARTS, *WITH_CLIPS_OF_THEIR_OWN]
    if unknown := [name for name in only if name not in known]:
        raise ConfigError(f"wail bench visibility has no part {', '.join(unknown)}: choose from {', '.join(known)}")
    started, parts = time.monotonic(), [name for name in known if not only or name in only]
    config, clips = VisionConfig(), list[Clip]()
    with nullcontext(cache) if cache else tempfile.TemporaryDirectory(prefix="wail-composites-") as folder:
        root = Path(folder)
        if any(name in PARTS for name in parts):
            clips = see(root, split, count, workers, config, tell)
        rows = [row for name in parts for row in (
            PARTS[name](clips, config) if name in PARTS else WITH_CLIPS_OF_THEIR_OWN[name](root, split, tell))]
    about = {"bench": "visibility", "split": split, "seed": SEEDS[split], "parts": parts, "clips": len(clips),
             "frames": sum(clip.truth.n_frames for clip in clips), "vision": code_id(config),
             "seconds": round(time.monotonic() - started, 1)}  # fmt: skip
    return rows, about


def see(root: Path, split: Split, count: int | None, workers: int, config: VisionConfig, tell: Tell) -> list[Clip]:
    """The split's clips, made and looked at."""
    def telling(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: tell(Progress(stage, done, total))

    media = make_composites(root, plan(split, count), workers, telling("render"))
    return look(media, config, workers, telling("vision"))
