"""Short clips of one person each, and of pictures of a person: what `wail.bench.people` judges infants and pictures by.

People: an infant, child or adult turns the head, cries, laughs, talks, in many lights and sizes. Pictures: a still or a
playing video of an infant on a print, a telephone, a tablet, a television, hung or held before the camera. Their
opposites: living infants before windows, cot bars, pillows and pictures on the wall.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wail.bench.composites.people import Actor, Kind, Split, make_actor
from wail.bench.portraits import draw_expression
from wail.inface.render import render_mesh
from wail.inface.rotation import matrix_from_angles
from wail.inface.standin.muscles import activation
from wail.media.encode import write_mp4
from wail.samples.backdrop import PAINTERS, backdrop
from wail.samples.poses import Key, PoseTrack, pose_track
from wail.samples.shapes import F64, join

U8 = NDArray[np.uint8]
SIDE_PX = 288
PICTURES = ("print_still_camera", "print_shaken", "print_held", "screen_still", "screen_video", "poster_panned")
LIVING = ("window_behind", "cot_bars", "pillow", "pictures_behind", "asleep_still", "asleep_panned", "free")
_SALT = {"train": 41, "tune": 42, "test": 43}


@dataclass(frozen=True)
class PeopleClip:
    """One clip. `scene` is `free` or one of PICTURES and LIVING; `kind` is the person's."""

    name: str
    split: Split
    kind: Kind
    scene: str
    seed: int
    seconds: float

    @property
    def fps(self) -> int:
        """Long clips are shot at half the rate: half the work, and what they show is slow."""
        return 30 if self.seconds < 4 else 15

    @property
    def living(self) -> bool:
        return self.scene not in PICTURES


def plan_people(split: Split, infants: int, adults: int, children: int) -> tuple[PeopleClip, ...]:
    """One clip for each of the first people of a split, 1.5 to 2.5 s long."""
    counts: tuple[tuple[Kind, int], ...] = (("infant", infants), ("adult", adults), ("child", children))
    return tuple(
        PeopleClip(f"{kind}_{k:03d}", split, kind, "free", 5000 + k, 1.5 + (k % 3) * 0.5)
        for kind, count in counts for k in range(count)
    )  # fmt: skip


def plan_pictures(split: Split, each: int) -> tuple[PeopleClip, ...]:
    """`each` clips of every scene; those that need time to tell are 8 s long, the others 3 s."""
    return tuple(
        PeopleClip(f"{scene}_{k:02d}", split, "infant", scene, 9000 + 100 * i + k,
                   3.0 if scene in ("screen_video", "window_behind", "cot_bars", "pillow", "free") else 8.0)
        for i, scene in enumerate((*PICTURES, *LIVING)) for k in range(each)
    )  # fmt: skip


def make_people_clip(clip: PeopleClip, folder: Path) -> Path:
    """Write `<folder>/<split>_<name>.mp4`, unless it is there already."""
    path = folder / f"{clip.split}_{clip.name}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}")
        rng = np.random.default_rng([_SALT[clip.split], clip.seed, len(clip.kind)])
        write_mp4(temporary, _filmed(clip, rng), clip.fps, crf=int(rng.integers(20, 30)))
        temporary.replace(path)
    return path


def _filmed(clip: PeopleClip, rng: np.random.Generator) -> Iterator[U8]:
    """The clip's frames, after what a camera does to them."""
    actor = make_actor(clip.kind, clip.split, clip.seed)
    at_s = np.arange(round(clip.seconds * clip.fps)) / clip.fps
    scene = _living(clip, actor, at_s, rng) if clip.living else _picture(clip, actor, at_s, rng)
    return _camera(scene, rng)


def _camera(frames: Iterator[U8], rng: np.random.Generator) -> Iterator[U8]:
    gain = np.exp(rng.uniform(-0.8, 0.1)) * rng.uniform(0.88, 1.12, 3)
    gamma, blur, noise, grey = rng.uniform(0.85, 1.25), rng.uniform(0.3, 0.9), rng.uniform(0.5, 4), rng.random() < 0.1
    for frame in frames:
        seen = 255 * (cv2.GaussianBlur(frame, (0, 0), float(blur)) / 255.0) ** gamma * gain
        if grey:
            seen = np.repeat(seen.mean(2, keepdims=True), 3, 2)
        yield np.clip(seen + noise * rng.standard_normal(frame.shape), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class _Take:
    """How an actor is shot: eyes_px apart, at (x, y) px, its muscles [n, M] and poses, the light."""

    focal_px: float
    muscles: F64
    poses: PoseTrack
    light: list[float]
    ambient: float


def _acting(actor: Actor, at_s: F64, eyes_px: float, rng: np.random.Generator, asleep: bool = False) -> _Take:
    """Poses wander within 40 degrees of yaw; expressions change every 0.3 to 0.8 s; asleep neither does."""
    count = 2 if asleep else max(2, int(at_s[-1] / rng.uniform(0.3, 0.8)) + 2)
    drawn = np.array([draw_expression(rng)[1] for _ in range(count)])
    if asleep:
        drawn = _sleeping(rng)
    knots = np.linspace(0, at_s[-1], len(drawn))
    place = np.clip(np.interp(at_s, knots, np.arange(len(drawn))), 0, len(drawn) - 1)
    low = np.minimum(place.astype(int), len(drawn) - 2)
    share = (place - low)[:, None]
    share = share * share * (3 - 2 * share)
    far = float(rng.uniform(5, 16)) * actor.interocular_mm
    yaw, pitch = (np.clip(rng.normal(0, s, 3), -2 * s, 2 * s) for s in (18, 9))
    keys = tuple(Key(float(t), float(y), float(p), 0.0, 0.0, 0.0, far)
                 for t, y, p in zip(np.linspace(0, at_s[-1], 3), yaw, pitch, strict=True))  # fmt: skip
    restless = 0.0 if asleep else float(rng.uniform(0.5, 3))
    poses = pose_track(keys[:1] if asleep else keys, at_s, restless, int(rng.integers(2**31)))
    light = [float(rng.uniform(-1, 1)), float(rng.uniform(-1.0, 0.3)), -float(rng.uniform(0.3, 1))]
    muscles = drawn[low] * (1 - share) + drawn[low + 1] * share
    return _Take(eyes_px * far / actor.interocular_mm, muscles, poses, light, float(rng.uniform(0.35, 0.65)))


def _sleeping(rng: np.random.Generator) -> F64:
    return np.repeat(activation(lid_close=1.0, jaw_open=float(rng.uniform(0, 0.15)))[None], 2, 0)


def _shoot(actor: Actor, take: _Take, backs: Iterator[U8], shift_px: F64) -> Iterator[U8]:
    """The actor before each background, moved by shift_px [n, 2] in the picture (a camera that turns)."""
    verts = actor.verts(take.muscles)
    for k, back in enumerate(backs):
        turn, place = take.poses.rotation[k], take.poses.translation_mm[k].copy()
        place[:2] += shift_px[k] * place[2] / take.focal_px
        whole = join([actor.person.head(verts[k]).moved(turn, place),
                      actor.person.body.moved(take.poses.body_rotation[k], place)])  # fmt: skip
        yield render_mesh(whole.verts_mm, whole.triangles, whole.colours, take.focal_px, back.shape[1::-1], back,
                          take.light, supersample=2, ambient=take.ambient, specular=0.05, cull_back=True,
                          shade_once=True)[0]  # fmt: skip


def _living(clip: PeopleClip, actor: Actor, at_s: F64, rng: np.random.Generator) -> Iterator[U8]:
    """A living person, with what is behind; a panning camera moves both."""
    eyes = float(np.exp(rng.uniform(np.log(27), np.log(85))))
    if clip.scene != "free":
        eyes = float(rng.uniform(38, 70))
    width = SIDE_PX + 96
    room = np.ascontiguousarray(_room(clip.scene, (width, SIDE_PX + 40), eyes, rng))
    moves = clip.scene == "asleep_panned" or rng.random() < 0.4
    path = _shake(at_s, rng, 24.0 if clip.scene == "asleep_panned" else 5.0) * moves
    take = _acting(actor, at_s, eyes, rng, asleep=clip.scene.startswith("asleep"))
    backs = (_cut(room, shift) for shift in path)
    return _shoot(actor, take, backs, -path + [0, 0.25 * eyes])


def _shake(t: F64, rng: np.random.Generator, size_px: float) -> F64:
    """A hand-held camera's path [n, 2], px: slow sways and a little tremor, smooth."""
    hz, phase = rng.uniform(0.1, 0.5, (2, 2)), rng.uniform(0, 6.3, (2, 2))
    slow = np.sin(2 * np.pi * hz[:, :, None] * t + phase[..., None]).mean(1).T
    quick = np.sin(2 * np.pi * rng.uniform(1, 3, (2, 1)) * t + phase[:, :1]).T
    return np.asarray(size_px * slow + 0.12 * size_px * quick)


def _cut(room: U8, shift: F64) -> U8:
    x, y = shift + (np.array(room.shape[1::-1]) - SIDE_PX) / 2
    affine = np.array([[1, 0, x], [0, 1, y]])
    return np.asarray(cv2.warpAffine(room, affine, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                                     borderMode=cv2.BORDER_REPLICATE), np.uint8)  # fmt: skip


def _room(scene: str, size: tuple[int, int], eyes: float, rng: np.random.Generator) -> U8:
    """The background of a living scene: straight-edged things round, behind and beside where the head will be."""
    room = backdrop(str(rng.choice(list(PAINTERS))), size, int(rng.integers(2**31)))
    centre = np.array(size) / 2
    if scene in ("window_behind", "pillow"):
        # Wider than the head; its lower edge runs behind neck or shoulders.
        half = eyes * np.array([rng.uniform(1.2, 1.9), rng.uniform(1.2, 1.8)])
        box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + centre + [0, eyes * rng.uniform(0.1, 0.4)]
        box += rng.normal(0, 0.05 * eyes, (4, 2)) if scene == "pillow" else 0
        _frame(room, box, rng, line=int(rng.integers(2, 7)), mullions=scene == "window_behind")
    elif scene == "cot_bars":
        tone = rng.uniform(60, 255, 3)
        for x in np.arange(rng.uniform(0, 20), size[0], rng.uniform(0.7, 1.6) * eyes):
            _line(room, (x, 0), (x + rng.normal(0, 3), size[1]), tone.tolist(), int(rng.integers(3, 9)))
        for y in (0.12, 0.9):
            _line(room, (0, y * size[1]), (size[0], y * size[1]), tone.tolist(), 9)
    elif scene == "pictures_behind":
        for _ in range(int(rng.integers(2, 5))):
            half = eyes * rng.uniform(0.5, 1.6, 2)
            middle = np.array([rng.uniform(0.1, 0.9) * size[0], rng.uniform(0.1, 0.5) * size[1]])
            _frame(room, np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + middle, rng, int(rng.integers(2, 6)))
    return room


def _frame(room: U8, box: F64, rng: np.random.Generator, line: int, mullions: bool = False) -> None:
    """A filled quadrilateral with an edge of another tone, and perhaps the bars of a window."""
    corners = np.rint(box).astype(np.int32)
    cv2.fillConvexPoly(room, corners, rng.uniform(60, 255, 3).tolist(), cv2.LINE_AA)
    tone = rng.uniform(20, 255, 3).tolist()
    cv2.polylines(room, [corners], True, tone, line, cv2.LINE_AA)
    for one, two in ((0, 2), (1, 3)) if mullions else ():
        ends = (corners[one] + corners[(one + 1) % 4]) / 2, (corners[two] + corners[(two + 1) % 4]) / 2
        _line(room, *ends, tone, max(1, line // 2))


def _line(room: U8, start: ArrayLike, end: ArrayLike, tone: list[float], width: int) -> None:
    one, two = (np.rint(np.asarray(p, float)).astype(int).tolist() for p in (start, end))
    cv2.line(room, one, two, tone, width, cv2.LINE_AA)


def _picture(clip: PeopleClip, actor: Actor, at_s: F64, rng: np.random.Generator) -> Iterator[U8]:
    """A picture of an infant, still or playing, on a plane in a room."""
    eyes, still = float(rng.uniform(55, 75)), clip.scene != "screen_video"
    size = (int(eyes * rng.uniform(2.6, 4.0)), int(eyes * rng.uniform(2.7, 4.0)))
    frames = len(at_s)
    take = _acting(actor, at_s[:2] if still else at_s, eyes, rng)
    inner = backdrop(str(rng.choice(list(PAINTERS))), size, int(rng.integers(2**31)))
    shown = _shoot(actor, take, (inner for _ in range(1 if still else frames)), np.tile([0, 0.2 * eyes], (frames, 1)))
    room = backdrop(str(rng.choice(list(PAINTERS))), (SIDE_PX + 160, SIDE_PX + 160), int(rng.integers(2**31)))
    planes, tone = _planes(clip.scene, size, at_s, rng), _edge_tone(clip.scene, rng)
    moved = clip.scene not in ("print_still_camera", "screen_still")
    path = _shake(at_s, rng, 25.0 if clip.scene == "poster_panned" else 6.0) * moved
    framed = _bordered(next(shown), tone)
    for k in range(frames):
        framed = framed if still or k == 0 else _bordered(next(shown), tone)
        yield _pasted(_cut(room, path[k]), framed, planes[k] - path[k])


def _edge_tone(scene: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """A device's dark edge, a print's white one, a frame's of any colour."""
    if scene.startswith("screen"):
        return (18.0, 18.0, 20.0)
    red, green, blue = rng.uniform(0, 255, 3) if rng.random() < 0.5 else (245.0, 245.0, 240.0)
    return float(red), float(green), float(blue)


def _bordered(picture: U8, tone: tuple[float, float, float]) -> U8:
    edge = max(3, int(0.04 * max(picture.shape[:2])))
    return np.asarray(cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=tone), np.uint8)


def _planes(scene: str, size: tuple[int, int], t: F64, rng: np.random.Generator) -> F64:
    """Corners [n, 4, 2] of the picture in the room: tilted against the camera; held ones sway."""
    frames = len(t)
    angles = np.tile(np.radians(rng.uniform([-25, -15, -20], [25, 15, 20])), (frames, 1))
    scale, middle = np.full(frames, SIDE_PX * rng.uniform(0.55, 0.8) / max(size)), np.zeros((frames, 2))
    if scene == "print_held":
        sway = np.sin(2 * np.pi * rng.uniform(0.15, 0.4, 6)[:, None] * t + rng.uniform(0, 6.3, (6, 1)))
        angles = angles + np.radians([18, 12, 8]) * sway[:3].T
        middle, scale = middle + 8 * sway[3:5].T, scale * (1 + 0.06 * sway[5])
    box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(size) / 2
    turn = np.asarray(matrix_from_angles(angles[:, 0], angles[:, 1], angles[:, 2]))
    seen = np.einsum("nij,kj->nki", turn, np.pad(box, ((0, 0), (0, 1))) * [1, -1, 0]) * scale[:, None, None]
    far = 3.0 * SIDE_PX
    return np.asarray(seen[..., :2] * far / (far + seen[..., 2:]) + SIDE_PX / 2 + middle[:, None])


def _pasted(room: U8, picture: U8, corners: F64) -> U8:
    """A picture warped onto four corners of a room, its edge soft over a pixel."""
    height, width = picture.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    map_to = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    size = room.shape[1::-1]
    # Twice as large, then halved: the picture is shrunk, and would alias.
    double = np.diag([2.0, 2.0, 1.0]) @ map_to
    whole = np.full((height, width), 255, np.uint8)
    large = [cv2.warpPerspective(one, double, (2 * size[0], 2 * size[1])) for one in (picture, whole)]
    seen, cover = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in large)
    share = cover[..., None] / 255.0
    # `seen` is already darkened where the cover is partial.
    return np.asarray(np.clip(seen + room * (1 - share), 0, 255), np.uint8)
