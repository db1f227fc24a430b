"""yt-dlp for real, against a web server on this machine that behaves as badly as the internet does."""

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import pytest

from schemas.documents import SourceItem
from wail.errors import ConfigError, FetchError
from wail.media.audio import read_audio
from wail.media.download import DownloadConfig, _job, download
from wail.media.encode import write_mp4
from wail.media.fetch import job_line
from wail.media.ffmpeg import ffmpeg_exe
from wail.media.probe import probe
from wail.media.urls import url_item

LOCAL = DownloadConfig(allow_private_addresses=True, socket_timeout_s=1.0, retries=1, timeout_s=20.0)
STATUSES = {"/gone.mp4": 404, "/private.mp4": 403, "/blocked.mp4": 429, "/geo.mp4": 451, "/down.mp4": 503}
PAGE = b"<!doctype html><html><head><title>no video</title></head><body>Just text.</body></html>"


class Handler(http.server.BaseHTTPRequestHandler):
    """What each path does is in its name."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server = self.server
        server.hits[self.path] += 1
        server.cookies.append(self.headers.get("Cookie"))
        if self.path in STATUSES:
            return self.send_error(STATUSES[self.path])
        if self.path in server.files:
            kind = "application/dash+xml" if self.path.endswith(".mpd") else "video/mp4"
            self.head(kind, len(server.files[self.path]))
            return self.wfile.write(server.files[self.path])
        reply = getattr(self, self.path.strip("/").split(".")[0], None)
        return self.send_error(404) if reply is None else reply()

    def head(self, kind="video/mp4", length=None, status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def ok(self, limit=None):
        data, asked = self.server.media, self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        extra = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if asked else {}
        self.head(length=len(data) - start, status=206 if asked else 200, Accept_Ranges="bytes",
                  Set_Cookie="server=1", **extra)  # fmt: skip
        if self.command == "GET":
            self.wfile.write(data[start:][:limit])
            self.server.starts.append(start)

    def once(self):
        """Cut off in the middle, the first two times (yt-dlp asks once for the type, then fetches)."""
        self.ok(None if self.server.hits[self.path] > 2 else len(self.server.media) // 2)

    def cut(self):
        self.ok(1000 if not self.headers.get("Range") else 0)

    def slow(self):
        self.head(length=10**6)
        for _ in range(600):
            try:
                self.wfile.write(b"x")
                time.sleep(0.05)
            except OSError:
                self.server.hung_up.set()
                return

    def stall(self):
        self.head(length=10**6)
        self.wfile.write(b"x" * 2000)
        self.wfile.flush()
        self.server.over.wait(10)

    def endless(self):
        """No length said; more than any limit."""
        self.head()
        try:
            for _ in range(1000):
                self.wfile.write(bytes(10000))
        except OSError:
            pass

    def page(self):
        self.head("text/html", len(PAGE))
        self.wfile.write(PAGE)

    def lie(self):
        self.head(length=len(PAGE))
        self.wfile.write(PAGE)

    def half(self):
        data = self.server.media[: len(self.server.media) // 2]
        self.head(length=len(data))
        self.wfile.write(data)

    def away(self):
        self.head(status=302, Location=f"http://127.0.0.2:{self.server.server_port}/ok.mp4")

    def loop(self):
        self.head(status=302, Location=self.path)

    def hls(self):
        port = self.server.server_port
        text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n" + f"http://127.0.0.1:{port}/ok.ts\n#EXT-X-ENDLIST\n"
        self.head("application/vnd.apple.mpegurl", len(text))
        self.wfile.write(text.encode())

    def hlsfile(self):
        text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
        self.head("application/vnd.apple.mpegurl", len(text))
        self.wfile.write(text.encode())


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (30, 96, 128, 3), np.uint8)
    write_mp4(path, noise, 30.0, np.zeros(16000, np.float32), 16000)
    return path.read_bytes()


@pytest.fixture
def server(clip):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.media, server.hits, server.starts, server.cookies, server.files = clip, Counter(), [], [], {}
        server.hung_up, server.over = threading.Event(), threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def item(server, path: str) -> SourceItem:
    return url_item(f"http://127.0.0.1:{server.server_port}{path}")


def failure(server, path, folder, config=LOCAL) -> FetchError:
    with pytest.raises(FetchError) as error:
        download(item(server, path), folder, config)
    assert not list(folder.iterdir()), "nothing is left behind"
    assert f"http://127.0.0.1:{server.server_port}{path}" in str(error.value)
    return error.value


def test_a_video_is_fetched_whole(server, tmp_path):
    seen = []
    got = download(item(server, "/ok.mp4"), tmp_path, LOCAL, lambda done, of: seen.append((done, of)))
    assert got.path == tmp_path / "media.mp4"
    assert got.path.read_bytes() == server.media
    assert got.duration_s == pytest.approx(1.0)
    assert (got.licence, got.uploader, got.channel_id) == (None, None, None), "a bare file says nothing of these"
    assert seen[-1] == (len(server.media), len(server.media))
    assert [p.name for p in tmp_path.iterdir()] == ["media.mp4"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/gone.mp4", "gone"), ("/private.mp4", "private"), ("/blocked.mp4", "blocked"), ("/geo.mp4", "geo"),
     ("/down.mp4", "transient"), ("/page.html", "unsupported"), ("/loop.mp4", "unsupported")],
)  # fmt: skip
def test_each_refusal_has_its_class(server, tmp_path, path, kind):
    assert failure(server, path, tmp_path).failure == kind


def test_a_page_sent_as_a_video_is_found_out(server, tmp_path):
    error = failure(server, "/lie.mp4", tmp_path)
    assert error.failure in ("unsupported", "corrupt")
    assert "cannot be read as media" in str(error)


def test_half_a_file_that_claims_to_be_whole_is_corrupt(server, tmp_path):
    error = failure(server, "/half.mp4", tmp_path)
    assert error.failure == "corrupt"


def test_a_reply_cut_off_once_is_resumed_where_it_broke(server, tmp_path):
    got = download(item(server, "/once.mp4"), tmp_path, LOCAL)
    assert got.path.read_bytes() == server.media
    assert 0 < server.starts[-1] <= len(server.media) // 2, "not from the beginning again"


def test_a_reply_always_cut_off_is_transient(server, tmp_path):
    assert failure(server, "/cut.mp4", tmp_path).failure == "transient"


def test_a_server_that_stalls(server, tmp_path):
    start = time.monotonic()
    assert failure(server, "/stall.mp4", tmp_path).failure == "transient"
    assert time.monotonic() - start < 15


def test_a_trickle_ends_at_the_wall_clock_limit(server, tmp_path):
    config = DownloadConfig(allow_private_addresses=True, timeout_s=2.5)
    error = failure(server, "/slow.mp4", tmp_path, config)
    assert error.failure == "transient" and "more than 2.5 s" in str(error)
    assert server.hung_up.wait(5), "the process that downloaded is gone"


@pytest.mark.parametrize("path", ["/ok.mp4", "/endless.mp4"])
def test_too_many_bytes_said_or_not(server, tmp_path, path):
    config = DownloadConfig(allow_private_addresses=True, max_bytes=5000)
    error = failure(server, path, tmp_path, config)
    assert error.failure == "too_large" and "5000" in str(error)


def test_too_long_is_known_when_it_is_probed(server, tmp_path):
    config = DownloadConfig(allow_private_addresses=True, max_duration_s=0.5)
    assert failure(server, "/ok.mp4", tmp_path, config).failure == "too_large"


def test_no_one_there(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(FetchError) as error:
        download(url_item(f"http://127.0.0.1:{port}/a.mp4"), tmp_path, LOCAL)
    assert error.value.failure == "transient"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_of_this_machine_is_refused_by_default(server, tmp_path, host):
    with pytest.raises(FetchError, match="not a public one and refused") as error:
        download(url_item(f"http://{host}:{server.server_port}/ok.mp4"), tmp_path, DownloadConfig())
    assert error.value.failure == "unsupported"
    assert not server.hits, "the server was never asked"


def test_a_redirect_to_a_private_address_is_refused(server, tmp_path):
    """127.0.0.1 stands for the public internet here, and 127.0.0.2 for the inside of someone's network."""
    code = (
        "from wail.media import addresses, fetch\n"
        "addresses.is_public = lambda address: address == '127.0.0.1'\n"
        "fetch.main()\n"
    )
    job = _job(item(server, "/away.mp4"), tmp_path / ".media", DownloadConfig(), None)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL, start_new_session=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}) as process:  # fmt: skip
        process.stdin.write(job_line(job))
        process.stdin.flush()
        answer = process.stdout.readline()
    assert "127.0.0.2" in answer and "refused" in answer
    assert set(server.hits) == {"/away.mp4"}


def test_a_playlist_of_segments_is_fetched_natively(server, tmp_path):
    write_mp4(tmp_path / "segment.ts", [np.zeros((48, 64, 3), np.uint8)] * 30, 30.0)
    server.media = (tmp_path / "segment.ts").read_bytes()
    (tmp_path / "segment.ts").unlink()
    got = download(item(server, "/hls.m3u8"), tmp_path, LOCAL)
    assert probe(got.path).n_grid_frames == 30


def test_picture_and_sound_that_come_apart_are_put_together(make_clip, server, tmp_path, heard):
    """As YouTube sends them: an MPEG-DASH manifest with one stream of each, fetched natively, joined by ffmpeg."""
    folder = tmp_path / "dash"
    folder.mkdir()
    command = [ffmpeg_exe(), "-v", "error", "-i", make_clip(), "-map", "0", "-c", "copy", "-f", "dash", "a.mpd"]
    subprocess.run(command, check=True, cwd=folder)
    server.files = {f"/{path.name}": path.read_bytes() for path in folder.iterdir()}
    got = download(item(server, "/a.mpd"), tmp_path / "out", LOCAL)
    facts = probe(got.path)
    assert (facts.video_codec, facts.audio_codec, facts.n_grid_frames) == ("h264", "aac", 60)
    assert heard(read_audio(got.path)) == pytest.approx(0.5, abs=0.003)


def test_a_playlist_that_names_a_local_file_gets_nothing(server, tmp_path):
    error = failure(server, "/hlsfile.m3u8", tmp_path)
    assert error.failure in ("unsupported", "transient")


def test_the_cookie_file_is_sent_and_left_as_it_was(server, tmp_path):
    jar = tmp_path / "cookies.txt"
    jar.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tmine\tyes\n")
    before = jar.read_bytes()
    config = DownloadConfig(allow_private_addresses=True, cookies=str(jar))
    download(item(server, "/ok.mp4"), tmp_path / "out", config)
    assert "mine=yes" in (server.cookies[0] or "")
    assert jar.read_bytes() == before, "the server's own cookie went into the copy"


def test_a_missing_cookie_file_is_said(server, tmp_path):
    config = DownloadConfig(allow_private_addresses=True, cookies=str(tmp_path / "none.txt"))
    with pytest.raises(ConfigError, match=r"cookie file .*none\.txt cannot be read"):
        download(item(server, "/ok.mp4"), tmp_path, config)


def test_when_the_run_is_killed_the_download_ends_too(server, tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from wail.media.download import DownloadConfig, download\n"
        "from wail.media.urls import url_item\n"
        "download(url_item(sys.argv[1]), Path(sys.argv[2]), DownloadConfig(allow_private_addresses=True))\n"
    )
    url = f"http://127.0.0.1:{server.server_port}/slow.mp4"
    process = subprocess.Popen([sys.executable, "-c", code, url, str(tmp_path)], stderr=subprocess.DEVNULL,
                               env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    while not server.hits["/slow.mp4"]:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert server.hung_up.wait(10)
