import shutil

import pytest

from wail.config import CurateConfig, override
from wail.estimate import MEDIA_BYTES_PER_S, TYPICAL_CLIP_S, TYPICAL_COST, estimate
from wail.media.sources import read_sources
from wail.pipeline import Options, curate
from wail.steps.pool import run_here

CONFIG = CurateConfig()
NO_SOURCES = ()


def test_nothing_is_forecast_for_a_finished_dataset(finished):
    said = estimate(NO_SOURCES, finished[0], CONFIG, Options(), jobs=1)
    assert (said.clips, said.twins) == (2, 0)
    assert all(states == {"current": 2} for states in said.due.values())
    assert (said.media_s, said.compute_s, said.disk_bytes) == (0, 0, 0)


def test_time_comes_of_what_the_dataset_itself_took(dataset):
    changed = override(CONFIG, ("vision.min_visible=0.4",))
    said = estimate(NO_SOURCES, dataset, changed, Options(), jobs=1)
    assert said.due["vision"] == {"run": 2} and said.due["voice"] == {"current": 2}
    assert said.media_s == pytest.approx(4.4, abs=0.1)
    from wail.store import ClipFolder

    took = [ClipFolder(dataset, path.name).receipt("vision").seconds for path in (dataset / "clips").iterdir()]
    assert 0.5 * sum(took) < said.compute_s < 2 * sum(took)
    assert estimate(NO_SOURCES, dataset, changed, Options(), jobs=2).compute_s == pytest.approx(said.compute_s / 2)


def test_a_new_file_counts_with_its_length_and_the_typical_cost(cry_clip, tmp_path):
    found = read_sources([str(cry_clip)])
    said = estimate(found.items, tmp_path / "new", CONFIG, Options(), jobs=1)
    assert said.due["media"] == {"run": 1} and said.due["fit"] == {"waits": 1}
    assert said.media_s == pytest.approx(5.0, abs=0.1)
    assert said.compute_s == pytest.approx(sum(TYPICAL_COST.values()) * said.media_s)
    assert not (tmp_path / "new").exists()


def test_a_url_counts_with_its_span_or_a_guess(tmp_path):
    (tmp_path / "u.csv").write_text("url,start,end\nhttps://example.com/a.mp4,2,5\nhttps://example.com/b.mp4,,\n")
    said = estimate(read_sources([str(tmp_path / "u.csv")]).items, tmp_path / "new", CONFIG, Options(), jobs=1)
    assert said.media_s == pytest.approx(3 + TYPICAL_CLIP_S)
    assert said.disk_bytes > MEDIA_BYTES_PER_S * said.media_s


def test_twins_are_counted_once(cry_clip, tmp_path):
    shutil.copy(cry_clip, tmp_path / "same.mp4")
    found = read_sources([str(cry_clip), str(tmp_path / "same.mp4")])
    said = estimate(found.items, tmp_path / "new", CONFIG, Options(), jobs=1)
    assert (said.clips, said.twins) == (1, 1)
    assert said.media_s == pytest.approx(5.0, abs=0.1)


def test_what_failed_for_good_costs_nothing_until_it_is_to_be_retried(dataset, tmp_path):
    (tmp_path / "empty.mp4").touch()
    items = read_sources([str(tmp_path / "empty.mp4")]).items
    curate(items, dataset, CONFIG, run_here)
    said = estimate(items, dataset, CONFIG, Options(), jobs=1)
    assert said.due["media"] == {"current": 3} and said.due["voice"] == {"current": 2, "waits": 1}
    assert (said.compute_s, said.disk_bytes) == (0, 0)
    said = estimate(items, dataset, CONFIG, Options(retry_failed=True, only_failed=True), jobs=1)
    assert said.due["media"] == {"run": 1}, "and the finished clips are left out"


def test_deleted_media_is_forecast_only_when_it_is_to_be_fetched(dataset):
    derived = override(CONFIG, ("retain=derived",))
    curate(NO_SOURCES, dataset, derived, run_here)
    changed = override(derived, ("vision.min_visible=0.4",))
    said = estimate(NO_SOURCES, dataset, changed, Options(), jobs=1)
    assert said.due["vision"] == {"stuck": 2} and said.compute_s == 0
    said = estimate(NO_SOURCES, dataset, changed, Options(refetch=True), jobs=1)
    assert said.due["media"] == {"run": 2} and said.due["vision"] == {"waits": 2} and said.compute_s > 0
