"""The dataset's report for people: one HTML file that opens offline and accounts for every second.

Everything in it comes from the dataset's tables and receipts, so the same dataset gives the same bytes. Whatever came
from outside (names, addresses, details) is escaped by the template; a content security policy forbids the page to
load anything at all. Pictures are coarse mosaics only.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from schemas.reasons import RETRIED
from wail.media.probe import GRID_FPS
from wail.review import plots
from wail.review.accounting import ClipAccount, Funnel, clip_ids, read_manifest, total
from wail.review.read import (
    STAGES,
    ClipData,
    Limits,
    ShardTake,
    limits_of,
    read_clip,
    read_dataset_json,
    read_shards,
)
from wail.review.scores import frame_values
from wail.review.sheets import Sheets
from wail.review.thumbs import Thumb
from wail.review.views import clip_view, fit_rows, read_thumbs, strip_frames
from wail.review.wording import KEPT_COLOUR, LABEL_COLOURS, STEPS, failure_text, label_text, reason_text, short_name
from wail.store import write_text

Row = Mapping[str, Any]
OPEN_CLIPS = 24
"""So many clips' details are open from the start; in larger reports they open on demand."""
INLINE_CLIPS = 200
"""So many clips' details are in the page itself; larger reports have a page of its own for each, so that the page with
the sums stays one that opens."""
WORST_FITS = 300
"""Rows of the table of fits."""


def write_report(dataset: Path) -> Path:
    """Write `report/index.html` of a dataset and return its path; of a large one, `report/clips/*.html` too.

    Raises DatasetError where there is no dataset.
    """
    manifest = read_manifest(dataset)
    shards, problems = read_shards(dataset)
    about = read_dataset_json(dataset)
    first_row: dict[str, Row] = {}
    for item in manifest:
        first_row.setdefault(item["clip_id"], item)
    names = clip_ids(dataset, manifest)
    pages = ClipPages(dataset, len(names) > INLINE_CLIPS)
    accounts: list[ClipAccount] = []
    summary = Summary(about)
    clips: list[dict[str, Any]] = []
    for clip_id in names:
        clip = read_clip(dataset, clip_id)
        row = first_row.get(clip_id, {})
        if clip.account is not None and row.get("status", "done") == "done":
            accounts.append(clip.account)
        thumbs = summary.add(dataset, clip, str(row.get("uri", clip_id)), shards)
        if clip.tables:
            clips.append(pages.place(clip_view(clip, row, shards, limits_of(about), thumbs), limits_of(about)))
    numbers = total(accounts, manifest)
    html = _environment().get_template("report.html.j2").render(
        **_page(about, numbers, manifest, clips, accounts, summary, [*problems, *numbers.problems]),
        inline=not pages.apart, unfinished=not (dataset / "manifest.parquet").is_file(),
    )
    path = dataset / "report" / "index.html"
    write_text(path, html)
    pages.forget_others()
    return path


class ClipPages:
    """Where each clip's details go: into the report, or onto a page of their own."""

    def __init__(self, dataset: Path, apart: bool) -> None:
        self.apart = apart
        self._folder = dataset / "report" / "clips"
        self._written: set[str] = set()
        self._template = _environment().get_template("clip_page.html.j2")

    def place(self, view: dict[str, Any], limits: Limits) -> dict[str, Any]:
        """The view as the report needs it; what is on the clip's own page is left out of it."""
        if not self.apart:
            return {**view, "href": f"#clip-{view['id']}"}
        name = f"{view['id']}.html"
        write_text(self._folder / name, self._template.render(clip=view, limits=limits, css=Markup(_part("report.css")),
                                                              kept_colour=KEPT_COLOUR, label_colours=LABEL_COLOURS))
        self._written.add(name)
        mini = view["thumbs"][len(view["thumbs"]) // 2 :][:1]
        return {**view, "href": f"clips/{name}", "thumbs": mini, **dict.fromkeys(HEAVY)}

    def forget_others(self) -> None:
        """Delete pages of clips that the dataset no longer holds, or that are in the report now."""
        for path in self._folder.glob("*.html"):
            if path.name not in self._written:
                path.unlink()


HEAVY = ("svg", "takes", "fits", "faces", "vocal", "receipts", "bad_receipts", "probe", "separation")


class Summary:
    """What adds up over clips while each is read once and let go: models, seconds per stage, fits, contact sheets."""

    def __init__(self, about: Mapping[str, Any]) -> None:
        config = about.get("config")
        self.sheets = Sheets(config if isinstance(config, dict) else {})
        self.seconds: dict[str, float] = {}
        self.models: dict[tuple[str, str, str], int] = {}
        self.fits: list[dict[str, Any]] = []
        self.notes: dict[str, int] = {}

    def add(self, dataset: Path, clip: ClipData, uri: str, shards: Mapping[str, ShardTake]) -> dict[int, Thumb]:
        """Take a clip in; returns its pictures that are shown somewhere, by grid frame."""
        for stage, receipt in clip.receipts.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + receipt.seconds
            for name, value in receipt.models.items():
                self.models[stage, name, value] = self.models.get((stage, name, value), 0) + 1
            for note in _notes(receipt.facts):
                self.notes[note] = self.notes.get(note, 0) + 1
        self.fits += fit_rows(clip, shards)
        seen = frame_values(clip)
        wanted = [] if seen is None else self.sheets.wanted(clip, uri, seen)
        thumbs = read_thumbs(dataset, clip, {*strip_frames(clip), *(entry.frame for entry in wanted)})
        self.sheets.draw(wanted, thumbs)
        return thumbs

    @property
    def stand_ins(self) -> list[str]:
        """Names of the models that only stand in for the real one."""
        named = {name for _, name, value in self.models if is_stand_in(name, value)}
        return sorted(named | {fit["model"] for fit in self.fits if fit["stand_in"]})


def is_stand_in(*texts: str) -> bool:
    return any("stand-in" in text.lower() or "standin" in text.lower() for text in texts)


def _notes(facts: Mapping[str, Any]) -> list[str]:
    notes = facts.get("notes", [])
    return [str(note) for note in notes] if isinstance(notes, list) else [str(notes)]


def _environment() -> Environment:
    made = Environment(loader=PackageLoader("wail.review", "."), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    made.filters["s1"] = lambda seconds: f"{seconds:.1f}" if seconds >= 0.995 or not seconds else f"{seconds:.2f}"
    made.filters["at"] = lambda time_s: f"{time_s:.1f}"
    made.filters["s2"] = lambda seconds: f"{seconds:.2f}"
    made.filters["share"] = lambda part, whole: f"{part / whole:.0%}" if whole else "–"
    made.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f} %"
    made.filters["maybe"] = lambda value, form: "–" if value is None else form % value
    made.filters["reason"] = reason_text
    made.filters["label"] = label_text
    made.filters["short"] = short_name
    return made


def _page(
    about: Mapping[str, Any],
    numbers: Funnel,
    manifest: Sequence[Row],
    clips: Sequence[Row],
    accounts: Sequence[ClipAccount],
    summary: Summary,
    problems: Sequence[str],
) -> dict[str, Any]:
    script = _part("report.js")
    return {
        "numbers": numbers,
        "funnel_svg": Markup(plots.funnel_svg(numbers)) if numbers.seconds_in else "",
        "reasons": _reason_rows(numbers, clips, summary.sheets),
        "unseen": [reason_text(name).title for name, frames in numbers.frames_by_reason.items() if not frames],
        "clips": clips,
        "open_clips": len(clips) <= OPEN_CLIPS,
        "accounts": accounts,
        "lost": [_lost_view(row) for row in manifest if row["status"] != "done"],
        "fits": sorted(summary.fits, key=lambda fit: -fit["residual"])[:WORST_FITS],
        "n_fits": len(summary.fits),
        "hrefs": {clip["id"]: clip["href"] for clip in clips},
        "models": _model_rows(summary),
        "notes": sorted(summary.notes.items()),
        "stand_ins": summary.stand_ins,
        "stage_seconds": sorted(summary.seconds.items(), key=lambda item: _stage_order(item[0])),
        "problems": problems,
        "limits": limits_of(about),
        "version": about.get("version"),
        "stale": _stale(about.get("stale")),
        "about": [(name, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False))
                  for name, value in sorted(about.items()) if isinstance(value, dict | list) and value],
        "kept_colour": KEPT_COLOUR,
        "label_colours": LABEL_COLOURS,
        "steps": STEPS,
        "css": Markup(_part("report.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }  # fmt: skip


def _stale(value: Any) -> list[tuple[str, int]]:
    """Stages that were not redone because the media is gone, with how many clips each."""
    return [(stage, len(clips)) for stage, clips in value.items()] if isinstance(value, dict) else []


def _part(name: str) -> str:
    return files("wail.review").joinpath(name).read_text(encoding="utf-8")


def _stage_order(stage: str) -> tuple[int, str]:
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)


def _reason_rows(numbers: Funnel, clips: Sequence[Row], sheets: Sheets) -> list[dict[str, Any]]:
    """Reasons that took anything, the largest first, each with the clips it took most from and its contact sheet."""
    rows = []
    for name, frames in sorted(numbers.frames_by_reason.items(), key=lambda item: -item[1]):
        if not frames:
            continue
        hit = sorted((c for c in clips if c["frames_by_reason"].get(name)), key=lambda c: -c["frames_by_reason"][name])
        rows.append({
            "name": name, "text": reason_text(name), "frames": frames, "seconds": frames / GRID_FPS,
            "n_clips": len(hit), "worst": [(c, c["frames_by_reason"][name] / GRID_FPS) for c in hit[:3]],
            "sheet": sheets.view(name),
        })  # fmt: skip
    return rows


def _lost_view(row: Row) -> dict[str, Any]:
    again = row["failure"] in RETRIED
    return {**row, "advice": failure_text(row["failure"]) if row["failure"] else "", "again": again}


def _model_rows(summary: Summary) -> list[dict[str, Any]]:
    return [{"stage": stage, "name": name, "value": value, "clips": count, "stand_in": is_stand_in(name, value)}
            for (stage, name, value), count in
            sorted(summary.models.items(), key=lambda item: (_stage_order(item[0][0]), item[0]))]  # fmt: skip
