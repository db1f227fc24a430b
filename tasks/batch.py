"""A task run carries a batch of clips through one stage: paths and counts in, counts out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from wail.config import CurateConfig
from wail.steps.pool import LocalPool
from wail.store import ClipFolder

Counts = dict[str, int]


def run_batch(stage: str, clip_ids: Sequence[str], root: Path, config: CurateConfig, jobs: int) -> Counts:
    """Run one stage of some clips in a local pool; returns how many ended how. The receipts are the truth."""
    with LocalPool(jobs) as pool:
        pool(stage, clip_ids, root, config, lambda clip_id: None)
    receipts = (ClipFolder(root, clip_id).receipt(stage) for clip_id in clip_ids)
    return dict(Counter(receipt.status if receipt else "skipped" for receipt in receipts))
