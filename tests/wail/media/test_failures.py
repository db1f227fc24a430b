import pytest

from wail.media.failures import classify, plain

YOUTUBE = [
    ("blocked", "[youtube] abcdefghijk: Sign in to confirm you’re not a bot. Use --cookies-from-browser"),
    ("blocked", "[youtube] abcdefghijk: This content isn't available, try again later. Your account has been "
                "rate-limited by YouTube for up to an hour."),
    ("blocked", "[youtube] abcdefghijk: Unable to download API page: HTTP Error 429: Too Many Requests"),
    ("age", "[youtube] abcdefghijk: Sign in to confirm your age. This video may be inappropriate for some users."),
    ("geo", "[youtube] abcdefghijk: Video unavailable. The uploader has not made this video available in your country"),
    ("geo", "[youtube] abcdefghijk: Video unavailable. This video contains content from SME, who has blocked it in "
            "your country on copyright grounds"),
    ("private", "[youtube] abcdefghijk: Private video. Sign in if you've been granted access to this video"),
    ("private", "[youtube] abcdefghijk: Join this channel to get access to members-only content"),
    ("gone", "[youtube] abcdefghijk: Video unavailable"),
    ("gone", "[youtube] abcdefghijk: Video unavailable. This video has been removed by the uploader"),
    ("gone", "[youtube] abcdefghijk: This video is no longer available because the YouTube account associated with "
             "this video has been terminated."),
    ("transient", "[youtube] abcdefghijk: Premieres in 3 hours"),
    ("unsupported", "[youtube] abcdefghijk: Requested format is not available. Use --list-formats"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message"), YOUTUBE)
def test_what_youtube_says(kind, message):
    assert classify(f"ERROR: {message}", None, "youtube") == kind


@pytest.mark.parametrize(
    ("status", "platform", "kind"),
    [(404, "a.org", "gone"), (410, "a.org", "gone"), (401, "a.org", "private"), (403, "a.org", "private"),
     (403, "youtube", "transient"), (429, "youtube", "blocked"), (451, "a.org", "geo"), (500, "a.org", "transient"),
     (503, "youtube", "transient"), (None, "a.org", "unsupported")],
)  # fmt: skip
def test_the_status_decides_where_words_do_not(status, platform, kind):
    assert classify("Unable to download webpage", status, platform) == kind
    if status is not None:
        assert classify(f"Unable to download webpage: HTTP Error {status}: x", status, platform) == kind


@pytest.mark.parametrize("message", ["Unable to download webpage: [Errno -3] Temporary failure in name resolution",
                                     "The read operation timed out", "100 bytes read, 200 more expected",
                                     "unable to write data: [Errno 28] No space left on device"])  # fmt: skip
def test_trouble_of_our_own_or_of_the_net_is_tried_again(message):
    assert classify(message, None, "a.org") == "transient"


def test_a_name_in_the_url_says_nothing():
    message = "ERROR: [generic] deleted-private-captcha: Unsupported URL: https://a.org/has-been-removed/captcha"
    assert classify(message, None, "a.org") == "unsupported"


def test_the_cause_is_not_said_twice():
    message = "ERROR: [x] y: no page: HTTP Error 404: Not Found (caused by <HTTPError 404: Not Found>)"
    assert plain(message) == "[x] y: no page: HTTP Error 404: Not Found"
