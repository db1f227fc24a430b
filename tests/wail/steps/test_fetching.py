from schemas.documents import Receipt
from wail.config import CurateConfig
from wail.media.download import DownloadConfig
from wail.media.pacing import PaceConfig
from wail.steps.fetching import fetch_queue
from wail.store import ClipFolder

PACE = PaceConfig(gap_s=2, first_pause_s=300, longest_pause_s=3600, most_blocks=3)
CONFIG = CurateConfig(download=DownloadConfig(pace=PACE))


def platform(root, answers):
    """A runner that leaves the receipts that a platform with these answers (failure classes) would bring."""
    asked = []

    def run(stage, clip_ids, root, config, done):
        (clip_id,) = clip_ids
        asked.append(clip_id)
        failure = answers.pop(0)
        status = "failed" if failure else "done"
        ClipFolder(root, clip_id).write_receipt(
            Receipt(stage=stage, key="k", status=status, failure=failure, reason="said so", seconds=0.0)
        )

    return run, asked


class Clock:
    def __init__(self):
        self.time_s = 0.0
        self.waits = []

    def sleep(self, wait_s):
        self.waits.append(wait_s)
        self.time_s += wait_s

    def now_s(self):
        return self.time_s


def queue(tmp_path, clips, answers):
    run, asked = platform(tmp_path, answers)
    clock, done = Clock(), []
    said = fetch_queue(clips, tmp_path, CONFIG, run, done.append, clock.sleep, clock.now_s)
    return said, asked, clock.waits, done


def test_downloads_are_paced(tmp_path):
    said, asked, waits, done = queue(tmp_path, ["a", "b", "c"], [None, None, None])
    assert (said, asked, waits, done) == (None, ["a", "b", "c"], [2, 2], ["a", "b", "c"])


def test_a_block_pauses_the_queue_and_the_same_item_is_tried_again(tmp_path):
    said, asked, waits, done = queue(tmp_path, ["a", "b"], ["blocked", None, None])
    assert said is None
    assert asked == ["a", "a", "b"]
    assert waits == [300, 2]
    assert done == ["a", "b"]


def test_other_failures_do_not_pause_the_queue(tmp_path):
    _, asked, waits, _ = queue(tmp_path, ["a", "b"], ["gone", None])
    assert (asked, waits) == (["a", "b"], [2])


def test_after_too_many_blocks_the_queue_stops_and_says_how_many_are_left(tmp_path):
    said, asked, waits, done = queue(tmp_path, ["a", "b", "c"], [None, "blocked", "blocked", "blocked"])
    assert "2 items left" in said
    assert asked == ["a", "b", "b", "b"]
    assert waits == [2, 300, 600]
    assert done == ["a"]


def test_whole_files_are_dropped_only_when_the_queue_is_through(tmp_path):
    (tmp_path / "fetched").mkdir()
    queue(tmp_path, ["a"], ["blocked"] * 3)
    assert (tmp_path / "fetched").exists()
    queue(tmp_path, ["a"], [None])
    assert not (tmp_path / "fetched").exists()
