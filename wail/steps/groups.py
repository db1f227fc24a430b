"""Which sources belong together, whose infant is whose, and which split a group goes to."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.documents import SourceItem
from schemas.hashing import hash_of
from schemas.reasons import Split
from wail.config import SplitConfig


def own_group(item: SourceItem, source_id: str, uploader: str | None) -> str:
    """Sources of one uploader share a group; a source without a known uploader is its own group."""
    return hash_of([item.platform, uploader]) if uploader else hash_of(["source", source_id])


def joined_groups(
    groups: Mapping[str, str], twins: Iterable[tuple[str, str]], known: Mapping[str, str]
) -> dict[str, str]:
    """Join the groups of clips that sound the same (`twins`: pairs of clips); returns group by clip.

    A clip whose group an earlier run fixed (`known`) keeps it, and hands it to what is joined later, so that no group
    ever changes its split when the data grows.
    """
    parent = {group: group for group in groups.values()}

    def root(group: str) -> str:
        while parent[group] != group:
            group = parent[group]
        return group

    for one, other in twins:
        low, high = sorted((root(groups[one]), root(groups[other])))
        parent[high] = low
    fixed: dict[str, str] = {}
    for clip in sorted(known):
        if clip in groups:
            fixed.setdefault(root(groups[clip]), known[clip])
    return {clip: known.get(clip) or fixed.get(root(group), root(group)) for clip, group in groups.items()}


def split_of(group_id: str, config: SplitConfig) -> Split:
    """By the group's hash alone, read as a number in 0-1: the lowest go to test, the next to val."""
    place = int.from_bytes(hashlib.sha256(f"split:{group_id}".encode()).digest()[:8]) / 2**64
    if place < config.test:
        return "test"
    return "val" if place < config.test + config.val else "train"


def subjects(takes: Sequence[Mapping[str, Any]], source_id: str) -> dict[str, str]:
    """Subject id of each take of one source's clip. Face tracks that are ever seen at once are different infants;
    tracks that follow one another are taken for the same one, since tracks break at cuts and long losses."""
    spans = {
        track: (
            min(t["start_s"] for t in takes if t["track"] == track),
            max(t["end_s"] for t in takes if t["track"] == track),
        )
        for track in sorted({take["track"] for take in takes})
    }
    infants: list[list[int]] = []
    for track, (start_s, end_s) in spans.items():
        free = (one for one in infants if all(end_s <= spans[t][0] or start_s >= spans[t][1] for t in one))
        place = next(free, None)
        if place is None:
            infants.append([track])
        else:
            place.append(track)
    number = {track: index for index, tracks in enumerate(infants) for track in tracks}
    return {take["take_id"]: hash_of([source_id, number[take["track"]]]) for take in takes}
