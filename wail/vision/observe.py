"""One face in one frame, measured: everything that later verdicts need, without the picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.vision.config import VisionConfig
from wail.vision.evidence import Look, look, mirror_disagreement, skin_luma
from wail.vision.geometry import angles_deg, head_rotation, vertex_normals
from wail.vision.hands import HandFinder, covered
from wail.vision.infant import proportions
from wail.vision.mesh import FaceMesh
from wail.vision.regions import MOUTH
from wail.vision.roi import Array
from wail.vision.tracks import FaceView
from wail.vision.visibility import (
    around_mouth,
    by_colour,
    by_mirror,
    facing,
    inside_picture,
    lips_unseen,
    seen_locally,
    seen_shares,
    skin_covered,
)

EVIDENCE_KINDS = ("colour", "lips", "mirror", "hand")
"""Pieces of evidence that the mouth is behind something, each a probability; columns `by_*` of table EVIDENCE."""


@dataclass(frozen=True)
class Observation:
    """One face in one frame. Angles by the project's convention (geometry.py)."""

    frame: int
    track: int
    xy_px: Array
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    interocular_px: float
    presence: float
    inside: NDArray[np.bool_]
    outside_share: float
    """Share of the mouth's landmarks outside the picture."""
    look: Look
    skin_luma: float
    local: Array
    """[478] visibility of each landmark before the evidence about the mouth as a whole."""
    face_seen: float
    """Its mean over landmarks that are no mouth ..."""
    mouth_seen: float
    """... and over the half of the mouth that is turned to the camera."""
    evidence: dict[str, float]
    """Probability by each of EVIDENCE_KINDS that the mouth is hidden; NaN where it was not taken."""
    proportions: NDArray[np.float32]


@dataclass
class _Memory:
    """What is not measured in every frame, per track."""

    hands: list[Array]
    mirror: float


class Observer:
    """Measures faces; hands and mirror images only every few frames, per track. Make one per clip."""

    def __init__(self, config: VisionConfig, mesh: FaceMesh, hands: HandFinder) -> None:
        self._config, self._mesh, self._hands = config, mesh, hands
        self._memory: dict[int, _Memory] = {}
        self._seen_frames: dict[int, int] = {}

    def __call__(self, frame: int, rgb: NDArray[np.uint8], view: FaceView) -> Observation:
        rotation, _, _ = head_rotation(view.points)
        yaw, pitch, roll = angles_deg(rotation)
        eyes_px = float(np.linalg.norm(view.xy_px[33] - view.xy_px[263]))
        memory = self._remember(rgb, view)
        hands = covered(view.xy_px, memory.hands, 0.04 * eyes_px) if memory.hands else np.zeros(len(view.xy_px), bool)
        turned = facing(vertex_normals(view.points))
        inside = inside_picture(view.xy_px, rgb.shape[1], rgb.shape[0])
        seen = look(view.crop, view.points)
        readable = inside & (turned > 0.3)
        limits = self._config.occlusion
        odd = skin_covered(seen.chroma, seen.log_luma, readable, limits)
        local = seen_locally(turned, inside, odd, hands)
        face_seen, mouth_seen = seen_shares(local, turned)
        evidence = {
            "colour": by_colour(around_mouth(odd, readable), limits),
            "lips": lips_unseen(seen.lip_red, seen.lip_dark, seen.colourful, limits),
            "mirror": by_mirror(memory.mirror, limits),
            "hand": float(hands[MOUTH].mean()),
        }
        return Observation(
            frame, view.track, view.xy_px, yaw, pitch, (roll + view.roi.roll_deg) % 360.0, eyes_px, view.presence,
            inside, float((~inside[MOUTH]).mean()), seen, skin_luma(seen), local, face_seen, mouth_seen, evidence,
            proportions(view.points, rotation),
        )  # fmt: skip

    def _remember(self, rgb: NDArray[np.uint8], view: FaceView) -> _Memory:
        age = self._seen_frames.get(view.track, 0)
        self._seen_frames[view.track] = age + 1
        memory = self._memory.setdefault(view.track, _Memory([], 0.0))
        # A hand that is there is followed more closely, for its edges in time.
        every = self._config.hands_every_frames // 2 if memory.hands else self._config.hands_every_frames
        if age % max(every, 1) == 0:
            memory.hands = self._hands(rgb, view.roi)
        if age % self._config.mirror_every_frames == 0:
            memory.mirror = mirror_disagreement(self._mesh, view.crop, view.points)
        return memory
