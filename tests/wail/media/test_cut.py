import hashlib

import pytest

from wail.errors import MediaError
from wail.media.audio import read_audio
from wail.media.cut import cut_span
from wail.media.decode import grid_frames
from wail.media.opening import MediaLimits
from wail.media.probe import probe


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_a_span_starts_with_its_own_frame_and_keeps_the_sound_in_place(make_clip, tmp_path, seen, heard, name):
    out = tmp_path / "out.mp4"
    span = cut_span(make_clip(name), out, 0.4, 1.4)
    assert span == (pytest.approx(0.4, abs=0.002), pytest.approx(1.4, abs=0.002))
    assert [seen(frame.rgb) for frame in grid_frames(out)] == list(range(12, 42))
    assert span[0] + heard(read_audio(out)) == pytest.approx(0.5, abs=0.002)


def test_a_span_between_frames_says_what_it_had(make_clip, tmp_path, seen, heard):
    out = tmp_path / "out.mp4"
    start_s, end_s = cut_span(make_clip(), out, 0.41, 1.234)
    assert start_s == pytest.approx(13 / 30, abs=1e-3), "the first frame at or after the asked start"
    assert end_s == pytest.approx(38 / 30, abs=1e-3), "the end of the last frame that starts before the asked end"
    assert seen(next(iter(grid_frames(out))).rgb) == 13
    assert start_s + heard(read_audio(out)) == pytest.approx(0.5, abs=0.002)


def test_a_span_past_the_end_is_cut_to_what_there_is(make_clip, tmp_path, seen):
    out = tmp_path / "out.mp4"
    assert cut_span(make_clip(), out, 1.7, 9.0) == (pytest.approx(1.7), pytest.approx(2.0))
    assert [seen(frame.rgb) for frame in grid_frames(out)] == list(range(51, 60))


def test_late_sound_and_turned_pictures(make_clip, tmp_path, seen, heard):
    source = make_clip(audio_delay_s=0.4, rotation_deg=90)
    out = tmp_path / "out.mp4"
    start_s, _ = cut_span(source, out, 0.5, 1.5)
    assert [seen(frame.rgb) for frame in grid_frames(out)] == list(range(15, 45))
    assert start_s + heard(read_audio(out)) == pytest.approx(0.9, abs=0.002)
    assert probe(out).rotation_deg == 0, "the turn is applied, once"


def test_variable_frame_rate_keeps_its_times(make_clip, tmp_path, seen):
    times_s = [0.0, 0.1, 0.5, 0.55, 0.6, 1.0]
    out = tmp_path / "out.mp4"
    start_s, _ = cut_span(make_clip("v.mkv", 6, times_s=times_s), out, 0.45, 1.1)
    assert start_s == pytest.approx(0.5, abs=0.002)
    got = [seen(frame.rgb) for frame in grid_frames(out)]
    assert got[:5] == [2, 3, 3, 4, 4] and got[14] == 5


def test_without_sound(make_clip, tmp_path):
    out = tmp_path / "out.mp4"
    cut_span(make_clip(sound=False), out, None, 0.5)
    assert (probe(out).audio_codec, probe(out).n_grid_frames) == (None, 15)


def test_the_same_cut_has_the_same_bytes(make_clip, tmp_path):
    source = make_clip(height=96, width=128)
    hashes = set()
    for k in range(4):
        out = tmp_path / f"out {k}.mp4"
        cut_span(source, out, 0.2, 1.2)
        hashes.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(hashes) == 1


def test_a_span_outside_the_source(make_clip, tmp_path):
    with pytest.raises(MediaError, match=r"a.mp4 lasts 2.0 s, the span asked for starts at 30 s") as error:
        cut_span(make_clip("a.mp4"), tmp_path / "out.mp4", 30.0, 40.0)
    assert error.value.failure == "gone"


def test_it_ends_at_the_wall_clock_limit(make_clip, tmp_path, monkeypatch):
    """An ffmpeg that sleeps stands for one that hangs on a hostile file."""
    fake = tmp_path / "bin" / "ffmpeg"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexec sleep 30\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent) + ":/usr/bin:/bin")
    with pytest.raises(MediaError, match=r"more than 0.5 s"):
        cut_span(make_clip(), tmp_path / "out.mp4", 0.0, 1.0, MediaLimits(timeout_s=0.5))


def test_a_full_disk_is_not_the_files_fault(make_clip, tmp_path):
    (tmp_path / "out.mp4").symlink_to("/dev/full")
    with pytest.raises(MediaError, match=r"the disk was full .*: free some space and run again") as error:
        cut_span(make_clip(), tmp_path / "out.mp4", 0.0, 1.0)
    assert error.value.failure == "transient"
