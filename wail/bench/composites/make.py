"""Make the composites: `python -m wail.bench.composites.make OUT --split tune`.

Each clip is an H.264 file and its `.truth.npz`, both written under temporary names. A clip whose truth carries the same
key (shot, face model and the code that draws) is left alone, so a run that was cut short goes on where it was.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from wail.bench.composites.plan import SEEDS, Shot, plan
from wail.bench.composites.stage import FPS, set_up, shoot
from wail.bench.composites.truth import truth_path, write_truth
from wail.inface.standin import rest
from wail.media.encode import write_mp4
from wail.media.parent import each_done
from wail.samples.truth import stored_key
from wail.voice.frames import files_sha256

DRAWN_BY = ("acting", "backgrounds", "camera", "grown", "lights", "make", "occluders", "patterns", "people", "skin",
            "stage", "truth")  # fmt: skip
"""Modules of this package that decide what a shot looks like."""


def make_composites(
    out: Path, shots: Sequence[Shot], workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:  # fmt: skip
    """Make the clips that are not in `out` yet; returns the media files in the order of `shots`."""
    out.mkdir(parents=True, exist_ok=True)
    todo = [shot for shot in shots if not _is_there(out, shot)]
    there = len(shots) - len(todo)
    on_progress(there, len(shots))
    for done, _ in enumerate(each_done(make_clip, [(out, shot) for shot in todo], workers), there + 1):
        on_progress(done, len(shots))
    return [media_path(out, shot) for shot in shots]


def media_path(out: Path, shot: Shot) -> Path:
    return out / f"{shot.name}.mp4"


def make_clip(out: Path, shot: Shot) -> Path:
    """Write one clip's media, then its truth."""
    made, media = set_up(shot), media_path(out, shot)
    temporary = media.with_name(f".{media.name}")
    write_mp4(temporary, shoot(made), FPS, crf=shot.crf)
    temporary.replace(media)
    write_truth(truth_path(media), made, key(shot))
    return media


def _is_there(out: Path, shot: Shot) -> bool:
    media = media_path(out, shot)
    return media.exists() and stored_key(truth_path(media)) == key(shot)


@lru_cache(maxsize=1)
def _code() -> str:
    """Hash of the sources that draw, and of the stand-in's mesh."""
    here = Path(__file__).parent
    samples = sorted((here.parents[1] / "samples").glob("*.py"))
    render = sorted((here.parents[1] / "inface").glob("ra*.py")) + sorted((here.parents[1] / "inface").glob("re*.py"))
    mesh = sorted(Path(rest.__file__).parent.glob("*"))
    sources = [*(here / f"{name}.py" for name in DRAWN_BY), *samples, *render, *mesh]
    return files_sha256(*(path for path in sources if path.is_file()))


def key(shot: Shot) -> str:
    """What a clip is made from."""
    return hashlib.sha256(repr((_code(), shot)).encode()).hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: where to, which split, how many."""
    parser = argparse.ArgumentParser(prog="python -m wail.bench.composites.make", description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--split", choices=list(SEEDS), default="tune")
    parser.add_argument("--count", type=int, help="only the first so many shots")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    shots = plan(options.split, options.count)

    def tell(done: int, total: int) -> None:
        sys.stderr.write(f"\r{done}/{total}")

    for path in make_composites(options.out, shots, options.workers, tell):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
