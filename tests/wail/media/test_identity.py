import pytest

from schemas.documents import SourceItem
from wail.errors import SourceError
from wail.media.identity import clip_id, source_id, with_content_id


def file_item(path, **span) -> SourceItem:
    return SourceItem(uri=str(path), platform="file", video_id="", **span)


def test_a_file_goes_by_its_content(tmp_path):
    for name, content in [("a.mp4", b"1"), ("b.mp4", b"1"), ("c.mp4", b"2")]:
        (tmp_path / name).write_bytes(content)
    a, b, c = (file_item(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4"))
    assert source_id(a) == source_id(b) != source_id(c)
    assert source_id(with_content_id(a)) == source_id(a)
    assert with_content_id(a).video_id == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"


def test_each_span_of_a_source_is_a_clip_of_its_own():
    whole = SourceItem(uri="u", platform="youtube", video_id="abcdefghijk")
    part = whole.model_copy(update={"asked_start_s": 30.0, "asked_end_s": 40.0})
    assert source_id(whole) == source_id(part)
    assert clip_id(whole) != clip_id(part)
    assert clip_id(part) == clip_id(part.model_copy(update={"asked_start_s": 30, "labels": ("cry",)}))
    assert len(clip_id(part)) == 16 and int(clip_id(part), 16) >= 0


def test_ids_do_not_move_between_versions():
    item = SourceItem(uri="u", platform="youtube", video_id="abcdefghijk", asked_start_s=1.5)
    assert (source_id(item), clip_id(item)) == ("6d37202213f244c0", "e80ee08ed4e1f8d6")


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(SourceError, match=r"a.mp4 cannot be read \(No such file"):
        source_id(file_item(tmp_path / "a.mp4"))
