import pytest

from wail.errors import SourceError
from wail.media.audioset import DEFAULT_LABELS, label_ids, ontology, segment_item


def test_the_ontology_is_whole():
    assert len(ontology()) == 632
    assert all(child in ontology() for entry in ontology().values() for child in entry.child_ids)
    assert [ontology()[label].name for label in DEFAULT_LABELS] == [
        "Baby cry, infant cry", "Baby laughter", "Babbling", "Whimper"]  # fmt: skip


@pytest.mark.parametrize("label", ["/t/dd00002", "Baby cry, infant cry", "baby cry", " INFANT CRY "])
def test_a_label_by_id_by_name_or_by_part_of_a_name(label):
    assert label_ids([label]) == {"/t/dd00002"}


def test_a_label_brings_all_below_it():
    crying = label_ids(["Crying, sobbing"])
    assert {"/m/0463cq4", "/t/dd00002", "/m/07qz6j3"} <= crying
    assert label_ids(["Human sounds"]) > crying


def test_an_unknown_label_names_those_close_to_it():
    with pytest.raises(SourceError, match=r"'Babby laughter' is neither an id nor.*Baby laughter \(/t/dd00001\)"):
        label_ids(["Babby laughter"])
    with pytest.raises(SourceError, match="neither an id nor a name"):
        label_ids(["/m/nosuchid"])


def test_a_name_of_several_classes_asks_for_an_id():
    with pytest.raises(SourceError, match="name of several classes"):
        label_ids(["inside"])


def test_a_row_with_a_leading_dash():
    item = segment_item(["--PJHxphWEs", "30", "40", "/m/09x0r,/t/dd00002"], label_ids(DEFAULT_LABELS))
    assert item is not None
    assert (item.video_id, item.platform) == ("--PJHxphWEs", "youtube")
    assert item.uri == "https://www.youtube.com/watch?v=--PJHxphWEs"
    assert (item.asked_start_s, item.asked_end_s) == (30, 40)
    assert item.labels == ("Speech", "Baby cry, infant cry")


def test_a_row_without_the_labels_is_none():
    assert segment_item(["--PJHxphWEs", "30", "40", "/m/09x0r"], label_ids(DEFAULT_LABELS)) is None


@pytest.mark.parametrize(
    ("fields", "rule"),
    [(["--PJHxphWEs", "30", "40"], "4 fields"), (["short", "30", "40", "/t/dd00002"], "11 letters"),
     (["--PJHxphWEs", "x", "40", "/t/dd00002"], "start has to be"),
     (["--PJHxphWEs", "40", "30", "/t/dd00002"], "after"),
     (["--PJHxphWEs", "30", "40", "Baby cry"], "a label is an id"),
     (["a; rm -rf /", "30", "40", "/t/dd00002"], "11 letters")],
)  # fmt: skip
def test_rows_that_are_refused(fields, rule):
    with pytest.raises(ValueError, match=rule):
        segment_item(fields, label_ids(DEFAULT_LABELS))
