"""A clip as an mp4 for reviewers: what was seen and heard, and why each moment was kept or not."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import flat
from wail.errors import ConfigError, DatasetError
from wail.media.audio import read_flac
from wail.media.decode import GridFrame, grid_frames
from wail.media.encode import write_mp4
from wail.media.probe import GRID_FPS
from wail.review import overlay
from wail.review.overlay import Curve
from wail.review.plots import verdict_spans
from wail.review.read import ClipData, ShardTake, read_clip, read_landmarks, read_shards
from wail.store import ClipFolder, atomic_path

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
MAX_WIDTH_PX, MAX_HEIGHT_PX, MIN_WIDTH_PX = 960, 640, 480
INNER_LIPS = (13, 14)
WIDE_OPEN = 0.8
"""Distance of the inner lips, in outer eye distances, at the top of the strip's lane."""

Rgb = NDArray[np.uint8]
Face = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Of each face in a frame: xy_px [478, 2] and visibility [478]."""
Faces = dict[int, Face]


def write_preview(dataset: Path, clip_id: str, out: Path, pixelate: bool = True) -> Path:
    """Write one clip with faces' lines, verdicts and reasons drawn over, a running strip below, and its sound.

    The whole picture is a coarse mosaic unless `pixelate` is False. Raises DatasetError for a clip that is not in the
    dataset or whose media was deleted, ConfigError for a suffix that is no video's, MediaError when it cannot be read.
    """
    folder = ClipFolder(dataset, clip_id)
    if out.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{out.name} must end in one of {', '.join(SUFFIXES)} to say which kind of video to write")
    if not re.fullmatch(r"[\w-]+", clip_id) or not folder.path.is_dir():
        raise DatasetError(f"clip {clip_id} is not in {dataset}: its report and manifest.parquet list the ids")
    media = find_media(folder)
    clip = read_clip(dataset, clip_id)
    shards, _ = read_shards(dataset)
    wave, rate_hz = read_flac(folder.file("audio.flac")) if folder.file("audio.flac").is_file() else (None, None)
    with atomic_path(out) as temporary:
        frames = drawn(dataset, clip, shards, grid_frames(media), pixelate)
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


def drawn(dataset: Path, clip: ClipData, shards: dict[str, ShardTake], frames: Iterator[GridFrame],
          pixelate: bool) -> Iterator[Rgb]:  # fmt: skip
    """Each grid frame's picture with its header above and the strip, with its playhead, below."""
    first = next(frames, None)
    if first is None:
        return
    faces = _faces(read_landmarks(dataset, clip.clip_id))
    verdicts, labels = _rows(clip, "verdicts", "frame"), _rows(clip, "takes", "take_id")
    height, width = first.rgb.shape[:2]
    scale = min(MAX_WIDTH_PX / width, MAX_HEIGHT_PX / height, 2.0)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    wide = max(size[0], MIN_WIDTH_PX)
    spans = verdict_spans(clip.tables["verdicts"]) if verdicts else []
    duration_s = max(clip.duration_s, 1 / GRID_FPS)
    below = overlay.strip(wide, duration_s, spans, _lanes(clip, shards, faces))
    for one in chain([first], frames):
        row = verdicts.get(one.frame, {"keep": False, "reason": "no verdict", "take_id": None})
        take = labels.get(row["take_id"])
        detail = f"take {take['take_id']}, {take['label']}" if take else f"clip {clip.clip_id}"
        reason = None if row["keep"] else row["reason"] or "unexplained"
        top = overlay.header(wide, reason, detail, one.time_s)
        middle = _picture(one.rgb, size, scale, faces.get(one.frame, []), wide, pixelate)
        yield np.concatenate([top, middle, overlay.with_playhead(below, one.time_s, duration_s)])


def _rows(clip: ClipData, name: str, key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in clip.tables[name].to_pylist()} if name in clip.tables else {}


def _picture(rgb: Rgb, size: tuple[int, int], scale: float, faces: Face, wide: int, pixelate: bool) -> Rgb:
    shown = overlay.coarse(rgb, size) if pixelate else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    canvas: Rgb = np.array(shown, dtype=np.uint8)
    for xy, visibility in faces:
        overlay.draw_face(canvas, xy * scale, visibility)
    side = wide - size[0]
    return np.pad(canvas, ((0, 0), (side // 2, side - side // 2), (0, 0)))


def _faces(landmarks: pa.Table | None) -> Faces:
    """Per frame, each face's xy_px [478, 2] and visibility [478]."""
    found: Faces = {}
    if landmarks is None or not len(landmarks):
        return found
    xy = flat(landmarks["xy_px"]).reshape(-1, 478, 2)
    visibility = flat(landmarks["visibility"]).reshape(-1, 478)
    for frame, points, seen in zip(landmarks["frame"].to_pylist(), xy, visibility, strict=True):
        found.setdefault(frame, []).append((points, seen))
    return found


def _lanes(clip: ClipData, shards: dict[str, ShardTake], faces: Faces) -> list[tuple[str, list[Curve]]]:
    lanes = []
    if "voice" in clip.tables and len(clip.tables["voice"]):
        voice = clip.tables["voice"]
        t = voice["time_s"].to_numpy()
        lanes.append(("infant / adult", [Curve(t, voice["p_adult"].to_numpy(), overlay.ADULT),
                                         Curve(t, voice["p_infant"].to_numpy(), overlay.INFANT, 2)]))  # fmt: skip
    mouth = [_lip_gaps(faces)] if faces else []
    mine = [shard for name, shard in shards.items() if name in clip.fits and len(shard.aperture_mm)]
    top_mm = max([1.0, *(float(np.nanmax(shard.aperture_mm)) for shard in mine)])
    mouth += [Curve(shard.start_s + np.arange(len(shard.aperture_mm)) / GRID_FPS, shard.aperture_mm / top_mm,
                    overlay.APERTURE, 2) for shard in mine]  # fmt: skip
    return [*lanes, ("mouth opening", mouth)] if mouth else lanes


def _lip_gaps(faces: Faces) -> Curve:
    """The first face's inner-lip distance over its outer eye distance, as seen in the picture, on every frame."""
    frames = np.arange(max(faces) + 1)
    gap = np.full(len(frames), np.nan)
    for frame, found in faces.items():
        xy: Any = found[0][0]
        eyes = float(np.linalg.norm(xy[33] - xy[263]))
        gap[frame] = np.linalg.norm(xy[INNER_LIPS[0]] - xy[INNER_LIPS[1]]) / eyes / WIDE_OPEN if eyes > 0 else np.nan
    return Curve(frames / GRID_FPS, gap, overlay.OPENING)
