"""The lanes of a preview's strip: voice, mouth opening and the fit's confidence, over one page of the clip."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.media.probe import GRID_FPS
from wail.review.fitted import FittedTake
from wail.review.overlay import ADULT, APERTURE, CONFIDENCE, INFANT, OPENING, STATE_COLOURS, Band, Curve, Lane
from wail.review.read import ClipData

Landmarks = dict[int, list[tuple[int, NDArray[np.float32], NDArray[np.float32]]]]
"""By grid frame, of each face: its track, xy_px [478, 2] and visibility [478]."""
INNER_LIPS, EYES = (13, 14), (33, 263)
WIDE_OPEN = 0.8
"""Distance of the inner lips, in outer eye distances, at the top of the strip's lane."""
LEAST_TOP_MM = 10.0
"""A mouth that hardly moves is not blown up to the lane's height."""


def lanes(clip: ClipData, takes: Sequence[FittedTake], apertures_mm: Mapping[str, NDArray[np.float32]],
          landmarks: Landmarks, frames: range) -> list[Lane]:  # fmt: skip
    """What there is to show of these grid frames: voice, mouth, and how far the fit is to be trusted."""
    tops = [float(np.nanmax(value)) for value in apertures_mm.values() if np.isfinite(value).any()]
    mouth = _mouth(takes, apertures_mm, max([LEAST_TOP_MM, *tops]), landmarks, frames)
    return [*_voice(clip, frames), *mouth, *_trust(takes, frames)]


def state_band(takes: Sequence[FittedTake]) -> Band:
    """Runs of equal states of the fits."""
    spans = []
    for take in takes:
        edges = [0, *(k for k in range(1, len(take.state)) if take.state[k] != take.state[k - 1]), len(take.state)]
        spans += [((take.first + a) / GRID_FPS, (take.first + b) / GRID_FPS, STATE_COLOURS[take.state[a]])
                  for a, b in pairwise(edges)]  # fmt: skip
    return Band("fit", spans)


def _voice(clip: ClipData, frames: range) -> list[Lane]:
    if "voice" not in clip.tables or not len(clip.tables["voice"]):
        return []
    table = clip.tables["voice"]
    time_s = table["time_s"].to_numpy()
    # One sample more on either side, so that the lines reach the page's ends.
    a = max(0, int(np.searchsorted(time_s, frames.start / GRID_FPS)) - 1)
    b = int(np.searchsorted(time_s, frames.stop / GRID_FPS)) + 1
    curves = [Curve(time_s[a:b], table[name].to_numpy()[a:b], colour, width)
              for name, colour, width in (("p_adult", ADULT, 1), ("p_infant", INFANT, 2))]  # fmt: skip
    return [Lane((("infant's voice", INFANT), ("adult's voice", ADULT)), curves, "1")]


def _mouth(takes: Sequence[FittedTake], apertures_mm: Mapping[str, NDArray[np.float32]], top_mm: float,
           landmarks: Landmarks, frames: range) -> list[Lane]:  # fmt: skip
    curves = [_lip_gaps(takes, landmarks, frames)] if landmarks else []
    fitted = [Curve(*_part(take, apertures_mm[take.take_id] / top_mm, frames), APERTURE, 2)
              for take in takes if take.take_id in apertures_mm]  # fmt: skip
    names = ([("mouth, fitted", APERTURE)] if fitted else []) + ([("seen, no unit", OPENING)] if curves else [])
    return [Lane(names, curves + fitted, f"{top_mm:.0f} mm" if fitted else "")] if names else []


def _trust(takes: Sequence[FittedTake], frames: range) -> list[Lane]:
    if not takes:
        return []
    curves = [Curve(*_part(take, take.confidence, frames), CONFIDENCE, 2) for take in takes]
    return [Lane((("fit's confidence", CONFIDENCE),), curves, "1")]


def _part(take: FittedTake, values: NDArray[Any], frames: range) -> tuple[NDArray[Any], NDArray[Any]]:
    """Times and values of a take's frames that are on the page."""
    a, b = (min(max(frame - take.first, 0), len(values)) for frame in (frames.start, frames.stop))
    return (take.first + np.arange(a, b)) / GRID_FPS, values[a:b]


def _lip_gaps(takes: Sequence[FittedTake], landmarks: Landmarks, frames: range) -> Curve:
    """The inner lips' distance over the outer eye distance as seen in the picture: of the face that is fitted, else of
    the first one."""
    gap = np.full(len(frames), np.nan)
    for frame, found in landmarks.items():
        tracks = [take.track for take in takes if frame in take.frames]
        xy: Any = next((points for track, points, _ in found if track in tracks), found[0][1])
        eyes = float(np.linalg.norm(xy[EYES[0]] - xy[EYES[1]]))
        opening = float(np.linalg.norm(xy[INNER_LIPS[0]] - xy[INNER_LIPS[1]]))
        gap[frame - frames.start] = opening / eyes / WIDE_OPEN if eyes > 0 else np.nan
    return Curve(np.array(frames) / GRID_FPS, gap, OPENING)
