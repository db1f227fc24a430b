"""A clip as an mp4 for reviewers: what was seen, fitted and heard, and why each moment was kept or not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from schemas.arrow import flat
from schemas.tables import LANDMARKS
from wail.errors import ConfigError, DatasetError
from wail.media.audio import read_flac
from wail.media.decode import GridFrame, grid_frames
from wail.media.encode import write_mp4
from wail.media.probe import GRID_FPS, MediaLimits, probe
from wail.review import overlay
from wail.review.fitted import FittedTake, fitted_takes
from wail.review.lanes import Landmarks, lanes, state_band
from wail.review.meshes import Wires, wires_of
from wail.review.overlay import Axis, Band
from wail.review.plots import verdict_spans
from wail.review.read import ClipData, limits_of, read_clip, read_dataset_json
from wail.store import ClipFolder, atomic_path, read_between

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
MAX_WIDTH_PX, MAX_HEIGHT_PX, MIN_WIDTH_PX = 960, 640, 480
PAGE_S = 20
"""The strip shows the clip whole, or such a part of it at a time: what is drawn for it is then bounded in memory."""
NO_FIT, SEEN = "no fit here", "the landmarks are drawn"

Rgb = NDArray[np.uint8]


def write_preview(
    dataset: Path, clip_id: str, out: Path, pixelate: bool = True, face_model: Path | None = None
) -> Path:
    """Write one clip, its fitted mesh's wire, verdicts and reasons drawn over, a running strip below, with its sound.

    Where nothing was fitted the landmarks' lines are drawn. The whole picture is a coarse mosaic unless `pixelate` is
    False. `face_model` is the file that the takes were fitted with; None takes the dataset's own setting, or the
    stand-in. Raises DatasetError for a clip that is not in the dataset, whose media was deleted or whose fit is
    damaged, ModelError for a model that did not make the fits, ConfigError for a suffix that is no video's, MediaError
    when the media cannot be read.
    """
    folder = ClipFolder(dataset, clip_id)
    if out.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{out.name} must end in one of {', '.join(SUFFIXES)} to say which kind of video to write")
    if not re.fullmatch(r"[\w-]+", clip_id) or not folder.path.is_dir():
        raise DatasetError(f"clip {clip_id} is not in {dataset}: its report and manifest.parquet list the ids")
    media = find_media(folder)
    about = read_dataset_json(dataset)
    clip = read_clip(dataset, clip_id)
    takes = fitted_takes(clip, limits_of(about).residual)
    config = about.get("config")
    said: dict[str, Any] = config if isinstance(config, dict) else {}
    wires = wires_of(clip, takes, face_model or _path(said.get("face_model"))) if takes else None
    limits = media_limits(said.get("media"))
    show = Show(folder, clip, takes, wires, probe(media, limits).n_grid_frames, pixelate)
    wave, rate_hz = read_flac(folder.file("audio.flac")) if folder.file("audio.flac").is_file() else (None, None)
    with atomic_path(out) as temporary:
        frames = drawn(show, grid_frames(media, limits))
        write_mp4(temporary, frames, GRID_FPS, wave=wave, rate_hz=rate_hz)
    return out


def find_media(folder: ClipFolder) -> Path:
    """The clip's media file; DatasetError says how to get it back when it was deleted."""
    receipt = folder.receipt("media")
    names = [output.path for output in receipt.outputs if output.path.startswith("media.")] if receipt else []
    if not names:
        raise DatasetError(f"clip {folder.clip_id} never got its media"
                           + (f" ({receipt.reason})" if receipt and receipt.reason else "") + "; run wail curate again")
    if not folder.file(names[0]).is_file():
        raise DatasetError(f"the media of clip {folder.clip_id} was deleted (retain = derived), so there is nothing to "
                           "show; run wail curate with --refetch to get it back")  # fmt: skip
    return folder.file(names[0])


def media_limits(said: Any) -> MediaLimits:
    """The limits that the dataset was made with, so that what it let in can be shown; the default ones where it does
    not say."""
    try:
        return TypeAdapter(MediaLimits).validate_python(said or {})
    except ValidationError:
        return MediaLimits()


def _path(said: Any) -> Path | None:
    return Path(said) if isinstance(said, str) and said else None


@dataclass(frozen=True, eq=False)
class Show:
    """What is shown of a clip."""

    folder: ClipFolder
    clip: ClipData
    takes: list[FittedTake]
    wires: Wires | None
    n_frames: int
    pixelate: bool

    @cached_property
    def verdicts(self) -> dict[int, tuple[bool, str | None, str | None]]:
        """By grid frame: kept or not, the reason, the take."""
        table = self.clip.tables.get("verdicts")
        if table is None:
            return {}
        frame, *rest = (table[name].to_pylist() for name in ("frame", "keep", "reason", "take_id"))
        return dict(zip(frame, zip(*rest, strict=True), strict=True))

    @cached_property
    def verdict_band(self) -> Band:
        return overlay.verdict_band(verdict_spans(self.clip.tables["verdicts"]) if self.verdicts else [])

    @property
    def duration_s(self) -> float:
        return max(self.clip.duration_s, self.n_frames / GRID_FPS, 1 / GRID_FPS)


@dataclass(frozen=True, eq=False)
class Page:
    """A part of the clip: its grid frames, the landmarks in them, and the strip drawn for it."""

    frames: range
    landmarks: Landmarks
    axis: Axis
    strip: Rgb


@dataclass(frozen=True)
class Layout:
    """How large things are drawn, px: the clip's picture (w, h), its own size before, and the width of everything."""

    size: tuple[int, int]
    clip_size: tuple[int, int]
    width: int

    @property
    def scale(self) -> NDArray[np.float64]:
        """[2]: from the clip's pixels to those drawn."""
        return np.array(self.size, np.float64) / np.array(self.clip_size, np.float64)


def layout(width: int, height: int) -> Layout:
    """The picture as large as fits, at most doubled."""
    scale = min(MAX_WIDTH_PX / width, MAX_HEIGHT_PX / height, 2.0)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return Layout(size, (width, height), max(size[0], MIN_WIDTH_PX))


def drawn(show: Show, frames: Iterator[GridFrame]) -> Iterator[Rgb]:
    """Each grid frame's picture with its header above and the strip, with its playhead, below."""
    first = next(frames, None)
    if first is None:
        return
    plan = layout(first.rgb.shape[1], first.rgb.shape[0])
    page = _page(show, plan, first.frame)
    for one in chain([first], frames):
        if one.frame not in page.frames:
            page = _page(show, plan, one.frame)
        below = overlay.with_playhead(page.strip, page.axis, one.time_s, show.duration_s)
        yield np.concatenate([_header(show, plan, one, page), _picture(show, plan, one, page), below])


def _page(show: Show, plan: Layout, frame: int) -> Page:
    whole = show.duration_s <= PAGE_S
    n = max(1, show.n_frames) if whole else round(PAGE_S * GRID_FPS)
    first = frame // n * n
    frames = range(first, first + n)
    axis = Axis(plan.width, first / GRID_FPS, show.duration_s if whole else (first + n) / GRID_FPS)
    landmarks = read_page(show.folder, frames)
    apertures = show.wires.apertures_mm if show.wires else {}
    drawn_lanes = lanes(show.clip, show.takes, apertures, landmarks, frames)
    strip = overlay.strip(axis, show.duration_s, show.verdict_band, state_band(show.takes), drawn_lanes)
    return Page(frames, landmarks, axis, strip)


def read_page(folder: ClipFolder, frames: range) -> Landmarks:
    """Per grid frame, each face's track, xy_px [478, 2] and visibility [478]; empty where the clip has none."""
    path = folder.file("landmarks.parquet")
    if not path.is_file():
        return {}
    table = read_between(path, LANDMARKS, "frame", frames[0], frames[-1])
    xy, visibility = flat(table["xy_px"]).reshape(-1, 478, 2), flat(table["visibility"]).reshape(-1, 478)
    found: Landmarks = {}
    for k, (frame, track) in enumerate(zip(table["frame"].to_pylist(), table["track"].to_pylist(), strict=True)):
        found.setdefault(frame, []).append((track, xy[k], visibility[k]))
    return found


def _header(show: Show, plan: Layout, one: GridFrame, page: Page) -> Rgb:
    keep, reason, take_id = show.verdicts.get(one.frame, (False, "no verdict", None))
    held = [take for take in show.takes if one.frame in take.frames]
    take = next((take for take in held if take.take_id == take_id), held[0] if held else None)
    detail = f"take {take.take_id}, {take.label}" if take else f"clip {show.clip.clip_id}"
    fit: tuple[str, ...] = (NO_FIT, SEEN) if one.frame in page.landmarks else (NO_FIT,)
    colour = overlay.MUTED
    if take:
        fit, colour = fit_text(take, one.frame), overlay.STATE_COLOURS[take.state[one.frame - take.first]]
    return overlay.header(plan.width, None if keep else reason or "unexplained", detail, one.time_s, fit, colour)


def fit_text(take: FittedTake, frame: int) -> tuple[str, ...]:
    """What a reviewer is told of a frame's fit, the most telling first."""
    k = frame - take.first
    state = take.state[k]
    if state == "bridged":
        return (overlay.STATE_TEXT[state],)
    if not take.n_landmarks[k]:
        return (overlay.STATE_TEXT[state], f"bad frame, all of its landmarks masked, {take.n_outliers[k]} as outliers")
    outliers = f", {take.n_outliers[k]} masked" if take.n_outliers[k] else ""
    return (
        overlay.STATE_TEXT[state],
        f"error {100 * take.residual[k]:.1f} % of the eyes' distance",
        f"confidence {take.confidence[k]:.2f}",
        f"lips ± {take.lip_sd_mm[k]:.2f} mm",
        f"{take.n_landmarks[k]} landmarks{outliers}",
    )


def _picture(show: Show, plan: Layout, one: GridFrame, page: Page) -> Rgb:
    shown = overlay.coarse(one.rgb, plan.size) if show.pixelate else cv2.resize(
        one.rgb, plan.size, interpolation=cv2.INTER_AREA)  # fmt: skip
    canvas: Rgb = np.array(shown, dtype=np.uint8)
    fitted = show.wires.draw(canvas, one.frame) if show.wires else set()
    for track, xy, visibility in page.landmarks.get(one.frame, []):
        if track not in fitted:
            overlay.draw_face(canvas, xy * plan.scale, visibility)
    side = plan.width - plan.size[0]
    return np.pad(canvas, ((0, 0), (side // 2, side - side // 2), (0, 0)))
