import errno

import pytest

from schemas.tables import VOCAL
from wail.config import CurateConfig
from wail.errors import DatasetError, FetchError, MediaError
from wail.steps.retain import delete_media
from wail.steps.step import Outcome, Step, deleted_files, run_step, state, step_key
from wail.store import ClipFolder, read_table, write_text

CONFIG = CurateConfig()


def make(name="first", reads=(), run=lambda clip, config: Outcome(), version=1, settings=0, models=None, media=False):
    return Step(name, version, reads, media, lambda config: settings, lambda config: models or {}, run, 10.0)


def writes(name, text="x"):
    def run(clip, config):
        write_text(clip.file(name), text)
        return Outcome((name,))

    return run


@pytest.fixture
def clip(tmp_path):
    return ClipFolder(tmp_path, "c1")


def key(step, clip, source="s"):
    return step_key(step, clip, CONFIG, source)


def test_a_stage_that_succeeded_is_not_due_again(clip):
    step = make(run=writes("a.txt"))
    assert state(step, clip, key(step, clip)) == "run"
    run_step(step, clip, CONFIG, key(step, clip))
    assert state(step, clip, key(step, clip)) == "current"


@pytest.mark.parametrize("change", [{"version": 2}, {"settings": 1}, {"models": {"m": "other"}}])
def test_another_version_setting_or_model_makes_it_due(clip, change):
    run_step(make(run=writes("a.txt")), clip, CONFIG, key(make(), clip))
    changed = make(**change)
    assert state(changed, clip, key(changed, clip)) == "run"


def test_an_output_that_was_lost_makes_it_due(clip):
    step = make(run=writes("a.txt"))
    run_step(step, clip, CONFIG, key(step, clip))
    clip.file("a.txt").unlink()
    assert state(step, clip, key(step, clip)) == "run"


def test_a_stage_waits_for_what_it_reads_and_follows_its_content_only(clip):
    first, second = make(run=writes("a.txt")), make("second", reads=("first",), run=writes("b.txt"))
    assert state(second, clip, key(second, clip)) == "waits"
    run_step(first, clip, CONFIG, key(first, clip))
    run_step(second, clip, CONFIG, key(second, clip))
    again = make(version=2, run=writes("a.txt"))
    run_step(again, clip, CONFIG, key(again, clip))
    assert state(second, clip, key(second, clip)) == "current", "the same bytes came out"
    other = make(version=3, run=writes("a.txt", "y"))
    run_step(other, clip, CONFIG, key(other, clip))
    assert state(second, clip, key(second, clip)) == "run"


def raises(error):
    def run(clip, config):
        raise error

    return run


def test_a_clip_error_is_receipted_with_its_class_and_tried_again_only_if_passing(clip):
    corrupt = make(run=raises(MediaError("it is broken", "corrupt")))
    receipt = run_step(corrupt, clip, CONFIG, key(corrupt, clip))
    assert (receipt.status, receipt.failure, receipt.reason) == ("failed", "corrupt", "it is broken")
    assert state(corrupt, clip, key(corrupt, clip)) == "current"
    assert state(corrupt, clip, key(corrupt, clip), retry_failed=True) == "run"
    passing = make(run=raises(MediaError("later", "transient")))
    run_step(passing, clip, CONFIG, key(passing, clip))
    assert state(passing, clip, key(passing, clip)) == "run"


def test_a_defect_ends_one_clip_and_names_the_place(clip):
    step = make(run=raises(ZeroDivisionError("oh")))
    receipt = run_step(step, clip, CONFIG, key(step, clip))
    assert receipt.failure == "bug"
    assert "ZeroDivisionError at test_step.py" in receipt.reason


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_the_run_with_a_sentence_and_no_receipt(clip, code):
    step = make(run=raises(OSError(code, "full")))
    with pytest.raises(DatasetError, match="no space is left"):
        run_step(step, clip, CONFIG, key(step, clip))
    assert clip.receipt("first") is None


def test_deleted_media_leaves_finished_stages_current_and_changed_ones_stuck(clip):
    media = make("media", run=writes("media.mp4"), media=True)
    voice = make("voice", reads=("media",), run=writes("stem.flac"), media=True)
    for step in (media, voice):
        run_step(step, clip, CONFIG, key(step, clip))
    delete_media([clip])
    assert not clip.file("media.mp4").exists() and not clip.file("stem.flac").exists()
    changed = make("voice", version=2, reads=("media",), media=True)
    assert [state(step, clip, key(step, clip)) for step in (media, voice, changed)] == ["current", "current", "stuck"]
    run_step(media, clip, CONFIG, key(media, clip))
    assert state(voice, clip, key(voice, clip)) == "run", "made anew once the media is back"
    assert state(changed, clip, key(changed, clip)) == "run"


def test_media_that_cannot_be_had_back_takes_nothing_away(clip):
    step = make("media", run=writes("media.mp4"), media=True)
    before = run_step(step, clip, CONFIG, key(step, clip))
    delete_media([clip])
    gone = make("media", run=raises(FetchError("it is gone", "gone")), media=True)
    assert run_step(gone, clip, CONFIG, key(gone, clip)).status == "failed"
    assert clip.receipt("media") == before


def test_a_kill_amid_the_deletion_leaves_nothing_that_looks_lost(clip, monkeypatch):
    media = make("media", run=writes("media.mp4"), media=True)
    voice = make("voice", reads=("media",), run=writes("stem.flac"), media=True)
    for step in (media, voice):
        run_step(step, clip, CONFIG, key(step, clip))
    unlink, unlinked = type(clip.path).unlink, []

    def kill_after_the_first(path, **options):
        unlink(path, **options)
        if not path.name.startswith("."):
            unlinked.append(path.name)
            raise KeyboardInterrupt

    monkeypatch.setattr(type(clip.path), "unlink", kill_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        delete_media([clip])
    assert unlinked == ["media.mp4"]
    assert [state(step, clip, key(step, clip)) for step in (media, voice)] == ["current", "current"]


def test_a_damaged_table_of_a_clip_ends_that_clip_alone_until_it_is_deleted(clip):
    first = make(run=writes("a.parquet", "not parquet"))
    second = make("second", reads=("first",), run=lambda clip, _: read_table(clip.file("a.parquet"), VOCAL))
    run_step(first, clip, CONFIG, key(first, clip))
    receipt = run_step(second, clip, CONFIG, key(second, clip))
    assert (receipt.status, receipt.failure) == ("failed", "transient") and "delete it and run again" in receipt.reason
    clip.file("a.parquet").unlink()
    assert state(first, clip, key(first, clip)) == "run", "deleting it makes the stage before due"


def test_a_damaged_list_of_deletions_is_named(clip):
    write_text(clip.file("deleted.json"), '["media.mp4"')
    with pytest.raises(DatasetError, match=r"c1/deleted\.json is damaged .*delete the clip's folder"):
        deleted_files(clip)
