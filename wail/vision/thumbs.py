"""Small pictures of a clip in which nobody can be recognised: some evenly spread, some for every reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.vision.roi import Roi

Blocks = NDArray[np.uint8]

ROWS = 16
"""Blocks in a picture's height."""
FACE_BLOCKS = 5
"""No face's region is more blocks wide than this: faces can be named at 16 blocks (Harmon and Julesz 1973)."""
SAMPLES = 5
"""Pixels read along each side of a block: a block's mean needs no more, and 4K costs no more than 240p."""
NEAR_FRAMES = 90
"""A face that was lost is about as large as it was this much before or after: its blocks stay as large."""

MOST_BYTES = 6_000_000
"""Memory for pictures, however long the clip."""
EVEN, USABLE, PER_REASON = 12, 24, 4
"""How many are wanted: of the whole clip, of the frames that vision would keep (the sound's reasons fall among them),
of each reason of vision's own."""

Thumb = tuple[int, Blocks]
"""(grid frame, uint8 [ROWS, w, 3]): one pixel a block."""


def pixelated(rgb: NDArray[np.uint8], faces: Sequence[Roi], width: int) -> Blocks:
    """A picture as uint8 [ROWS, width, 3], in blocks so coarse that no face in it can be recognised."""
    height_px, width_px = rgb.shape[:2]
    block_px = max([height_px / ROWS, *(face.size_px / FACE_BLOCKS for face in faces)])
    step = max(1, int(block_px / SAMPLES))
    return _in_blocks(rgb[::step, ::step], width_px / block_px, height_px / block_px, width)


def _in_blocks(rgb: NDArray[np.uint8], across: float, down: float, width: int) -> Blocks:
    """A picture averaged to so many blocks, drawn as [ROWS, width, 3]."""
    size = max(1, round(across)), max(1, round(down))
    blocks = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(blocks, (width, ROWS), interpolation=cv2.INTER_NEAREST))


@dataclass(frozen=True, slots=True)
class _Kept:
    frame: int
    blocks: Blocks
    face: float
    """The largest face's share of the picture's height; 0 without a face."""


class ThumbPicker:
    """Pictures of a clip of unknown length, for reasons that are known only at its end, in bounded memory.

    One picture is kept of every `_every` frames: that which differs most from the one kept before, so that something
    short is the last to be lost. When memory is full, half of them go by the same rule.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._width, self._every = most_bytes, 0, 1
        self._kept: list[_Kept] = []
        self._open: list[_Kept] = []
        """The best so far of the frames since the last one that was kept; one or none."""

    def offer(self, frame: int, rgb: NDArray[np.uint8], faces: Sequence[Roi]) -> None:
        """See the picture of one grid frame, uint8 [h, w, 3], with the faces that are known in it. Frames rise."""
        if not self._width:
            self._width = max(1, min(round(rgb.shape[1] * ROWS / rgb.shape[0]), 8 * ROWS))
        face = max((face.size_px for face in faces), default=0.0) / rgb.shape[0]
        seen = _Kept(frame, pixelated(rgb, faces, self._width), face)
        self._open = [_least_like(self._kept, [*self._open, seen])]
        if frame % self._every == self._every - 1:
            self._kept += self._open
            self._open = []
            if len(self._kept) * seen.blocks.nbytes > self._most_bytes:
                self._halve()

    def _halve(self) -> None:
        pairs = [self._kept[i : i + 2] for i in range(0, len(self._kept), 2)]
        self._kept, self._every = [], 2 * self._every
        for pair in pairs:
            self._kept.append(_least_like(self._kept, pair))

    def picked(self, reasons: Mapping[int, str | None] | None = None) -> list[Thumb]:
        """Pictures for the whole clip, and for each of `reasons`: grid frame to vision's reason, None where usable.

        Of each reason they are evenly spread, and from the ends of its runs, where it is least certain. By frame, all
        of one size; at most EVEN + 2 USABLE + 2 PER_REASON for each reason.
        """
        reasons = reasons or {}
        kept = self._kept + self._open
        frames = [one.frame for one in kept]
        wanted = set(spread(frames, EVEN))
        by_reason: dict[str | None, list[int]] = {}
        for frame in frames:
            if frame in reasons:
                by_reason.setdefault(reasons[frame], []).append(frame)
        for reason, own in by_reason.items():
            count = USABLE if reason is None else PER_REASON
            wanted |= set(spread(own, count)) | set(spread(_ends(own, frames), count))
        return [(one.frame, self._coarsened(one, kept)) for one in kept if one.frame in wanted]

    def _coarsened(self, seen: _Kept, kept: Sequence[_Kept]) -> Blocks:
        """The picture, in the blocks of the largest face seen shortly before or after where none is seen in it."""
        if seen.face:
            return seen.blocks
        near = max((one.face for one in kept if abs(one.frame - seen.frame) <= NEAR_FRAMES), default=0.0)
        down = FACE_BLOCKS / near if near else ROWS
        return seen.blocks if down >= ROWS else _in_blocks(seen.blocks, down * self._width / ROWS, down, self._width)


def _least_like(kept: Sequence[_Kept], some: Sequence[_Kept]) -> _Kept:
    """That of some pictures which differs most from the last one kept, the first of equals."""
    if not kept:
        return some[0]
    before = kept[-1].blocks.astype(np.int16)
    differ = [int(np.abs(one.blocks - before).sum()) for one in some]
    return some[differ.index(max(differ))]


def _ends(own: Sequence[int], frames: Sequence[int]) -> list[int]:
    """Those of a reason's frames that do not have both neighbours among them; `frames` are all that there are."""
    held = set(own)
    inner = {b for (a, b), (_, c) in pairwise(pairwise(frames)) if {a, b, c} <= held}
    return [frame for frame in own if frame not in inner]


def spread(frames: Sequence[int], count: int) -> list[int]:
    """At most `count` of some rising frames, those nearest to evenly spread times, first and last among them."""
    if len(frames) <= count:
        return list(frames)
    at = np.searchsorted(np.asarray(frames), np.linspace(frames[0], frames[-1], count))
    return [frames[i] for i in np.unique(at)]
