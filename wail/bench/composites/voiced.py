"""Clips with sound for the benchmarks of sync and takes: infants whose mouths follow a voice, or do not.

The voice is synthetic (wail.samples.sound) and moves the mouth by the samples' law (wail.samples.law) with constants of
each infant's own; on top of the law a mouth may stay open between two breaths (`held`) and move by itself (`idle`), as
mouths do. Pictures are the composites' people at many poses and sizes, compressed by H.264 in several qualities.

Of every shot with one speaking face four files are made, of the same pictures (the very packets) and different sound:
`same`; `late` and `early`, the sound shifted by 200 ms; `swapped`, another infant's voice of the same kind. In `beside`
shots two infants are visible and one vocalises; in `silent` shots one is visible and another, unseen, vocalises.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.people import Actor, make_actor
from wail.inface.render import render_mesh
from wail.media.encode import write_mp4
from wail.samples.backdrop import backdrop
from wail.samples.hearing import FLOOR_DB, PEAK
from wail.samples.law import LAW_HZ, Law, activations, muscles, second_order
from wail.samples.poses import Key, pose_track
from wail.samples.room import adult_speech, hiss, household, mix_at, music, reverberate
from wail.samples.shapes import F64, Part, join
from wail.samples.sound import RATE_HZ, InfantVoice, VoiceStyle, infant_voice, smooth_noise
from wail.voice.frames import files_sha256

Split = Literal["tune", "test"]
Kind = Literal["speaks", "beside", "silent"]
SEEDS = {"tune": 410_000, "test": 870_000}
COUNTS: dict[Kind, int] = {"speaks": 60, "beside": 16, "silent": 16}
SHIFT_S = 0.2
MARGIN_S = 0.5
"""The sound is made longer than the clip at both ends, so that a shifted soundtrack brings no silence with it."""
SOUNDS = {"speaks": ("same", "late", "early", "swapped"), "beside": ("same",), "silent": ("same",)}
GRAIN = 2.0


@dataclass(frozen=True)
class Mouth:
    """One visible infant: who (seed of the actor), how its face answers to the voice, where its head is."""

    actor: int
    law: Law
    held: float
    """Share of the jaw's opening that outlasts the sound, as the mouth of a crying infant does between breaths."""
    idle: float
    """Opening by movements that no sound goes with, share of the widest."""
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class VoicedShot:
    """One set of pictures and what is heard with them. `behind` is heard at `snr_db` below the infant."""

    name: str
    split: Split
    kind: Kind
    seed: int
    label: str
    duration_s: float
    plan: tuple[tuple[float, float, str], ...]
    style: VoiceStyle
    mouths: tuple[Mouth, ...]
    speaker: int | None
    """Which of `mouths` vocalises; None where nobody visible does."""
    size_px: tuple[int, int]
    backdrop: str
    ambient: float
    fps: float
    crf: int
    behind: str
    snr_db: float

    @property
    def sounds(self) -> tuple[str, ...]:
        return SOUNDS[self.kind]

    @property
    def lag_s(self) -> float:
        """By how much the speaker's mouth follows its voice: the law's delay and its low-pass's."""
        if self.speaker is None:
            return 0.0
        law = self.mouths[self.speaker].law
        pole = float(np.exp(-1 / (law.mouth_tau_s * LAW_HZ)))
        return law.delay_s + 2 * pole / (1 - pole) / LAW_HZ

    @property
    def clear_onsets(self) -> bool:
        """Two utterances or more begin after a pause, little else sounds, and the mouth closes between them."""
        return self.speaker is not None and self.snr_db >= 10 and self.mouths[self.speaker].held <= 0.3 and (
            len(voice_of(self).utterances) >= 2)  # fmt: skip


def voiced_plan(split: Split, counts: dict[Kind, int] = COUNTS) -> tuple[VoicedShot, ...]:
    """The shots of a split; seeds of the splits never meet."""
    return tuple(_shot(split, kind, k) for kind, count in counts.items() for k in range(count))


def _shot(split: Split, kind: Kind, k: int) -> VoicedShot:
    seed = SEEDS[split] + 10_000 * list(COUNTS).index(kind) + 10 * k
    rng = np.random.default_rng(seed)
    label = ("cry", "cry", "laugh", "babble")[k % 4]
    duration = int(rng.integers(40, 61)) / 10
    places = (-78.0, 78.0) if kind == "beside" else (0.0,)
    mouths = tuple(_mouth(rng, seed + i, x, duration) for i, x in enumerate(places))
    return VoicedShot(
        name=f"{kind}_{split}_{k:03d}", split=split, kind=kind, seed=seed, label=label, duration_s=duration,
        plan=_bouts(rng, label, duration), style=_style(rng), mouths=mouths,
        speaker={"speaks": 0, "beside": int(rng.integers(2)), "silent": None}[kind],
        size_px=(480, 272) if kind == "beside" else (288, 288),
        backdrop=str(rng.choice(["sheet", "wall", "sofa", "rug"])),
        ambient=float(rng.uniform(0.35, 0.65)), fps=float(rng.choice([30.0, 30.0, 30.0, 25.0, 24.0])),
        crf=int(rng.choice([18, 23, 28, 33])), behind=str(rng.choice(["none", "none", "household", "music", "adult"])),
        snr_db=float(rng.uniform(5, 25)),
    )  # fmt: skip


def _style(rng: np.random.Generator) -> VoiceStyle:
    pitch = float(rng.uniform(0.88, 1.12))
    return VoiceStyle(pitch, 2 - pitch, float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.03, 0.08)))


def _bouts(rng: np.random.Generator, label: str, duration_s: float) -> tuple[tuple[float, float, str], ...]:
    """One to three bouts of crying, laughter or babble with pauses between, silence at both ends."""
    out, at = [], float(rng.uniform(0.35, 1.0))
    while at < duration_s - 1.2:
        end = min(at + float(rng.uniform(1.2, 4.0)), duration_s - float(rng.uniform(0.35, 0.7)))
        out.append((at, end, label))
        at = end + float(rng.uniform(0.3, 1.0))
    return tuple(out)


def _mouth(rng: np.random.Generator, actor: int, x_mm: float, duration_s: float) -> Mouth:
    law = Law(
        delay_s=float(rng.uniform(-0.06, 0.03)), gain=float(rng.uniform(0.55, 1.15)),
        mouth_tau_s=float(rng.uniform(0.012, 0.04)), noise=float(rng.uniform(0.02, 0.12)),
        asymmetry=float(rng.uniform(-0.1, 0.1)), pitch=float(rng.uniform(0.9, 1.1)),
    )  # fmt: skip
    held, idle = float(rng.choice([0.0, 0.15, 0.3, 0.6])), float(rng.choice([0.0, 0.05, 0.1, 0.2]))
    roll, far = float(rng.choice([0, 0, 0, 40, -70, 90, 180])), float(rng.uniform(380, 640))
    keys = tuple(
        Key(t, float(rng.uniform(-22, 22)), float(rng.uniform(-14, 14)), roll + float(rng.uniform(-12, 12)),
            x_mm + float(rng.uniform(-12, 12)), float(rng.uniform(-12, 12)), max(far, 420.0 if x_mm else 0.0))
        for t in np.arange(0, duration_s + 2.0, 2.5)
    )  # fmt: skip
    return Mouth(actor, law, held, idle, keys)


@lru_cache(maxsize=8)
def voice_of(shot: VoicedShot, own: bool = True) -> InfantVoice:
    """The voice that is heard, from MARGIN_S before the clip to MARGIN_S after; `own` False: another infant's."""
    seed = shot.seed + (1 if own else 2)
    rng = np.random.default_rng(seed)
    bouts = shot.plan if own else _bouts(rng, shot.label, shot.duration_s)
    style = shot.style if own else _style(rng)
    plan = [(start + MARGIN_S, end + MARGIN_S, label) for start, end, label in bouts]
    return infant_voice(plan, shot.duration_s + 2 * MARGIN_S, style, seed)


def sound_of(shot: VoicedShot, sound: str) -> NDArray[np.float32]:
    """The soundtrack at RATE_HZ, from the clip's start to its end."""
    voice = voice_of(shot, sound != "swapped")
    mix = reverberate(voice.wave, shot.seed + 3)
    total_s, n = shot.duration_s + 2 * MARGIN_S, len(mix)
    voiced = [(u.start_s, u.end_s) for u in voice.utterances]
    mix = mix + mix_at(mix, reverberate(np.resize(behind(shot, total_s), n), shot.seed + 5), shot.snr_db, voiced)
    mix = mix * PEAK / float(np.abs(mix).max()) + 10 ** (FLOOR_DB / 20) * hiss(total_s, shot.seed + 6)[:n]
    start = MARGIN_S - {"late": SHIFT_S, "early": -SHIFT_S}.get(sound, 0.0)
    first = round(start * RATE_HZ)
    return np.asarray(mix[first : first + round(shot.duration_s * RATE_HZ)], np.float32)


def behind(shot: VoicedShot, total_s: float) -> F64:
    """What sounds behind the infant."""
    if shot.behind == "household":
        return household(total_s, shot.seed + 4)
    if shot.behind == "music":
        return music(total_s, shot.seed + 4)
    if shot.behind == "adult":
        return adult_speech([(0.0, total_s)], total_s, shot.seed + 4, 190.0, 1.15).wave
    return np.zeros(round(total_s * RATE_HZ))


def shift_s(sound: str) -> float:
    """By how much the sound comes late in the file."""
    return {"late": SHIFT_S, "early": -SHIFT_S}.get(sound, 0.0)


def face_muscles(shot: VoicedShot, index: int, at_s: F64) -> F64:
    """Activations [n, M] of one visible infant at the clip's times."""
    mouth, seed = shot.mouths[index], shot.seed + 100 * (index + 1)
    total_s = shot.duration_s + 2 * MARGIN_S
    voice = voice_of(shot)
    if index != shot.speaker:
        voice = InfantVoice(np.zeros_like(voice.wave), np.zeros_like(voice.f0_hz), ())
    channels = muscles(voice, mouth.law, total_s, seed)
    jaw = channels["jaw"]
    slow = second_order(jaw, 0.12)
    alone = np.clip(smooth_noise(np.random.default_rng(seed + 1), len(jaw), 0.8, LAW_HZ), 0, 3) / 2
    channels["jaw"] = np.clip((1 - mouth.held) * jaw + mouth.held * np.maximum(jaw, slow) + mouth.idle * alone, 0, 1)
    return activations(channels, mouth.law, at_s + MARGIN_S)


def picture_times(shot: VoicedShot) -> F64:
    return np.arange(round(shot.duration_s * shot.fps)) / shot.fps


def pictures(shot: VoicedShot) -> Iterator[NDArray[np.uint8]]:
    """Frames uint8 [h, w, 3] at the shot's own frame rate."""
    at_s = picture_times(shot)
    actors: list[Actor] = [make_actor("infant", shot.split, mouth.actor) for mouth in shot.mouths]
    verts = [actor.verts(face_muscles(shot, i, at_s)) for i, actor in enumerate(actors)]
    poses = [pose_track(mouth.keys, at_s, 2.5, shot.seed + 50 + i) for i, mouth in enumerate(shot.mouths)]
    back = backdrop(shot.backdrop, shot.size_px, shot.seed)
    rng = np.random.default_rng(shot.seed + 9)
    light = (float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.8, 0.3)), -1.0)
    grain = rng.normal(0, GRAIN, (8, *back.shape)).astype(np.float32)
    for k in range(len(at_s)):
        parts: list[Part] = []
        for actor, mesh, pose in zip(actors, verts, poses, strict=True):
            parts.append(actor.person.head(mesh[k]).moved(pose.rotation[k], pose.translation_mm[k]))
            parts.append(actor.person.body.moved(pose.body_rotation[k], pose.translation_mm[k]))
        whole = join(parts)
        rgb, _ = render_mesh(whole.verts_mm, whole.triangles, whole.colours, 420.0, shot.size_px, back, light,
                             supersample=2, ambient=shot.ambient, specular=0.06, cull_back=True, shade_once=True)
        yield np.clip(rgb + grain[int(rng.integers(8))] + 0.5, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _code() -> str:
    """Hash of what the clips are made by: this file, the people, the samples' sound, law and painting."""
    import wail.bench.composites.people as people
    import wail.samples as samples

    files = [Path(__file__), Path(str(people.__file__)), *sorted(Path(samples.__path__[0]).glob("*.py"))]
    return files_sha256(*files)


def key_of(shot: VoicedShot) -> str:
    return hashlib.sha256((_code() + json.dumps(asdict(shot), sort_keys=True)).encode()).hexdigest()[:16]


def media_of(folder: Path, shot: VoicedShot, sound: str) -> Path:
    return folder / f"{shot.name}.{sound}.mp4"


def make_voiced(
    folder: Path, shots: Sequence[VoicedShot], on_progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Make the files that are not in `folder` yet (as this code makes them), each by a temporary name."""
    folder.mkdir(parents=True, exist_ok=True)
    for done, shot in enumerate(shots):
        on_progress(done, len(shots))
        note = folder / f"{shot.name}.json"
        if note.exists() and json.loads(note.read_text()).get("key") == key_of(shot):
            continue
        note.unlink(missing_ok=True)
        _make(folder, shot)
        note.write_text(json.dumps({"key": key_of(shot), **asdict(shot)}, indent=1) + "\n")
    on_progress(len(shots), len(shots))


def _make(folder: Path, shot: VoicedShot) -> None:
    first, *others = shot.sounds
    target = media_of(folder, shot, first)
    temporary = target.with_name(f".{target.name}")
    write_mp4(temporary, pictures(shot), shot.fps, sound_of(shot, first), RATE_HZ, crf=shot.crf)
    temporary.replace(target)
    for sound in others:
        with_other_sound(target, media_of(folder, shot, sound), sound_of(shot, sound))


def with_other_sound(source: Path, target: Path, wave: NDArray[np.float32], rate_hz: int = RATE_HZ) -> None:
    """Write `target` with the packets of `source`'s picture as they are and another soundtrack (AAC, mono)."""
    temporary = target.with_name(f".{target.name}")
    with av.open(str(source)) as reader, av.open(str(temporary), "w") as writer:
        video = writer.add_stream_from_template(reader.streams.video[0])
        audio: Any = writer.add_stream("aac", rate=rate_hz, layout="mono")
        for packet in reader.demux(reader.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                writer.mux(packet)
        for at in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[None, at : at + 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts = rate_hz, at
            writer.mux(audio.encode(frame))
        writer.mux(audio.encode(None))
    temporary.replace(target)


