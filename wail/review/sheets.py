"""Contact sheets: for each reason a few pictures of several clips, the doubtful ones first, and a histogram.

Built while the clips are read one after the other; what is held does not grow with their number.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS
from wail.review.histogram import BINS, Counts, binned, histogram_svg
from wail.review.read import ClipData
from wail.review.scores import SCORES, FrameValues, Score
from wail.review.thumbs import Thumb
from wail.review.wording import reason_text

NEAREST, OTHERS, MOMENTS = 8, 8, 6
"""Pictures nearest to the threshold, other pictures, and moments without one, of each reason."""
PER_CLIP = 4
APART_FRAMES = 15
JUST_KEPT = 0.06
"""Kept frames this near to the threshold, of the histogram's width, are shown beside the dropped ones."""


@dataclass(frozen=True, order=True)
class Entry:
    """A frame for a sheet; entries are ordered by how much they are wanted."""

    rank: tuple[float, ...]
    clip_id: str
    frame: int
    reason: str = field(compare=False)
    """The sheet that it is for."""
    kept: bool = field(compare=False)
    value: str = field(compare=False)
    facts: tuple[str, ...] = field(compare=False)
    uri: str = field(compare=False)
    thumb: Thumb | None = field(compare=False, default=None)

    @property
    def time_s(self) -> float:
        return self.frame / GRID_FPS


@dataclass
class _Sheet:
    counts: Counts = field(default_factory=lambda: np.zeros((3, BINS), np.int64))
    nearest: list[Entry] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)
    moments: list[Entry] = field(default_factory=list)


class Sheets:
    """The sheets of a data set, filled clip by clip; `config` is dataset.json's."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._sheets: dict[str, _Sheet] = {}

    def wanted(self, clip: ClipData, uri: str, seen: FrameValues) -> list[Entry]:
        """Count a clip's values, note its doubtful moments, and name the frames of which pictures are wanted."""
        wanted: list[Entry] = []
        pictured = np.isin(seen.frame, clip.thumbs[0]) if clip.thumbs else np.zeros(len(seen.frame), bool)
        for reason in sorted(set(seen.reason.tolist()) - {None} | set(SCORES)):
            sheet = self._sheets.setdefault(reason, _Sheet())
            own, score = seen.reason == reason, SCORES.get(reason)
            kept = np.array([one is None for one in seen.reason.tolist()], bool)
            values = np.full(len(own), np.nan) if score is None else seen.of(score)
            if score is not None:
                sheet.counts += binned(score, values, [own, kept, ~own & ~kept])
            if not own.any():
                continue
            away = self._away(score, values)
            doubtful = own | (kept & (away < JUST_KEPT))
            near = _apart(np.flatnonzero(doubtful & pictured & np.isfinite(away)), away)
            some = _apart(np.flatnonzero(own & pictured), _shuffled(clip.clip_id, reason, len(own)))
            moments = _apart(np.flatnonzero(doubtful & np.isfinite(away)), away)

            def entry(i: int, *rank: float, reason: str = reason, score: Score | None = score,
                      values: NDArray[np.float64] = values) -> Entry:  # fmt: skip
                text = "" if score is None or not np.isfinite(values[i]) else score.text(values[i])
                return Entry(rank, clip.clip_id, int(seen.frame[i]), reason, seen.reason[i] is None, text,
                             facts_of(seen, i), uri)  # fmt: skip

            wanted += self._kept(sheet.nearest, [entry(i, k // 2, away[i]) for k, i in enumerate(near)], NEAREST)
            lot = _lot(clip.clip_id, reason)
            wanted += self._kept(sheet.others, [entry(i, k, lot) for k, i in enumerate(some)], OTHERS)
            self._kept(sheet.moments, [entry(i, k // 2, away[i]) for k, i in enumerate(moments)], MOMENTS)
        return wanted

    def _away(self, score: Score | None, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance from the threshold on the histogram's axis, 0-1; NaN where there is no value or no threshold."""
        limit = None if score is None else score.threshold(self._config)
        if score is None or limit is None:
            return np.full(len(values), np.nan)
        return np.asarray(np.abs(score.place(values) - score.place(limit)), np.float64)

    @staticmethod
    def _kept(held: list[Entry], more: list[Entry], count: int) -> list[Entry]:
        """Take the best `count` of both into `held`; returns those of `more` that got in."""
        held[:] = sorted([*held, *more])[:count]
        return [entry for entry in more if entry in held]

    def draw(self, wanted: Iterable[Entry], thumbs: Mapping[int, Thumb]) -> None:
        """Give the wanted entries of the clip just read their pictures."""
        drawn = {(entry.reason, entry.clip_id, entry.frame): thumbs[entry.frame] for entry in wanted}
        for sheet in self._sheets.values():
            for held in (sheet.nearest, sheet.others):
                held[:] = [_with(one, drawn.get((one.reason, one.clip_id, one.frame), one.thumb)) for one in held]

    def view(self, reason: str) -> dict[str, Any]:
        """What the template says of one reason's sheet."""
        sheet, score = self._sheets.get(reason, _Sheet()), SCORES.get(reason)
        text = reason_text(reason)
        limit = None if score is None else score.threshold(self._config)
        near = {(one.clip_id, one.frame) for one in sheet.nearest}
        drawn = sheet.counts[0].any() and score is not None
        return {
            "score": score, "setting": ".".join(score.setting) if score else None, "limit": limit,
            "histogram": Markup(histogram_svg(score, sheet.counts, text.colour, limit, text.title))
            if drawn and score else None,
            "unmeasured": score is not None and not drawn,
            "nearest": [one for one in sheet.nearest if one.thumb],
            "others": [one for one in sheet.others if one.thumb and (one.clip_id, one.frame) not in near],
            "moments": [one for one in sheet.moments if (one.clip_id, one.frame) not in near],
        }  # fmt: skip


def facts_of(seen: FrameValues, i: int) -> tuple[str, ...]:
    """The other scores of a frame, in words: what says that the mouth is hidden, and how the face lies."""

    def value(name: str) -> float:
        return float(seen.values[name][i]) if name in seen.values else float("nan")

    hints = sorted(((value(name), name.removeprefix("by_")) for name in seen.values if name.startswith("by_")),
                   reverse=True)  # fmt: skip
    by = ", ".join(f"{name} {p:.2f}" for p, name in hints if p >= 0.3)
    lines = [f"hidden by {by}"] if by else []
    if np.isfinite(value("yaw_deg")):
        lines.append(f"yaw {value('yaw_deg'):.0f}°, pitch {value('pitch_deg'):.0f}°")
        lines.append(f"eyes {value('interocular_px'):.0f} px, infant's {value('p_infant_face'):.2f}")
        live = f", live {value('p_live'):.2f}" if value("p_live") < 0.9 else ""
        lines.append(f"mouth {value('mouth_visible'):.2f}, face {value('visible'):.2f}{live}")
    return tuple(lines)


def _with(entry: Entry, thumb: Thumb | None) -> Entry:
    return Entry(entry.rank, entry.clip_id, entry.frame, entry.reason, entry.kept, entry.value, entry.facts, entry.uri,
                 thumb)  # fmt: skip


def _apart(places: NDArray[np.int64], order: NDArray[np.float64]) -> list[int]:
    """Up to PER_CLIP of some places, by `order` [n], none nearer than APART_FRAMES to one before it."""
    chosen: list[int] = []
    for place in places[np.argsort(order[places], kind="stable")].tolist():
        if all(abs(place - other) >= APART_FRAMES for other in chosen):
            chosen.append(place)
        if len(chosen) == PER_CLIP:
            break
    return chosen


def _lot(*names: str) -> float:
    """A number 0-1 drawn by some names: the same on every run."""
    return int.from_bytes(hashlib.sha256("/".join(names).encode()).digest()[:6], "big") / 2**48


def _shuffled(clip_id: str, reason: str, count: int) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(f"{clip_id}/{reason}".encode()).digest()[:8], "big")
    return np.random.default_rng(seed).random(count)
