"""Make the sample clips: `python -m wail.samples.make OUT`.

Each clip is its media file and `<name>.truth.npz`, both written under temporary names; `truth.json` collects the
intervals. A clip whose truth carries the same key is left alone, so a run that was cut short goes on where it was.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wail.errors import ConfigError
from wail.inface.landmarks import aperture_mm
from wail.inface.model import AGE, EXPRESSION, IDENTITY, FaceModel, load_model
from wail.media.encode import write_mp4
from wail.media.parent import each_done, end_with_parent
from wail.samples.hearing import Heard, hear
from wail.samples.scenes import SCENES, Scene
from wail.samples.shapes import F64
from wail.samples.sound import CONTROL_HZ, RATE_HZ, loudness_db
from wail.samples.stage import LIPS, Stage, infant_face, mouth_covered, pixels, set_stage, shoot
from wail.samples.truth import NOTE, TRUTH_FPS, Span, Truth, collect, spans_of, stored_key, write_truth

WORKERS = 2
VISIBLE_YAW_DEG = 40.0
PROFILE_YAW_DEG = 60.0


def make_samples(
    out: Path, seed: int = 7, names: Sequence[str] | None = None, workers: int = WORKERS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:  # fmt: skip
    """Make the clips (all, or those named) that are not in `out` yet; returns the media files in the scenes' order.

    `on_progress` is told how many clips are there and how many shall be. Raises ConfigError for an unknown name.
    """
    known = {scene.name: scene for scene in SCENES}
    unknown = sorted(set(names or ()) - known.keys())
    if unknown:
        raise ConfigError(f"there is no sample clip {unknown[0]!r}; there are {', '.join(known)}")
    scenes = [scene for scene in SCENES if names is None or scene.name in names]
    out.mkdir(parents=True, exist_ok=True)
    todo = [scene for scene in scenes if stored_key(truth_path(out, scene)) != _key(scene, seed)
            or not media_path(out, scene).exists()]
    # The longest first, so that no worker is left with one at the end.
    todo.sort(key=lambda scene: -scene.duration_s * scene.size_px[0])
    keys = [_key(scene, seed) for scene in todo]
    there = len(scenes) - len(todo)
    on_progress(there, len(scenes))
    calls = [(scene, out, seed, key) for scene, key in zip(todo, keys, strict=True)]
    for done, _ in enumerate(each_done(make_clip, calls, workers, _start_worker), there + 1):
        on_progress(done, len(scenes))
    collect(out)
    return [media_path(out, scene) for scene in scenes]


def media_path(out: Path, scene: Scene) -> Path:
    return out / f"{scene.name}{scene.suffix}"


def truth_path(out: Path, scene: Scene) -> Path:
    return out / f"{scene.name}.truth.npz"


def _start_worker(parent_pid: int) -> None:
    torch.set_num_threads(1)
    end_with_parent(parent_pid)


@lru_cache(maxsize=1)
def _code() -> str:
    """Hash of this package's sources and of the face model's file."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest() + load_model().sha256


def _key(scene: Scene, seed: int) -> str:
    """What a clip is made from: the code, the face model, the scene, the seed."""
    return hashlib.sha256(repr((_code(), scene, seed)).encode()).hexdigest()[:16]


def frame_times(scene: Scene) -> F64:
    """Presentation times of the video's frames, seconds."""
    if not scene.rates:
        return np.arange(round(scene.duration_s * scene.fps)) / scene.fps
    starts = np.cumsum([0.0, *(length for length, _ in scene.rates)])
    spans = zip(starts, scene.rates, strict=False)
    return np.concatenate([start + np.arange(round(d * fps)) / fps for start, (d, fps) in spans])


def make_clip(scene: Scene, out: Path, seed: int, key: str) -> None:
    """Write one clip's media and truth; `key` is kept with the truth and says what it was made from."""
    model = load_model()
    own = seed * 1000 + (scene.infant.seed if scene.infant else 99)
    heard = hear(scene, own)
    times = frame_times(scene)
    grid = np.arange(round(scene.duration_s * TRUTH_FPS)) / TRUTH_FPS
    stages = [_staged(model, scene, heard, at, own) for at in (times, grid)]
    media = media_path(out, scene)
    temporary = media.with_name(f".{media.name}")
    wave = heard.mix[round(scene.audio_start_s * RATE_HZ):].astype(np.float32)
    write_mp4(temporary.with_suffix(scene.suffix), shoot(stages[0], own), scene.fps, wave, RATE_HZ, scene.audio_start_s,
              times_s=list(times) if scene.rates else None, rotation_deg=scene.rotation_deg)
    temporary.replace(media)
    write_truth(_truth(model, scene, heard, stages[1]), key, truth_path(out, scene))


def _staged(model: FaceModel, scene: Scene, heard: Heard, at_s: F64, seed: int) -> Stage:
    face = infant_face(model, scene, scene.infant, heard, at_s, seed + 20) if scene.infant else None
    return set_stage(model, scene, heard, face, at_s, seed + 30)


def _truth(model: FaceModel, scene: Scene, heard: Heard, stage: Stage) -> Truth:
    """The truth at the grid's times."""
    n = len(stage.at_s)
    arrays = _arrays(model, scene, heard, stage) if stage.face else {}
    spoken = heard.adult.spans_s if heard.adult else ()
    labels = [u.label for u in heard.infant.utterances] if heard.infant else []
    every = np.ones(n, bool)
    infant = scene.infant
    return Truth(
        name=scene.name, file=f"{scene.name}{scene.suffix}", note=NOTE, model=model.name, model_sha256=model.sha256,
        duration_s=scene.duration_s, fps=TRUTH_FPS, n_frames=n, size_px=scene.size_px, focal_px=scene.focal_px,
        label=max(set(labels), key=labels.count) if labels else None, video_fps=scene.fps,
        variable_fps=bool(scene.rates), audio_start_s=scene.audio_start_s, rotation_deg=scene.rotation_deg,
        face_delay_s=infant.law.delay_s if infant else None,
        age=float(stage.face.latents[0, AGE.start]) if stage.face else None,
        voice=tuple(Span(u.start_s, u.end_s, u.label) for u in heard.infant.utterances) if heard.infant else (),
        adult_speech=tuple(Span(a, b, "adult_speech") for a, b in spoken),
        visible=_visible(scene, arrays) if arrays else (), hidden=_hidden(scene, arrays, n),
        adult_face=spans_of(every, "adult_face") if stage.adult else (), arrays=arrays,
    )  # fmt: skip


def _arrays(model: FaceModel, scene: Scene, heard: Heard, stage: Stage) -> dict[str, Any]:
    face = stage.face
    if face is None or heard.infant is None:
        return {}
    n = len(stage.at_s)
    cam = face.verts_mm[:, :468] @ np.swapaxes(face.poses.rotation, 1, 2) + face.poses.translation_mm[:, None]
    ticks = np.minimum(np.round(stage.at_s * CONTROL_HZ).astype(int), len(heard.infant.f0_hz) - 1)
    out = {
        "expression": face.latents[:, EXPRESSION], "identity": face.latents[0, IDENTITY], "pose": face.poses.pose,
        "yaw_deg": face.poses.angles_deg[:, 0], "pitch_deg": face.poses.angles_deg[:, 1],
        "roll_deg": face.poses.angles_deg[:, 2] % 360, "landmarks_px": pixels(cam, scene),
        "aperture_mm": aperture_mm(model, torch.from_numpy(face.latents)).numpy(),
        "mouth_covered": np.array([mouth_covered(stage, k) for k in range(n)]),
        "loudness_db": loudness_db(heard.infant.wave, n), "f0_hz": heard.infant.f0_hz[ticks],
        **{f"muscle_{name}": track for name, track in face.channels.items()},
    }  # fmt: skip
    return {name: np.asarray(value, np.float32) for name, value in out.items()}


def _inside(scene: Scene, landmarks_px: F64) -> F64:
    return np.asarray(((landmarks_px >= 0) & (landmarks_px < scene.size_px)).all(axis=-1))


def _visible(scene: Scene, arrays: dict[str, Any]) -> tuple[Span, ...]:
    free = (arrays["mouth_covered"] == 0) & (np.abs(arrays["yaw_deg"]) <= VISIBLE_YAW_DEG)
    return spans_of(free & _inside(scene, arrays["landmarks_px"]).all(axis=1), "visible")


def _hidden(scene: Scene, arrays: dict[str, Any], n: int) -> tuple[Span, ...]:
    if not arrays:
        return spans_of(np.ones(n, bool), "adult_only")
    lips_out = ~_inside(scene, arrays["landmarks_px"][:, list(LIPS)]).all(axis=1)
    covered = spans_of(arrays["mouth_covered"] > 0, scene.covers[0].kind if scene.covers else "")
    profile = spans_of(np.abs(arrays["yaw_deg"]) >= PROFILE_YAW_DEG, "profile")
    return (*covered, *profile, *spans_of(lips_out, "offscreen"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: where to, which, which seed."""
    parser = argparse.ArgumentParser(prog="python -m wail.samples.make", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--names", nargs="*", help="only these clips")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args(arguments)
    for path in make_samples(options.out, options.seed, options.names, options.workers):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
