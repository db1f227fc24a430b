"""One face in one frame, measured: everything that later verdicts need, without the picture."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wail.vision import fusion
from wail.vision.config import VisionConfig
from wail.vision.evidence import Look, look, no_line, odd_colour, one_sided, skin_luma
from wail.vision.evidence_mesh import doubt
from wail.vision.fan import Fan, FanPoints, mouth_unseen
from wail.vision.geometry import angles_deg, vertex_normals
from wail.vision.hands import HandFinder, HandWatch, covered
from wail.vision.infant import proportions
from wail.vision.landmarker import locate
from wail.vision.mesh import FaceMesh
from wail.vision.occlusion import OcclusionNet
from wail.vision.regions import LIPS, MOUTH
from wail.vision.roi import Array
from wail.vision.tracks import FaceView
from wail.vision.visibility import facing, inside_picture, seen_locally, seen_shares, skin_covered

MAX_TRACKS = 32
"""Remembered at a time, the last seen ones."""


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
    """Share of the lips' landmarks outside the picture."""
    look: Look
    skin_luma: float
    local: Array
    """[478] visibility of each landmark before the evidence about the mouth as a whole."""
    face_seen: float
    """Its mean over landmarks that are no mouth ..."""
    mouth_seen: float
    """... and what pose, border and hands leave of the mouth's half that is turned to the camera."""
    evidence: NDArray[np.float32]
    """[fusion.KINDS] log-odds by each that the mouth is hidden; NaN where it was not taken."""
    proportions: NDArray[np.float32]
    fan: FanPoints | None = None
    """What FAN sees, in frames in which it is asked."""


@dataclass
class _Memory:
    """What is not measured in every frame, per track."""

    age_frames: int = 0
    doubts: dict[int, float] = field(default_factory=dict)
    network: Array | None = None
    fan: float | None = None
    """mouth_unseen, when FAN was last asked."""


class Observer:
    """Measures faces; the slower evidence only every few frames, per track. Make one per clip."""

    def __init__(
        self, config: VisionConfig, mesh: FaceMesh, hands: HandFinder, network: OcclusionNet, fan: Fan | None = None
    ) -> None:
        self._config, self._mesh, self._network, self._fan = config, mesh, network, fan
        self._hands = HandWatch(hands, config.hands_every_frames)
        self._memory: dict[int, _Memory] = {}

    def __call__(self, frame: int, rgb: NDArray[np.uint8], view: FaceView) -> Observation:
        yaw, pitch, roll = angles_deg(view.rotation)
        eyes_px = float(np.linalg.norm(view.xy_px[33] - view.xy_px[263]))
        memory, fan = self._remember(rgb, view)
        outlines = self._hands(rgb, view.roi, view.track)
        hands = covered(view.xy_px, outlines, 0.04 * eyes_px) if outlines else np.zeros(len(view.xy_px), bool)
        turned = facing(vertex_normals(view.points))
        inside = inside_picture(view.xy_px, rgb.shape[1], rgb.shape[0])
        seen = look(view.crop, view.points)
        readable = inside & (turned > 0.3)
        odd = skin_covered(seen.chroma, seen.log_luma, readable, self._config.occlusion)
        if memory.network is not None:
            odd = np.asarray(1 - (1 - odd) * (1 - memory.network), np.float32)
        nothing = np.zeros_like(odd)
        local = seen_locally(turned, inside, odd, hands)
        face_seen, _ = seen_shares(local, turned)
        _, mouth_seen = seen_shares(seen_locally(turned, inside, nothing, hands), turned)
        return Observation(
            frame, view.track, view.xy_px, yaw, pitch, (roll + view.roi.roll_deg) % 360.0, eyes_px, view.presence,
            inside, float((~inside[LIPS]).mean()), seen, skin_luma(seen), local, face_seen, mouth_seen,
            self._evidence(seen, readable, memory, hands, turned), proportions(view.points, view.rotation), fan,
        )  # fmt: skip

    def _evidence(
        self, seen: Look, readable: NDArray[np.bool_], memory: _Memory, hands: NDArray[np.bool_], turned: Array
    ) -> NDArray[np.float32]:
        measured = {
            "line": no_line(seen), "texture": seen.roughness, "mesh": float(np.mean(list(memory.doubts.values()))),
            "hand": float(hands[MOUTH].mean()),
        }  # fmt: skip
        if seen.colourful >= self._config.min_colourful:
            measured["colour"] = odd_colour(seen, readable, self._config.occlusion.level_error)
            measured["lips"] = -seen.lip_red
            measured["symmetry"] = one_sided(seen, readable)
        if memory.network is not None:
            near = LIPS[turned[LIPS] > 0.5]
            measured["network"] = float(memory.network[near if len(near) else LIPS].mean())
        if memory.fan is not None:
            measured["fan"] = memory.fan
        return fusion.log_odds(measured, self._config.fusion)

    def _remember(self, rgb: NDArray[np.uint8], view: FaceView) -> tuple[_Memory, FanPoints | None]:
        """The slower evidence, renewed where it is due, and what FAN says if it is asked now."""
        memory = self._memory.pop(view.track, None) or _Memory()
        self._memory = {**dict(list(self._memory.items())[-MAX_TRACKS:]), view.track: memory}
        age = memory.age_frames
        memory.age_frames += 1
        if age % self._config.doubt_every_frames == 0:
            turn = age // self._config.doubt_every_frames % 2
            memory.doubts[turn] = doubt(self._mesh, view.crop, view.points, turn)
        if age % self._config.network_every_frames == 0:
            memory.network = self._network.covered(view.crop, view.points)
        if not (self._fan and self._config.fan_every_frames and age % self._config.fan_every_frames == 0):
            return memory, None
        found = locate(self._fan, rgb, view.roi)
        memory.fan = mouth_unseen(found.score)
        return memory, FanPoints(found.xy_px + np.float32(0.5), found.score)  # as the mesh's are counted
