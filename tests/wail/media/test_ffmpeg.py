import subprocess

from wail.media.ffmpeg import ffmpeg_exe


def test_without_one_on_the_path_the_wheel_has_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    exe = ffmpeg_exe()
    assert subprocess.run([exe, "-version"], capture_output=True, check=True).stdout.startswith(b"ffmpeg version")


def test_the_one_on_the_path_comes_first(monkeypatch, tmp_path):
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg_exe() == str(tmp_path / "ffmpeg")
