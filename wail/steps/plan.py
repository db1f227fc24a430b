"""From source lists to clips: each asked item gets its ids and folder, and the dataset remembers all it was asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from schemas.documents import SourceItem
from wail.media.identity import clip_id, source_id
from wail.store import ClipFolder, read_json, write_document, write_text

SOURCES = "sources.json"
_ITEMS = TypeAdapter(tuple[SourceItem, ...])


@dataclass(frozen=True)
class Planned:
    """One asked item with its ids; `twin` names the earlier item that asks for the very same clip."""

    item: SourceItem
    source_id: str
    clip_id: str
    twin: str | None = None


def read_items(root: Path) -> tuple[SourceItem, ...]:
    """All that earlier runs were asked for."""
    path = root / SOURCES
    remedy = "delete it, and give all of the dataset's sources again; what is finished of them is not redone"
    return read_json(path, _ITEMS, remedy) if path.exists() else ()


def plan_all(root: Path, asked: Sequence[SourceItem]) -> tuple[list[Planned], set[SourceItem]]:
    """All that the dataset was ever asked for plus `asked`, and the earlier items that new content takes the place of.
    """
    earlier = read_items(root)
    replaced = superseded(root, earlier, asked)
    return plan([item for item in earlier if item not in replaced], asked), replaced


def plan(earlier: Sequence[SourceItem], asked: Sequence[SourceItem]) -> list[Planned]:
    """Earlier and newly asked items, each once, in order."""
    planned: list[Planned] = []
    first: dict[str, str] = {}
    seen: set[SourceItem] = set()
    for item in (*earlier, *asked):
        if item in seen:
            continue
        seen.add(item)
        clip = clip_id(item)
        planned.append(Planned(item, source_id(item), clip, first.get(clip)))
        first.setdefault(clip, shown_uri(item))
    return planned


def superseded(root: Path, earlier: Sequence[SourceItem], asked: Sequence[SourceItem]) -> set[SourceItem]:
    """Files asked for earlier that came to nothing, and that are now asked for again with other content."""
    now = {place_of(item): item for item in asked}
    changed = [item for item in earlier if (new := now.get(place_of(item))) and new.video_id != item.video_id]
    return {item for item in changed if item.platform == "file" and not is_done(ClipFolder(root, clip_id(item)))}


def place_of(item: SourceItem) -> tuple[str, float | None, float | None]:
    return item.uri, item.asked_start_s, item.asked_end_s


def is_done(clip: ClipFolder) -> bool:
    receipt = clip.receipt("media")
    return receipt is not None and receipt.status == "done"


def shown_uri(item: SourceItem) -> str:
    """A URL as it is; of a local file the name alone, since folders tell about people."""
    return Path(item.uri).name if item.platform == "file" else item.uri


def remember(root: Path, planned: Sequence[Planned]) -> None:
    """Write the dataset's list of items and each clip's own `source.json`."""
    write_text(root / SOURCES, _ITEMS.dump_json(tuple(one.item for one in planned), indent=1).decode() + "\n")
    for one in planned:
        clip = ClipFolder(root, one.clip_id)
        text = one.item.model_dump_json(indent=1) + "\n"
        path = clip.file("source.json")
        if one.twin is None and not (path.exists() and path.read_bytes() == text.encode()):
            write_document(path, one.item)
