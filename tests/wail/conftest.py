"""A short clip with a cry in it, and a finished dataset of two spans of it, made once and copied by the tests."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wail.media.cut import cut_span
from wail.samples.make import make_samples

SPANS = ((0.0, 2.4), (2.7, 4.7))


@pytest.fixture(scope="session")
def cry_clip(tmp_path_factory) -> Path:
    """5 s of the sample clip cry_plain."""
    folder = tmp_path_factory.mktemp("cry")
    (sample,) = make_samples(folder / "samples", names=["cry_plain"])
    cut_span(sample, folder / "cry.mp4", 1.0, 6.0)
    return folder / "cry.mp4"


@pytest.fixture(scope="session")
def spans_csv(cry_clip) -> Path:
    """A source list of two spans of the clip."""
    path = cry_clip.with_name("spans.csv")
    rows = (f"{cry_clip.name},{start},{end},someone\n" for start, end in SPANS)
    path.write_text("url,start,end,uploader\n" + "".join(rows))
    return path


@pytest.fixture(scope="session")
def finished(spans_csv, run_wail) -> tuple[Path, dict]:
    """The dataset of these spans by an undisturbed `wail curate`, and what it printed. To be copied, not changed."""
    root = spans_csv.with_name("finished")
    done = run_wail("curate", spans_csv, "--out", root, "--jobs", 2, "--json", check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return root, json.loads(done.stdout)


@pytest.fixture
def dataset(finished, tmp_path) -> Path:
    """A copy of the finished dataset, to work on."""
    return Path(shutil.copytree(finished[0], tmp_path / "dataset"))


@pytest.fixture(scope="session")
def fingerprint() -> Callable[..., dict[str, tuple[int, bytes]]]:
    """Of each file of a folder that a pattern finds: when it was written, and its bytes."""

    def of(root: Path, pattern: str = "clips/*/*.json") -> dict[str, tuple[int, bytes]]:
        paths = sorted(root.glob(pattern))
        return {p.relative_to(root).as_posix(): (p.stat().st_mtime_ns, p.read_bytes()) for p in paths if p.is_file()}

    return of
