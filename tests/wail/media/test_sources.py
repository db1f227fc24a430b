import os
from pathlib import Path

import pytest

from schemas.documents import SourceItem
from wail.errors import SourceError
from wail.media.sources import read_sources

DATA = Path(__file__).parents[3] / "../shared/data"
AUDIOSET = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=4, num_segs=4, num_unique_labels=3, num_positive_labels=5
# YTID, start_seconds, end_seconds, positive_labels
--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"
-0BIyqJj9ZU, 30.000, 40.000, "/m/07rgt08,/m/07sq110,/t/dd00001"
0d3kh_lETKc, 100.000, 110.000, "/m/0261r1,/m/09x0r"
15q_K5r3RzU, 0.000, 9.500, /t/dd00002
"""


def listed(tmp_path, text, name="list.csv", **options):
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return read_sources([str(tmp_path / name)], **options)


def test_a_folder_gives_its_videos_and_pictures_in_order(tmp_path):
    wanted = ["a.mp4", "sub/b.MOV", "sub/deep/c.webm", "z.png"]
    for name in [*wanted, ".hidden.mp4", ".git/d.mp4", "notes.txt", "e.wav", "sub/.part.mp4"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = read_sources([str(tmp_path)])
    assert [item.uri for item in found.items] == [str(tmp_path / name) for name in wanted]
    assert {(item.platform, item.video_id) for item in found.items} == {("file", "")}


def test_the_same_thing_asked_for_twice_is_one_item(tmp_path):
    (tmp_path / "a.mp4").touch()
    sources = [str(tmp_path), str(tmp_path / "a.mp4"), f"{tmp_path}/../{tmp_path.name}/a.mp4"]
    assert len(read_sources(sources).items) == 1


def test_a_missing_folder_is_refused_and_the_rest_goes_on(tmp_path):
    (tmp_path / "a.mp4").touch()
    found = read_sources([str(tmp_path / "none"), str(tmp_path / "a.mp4")])
    assert len(found.items) == 1
    assert found.refused == ((str(tmp_path / "none"), f"{tmp_path}/none: no such file or folder; check the path"),)


def test_nothing_at_all_is_an_error(tmp_path):
    for sources, rule in [([], "no source was given"), (["none"], "no such file or folder"),
                          ([str(tmp_path)], "holds no media file"), (["ftp://a/b"], "http")]:  # fmt: skip
        with pytest.raises(SourceError, match=rule):
            read_sources(sources)


def test_audioset(tmp_path):
    found = listed(tmp_path, AUDIOSET)
    assert [item.video_id for item in found.items] == ["-0BIyqJj9ZU", "0d3kh_lETKc", "15q_K5r3RzU"]
    assert [(item.asked_start_s, item.asked_end_s) for item in found.items] == [(30, 40), (100, 110), (0, 9.5)]
    assert (found.n_not_chosen, found.refused) == (1, ())


def test_audioset_that_lost_its_header(tmp_path):
    body = "".join(line + "\n" for line in AUDIOSET.splitlines() if not line.startswith("#"))
    assert listed(tmp_path, body).items == listed(tmp_path, AUDIOSET).items


def test_audioset_with_other_labels(tmp_path):
    assert [item.video_id for item in listed(tmp_path, AUDIOSET, labels=["Babbling"]).items] == ["0d3kh_lETKc"]
    assert len(listed(tmp_path, AUDIOSET, labels=["Speech"]).items) == 2
    with pytest.raises(SourceError, match="none of 4 AudioSet rows has any of the labels Dog"):
        listed(tmp_path, AUDIOSET, labels=["Dog"])
    with pytest.raises(SourceError, match="close to it: "):
        listed(tmp_path, AUDIOSET, labels=["Babling"])


def test_malformed_rows_are_refused_one_by_one(tmp_path):
    rows = AUDIOSET + 'toolongforanid, 1, 2, "/t/dd00002"\n3AbcdefghiJ, 9, 3, /t/dd00002\n3AbcdefghiK, 1, 2, "/t/dd0\n'
    found = listed(tmp_path, rows)
    assert len(found.items) == 3, "the rows around them count as before"
    assert [refused.uri for refused in found.refused] == ["list.csv:8", "list.csv:9", "list.csv:10"]
    details = [refused.detail for refused in found.refused]
    assert details[0].startswith("line 8 of list.csv: a YTID has 11 letters") and "'toolongforanid'" in details[0]
    assert "the end (3 s) has to be after the start (9 s)" in details[1]
    assert "its quotes do not pair" in details[2]
    assert all(detail.endswith("mend the line and run again") for detail in details)


@pytest.mark.parametrize(
    ("name", "text"),
    [("list.txt", "# mine\nhttps://a.org/v.mp4 5 10\n\nhttps://youtu.be/abcdefghijk\n"),
     ("list.txt", "https://a.org/v.mp4, 5, 10\nhttps://youtu.be/abcdefghijk\n"),
     ("list.csv", "https://a.org/v.mp4,5,0:10\nhttps://youtu.be/abcdefghijk\n"),
     ("list.csv", "\ufeffURL,Start,End\r\nhttps://a.org/v.mp4,5,10\r\nhttps://youtu.be/abcdefghijk,,\r\n"),
     ("list.csv", "end,title,url,start_s\n10,x,https://a.org/v.mp4,5\n,y,https://youtu.be/abcdefghijk,\n"),
     ("list.tsv", "url\tstart\tend\nhttps://a.org/v.mp4\t5\t10\nhttps://youtu.be/abcdefghijk\n")],
)  # fmt: skip
def test_lists_of_urls(tmp_path, name, text):
    found = listed(tmp_path, text, name)
    assert found.refused == ()
    assert [(i.platform, i.video_id, i.asked_start_s, i.asked_end_s) for i in found.items] == [
        ("a.org", "/v.mp4", 5, 10), ("youtube", "abcdefghijk", None, None)]  # fmt: skip


def test_what_a_csv_says_beside_the_url(tmp_path):
    text = 'url,labels,licence,uploader\nhttps://a.org/v.mp4,"cry|Baby laughter",CC BY 4.0,someone\n'
    (item,) = listed(tmp_path, text).items
    assert (item.labels, item.licence, item.uploader) == (("cry", "Baby laughter"), "CC BY 4.0", "someone")


def test_a_list_may_name_files_beside_it(tmp_path):
    (tmp_path / "my clip.mp4").touch()
    found = listed(tmp_path, "url,start,end\nmy clip.mp4,1,2\nother.mp4,1,2\n")
    assert found.items == (SourceItem(uri=str(tmp_path / "my clip.mp4"), platform="file", video_id="", asked_start_s=1,
                                      asked_end_s=2),)  # fmt: skip
    assert "'other.mp4' is neither a URL (http:// or https://) nor a file beside the list" in found.refused[0].detail


@pytest.mark.parametrize(
    ("row", "rule"),
    [("https://a.org/v.mp4,x,10", "start has to be seconds"), ("https://a.org/v.mp4,1,2,cry,more", "5 fields where 4"),
     ('"https://a.org/v.mp4,1,2', "quotes do not pair"), (",1,2", "it has no URL"), ("file:///etc/passwd", "http://"),
     (b"https://a.org/\xff\xfe.mp4", "not UTF-8"), ("https://a.org/\0.mp4", "not UTF-8")],
)  # fmt: skip
def test_rows_of_a_list_that_are_refused(tmp_path, row, rule):
    good = b"https://a.org/good.mp4\n"
    found = listed(tmp_path, good + (row if isinstance(row, bytes) else row.encode()) + b"\n" + good)
    assert [item.video_id for item in found.items] == ["/good.mp4"]
    (refused,) = found.refused
    assert refused.uri == "list.csv:2" and rule in refused.detail


def test_an_empty_list(tmp_path):
    with pytest.raises(SourceError, match="the lists are empty"):
        listed(tmp_path, "# nothing yet\n", "list.txt")


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_the_real_audioset_rows():
    found = read_sources([str(DATA / "audioset/eval_segments_infant.csv"),
                          str(DATA / "audioset/balanced_train_segments_infant.csv")])  # fmt: skip
    assert found.refused == ()
    assert len(found.items) > 400 and len({item.video_id for item in found.items}) == len(found.items)


def test_what_is_no_file_is_refused_by_itself_with_its_reason(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    wrong = {"loop.mp4": "links go round in a circle", "pipe.mp4": "pipe, device or socket", "b.mp4": "no such file",
             "y" * 300 + ".mp4": "File name too long"}  # fmt: skip
    found = read_sources([str(tmp_path / name) for name in ["a.mp4", *wrong]])
    assert [item.uri for item in found.items] == [str(tmp_path / "a.mp4")]
    for refused, reason in zip(found.refused, wrong.values(), strict=True):
        assert reason in refused.detail and len(refused.detail) < 400
    from_list = listed(tmp_path, "url\na.mp4\n" + "\n".join(wrong))
    assert len(from_list.items) == 1
    assert all(reason in one.detail for one, reason in zip(from_list.refused, wrong.values(), strict=True))


def test_an_empty_source_is_not_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="a source is empty"):
        read_sources([""])


def test_a_missing_name_that_is_not_utf_8_can_be_said(tmp_path):
    with pytest.raises(SourceError) as caught:
        read_sources([os.fsdecode(bytes(tmp_path) + b"/a\xff.mp4")])
    assert "a\\xff.mp4: no such file" in str(caught.value)
