"""Labels, speeds, parts and licences of the recordings."""

from pathlib import Path

import numpy as np
import pytest

from wail.voice.network import OUTPUTS
from wail.voice.training import corpus

INFANT, CRY, LAUGH, BABBLE, ADULT = range(5)


def entry(label="cry", group="dac:1", licence="MIT", segments=()) -> corpus.Entry:
    return corpus.Entry(Path("x.flac"), label, group, licence, 2.0, tuple(segments))


def test_labels_mark_the_segments_and_leave_the_adult_open_between_cries():
    label = corpus.labels_of(entry(segments=[(0.5, 1.0, "cry")]), 100)
    inside = (np.arange(100) + 0.5) * 0.016 >= 0.5
    inside &= (np.arange(100) + 0.5) * 0.016 < 1.0
    assert label.shape == (100, len(OUTPUTS))
    assert (label[inside][:, [INFANT, CRY]] == 1).all() and (label[inside][:, ADULT] == 0).all()
    assert (label[~inside][:, :4] == 0).all() and np.isnan(label[~inside][:, ADULT]).all()


def test_labels_follow_the_speed():
    slow = corpus.labels_of(entry(segments=[(0.5, 1.0, "cry")]), 200, speed=0.5)
    assert np.flatnonzero(slow[:, INFANT])[[0, -1]] * 0.016 == pytest.approx([1.0, 2.0], abs=0.03)


def test_unlisted_time_of_a_weakly_labelled_babble_is_unknown():
    label = corpus.labels_of(entry("coo_babble", segments=[(0.0, 0.5, "coo_babble")]), 60)
    assert label[0, BABBLE] == 1 and np.isnan(label[-1, :4]).all()


@pytest.mark.parametrize(("licence", "allowed"), [
    ("CC-BY-3.0", True), ("CC0", True), ("MIT", True), ("ODbL-1.0 (database) / DbCL-1.0 (contents)", True),
    ("CC-BY-SA-4.0", False), ("CC-BY (clip licence per ESC-50 LICENSE; ESC-50 collection is CC-BY-NC-3.0)", False),
])  # fmt: skip
def test_non_commercial_and_share_alike_files_are_not_trained_on(licence, allowed):
    assert corpus.may_train(entry(licence=licence)) is allowed


def test_a_group_is_in_one_part_whole_and_about_a_fifth_are_held_out():
    assert corpus.part_of(entry("cry", "dac:7")) == corpus.part_of(entry("noise", "dac:7"))
    parts = [corpus.part_of(entry(group=f"g{k}")) for k in range(1000)]
    assert 0.75 < parts.count("train") / 1000 < 0.85
    assert 0.05 < parts.count("tune") / 1000 < 0.15 and 0.05 < parts.count("test") / 1000 < 0.15


def test_what_may_not_be_trained_on_and_the_only_real_laughter_are_held_out():
    assert all(corpus.part_of(entry(group=f"g{k}", licence="CC-BY-SA-4.0")) != "train" for k in range(50))
    assert corpus.part_of(entry("laugh", "g1")) == "test"
