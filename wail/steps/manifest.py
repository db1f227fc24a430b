"""The manifest: one row per asked item, whatever became of it, read off the receipts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.arrow import to_table
from schemas.documents import Receipt
from schemas.tables import MANIFEST
from wail.media.fingerprint import same_sounds
from wail.steps.groups import joined_groups, own_group
from wail.steps.order import STEPS
from wail.steps.plan import Planned, shown_uri
from wail.store import ClipFolder, read_table, write_table


def write_manifest(root: Path, planned: Sequence[Planned], refused: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Write `manifest.parquet`; `refused` are (uri, detail) of rows of source lists that could not be read."""
    groups = group_ids(root, planned)
    rows = [manifest_row(root, one, groups[one.clip_id]) for one in planned]
    rows += [refused_row(uri, detail) for uri, detail in refused]
    write_table(root / "manifest.parquet", to_table(rows, MANIFEST))
    return rows


def group_ids(root: Path, planned: Sequence[Planned]) -> dict[str, str]:
    """Group of each clip; those that an earlier manifest fixed stay."""
    groups: dict[str, str] = {}
    fingerprints: dict[str, Any] = {}
    for one in planned:
        facts = media_facts(root, one)
        groups.setdefault(one.clip_id, own_group(one.item, one.source_id, facts.get("uploader") or one.item.uploader))
        if facts.get("fingerprint"):
            fingerprints[one.clip_id] = facts["fingerprint"]
    return joined_groups(groups, same_sounds(fingerprints), known_groups(root))


def known_groups(root: Path) -> dict[str, str]:
    path = root / "manifest.parquet"
    if not path.exists():
        return {}
    rows = read_table(path, MANIFEST).to_pylist()
    return {row["clip_id"]: row["group_id"] for row in rows if row["status"] == "done"}


def media_facts(root: Path, one: Planned) -> Mapping[str, Any]:
    receipt = ClipFolder(root, one.clip_id).receipt("media")
    return receipt.facts if receipt else {}


def outcome(clip: ClipFolder) -> tuple[str, str | None, str | None]:
    """status, failure class and detail of a clip: those of the first stage that is not done."""
    for step in STEPS:
        receipt = clip.receipt(step.name)
        if receipt is None:
            return "skipped", None, f"stage {step.name} has not run yet; run again"
        if receipt.status != "done":
            return receipt.status, receipt.failure, receipt.reason
    return "done", None, None


def manifest_row(root: Path, one: Planned, group_id: str) -> dict[str, Any]:
    clip = ClipFolder(root, one.clip_id)
    status, failure, detail = outcome(clip)
    if one.twin is not None:
        status, failure, detail = "skipped", None, f"the same media and span as {one.twin}; counted there"
    media, verdicts = clip.receipt("media"), clip.receipt("verdicts")
    facts = media.facts if media and one.twin is None else {}
    judged = verdicts.facts if verdicts and status == "done" else {}
    return {
        "source_id": one.source_id, "group_id": group_id, "uri": shown_uri(one.item), "clip_id": one.clip_id,
        "asked_start_s": one.item.asked_start_s, "asked_end_s": one.item.asked_end_s,
        "start_s": facts.get("start_s"), "end_s": facts.get("end_s"), "labels": list(one.item.labels),
        "licence": facts.get("licence") or one.item.licence, "uploader": facts.get("uploader") or one.item.uploader,
        "retrieved_at": facts.get("retrieved_at"), "sha256": media_sha256(media), "duration_s": facts.get("duration_s"),
        "status": status, "failure": failure, "detail": detail,
        "kept_s": judged.get("kept_s", 0.0), "n_takes": judged.get("n_takes", 0),
    }  # fmt: skip


def media_sha256(receipt: Receipt | None) -> str | None:
    outputs = receipt.outputs if receipt else ()
    return next((output.sha256 for output in outputs if output.path.startswith("media.")), None)


def refused_row(uri: str, detail: str) -> dict[str, Any]:
    """A row of a source list that could not be read has no ids of its own."""
    empty = dict.fromkeys(("asked_start_s", "asked_end_s", "start_s", "end_s", "licence", "uploader", "retrieved_at",
                           "sha256", "duration_s"))  # fmt: skip
    return empty | {
        "source_id": "", "group_id": "", "uri": uri, "labels": [], "clip_id": "", "status": "failed",
        "failure": "unsupported", "detail": detail, "kept_s": 0.0, "n_takes": 0,
    }  # fmt: skip
