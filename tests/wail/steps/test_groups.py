from collections import Counter

from wail.config import SplitConfig
from wail.steps.groups import joined_groups, split_of, subjects


def test_clips_that_sound_the_same_are_one_group_over_any_number_of_links():
    found = joined_groups({"c1": "A", "c2": "B", "c3": "B", "c4": "C"}, [("c1", "c2"), ("c3", "c4")], {})
    assert len(set(found.values())) == 1


def test_different_sounds_stay_apart():
    assert joined_groups({"c1": "A", "c2": "B"}, [], {}) == {"c1": "A", "c2": "B"}


def test_a_known_group_never_changes_and_is_handed_to_what_joins_it():
    assert joined_groups({"a": "A", "z": "Z"}, [("a", "z")], {"z": "Z"}) == {"a": "Z", "z": "Z"}


def test_splits_follow_the_shares_and_do_not_move():
    config = SplitConfig(val=0.1, test=0.2)
    count = Counter(split_of(f"group{i}", config) for i in range(5000))
    assert abs(count["test"] / 5000 - 0.2) < 0.02
    assert abs(count["val"] / 5000 - 0.1) < 0.02
    assert split_of("group1", config) == split_of("group1", config)


def test_tracks_seen_at_once_are_different_infants_and_others_one():
    takes = [
        {"take_id": "a", "track": 0, "start_s": 0.0, "end_s": 2.0},
        {"take_id": "b", "track": 1, "start_s": 1.0, "end_s": 3.0},
        {"take_id": "c", "track": 2, "start_s": 4.0, "end_s": 5.0},
    ]
    found = subjects(takes, "source")
    assert found["a"] != found["b"]
    assert found["c"] == found["a"]
