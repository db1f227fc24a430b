"""`wail bench visibility`, part people: infants against adults, a track at a time, and pictures against living faces.

Every clip goes through the tracker as in `wail.vision.analyse`; the longest track of a clip answers for it. Real faces
differ from rendered ones by more than these from each other: how far infants, children and adults of flesh and blood
are told apart is said by what `wail.bench.people_fit` was checked on, not by these rows alone.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.people import Split, make_actor
from wail.bench.people_clips import PICTURES, PeopleClip, make_people_clip, plan_people, plan_pictures
from wail.bench.rows import Row
from wail.bench.scores import calibration_error, reliability, wilson
from wail.media.decode import grid_frames
from wail.pipeline import Progress
from wail.vision.config import VisionConfig
from wail.vision.detect import FaceDetector
from wail.vision.geometry import angles_deg
from wail.vision.infant import p_infant_face, proportions
from wail.vision.live import LiveWatch
from wail.vision.mesh import FaceMesh
from wail.vision.tracks import FaceTracker
from wail.voice.frames import files_hash

COUNTS = {"infants": 50, "adults": 50, "children": 20}
PICTURES_EACH = 3
CHILD_YEARS = ((3.0, 5.0), (5.0, 8.0), (8.0, 12.0))
IMAGES = 0.5
"""p_live under which a face is called a picture."""


@dataclass(frozen=True)
class Watched:
    """What vision says of one clip's longest track; `frames` 0 where no face was found."""

    name: str
    p_infant: float
    p_live: float
    frames: int
    interocular_px: float


def watch(path: Path, config: VisionConfig, mesh: FaceMesh, detector: FaceDetector) -> Watched:
    """Follow the faces of a clip; the longest track's answers."""
    tracker, live = FaceTracker(config, mesh, detector), LiveWatch(config.live)
    rows: dict[int, list[tuple[NDArray[np.float32], float, float]]] = {}
    last: NDArray[np.uint8] | None = None
    for frame in grid_frames(path):
        if frame.rgb is last:
            continue
        last = frame.rgb
        for view in tracker.step(frame.rgb):
            yaw, pitch, _ = angles_deg(view.rotation)
            live.see(frame.frame, frame.rgb, view)
            eyes = float(np.linalg.norm(view.xy_px[33] - view.xy_px[263]))
            rows.setdefault(view.track, []).append(
                (proportions(view.points, view.rotation), float(np.hypot(yaw, pitch)), eyes))
    if not rows:
        return Watched(path.stem, float("nan"), float("nan"), 0, 0.0)
    track = max(rows, key=lambda one: len(rows[one]))
    figures, turned, eyes_px = zip(*rows[track], strict=True)
    p_infant = p_infant_face(np.array(figures), np.array(turned, np.float32), config.infant)
    return Watched(path.stem, p_infant, live.p_live(track), len(rows[track]), float(np.median(eyes_px)))


def watch_all(clips: Sequence[PeopleClip], folder: Path, tell: Callable[[Progress], None]) -> list[Watched]:
    """Make the clips that are not there, watch each once; answers are kept beside them for the same settings."""
    config = VisionConfig()
    sources = sorted((Path(__file__).parents[1] / "vision").glob("*.py"))
    code = files_hash(*sources)
    mesh, detector = FaceMesh(), FaceDetector(config.min_detection_score)
    out = []
    for k, clip in enumerate(clips):
        media = make_people_clip(clip, folder)
        kept = media.with_suffix(f".{code}.json")
        if not kept.exists():
            kept.write_text(json.dumps(asdict(watch(media, config, mesh, detector))))
        out.append(Watched(**json.loads(kept.read_text())))
        tell(Progress("people", k + 1, len(clips)))
    mesh.close()
    detector.close()
    return out


def rows(folder: Path, split: Split, tell: Callable[[Progress], None] = lambda progress: None) -> list[Row]:
    """The part's rows; clips are made in `folder`/people and kept there."""
    home = folder / "people"
    people, pictures = plan_people(split, **COUNTS), plan_pictures(split, PICTURES_EACH)
    watched = watch_all((*people, *pictures), home, tell)
    return [*infant_rows(people, watched[: len(people)]), *live_rows(pictures, watched[len(people):])]


def infant_rows(clips: Sequence[PeopleClip], watched: Sequence[Watched]) -> list[Row]:
    """Infants against adults, each kind alone, how far the probability can be believed, and children by age."""
    seen = [(clip, one) for clip, one in zip(clips, watched, strict=True) if one.frames > 0]
    lost = len(clips) - len(seen)
    grown = [(clip, one) for clip, one in seen if clip.kind != "child"]
    right = [(one.p_infant > 0.5) == (clip.kind == "infant") for clip, one in grown]
    note = f"{len(right)} tracks, 1.5-2.5 s, eyes 27-85 px apart; in {lost} clips no face was found"
    out = [_share("infant against adult face, per track", right, 0.95, 0.99, note)]
    for kind, name in (("infant", "infants called infants"), ("adult", "adults called adults")):
        out.append(_share(name, [ok for ok, (clip, _) in zip(right, grown, strict=True) if clip.kind == kind]))
    p, truth = np.array([one.p_infant for _, one in grown]), np.array([clip.kind == "infant" for clip, _ in grown])
    error = calibration_error(reliability(p, truth.astype(np.float32)))
    out.append(Row("p_infant_face: calibration error", error, "share", "down", note="infants and adults, by tenths"))
    out += [_children(seen, low, high) for low, high in CHILD_YEARS]
    return out


def _children(seen: Sequence[tuple[PeopleClip, Watched]], low: float, high: float) -> Row:
    ages = [(make_actor("child", clip.split, clip.seed).age_years, one) for clip, one in seen if clip.kind == "child"]
    return _share(f"children of {low:.0f}-{high:.0f} years called infants",
                  [one.p_infant > 0.5 for age, one in ages if low <= age < high], up=False)  # fmt: skip


def live_rows(clips: Sequence[PeopleClip], watched: Sequence[Watched]) -> list[Row]:
    """Pictures and screens called not live, living faces called so wrongly; all, and by scene."""
    seen = [(clip, one) for clip, one in zip(clips, watched, strict=True) if one.frames > 0]
    said = {scene: [one.p_live < IMAGES for clip, one in seen if clip.scene == scene]
            for scene in dict.fromkeys(clip.scene for clip in clips)}  # fmt: skip
    pictures = [hit for scene, hits in said.items() if scene in PICTURES for hit in hits]
    living = [hit for scene, hits in said.items() if scene not in PICTURES for hit in hits]
    return [
        _share("pictures and screens called not_live", pictures, note=_by_scene(said, True)),
        _share("living faces called not_live", living, up=False, note=_by_scene(said, False)),
    ]


def _by_scene(said: dict[str, list[bool]], pictures: bool) -> str:
    return ", ".join(f"{scene.replace('_', ' ')} {sum(hits)}/{len(hits)}" for scene, hits in said.items()
                     if (scene in PICTURES) == pictures)  # fmt: skip


def _share(
    name: str, hits: Sequence[bool], at_least: float | None = None, aim: float | None = None, note: str = "",
    up: bool = True,
) -> Row:  # fmt: skip
    """A share of clips as a row, with its interval."""
    if not hits:
        return Row(name, None, "share", "up" if up else "down", at_least, aim, "no such clip had a face")
    low, high = wilson(sum(hits), len(hits))
    said = f"95 % interval {low:.3f}-{high:.3f}, {len(hits)} clips"
    return Row(name, sum(hits) / len(hits), "share", "up" if up else "down", at_least, aim,
               "; ".join(text for text in (said, note) if text))  # fmt: skip
