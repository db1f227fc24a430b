"""The benchmark of vision's speed: what it counts, and that its bounds can be missed."""

from pathlib import Path

import numpy as np
import pytest

from wail.bench import vision
from wail.bench.vision import Timed
from wail.errors import DatasetError
from wail.media.encode import write_mp4


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "a.mp4"
    rng = np.random.default_rng(0)
    write_mp4(path, [rng.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(5)], 15.0)
    return path


def test_all_three_loops_see_each_new_picture_once(clip):
    # 5 pictures at 15 fps are 10 grid frames: each is shown twice, and worked on once.
    base, ours, whole = vision.one_pass(clip)
    assert base.frames == ours.frames == whole.frames == 5
    assert ours.detector_calls > 0
    assert vision.summed([ours, ours]) == Timed(10, 2 * ours.wall_s, 2 * ours.cpu_s, 2 * ours.detector_calls,
                                                2 * ours.mesh_calls)  # fmt: skip
    assert min(base.wall_s, ours.wall_s, whole.wall_s) > 0


def test_ratios_are_taken_within_a_round_and_the_median_counts():
    slow, fast = Timed(100, 2.0, 1.0), Timed(100, 1.0, 0.5)
    passes = [(fast, slow, slow), (fast, fast, slow), (slow, slow, slow)]
    rows = vision.speed_rows(passes, "a.mp4")
    assert [row.value for row in rows] == [100.0, 1.0, 0.5]
    assert [row.met for row in rows] == [None, True, True]
    rows = vision.speed_rows([(fast, Timed(100, 1.5, 1.0), Timed(100, 3.0, 1.0))], "a.mp4")
    assert [row.met for row in rows] == [None, False, False]


def test_memory_that_grows_is_called_so(clip, monkeypatch):
    held = []
    monkeypatch.setattr(vision, "WARM_FRAMES", 2)
    real = vision.analyse

    def leaky(frames, config, sink):
        def seen():
            for one in frames:
                held.append(np.ones(3_000_000, np.uint8))
                yield one

        return real(seen(), config, sink)

    monkeypatch.setattr(vision, "analyse", leaky)
    growth = vision.growth_mb_per_hour(clip, 40)
    assert growth[1] == 40
    # 3 MB a frame is 324 GB an hour; some of it fits into memory that was freed before.
    assert growth[0] > 100_000
    assert vision.growth_row(growth, hour=False).met is False
    assert vision.growth_row((50.0, 1500), hour=False).met is True


def test_a_folder_without_video_is_refused(tmp_path, clip):
    with pytest.raises(DatasetError, match="no video"):
        vision.videos(tmp_path)
    assert vision.videos(clip.parent) == [clip]
