from wail.media.pacing import BlockPause, PaceConfig

CONFIG = PaceConfig(gap_s=2.0, first_pause_s=100.0, longest_pause_s=300.0, most_blocks=4)


def test_the_first_starts_at_once_and_the_next_after_the_gap():
    pause = BlockPause(CONFIG)
    assert pause.wait_s(50.0) == 0
    pause = pause.after(None, 60.0)
    assert pause.wait_s(60.5) == 1.5
    assert pause.wait_s(99.0) == 0


def test_blocks_in_a_row_pause_longer_each_time_and_then_stop():
    pause, waits = BlockPause(CONFIG), []
    while not pause.stopped:
        pause = pause.after("blocked", 0.0)
        waits.append(pause.wait_s(0.0))
    assert waits == [100, 200, 300, 300]


def test_only_a_success_ends_a_block():
    blocked = BlockPause(CONFIG).after("blocked", 0.0)
    assert blocked.after("gone", 200.0).after("blocked", 300.0).wait_s(300.0) == 200
    assert blocked.after(None, 200.0).after("blocked", 300.0).wait_s(300.0) == 100
