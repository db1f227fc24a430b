"""Putting a scene before the camera: who is where at each time, rendered, and what of the mouth is covered."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from wail.inface.model import AGE, EXPRESSION, IDENTITY, FaceModel
from wail.inface.render import render_mesh
from wail.inface.standin.muscles import MUSCLES, expression_code
from wail.samples.backdrop import backdrop
from wail.samples.hearing import Heard
from wail.samples.law import activations, muscles
from wail.samples.occluders import Cover, hand, hand_turn, pacifier
from wail.samples.paint import FAIR
from wail.samples.person import Person, adult_vertices, make_person
from wail.samples.poses import PoseTrack, pose_track
from wail.samples.scenes import Infant, Scene
from wail.samples.shapes import F64, Part, join
from wail.samples.sound import CONTROL_HZ

U8 = NDArray[np.uint8]
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 13, 14)
"""Landmarks of the lips that an occluder may hide."""
GRAIN = 2.0
"""Sensor noise, grey levels."""


@dataclass(frozen=True)
class Face:
    """The infant at times [n]: latents [n, 97] raw, verts_mm [n, V, 3] in the head frame, channels of the law [n]."""

    latents: NDArray[np.float32]
    verts_mm: NDArray[np.float32]
    channels: dict[str, F64]
    poses: PoseTrack


def infant_face(model: FaceModel, scene: Scene, infant: Infant, heard: Heard, at_s: F64, seed: int) -> Face:
    """The infant's latents, mesh and pose at the given times; the same law and noise whatever the times."""
    if heard.infant is None:
        raise ValueError(f"scene {scene.name} has an infant but no voice for it")
    channels = muscles(heard.infant, infant.law, scene.duration_s, seed)
    latents = np.tile(subject_latent(model, infant), (len(at_s), 1))
    latents[:, EXPRESSION] = expression_code(activations(channels, infant.law, at_s))
    ticks = np.arange(len(next(iter(channels.values())))) / 120
    sampled = {name: np.interp(at_s, ticks, track) for name, track in channels.items()}
    poses = pose_track(scene.keys, at_s, scene.restless, seed + 1)
    return Face(latents, decode(model, latents), sampled, poses)


def subject_latent(model: FaceModel, infant: Infant) -> NDArray[np.float32]:
    """Identity and age of an infant as a raw latent [97] with the neutral expression."""
    z = np.clip(0.8 * np.random.default_rng(infant.seed).standard_normal(32), -1.6, 1.6)
    mean, std = np.asarray(model.latent_mean), np.asarray(model.latent_std)
    latent = mean.copy()
    latent[IDENTITY] = mean[IDENTITY] + std[IDENTITY] * z
    latent[AGE] = mean[AGE] + std[AGE] * infant.age_z
    latent[EXPRESSION] = expression_code(np.zeros(len(MUSCLES)))
    return latent.astype(np.float32)


def decode(model: FaceModel, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vertices [n, V, 3] of latents [n, 97], mm, head frame."""
    with torch.inference_mode():
        return model.decode(torch.from_numpy(latents)).float().numpy()


@dataclass(frozen=True)
class Stage:
    """A scene ready to be shot at times [n]."""

    scene: Scene
    at_s: F64
    infant: Person | None
    face: Face | None
    adult: Person | None
    adult_mm: F64 | None
    adult_poses: PoseTrack | None


def set_stage(model: FaceModel, scene: Scene, heard: Heard, face: Face | None, at_s: F64, seed: int) -> Stage:
    """Dress the people of a scene for the given times."""
    infant = None
    if scene.infant is not None:
        neutral = decode(model, subject_latent(model, scene.infant)[None])[0]
        infant = make_person(neutral, scene.infant.tones, scene.infant.clothes, scene.infant.seed)
    if scene.adult is None or heard.adult is None:
        return Stage(scene, at_s, infant, face, None, None, None)
    still = adult_vertices(np.zeros((1, len(MUSCLES))))[0]
    adult = make_person(still, scene.adult.tones, scene.adult.clothes, seed, 0.93)
    poses = pose_track(scene.adult.keys, at_s, 2.0, seed + 7)
    return Stage(scene, at_s, infant, face, adult, adult_vertices(_talking(heard, at_s, seed)), poses)


def _talking(heard: Heard, at_s: F64, seed: int) -> F64:
    """The adult's muscles [n, M]: a jaw that follows the syllables, rounding lips, blinks."""
    out = np.zeros((len(at_s), len(MUSCLES)))
    if heard.adult is None:
        return out
    opening = np.interp(at_s * CONTROL_HZ, np.arange(len(heard.adult.mouth_open)), heard.adult.mouth_open)
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi)
    out[:, MUSCLES.index("jaw_open")] = 0.38 * opening
    out[:, MUSCLES.index("orbicularis_oris")] = 0.35 * opening * np.clip(np.sin(9.0 * at_s + phase), 0, 1)
    blink = np.clip(np.sin(2 * np.pi * at_s / 3.1 + phase) * 30 - 29, 0, 1)
    for side in ("left", "right"):
        out[:, MUSCLES.index(f"lid_close_{side}")] = blink
    return out


def shoot(stage: Stage, seed: int) -> Iterator[U8]:
    """Frames uint8 [h, w, 3] at the stage's times."""
    scene = stage.scene
    back = backdrop(scene.backdrop, scene.size_px, seed)
    rng = np.random.default_rng(seed)
    grain = rng.normal(0, GRAIN, (8, *back.shape)).astype(np.float32)
    gain = np.asarray(scene.gain, np.float32)
    for k in range(len(stage.at_s)):
        parts = people(stage, k) + covers(stage, k)
        rgb = back
        if parts:
            whole = join(parts)
            rgb, _ = render_mesh(whole.verts_mm, whole.triangles, whole.colours, scene.focal_px, scene.size_px, back,
                                 scene.light, supersample=2, ambient=scene.ambient, specular=0.06, cull_back=True,
                                 shade_once=True)
        yield np.clip(rgb * gain + grain[int(rng.integers(8))] + 0.5, 0, 255).astype(np.uint8)


def people(stage: Stage, k: int) -> list[Part]:
    """The people at time k, in the camera's frame."""
    out = []
    if stage.infant is not None and stage.face is not None:
        out += _placed(stage.infant, stage.face.verts_mm[k], stage.face.poses, k)
    if stage.adult is not None and stage.adult_mm is not None and stage.adult_poses is not None:
        out += _placed(stage.adult, stage.adult_mm[k], stage.adult_poses, k)
    return out


def _placed(person: Person, verts_mm: ArrayLike, poses: PoseTrack, k: int) -> list[Part]:
    return [person.head(verts_mm).moved(poses.rotation[k], poses.translation_mm[k]),
            person.body.moved(poses.body_rotation[k], poses.translation_mm[k])]


def covers(stage: Stage, k: int) -> list[Part]:
    """What is before the mouth at time k, in the camera's frame."""
    if stage.face is None:
        return []
    mouth = stage.face.verts_mm[k][[13, 14]].mean(axis=0)
    return [part for cover in stage.scene.covers if (part := _cover(stage, cover, mouth, k)) is not None]


def _cover(stage: Stage, cover: Cover, mouth: F64, k: int) -> Part | None:
    presence = cover.presence(float(stage.at_s[k]))
    if presence == 0 or stage.face is None:
        return None
    poses = stage.face.poses
    away = (1 - presence) * np.asarray(cover.from_mm, float)
    if cover.kind == "pacifier":
        part = pacifier((0.25, 0.55, 0.75), (0.95, 0.8, 0.25)).moved(shift_mm=mouth + np.array([0, 0, 6.0]))
        return part.moved(poses.rotation[k], poses.translation_mm[k] + away)
    turn = hand_turn(stage.scene.hand_turn_deg)
    place = mouth @ poses.rotation[k].T + poses.translation_mm[k] - turn @ np.array([0.0, 22.0, 0.0])
    return hand(FAIR.skin).moved(turn, place + np.array([0, 0, -30.0]) + away)


def mouth_covered(stage: Stage, k: int) -> float:
    """Share of the lips' landmarks that an occluder hides at time k, 0-1."""
    parts = covers(stage, k)
    if not parts or stage.face is None:
        return 0.0
    whole = join(parts)
    scene = stage.scene
    _, depth = render_mesh(whole.verts_mm, whole.triangles, whole.colours, scene.focal_px, scene.size_px)
    lips = stage.face.verts_mm[k][list(LIPS)] @ stage.face.poses.rotation[k].T + stage.face.poses.translation_mm[k]
    px = pixels(lips, scene)
    inside = (px >= 0).all(1) & (px < scene.size_px).all(1)
    x, y = np.clip(px.astype(int), 0, np.array(scene.size_px) - 1).T
    return float(np.mean(inside & (depth[y, x] < lips[:, 2])))


def pixels(points_cam_mm: F64, scene: Scene) -> F64:
    """Camera frame [..., 3] to pixels [..., 2]."""
    centre = np.asarray(scene.size_px, float) / 2
    return np.asarray(scene.focal_px * points_cam_mm[..., :2] / points_cam_mm[..., 2:] + centre)
