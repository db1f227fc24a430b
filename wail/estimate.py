"""What a run would do, without doing it: stages per clip, and a forecast of time and disk."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from schemas.documents import SourceItem
from wail.config import CurateConfig
from wail.errors import WailError
from wail.media.probe import probe
from wail.pipeline import Options, chosen_clips, due, readable
from wail.steps.order import STEPS
from wail.steps.plan import Planned, plan_all
from wail.store import ClipFolder, free_bytes

TYPICAL_COST = {
    "media": 0.05,
    "voice": 0.05,
    "vision": 1.2,
    "takes": 0.01,
    "fit": 0.5,
    "verdicts": 0.01,
    "features": 0.01,
}
"""Seconds of one core per second of media, measured on the sample clips; the dataset's own receipts come first."""
TYPICAL_CLIP_S = 10.0
DERIVED_BYTES_PER_S = 130_000
"""Tables of a second of media, most of it landmarks; measured on the sample clips."""
MEDIA_BYTES_PER_S = 250_000
"""Of a downloaded clip in 720p; a local file counts with its own size where it cannot be linked."""


@dataclass(frozen=True)
class Forecast:
    """Clips per state of each stage; `waits` are those whose earlier stage has to run first."""

    clips: int
    twins: int
    due: dict[str, dict[str, int]]
    media_s: float
    compute_s: float
    disk_bytes: int
    free_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def show(self) -> None:
        from wail.show import out, table

        states = ("current", "run", "waits", "stuck")
        table(
            "what would be done",
            ["stage", *states],
            [[name, *(found.get(s, 0) for s in states)] for name, found in self.due.items()],
        )
        out.print(f"{self.clips} clips ({self.twins} asked twice), {self.media_s:.0f} s of media to work on; about "
                  f"{self.compute_s / 60:.1f} minutes and {self.disk_bytes / 1e6:.0f} MB, of "
                  f"{self.free_bytes / 1e9:.0f} GB free. "
                  "Stages that wait run only where an earlier one brings something new.", markup=False)  # fmt: skip
        if self.disk_bytes > self.free_bytes:
            out.print("this does not fit: free some disk, or use --retain derived", markup=False)


def estimate(items: Sequence[SourceItem], root: Path, config: CurateConfig, options: Options, jobs: int) -> Forecast:
    """Forecast a run of `wail.pipeline.curate` with the same arguments; nothing is written."""
    planned, replaced = plan_all(root, readable(items, lambda progress: None))
    chosen = set(chosen_clips(root, planned, options, replaced))
    states = {name: Counter[str]() for name in (step.name for step in STEPS)}
    work_s, media_s, disk = 0.0, 0.0, 0
    cost = costs(root, planned)
    for one in planned:
        clip = ClipFolder(root, one.clip_id)
        if one.twin is not None or clip not in chosen:
            continue
        found = {step.name: due(step, clip, config, options) for step in STEPS}
        if options.refetch and found["media"] == "run":
            found = {name: "waits" if state == "stuck" else state for name, state in found.items()}
        length_s = length(root, one)
        # What waits for a stage that failed for good is not going to run.
        pending = [name for name, state in found.items() if state in ("run", "waits") and "run" in found.values()]
        for name, state in found.items():
            states[name][state] += 1
        work_s += sum(cost[name] for name in pending) * length_s
        media_s += length_s if pending else 0.0
        disk += round(length_s * (DERIVED_BYTES_PER_S + MEDIA_BYTES_PER_S)) if "media" in pending else 0
    return Forecast(
        clips=sum(one.twin is None for one in planned), twins=sum(one.twin is not None for one in planned),
        due={name: dict(counter) for name, counter in states.items()}, media_s=media_s, compute_s=work_s / jobs,
        disk_bytes=disk, free_bytes=free_bytes(root),
    )  # fmt: skip


def costs(root: Path, planned: Sequence[Planned]) -> dict[str, float]:
    """Seconds per second of media of each stage: the median of the dataset's receipts, or the typical figure."""
    seen: dict[str, list[float]] = {name: [] for name in TYPICAL_COST}
    for one in planned:
        clip = ClipFolder(root, one.clip_id)
        media = clip.receipt("media")
        length_s = media.facts.get("duration_s", 0.0) if media else 0.0
        for name in seen:
            receipt = clip.receipt(name)
            if receipt and receipt.status == "done" and length_s:
                seen[name].append(receipt.seconds / length_s)
    return {name: statistics.median(values) if values else TYPICAL_COST[name] for name, values in seen.items()}


def length(root: Path, one: Planned) -> float:
    """Seconds of a clip: from its receipt, its span, its file, or a guess for what is not fetched yet."""
    media = ClipFolder(root, one.clip_id).receipt("media")
    if media and media.facts.get("duration_s"):
        return float(media.facts["duration_s"])
    if one.item.asked_end_s is not None:
        return one.item.asked_end_s - (one.item.asked_start_s or 0.0)
    if one.item.platform == "file":
        try:
            return probe(Path(one.item.uri)).duration_s
        except (WailError, OSError):
            return 0.0
    return TYPICAL_CLIP_S
