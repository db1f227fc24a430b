"""A shot before the camera: people, occluder and light at every frame, rendered or asked what hides what."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.acting import act
from wail.bench.composites.backgrounds import background
from wail.bench.composites.camera import camera
from wail.bench.composites.lights import Light, lit, make_light
from wail.bench.composites.occluders import Occluder, occluder, turned
from wail.bench.composites.people import Actor, make_actor
from wail.bench.composites.plan import Cast, Shot
from wail.bench.composites.skin import textured
from wail.inface.rasterise import to_samples, z_pass
from wail.inface.render import render_mesh
from wail.inface.standin.rest import load_rest
from wail.samples.person import Person
from wail.samples.poses import PoseTrack, pose_track
from wail.samples.shapes import F64, Part, join
from wail.samples.stage import LIPS

FPS = 30.0
U8 = NDArray[np.uint8]
MOUTH = (13, 14)
DEPTH_PX = 320
REACH_MM, CELL_MM = 60.0, 4.0
"""What of a thing rests on the face: how far from the mouth, and how finely the face's front is looked at."""
TRIES, COVERS_SHARE = 6, 0.45
"""Shapes are drawn anew, so many times at most, until one in its place covers this share of the lips."""
INDENT_MM = 2.0
"""How deep what lies on a face dents it."""


@dataclass(frozen=True, eq=False)
class Played:
    """One person over the frames [n]. verts_mm [n, V, 3] in the head frame."""

    actor: Actor
    person: Person
    verts_mm: F64
    poses: PoseTrack

    @property
    def landmarks_mm(self) -> F64:
        """mediapipe's points [n, 468, 3] in the camera's frame."""
        turned = self.verts_mm[:, :468] @ np.swapaxes(self.poses.rotation, 1, 2)
        return np.asarray(turned + self.poses.translation_mm[:, None])


@dataclass(frozen=True, eq=False)
class Thing:
    """The occluder: its shape before the mouth at rest, its movement (head frame): shift [n, 3], turn [n, 3, 3]."""

    part: Part
    shift_mm: F64
    turn: F64


@dataclass(frozen=True, eq=False)
class Set:
    """All of a shot but the pictures."""

    shot: Shot
    played: tuple[Played, ...]
    thing: Thing | None
    light: Light


def frame_times(shot: Shot) -> F64:
    return np.arange(round(shot.duration_s * FPS)) / FPS


def set_up(shot: Shot, acting: Callable[[Cast, F64], F64] | None = None) -> Set:
    """Everybody and everything in place. `acting` gives activations [n, M] for a cast member at times [n]; else they
    move by the shot's mood."""
    at_s = frame_times(shot)
    played = tuple(_play(shot, k, at_s, acting) for k in range(len(shot.cast)))
    rng = np.random.default_rng([shot.seed, 3])
    thing = _bring(shot, played[0], at_s, rng) if shot.occluder != "none" else None
    luma = float(np.dot(played[0].actor.tones.skin, (0.3, 0.59, 0.11)))
    return Set(shot, played, thing, make_light(shot.light, shot.exposure, luma, rng))


def _play(shot: Shot, k: int, at_s: F64, acting: Callable[[Cast, F64], F64] | None) -> Played:
    who = shot.cast[k]
    rng = np.random.default_rng([shot.seed, 4, k])
    actor = make_actor(who.kind, shot.split, who.seed, who.band)
    moves = act(shot.mood if k == 0 else "babble", at_s, rng) if acting is None else acting(who, at_s)
    poses = pose_track(who.keys, at_s, float(rng.uniform(0.5, 2.5)), shot.seed + k)
    return Played(actor, textured(actor.person, actor.neutral_mm, rng), actor.verts(moves), poses)


def _bring(shot: Shot, infant: Played, at_s: F64, rng: np.random.Generator) -> Thing:
    rest = infant.actor.neutral_mm
    mouth = rest[list(MOUTH)].mean(0)
    made, part = _covering(shot, infant, rest, mouth)
    away = made.away * [1, 1, 0] / max(float(np.linalg.norm(made.away[:2])), 1e-6)
    shift = _way(shot, at_s, rng)[:, None] * away
    # It follows the mouth's own movement half way, as what a jaw or a hand carries does.
    shift = shift + mouth + 0.5 * (infant.verts_mm[:, list(MOUTH)].mean(1) - mouth)
    slide, turn = _restless(shot, at_s, rng)
    return Thing(part, shift + slide, np.stack([turned("z", float(a)) for a in turn]))


def _covering(shot: Shot, infant: Played, rest: F64, mouth: F64) -> tuple[Occluder, Part]:
    """An occluder that covers the mouth in its place, seen from where the camera is, and its shape laid on the face."""
    skin = infant.actor.tones.skin if shot.own_colour else None
    # The face as it is at several times: lips that pout and chins that drop must not come through.
    n = len(infant.verts_mm)
    face = np.concatenate([np.asarray(infant.person.smooth @ verts) - mouth - 0.5 * (verts[list(MOUTH)].mean(0) - mouth)
                           for verts in infant.verts_mm[:: max(1, n // 4)]])  # fmt: skip
    middle = n // 2
    tried: list[tuple[float, Occluder, Part]] = []
    for k in range(TRIES):
        made = occluder(shot.occluder, shot.split, 10 * shot.seed + k, skin)
        part = laid(made.part, face)
        covers = part.moved(shift_mm=mouth).moved(infant.poses.rotation[middle], infant.poses.translation_mm[middle])
        share = float(hidden_by([covers], infant.landmarks_mm[middle])[list(LIPS)].mean())
        tried.append((share, made, part))
        if share >= COVERS_SHARE:
            break
    _, made, part = max(tried, key=lambda one: one[0])
    return made, part


def laid(part: Part, face_mm: F64) -> Part:
    """The part moved along z until it lies on the face: points [n, 3], both in the mouth's frame."""
    half = int(np.ceil(REACH_MM / CELL_MM))
    front = np.full((2 * half, 2 * half), -np.inf)

    def cells(xy: F64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row, column = (np.floor(xy / CELL_MM).astype(np.int64) + half).T
        return row, column

    on_face, near = (xyz[np.abs(xyz[:, :2]).max(1) < REACH_MM] for xyz in (face_mm, part.verts_mm))
    np.maximum.at(front, cells(on_face[:, :2]), on_face[:, 2])
    gaps = near[:, 2] - front[cells(near[:, :2])]
    gaps = gaps[np.isfinite(gaps)]
    push = -float(np.quantile(gaps, 0.02)) - INDENT_MM if len(gaps) else 0.0
    return part.moved(shift_mm=(0, 0, push))


def _way(shot: Shot, at_s: F64, rng: np.random.Generator) -> F64:
    """Distance (mm) from its place along the way it comes [n]: 0 when it covers the mouth."""
    reach, travel = float(rng.uniform(110, 240)), float(rng.uniform(0.2, 0.5))
    come, go = (float(rng.uniform(*span)) * shot.duration_s for span in ((0.25, 0.5), (0.6, 0.8)))
    if shot.phase == "throughout":
        return np.zeros(len(at_s))
    if shot.phase == "near":
        return np.full(len(at_s), float(rng.uniform(46, 75)))
    if shot.phase in ("still", "moving"):
        come = min(come, 0.32 * shot.duration_s)
    gone = np.clip((come - at_s) / travel, 0, 1) if shot.phase != "leaving" else np.zeros(len(at_s))
    if shot.phase != "entering":
        gone = gone + np.clip((at_s - go) / travel, 0, 1)
    return np.asarray(reach * gone * gone * (3 - 2 * gone))


def _restless(shot: Shot, at_s: F64, rng: np.random.Generator) -> tuple[F64, F64]:
    """Small movement of its own: shift [n, 3] mm and turn [n] degrees; larger in `moving` shots."""
    size = {"moving": 9.0, "throughout": float(rng.choice([0.0, 1.0, 2.5]))}.get(shot.phase, 0.8)
    hz, phase = rng.uniform(0.6, 2.6, 4), rng.uniform(0, 2 * np.pi, 4)
    swing = np.sin(2 * np.pi * hz * at_s[:, None] + phase)
    return swing[:, :3] * [size, size, 0.2 * size], 1.2 * size * swing[:, 3]


def things_at(made: Set, k: int) -> list[Part]:
    """What may hide the first infant's face at frame k, camera frame: the occluder, and other people."""
    out = [part for one in made.played[1:] for part in _placed(one, k)]
    if made.thing is not None:
        poses = made.played[0].poses
        part = made.thing.part.moved(made.thing.turn[k], made.thing.shift_mm[k])
        out.append(part.moved(poses.rotation[k], poses.translation_mm[k]))
    return out


def _placed(one: Played, k: int) -> list[Part]:
    return [one.person.head(one.verts_mm[k]).moved(one.poses.rotation[k], one.poses.translation_mm[k]),
            one.person.body.moved(one.poses.body_rotation[k], one.poses.translation_mm[k])]


def _coarse(one: Played, k: int) -> list[Part]:
    """A person in the face model's own mesh, for shadows."""
    bare = Part(one.verts_mm[k], load_rest().triangles, one.verts_mm[k])
    return [bare.moved(one.poses.rotation[k], one.poses.translation_mm[k]),
            one.person.body.moved(one.poses.body_rotation[k], one.poses.translation_mm[k])]


def shoot(made: Set, frames: Sequence[int] | None = None) -> Iterator[U8]:
    """Frames uint8 [h, w, 3] as the camera takes them; all, or those asked for."""
    shot, light = made.shot, made.light
    rng = np.random.default_rng([shot.seed, 5])
    still = background(shot.background, shot.split, shot.size_px, shot.seed)
    back = np.asarray(np.clip(still * light.backdrop, 0, 255), np.uint8)
    take = camera(light, shot.size_px, shot.blur_px, shot.shake_px, rng)
    shine = float(rng.uniform(0.0, 0.12)) * float(light.key.mean())
    for k in range(len(made.played[0].verts_mm)) if frames is None else frames:
        things = things_at(made, k)
        whole = join(_placed(made.played[0], k) + things)
        colours = lit(whole, join([*_coarse(made.played[0], k), *things]), light)
        rgb, _ = render_mesh(whole.verts_mm, whole.triangles, colours, shot.focal_px, shot.size_px, back,
                             light.towards.tolist(), supersample=2, ambient=1.0, specular=shine, cull_back=True,
                             shade_once=True)  # fmt: skip
        yield take(rgb)


def pixels(points_mm: F64, shot: Shot) -> F64:
    """Camera frame [..., 3] to pixels [..., 2]."""
    return np.asarray(shot.focal_px * points_mm[..., :2] / points_mm[..., 2:] + np.asarray(shot.size_px, float) / 2)


def hidden(made: Set, which: int, k: int) -> NDArray[np.bool_]:
    """Landmarks [468] of person `which` that something before them hides at frame k, by depth; wherever they lie, in
    the picture or beyond its border."""
    parts = things_at(made, k) if which == 0 else _placed(made.played[0], k)
    return hidden_by(parts, made.played[which].landmarks_mm[k])


def hidden_by(parts: Sequence[Part], points: F64) -> NDArray[np.bool_]:
    """Which of a face's landmarks [468, 3] lie behind one of the parts; all in the camera's frame."""
    if not parts:
        return np.zeros(len(points), bool)
    whole = join(parts)
    # A picture about the face alone, whatever its size and place in the clip.
    eyes, centre = float(np.linalg.norm(points[33] - points[263])), points.mean(0)
    focal = DEPTH_PX / (3.0 * eyes) * centre[2]

    def screen(camera_mm: F64) -> F64:
        out = to_samples(np.asarray(camera_mm, np.float32), focal, DEPTH_PX, DEPTH_PX)
        out[:, :2] -= focal * centre[:2] / centre[2]
        return np.asarray(out)

    nearest, _ = z_pass(screen(whole.verts_mm), whole.triangles, DEPTH_PX, DEPTH_PX, False)
    at = screen(points)
    column, row = np.clip(at[:, :2].astype(int), 0, DEPTH_PX - 1).T
    return np.asarray(nearest[row, column] > at[:, 2])
