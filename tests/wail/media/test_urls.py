import pytest

from wail.media.identity import source_id
from wail.media.urls import is_url, url_item

SAME = ["https://www.youtube.com/watch?v=--PJHxphWEs", "http://youtu.be/--PJHxphWEs?si=abc",
        "https://m.youtube.com/watch?app=m&v=--PJHxphWEs&t=30s", "https://www.youtube.com/shorts/--PJHxphWEs",
        "https://www.youtube-nocookie.com/embed/--PJHxphWEs?rel=0", 
        "HTTPS://WWW.YOUTUBE.COM/live/--PJHxphWEs"]  # fmt: skip


def test_one_youtube_video_under_many_urls_is_one_source():
    items = [url_item(url) for url in SAME]
    assert {(i.platform, i.video_id, i.uri) for i in items} == {("youtube", "--PJHxphWEs", SAME[0])}
    assert len({source_id(i) for i in items}) == 1


def test_other_hosts_go_by_host_path_and_query():
    item = url_item("https://Media.Example.org/v/a%20b.mp4?x=1#t=3")
    assert (item.platform, item.video_id) == ("media.example.org", "/v/a%20b.mp4?x=1")
    assert item.uri == "https://Media.Example.org/v/a%20b.mp4?x=1"


@pytest.mark.parametrize(
    ("url", "rule"),
    [("ftp://a.org/b.mp4", "http:// or https://"), ("file:///etc/passwd", "http:// or https://"),
     ("https://", "names a host"), ("https://user:secret@a.org/b", "must not hold a user name or password"),
     ("https://a.org/a b", "visible ASCII"), ("https://a.org/" + "x" * 3000, "at most 2000"),
     ("https://www.youtube.com/playlist?list=PLx", "of one video"),
     ("https://www.youtube.com/@someone", "of one video"),
     ("https://youtu.be/short", "of one video"), ("https://a.org:port/", "Port")],
)  # fmt: skip
def test_urls_that_are_refused(url, rule):
    with pytest.raises(ValueError, match=rule) as error:
        url_item(url)
    assert "secret" not in str(error.value)


def test_what_is_a_url():
    assert is_url("https://a") and is_url("ftp://a")
    assert not is_url("a.mp4") and not is_url("c:/a.mp4") and not is_url("/a://b")
