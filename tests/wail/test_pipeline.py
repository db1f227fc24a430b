"""Reruns: what is done again, what is not, and what a change, a deletion or a growing list does to a dataset."""

import dataclasses
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.dataset
import pytest

from schemas.tables import MANIFEST
from wail.config import CurateConfig, override
from wail.errors import DatasetBusyError, ModelError
from wail.media.sources import read_sources
from wail.pipeline import Options, Summary, curate
from wail.steps.pool import run_here
from wail.store import dataset_lock, read_table, sha256_file

STAGES = ("media", "voice", "vision", "takes", "fit", "verdicts", "features")
CONFIG = CurateConfig()


def run(root, *sources, settings=(), **options):
    found = read_sources([str(source) for source in sources])
    return curate(found.items, root, override(CONFIG, tuple(settings)), run_here, Options(**options),
                  refused=[(one.uri, one.detail) for one in found.refused])  # fmt: skip


def nonzero(summary):
    return {stage: count for stage, count in summary.ran.items() if count}


def shard_hashes(root):
    return {p.relative_to(root).as_posix(): sha256_file(p) for p in sorted((root / "shards").rglob("*.parquet"))}


def manifest(root):
    return read_table(root / "manifest.parquet", MANIFEST).to_pylist()


def shard_rows(root):
    rows = pyarrow.dataset.dataset(root / "shards", partitioning="hive").to_table().to_pylist()
    return {row["take_id"]: row for row in rows}


def test_a_first_run_runs_every_stage_of_every_clip(finished):
    _, said = finished
    assert said["ran"] == dict.fromkeys(STAGES, 2)
    assert said["items"] == {"done": 2}
    assert said["kept_s"] > 2.5, "the clips are a cry in full view"


def test_two_spans_of_one_file_are_two_clips_with_the_exact_spans(finished):
    rows = manifest(finished[0])
    assert [(row["asked_start_s"], row["asked_end_s"]) for row in rows] == [(0.0, 2.4), (2.7, 4.7)]
    assert [(row["start_s"], row["end_s"]) for row in rows] == [
        (pytest.approx(0.0, abs=1 / 30), pytest.approx(2.4, abs=1 / 30)),
        (pytest.approx(2.7, abs=1 / 30), pytest.approx(4.7, abs=1 / 30)),
    ]
    assert [row["duration_s"] for row in rows] == [pytest.approx(2.4, abs=0.04), pytest.approx(2.0, abs=0.04)]
    assert len({row["clip_id"] for row in rows}) == 2
    assert len({row["source_id"] for row in rows}) == 1
    assert len({row["group_id"] for row in rows}) == 1


def test_a_rerun_does_nothing(dataset, spans_csv, fingerprint):
    before = fingerprint(dataset, "[cfs]*/**/*")
    summary = run(dataset, spans_csv)
    assert nonzero(summary) == {} and summary.stuck == {}
    assert fingerprint(dataset, "[cfs]*/**/*") == before, "no receipt, table or shard was so much as touched"


@pytest.mark.parametrize(("setting", "reruns"), [
    ("takes.min_take_s=1.01", {"takes": 2, "verdicts": 2}),
    ("takes.min_take_s=60", {"takes": 2, "fit": 2, "verdicts": 2}),
    ("fit_limits.max_residual=0.11", {"verdicts": 2}),
    ("split.test=0.2", {}),
    ("download.retries=1", {}),
])  # fmt: skip
def test_a_changed_threshold_reruns_only_what_depends_on_it(dataset, spans_csv, setting, reruns, fingerprint):
    before = fingerprint(dataset)
    settings = ["takes.max_take_s=60", setting] if setting.endswith("=60") else [setting]
    assert nonzero(run(dataset, spans_csv, settings=settings)) == reruns
    changed = {name.split("/")[-1].removesuffix(".json") for name, was in fingerprint(dataset).items()
               if before[name] != was}  # fmt: skip
    assert changed == set(reruns)
    assert nonzero(run(dataset, spans_csv, settings=settings)) == {}, "and then nothing any more"


def test_a_setting_changed_and_changed_back_gives_the_same_shards(dataset, spans_csv):
    before = shard_hashes(dataset)
    assert sum(run(dataset, spans_csv, settings=["takes.min_take_s=20"]).takes.values()) == 0
    assert shard_hashes(dataset) != before
    run(dataset, spans_csv)
    assert shard_hashes(dataset) == before


def test_a_lost_output_is_made_again_and_a_damaged_shard_too(dataset, spans_csv):
    before = shard_hashes(dataset)
    next(dataset.glob("clips/*/verdicts.parquet")).unlink()
    next(dataset.glob("shards/split=*/*.parquet")).unlink()
    assert nonzero(run(dataset, spans_csv)) == {"verdicts": 1}
    assert shard_hashes(dataset) == before


def test_a_damaged_note_on_the_shards_makes_them_anew(dataset, spans_csv):
    before, note = shard_hashes(dataset), (dataset / "shards.json").read_bytes()
    (dataset / "shards.json").write_bytes(note[:20])
    assert nonzero(run(dataset, spans_csv)) == {}
    assert (shard_hashes(dataset), (dataset / "shards.json").read_bytes()) == (before, note)


def test_a_second_run_at_the_same_time_is_refused(dataset, spans_csv):
    with dataset_lock(dataset), pytest.raises(DatasetBusyError, match=r"another run is at work on .*wait"):
        run(dataset, spans_csv)


def test_a_wrong_model_file_ends_the_run_before_anything_is_written(tmp_path, spans_csv):
    (tmp_path / "model.h5").write_text("no HDF5")
    with pytest.raises(ModelError, match=r"model\.h5 cannot be read as HDF5"):
        run(tmp_path / "new", spans_csv, settings=[f"face_model={tmp_path / 'model.h5'}"])
    assert not (tmp_path / "new" / "sources.json").exists()


# Deleted media.


@pytest.fixture(scope="session")
def derived_once(finished, spans_csv, tmp_path_factory):
    """The finished dataset after a run with retain = derived."""
    root = tmp_path_factory.mktemp("derived") / "dataset"
    shutil.copytree(finished[0], root)
    return root, run(root, spans_csv, settings=["retain=derived"])


@pytest.fixture
def derived(derived_once, tmp_path):
    return shutil.copytree(derived_once[0], tmp_path / "derived")


DERIVED = "retain=derived"
OTHER_VISION = "vision.min_visible=0.4"


def media_files(root):
    return sorted(path.name for path in root.rglob("*") if path.name.startswith(("media.m", "audio.flac", "stem.flac")))


def test_derived_keeps_no_picture_or_sound(derived_once, finished):
    root, summary = derived_once
    assert nonzero(summary) == {}
    assert media_files(root) == []
    assert media_files(finished[0]) == ["audio.flac", "audio.flac", "media.mp4", "media.mp4"]
    before, after = shard_rows(finished[0]), shard_rows(root)
    assert before.keys() == after.keys() and len(after) >= 2
    for take_id, row in after.items():
        assert (row["audio"], row["audio_source"]) == (None, None)
        assert before[take_id]["audio"] is not None
        assert row["expression"] == before[take_id]["expression"]


def test_derived_rerun_does_nothing(derived, spans_csv):
    summary = run(derived, spans_csv, settings=[DERIVED])
    assert nonzero(summary) == {} and summary.stuck == {}


def test_takes_can_be_made_anew_without_media(derived, spans_csv):
    summary = run(derived, spans_csv, settings=[DERIVED, "takes.pad_s=0.2"])
    assert summary.stuck == {} and summary.ran["takes"] == 2
    features = pyarrow.dataset.dataset(derived / "features").to_table(columns=["take_id"])["take_id"].to_pylist()
    assert sorted(features) == sorted(shard_rows(derived)), "every take of the shards has features"


def test_what_needs_deleted_media_is_stuck_keeps_its_results_and_is_not_fetched_unasked(derived, spans_csv):
    before = shard_hashes(derived)
    summary = run(derived, spans_csv, settings=[DERIVED, OTHER_VISION])
    assert {stage: len(clips) for stage, clips in summary.stuck.items()} == {"vision": 2}
    assert nonzero(summary) == {}
    assert shard_hashes(derived) == before
    assert json.loads((derived / "dataset.json").read_text())["stale"] == summary.stuck
    limits = run(derived, spans_csv, settings=[DERIVED, "media.max_streams=31"])
    assert set(limits.stuck) == {"media"} and nonzero(limits) == {}


def test_refetch_gets_the_media_back_redoes_what_was_stuck_and_deletes_it_again(derived, spans_csv):
    summary = run(derived, spans_csv, settings=[DERIVED, OTHER_VISION], refetch=True)
    assert summary.stuck == {}
    assert (summary.ran["media"], summary.ran["vision"], summary.ran["voice"]) == (2, 2, 0)
    assert media_files(derived) == []
    assert nonzero(run(derived, spans_csv, settings=[DERIVED, OTHER_VISION])) == {}


def test_refetch_without_need_fetches_nothing(derived, spans_csv):
    assert nonzero(run(derived, spans_csv, settings=[DERIVED], refetch=True)) == {}


def test_a_refetch_that_fails_leaves_the_earlier_results(derived):
    before = shard_rows(derived)
    sources = derived / "sources.json"
    sources.write_text(sources.read_text().replace("cry.mp4", "moved.mp4"))
    summary = curate((), derived, override(CONFIG, (DERIVED, OTHER_VISION)), run_here, Options(refetch=True))
    assert set(summary.stuck) == {"vision"} and summary.ran["media"] == 2
    assert summary.items == {"done": 2}
    after = shard_rows(derived)
    assert [row["expression"] for row in after.values()] == [row["expression"] for row in before.values()]


def test_back_to_media_says_which_clips_are_silent_and_refetch_gives_them_sound(derived, spans_csv, finished):
    summary = run(derived, spans_csv)
    assert {stage: len(clips) for stage, clips in summary.stuck.items()} == {"shards": 2}
    assert all(row["audio"] is None for row in shard_rows(derived).values())
    summary = run(derived, spans_csv, refetch=True)
    assert summary.stuck == {}
    assert shard_hashes(derived) == shard_hashes(finished[0]), "as if nothing had ever been deleted"


# Growing lists, twins, failed items.


def test_a_growing_list_leaves_earlier_clips_where_they_are(dataset, spans_csv, cry_clip, tmp_path):
    rows, shards = manifest(dataset), shard_rows(dataset)
    more = tmp_path / "more.csv"
    more.write_text(f"url,start,end,uploader\n{cry_clip},0,0.5,another\n")
    summary = run(dataset, more)
    assert summary.ran == dict.fromkeys(STAGES, 1), "what was there is not done again"
    assert manifest(dataset)[:2] == rows
    after = shard_rows(dataset)
    assert {take_id: row for take_id, row in after.items() if take_id in shards} == shards


def test_the_same_file_under_two_names_is_one_clip_and_two_rows(dataset, spans_csv, cry_clip, tmp_path):
    shutil.copy(cry_clip, tmp_path / "same.mp4")
    again = tmp_path / "again.csv"
    again.write_text("url,start,end,uploader\nsame.mp4,0.0,2.4,someone\n")
    summary = run(dataset, again)
    assert nonzero(summary) == {}
    assert summary.items == {"done": 2, "skipped": 1}
    twin = manifest(dataset)[-1]
    assert (twin["uri"], twin["clip_id"]) == ("same.mp4", manifest(dataset)[0]["clip_id"])
    assert "the same media and span as cry.mp4" in twin["detail"]
    assert twin["kept_s"] == 0, "its seconds are counted once"


def test_failed_items_alone_are_tried_again(dataset, spans_csv, cry_clip, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(cry_clip.read_bytes()[:40000])
    summary = run(dataset, broken)
    assert summary.items == {"done": 2, "failed": 1} and summary.failures == {"corrupt": 1}
    assert [text for text in summary.problems if "broken.mp4" in text]
    assert nonzero(run(dataset, broken)) == {}, "a corrupt file is not tried again by itself"
    again = run(dataset, broken, settings=["takes.min_take_s=20"], retry_failed=True, only_failed=True)
    assert nonzero(again) == {"media": 1}, "and nothing else is done"


def test_a_failed_file_made_whole_takes_the_failed_ones_place(dataset, spans_csv, cry_clip, tmp_path):
    file = tmp_path / "later.mp4"
    file.write_bytes(b"")
    run(dataset, file)
    shutil.copy(min(dataset.glob("clips/*/media.mp4")), file)
    summary = run(dataset, file, retry_failed=True, only_failed=True)
    assert summary.ran == dict.fromkeys(STAGES, 1)
    assert summary.items == {"done": 3}, "the empty file that it was has no row any more"
    assert [row["uri"] for row in manifest(dataset)] == ["cry.mp4", "cry.mp4", "later.mp4"]
    assert len(list((dataset / "clips").iterdir())) == 3


def test_a_file_changed_behind_our_back_fails_by_name_and_only_itself(dataset, tmp_path, cry_clip):
    file = tmp_path / "mine.mp4"
    file.write_bytes(cry_clip.read_bytes()[:40000])
    run(dataset, file)
    file.write_bytes(b"other")
    summary = curate((), dataset, CONFIG, run_here, Options(retry_failed=True, only_failed=True))
    assert summary.items == {"done": 2, "failed": 1}
    assert "other content than when it was listed" in summary.problems[0]


def test_rows_that_were_refused_stand_in_the_manifest(dataset, spans_csv, tmp_path):
    summary = run(dataset, spans_csv, tmp_path / "nowhere")
    assert summary.refused == 1
    assert manifest(dataset)[-1]["detail"].endswith("nowhere: no such file or folder; check the path")
    assert summary.items == {"done": 2, "failed": 1}


# URLs, against a server on this machine.


@pytest.fixture
def server(cry_clip):
    """Serves the clip as /cry.mp4; `status` can be set to an HTTP error, `asked` counts what was asked for."""
    content = cry_clip.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            if self.command == "GET":
                server.asked.append(self.path)
            self.send_response(server.status)
            body = content if server.status == 200 else b"no"
            self.send_header("Content-Type", "video/mp4" if server.status == 200 else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.asked = 200, []
    server.url = f"http://127.0.0.1:{server.server_port}/cry.mp4"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


LOOPBACK = ("download.allow_private_addresses=true", "download.retries=0", "download.pace.gap_s=0")


def test_a_url_that_was_gone_is_fetched_once_it_is_back_if_asked_to_retry(server, dataset, tmp_path):
    urls = tmp_path / "urls.csv"
    urls.write_text(f"url,start,end\n{server.url},0,0.4\n{server.url},1,1.4\n")
    server.status = 404
    summary = run(dataset, urls, settings=LOOPBACK)
    assert summary.failures == {"gone": 2}
    server.status, server.asked[:] = 200, []
    assert run(dataset, urls, settings=LOOPBACK).failures == {"gone": 2}
    assert server.asked == [], "what is gone is not asked for again by itself"
    summary = run(dataset, urls, settings=LOOPBACK, retry_failed=True, only_failed=True)
    assert (summary.ran["media"], summary.items) == (2, {"done": 4})
    assert not (dataset / "fetched").exists(), "the whole file goes once its spans are cut"
    of_url = [row for row in manifest(dataset) if row["uri"] == server.url]
    assert [row["end_s"] - row["start_s"] for row in of_url] == [pytest.approx(0.4, abs=0.04)] * 2
    gets = len(server.asked)
    assert nonzero(run(dataset, urls, settings=LOOPBACK)) == {} and len(server.asked) == gets


def test_what_a_killed_run_fetched_does_not_stay_behind(dataset, spans_csv):
    (dataset / "fetched" / "abc").mkdir(parents=True)
    (dataset / "fetched" / "abc" / "media.mp4").write_bytes(b"x")
    run(dataset, spans_csv)
    assert not (dataset / "fetched").exists()


def test_the_command_prints_the_whole_summary(finished):
    assert {field.name for field in dataclasses.fields(Summary)} <= finished[1].keys()
