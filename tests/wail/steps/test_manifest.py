from schemas.documents import Output, Receipt, SourceItem
from schemas.tables import MANIFEST
from wail.steps.manifest import outcome, write_manifest
from wail.steps.order import STEPS
from wail.steps.plan import plan, remember, superseded
from wail.store import ClipFolder, read_table


def item(name, video_id="v", **others):
    return SourceItem(uri=f"/home/someone/clips/{name}", platform="file", video_id=video_id, **others)


def receipt(stage, status="done", **others):
    return Receipt(stage=stage, key="k", status=status, seconds=1.0, **others)


def finish(clip, uploader=None, fingerprint=None):
    media = Output(path="media.mp4", sha256="abc", bytes=3)
    facts = {"start_s": 0.0, "end_s": 2.0, "duration_s": 2.0, "uploader": uploader, "fingerprint": fingerprint}
    clip.write_receipt(receipt("media", outputs=(media,), facts=facts))
    for step in STEPS[1:]:
        clip.write_receipt(receipt(step.name, facts={"kept_s": 1.5, "n_takes": 2} if step.name == "verdicts" else {}))


def rows_of(root, planned, refused=()):
    write_manifest(root, planned, refused)
    return read_table(root / "manifest.parquet", MANIFEST).to_pylist()


def test_a_finished_clip_says_what_was_kept_and_nothing_of_folders(tmp_path):
    planned = plan((), [item("a.mp4", licence="CC0", labels=("cry",))])
    finish(ClipFolder(tmp_path, planned[0].clip_id), uploader="u")
    (row,) = rows_of(tmp_path, planned)
    assert (row["status"], row["kept_s"], row["n_takes"], row["sha256"]) == ("done", 1.5, 2, "abc")
    assert (row["uri"], row["licence"], row["labels"], row["uploader"]) == ("a.mp4", "CC0", ["cry"], "u")
    assert "/home" not in str(row)


def test_the_first_stage_that_is_not_done_gives_status_class_and_sentence(tmp_path):
    clip = ClipFolder(tmp_path, "c")
    assert outcome(clip) == ("skipped", None, "stage media has not run yet; run again")
    clip.write_receipt(receipt("media"))
    clip.write_receipt(receipt("voice", "failed", failure="corrupt", reason="it is broken"))
    clip.write_receipt(receipt("vision"))
    assert outcome(clip) == ("failed", "corrupt", "it is broken")


def test_a_clip_that_failed_late_counts_no_seconds_of_an_earlier_run(tmp_path):
    planned = plan((), [item("a.mp4")])
    clip = ClipFolder(tmp_path, planned[0].clip_id)
    finish(clip)
    clip.write_receipt(receipt("features", "failed", failure="bug", reason="oh"))
    (row,) = rows_of(tmp_path, planned)
    assert (row["status"], row["kept_s"], row["n_takes"]) == ("failed", 0.0, 0)


def test_sources_of_one_uploader_share_a_group_and_it_stays_when_more_comes(tmp_path):
    one, two, three = (item(f"{name}.mp4", name, uploader=who) for name, who in (("a", "u"), ("b", "u"), ("c", None)))
    planned = plan((), [one, two, three])
    for each in planned:
        finish(ClipFolder(tmp_path, each.clip_id), uploader=each.item.uploader)
    first = [row["group_id"] for row in rows_of(tmp_path, planned)]
    assert first[0] == first[1] != first[2]
    grown = plan([one, two, three], [item("d.mp4", "d", uploader="u")])
    assert [row["group_id"] for row in rows_of(tmp_path, grown)] == [*first, first[0]]


def test_twins_and_refused_rows_have_a_row_each_and_count_nothing(tmp_path):
    planned = plan((), [item("a.mp4"), item("same.mp4")])
    finish(ClipFolder(tmp_path, planned[0].clip_id))
    rows = rows_of(tmp_path, planned, [("list.csv:3", "line 3 of list.csv: it has no URL")])
    assert [row["status"] for row in rows] == ["done", "skipped", "failed"]
    assert rows[1]["detail"] == "the same media and span as a.mp4; counted there"
    assert rows[2]["detail"] == "line 3 of list.csv: it has no URL"
    assert [row["kept_s"] for row in rows] == [1.5, 0.0, 0.0]


def test_a_dataset_remembers_all_it_was_asked_once_and_in_order(tmp_path):
    planned = plan([item("a.mp4", "a")], [item("b.mp4", "b"), item("a.mp4", "a")])
    remember(tmp_path, planned)
    assert [one.item.uri[-5:] for one in planned] == ["a.mp4", "b.mp4"]
    assert ClipFolder(tmp_path, planned[0].clip_id).file("source.json").is_file()


def test_only_a_file_that_came_to_nothing_is_superseded_by_its_new_content(tmp_path):
    old, new = item("a.mp4", "old"), item("a.mp4", "new")
    assert superseded(tmp_path, [old], [new]) == {old}
    assert superseded(tmp_path, [old], [old]) == set()
    assert superseded(tmp_path, [old], [item("a.mp4", "new", asked_start_s=1.0)]) == set()
    finish(ClipFolder(tmp_path, plan((), [old])[0].clip_id))
    assert superseded(tmp_path, [old], [new]) == set(), "its results are part of the dataset"
