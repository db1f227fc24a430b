"""What finding, following and judging faces costs beside a bare loop of decoding and mediapipe's face mesh.

All three run in this one process on the same clips, a second of video each in turn, so that the machine's other work
hits them alike. Loading the models is timed only in `analyse`, which loads its own.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from wail.bench.rows import Row
from wail.errors import DatasetError
from wail.media.decode import GridFrame, grid_frames
from wail.vision.analyse import VisionConfig, analyse
from wail.vision.detect import FaceDetector
from wail.vision.mesh import FaceMesh
from wail.vision.tracks import FaceTracker

SCENE, SIZE_PX, SEED = "cry_plain", (1280, 720), 7
CHUNK_FRAMES = 30
HOUR_FRAMES = 3600 * 30
WARM_FRAMES, GROWTH_FRAMES = 150, 1500
MAX_GROWTH_MB = 100.0
SUFFIXES = (".mp4", ".mov", ".webm", ".mkv")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Timed:
    """One pass over the clips: seconds on the wall and of the processor, and what was counted."""

    frames: int
    wall_s: float
    cpu_s: float
    detector_calls: int = 0
    mesh_calls: int = 0

    @property
    def fps(self) -> float:
        return self.frames / self.wall_s


def bench_vision(
    data: Path | None, cache: Path | None, rounds: int, hour: bool, tell: Tell
) -> tuple[list[Row], dict[str, Any]]:
    """Rows and facts about the run. `data`: a folder with `video/`; without one a clip is rendered (into `cache`).

    `hour`: run a whole hour of video for the memory row instead of scaling from GROWTH_FRAMES frames.
    """
    start_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        clips = videos(data) if data else [rendered(cache or Path(temporary), tell)]
        passes: list[tuple[Timed, Timed, Timed]] = []
        for k in range(rounds):
            tell(f"round {k + 1} of {rounds}")
            base, ours, whole = (summed(of) for of in zip(*map(one_pass, clips), strict=True))
            passes.append((base, ours, whole))
        tell("memory over a long video")
        growth = growth_mb_per_hour(clips[0], HOUR_FRAMES if hour else GROWTH_FRAMES)
        said = ", ".join(f"{clip.name} {size_of(clip)}" for clip in clips)
    rows = [*speed_rows(passes, said), growth_row(growth, hour)]
    return rows, {"clips": [clip.name for clip in clips], "rounds": rounds, "seconds": time.perf_counter() - start_s}


def videos(data: Path) -> list[Path]:
    """The media files of `data`/video (or of `data` itself). Raises DatasetError where there is none."""
    folder = data / "video" if (data / "video").is_dir() else data
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise DatasetError(f"{data} has no video in it ({', '.join(SUFFIXES)}): give a folder with video/")
    return found


def rendered(out: Path, tell: Tell) -> Path:
    """A sample clip, larger than the demo's; rendered where it is not there yet."""
    from wail.samples.make import make_clip, media_path
    from wail.samples.scenes import SCENES

    scene = replace(next(scene for scene in SCENES if scene.name == SCENE), name=f"{SCENE}_720p", size_px=SIZE_PX)
    if not media_path(out, scene).exists():
        tell("rendering a clip")
        out.mkdir(parents=True, exist_ok=True)
        make_clip(scene, out, SEED, "bench")
    return media_path(out, scene)


def size_of(clip: Path) -> str:
    height, width = next(iter(grid_frames(clip))).rgb.shape[:2]
    return f"{width} x {height}"


def new_pictures(frames: Iterable[GridFrame]) -> Iterator[GridFrame]:
    """Without the grid frames that show the picture of the one before."""
    last = None
    for one in frames:
        if one.rgb is not last:
            yield one
        last = one.rgb


class Clock:
    """Adds up wall and processor time of one of the three, while it runs."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall_s += time.perf_counter() - self._wall
        self.cpu_s += time.process_time() - self._cpu


def one_pass(clip: Path) -> tuple[Timed, Timed, Timed]:
    """The bare loop, tracks, and all of vision over a clip in lockstep, CHUNK_FRAMES of each in turn.

    Bare: decoding and mediapipe's own face mesh in its video mode, iris and lips refined as ours are. Tracks: decoding,
    search at all rotations, landmarks. All of vision: `analyse` as the pipeline runs it, its models' loading too; the
    other two run while it waits for its next frames. Each decodes for itself.
    """
    from mediapipe.python.solutions.face_mesh import FaceMesh as Bundled

    clocks = Clock(), Clock(), Clock()
    mesh, detector = FaceMesh(), FaceDetector(VisionConfig().min_detection_score)
    frames = 0
    with Bundled(refine_landmarks=True) as bundled:
        steps = bundled.process, FaceTracker(VisionConfig(), mesh, detector).step
        fed = [new_pictures(grid_frames(clip)) for _ in steps]

        def waiting() -> Iterator[GridFrame]:
            nonlocal frames
            for one in new_pictures(grid_frames(clip)):
                if frames % CHUNK_FRAMES == 0:
                    clocks[2].__exit__()
                    for clock, step, pictures in zip(clocks, steps, fed, strict=False):
                        with clock:
                            for other in islice(pictures, CHUNK_FRAMES):
                                step(other.rgb)
                    clocks[2].__enter__()
                frames += 1
                yield one

        with clocks[2]:
            analyse(waiting(), VisionConfig(), sink=lambda batch: None)
    bare, ours, whole = (Timed(frames, clock.wall_s, clock.cpu_s) for clock in clocks)
    ours = replace(ours, detector_calls=detector.calls, mesh_calls=mesh.calls)
    mesh.close()
    detector.close()
    return bare, ours, whole


def summed(each: Sequence[Timed]) -> Timed:
    """One figure over several clips."""
    return Timed(*(sum(getattr(one, name) for one in each) for name in Timed.__dataclass_fields__))


def speed_rows(passes: Sequence[tuple[Timed, Timed, Timed]], clips: str) -> list[Row]:
    """Medians over the rounds; ratios are taken within a round."""
    base, ours, whole = (list(of) for of in zip(*passes, strict=True))
    one = ours[0]
    return [
        Row("decoding and mediapipe's face mesh alone", _median(t.fps for t in base), "frames/s", note=clips),
        Row("decoding, search, landmarks and tracks, of that", _ratio(ours, base), "share", at_least=0.75,
            note=f"{_median(t.fps for t in ours):.1f} frames/s; by processor time {_cpu_ratio(ours, base):.2f}; a "
                 f"frame takes {one.mesh_calls / one.frames:.2f} runs of the landmark network, "
                 f"{one.detector_calls / one.frames:.2f} of the detector"),
        Row("all of vision, of that", _ratio(whole, base), "share", at_least=0.35,
            note=f"{_median(t.fps for t in whole):.1f} frames/s; by processor time {_cpu_ratio(whole, base):.2f}"),
    ]  # fmt: skip


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def _ratio(of: Sequence[Timed], base: Sequence[Timed]) -> float:
    return _median(a.fps / b.fps for a, b in zip(of, base, strict=True))


def _cpu_ratio(of: Sequence[Timed], base: Sequence[Timed]) -> float:
    return _median(b.cpu_s / b.frames / (a.cpu_s / a.frames) for a, b in zip(of, base, strict=True))


def growth_mb_per_hour(clip: Path, frames: int) -> tuple[float, int]:
    """Growth of resident memory while vision runs on a clip shown again and again, per hour, and the frames run.

    Counted from WARM_FRAMES on, when every model is loaded; pictures are decoded once, so that time goes into vision.
    """
    pictures = [one.rgb for one in islice(new_pictures(grid_frames(clip)), 60)]
    marks: list[float] = []

    def shown() -> Iterator[GridFrame]:
        for k in range(WARM_FRAMES + frames):
            if k == WARM_FRAMES:
                marks.append(resident_mb())
            # There and back, so that the clip's end is no cut; a view, so that it counts as a new picture.
            yield GridFrame(k, k / 30, pictures[abs((k + len(pictures)) % (2 * len(pictures)) - len(pictures)) - 1][:])
        marks.append(resident_mb())

    analyse(shown(), VisionConfig(), sink=lambda batch: None)
    return (marks[1] - marks[0]) * HOUR_FRAMES / frames, frames


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth_row(growth: tuple[float, int], hour: bool) -> Row:
    value, frames = growth
    how = "a whole hour" if hour else f"scaled from {frames} frames; --hour runs it whole"
    return Row("memory that an hour of video adds", max(value, 0.0), "MB", "down", at_least=MAX_GROWTH_MB, note=how)
