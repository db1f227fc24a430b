import av
import numpy as np
import pytest

from wail.media.encode import write_mp4


def test_the_same_frames_give_the_same_bytes(make_clip):
    assert make_clip("a.mp4").read_bytes() == make_clip("b.mp4").read_bytes()


@pytest.mark.parametrize(("name", "video", "audio"), [("a.mp4", "h264", "aac"), ("a.webm", "vp8", "opus"),
                                                      ("a.mkv", "h264", "flac"), ("a.mov", "h264", "aac")])  # fmt: skip
def test_the_suffix_chooses_container_and_codecs(make_clip, name, video, audio):
    with av.open(str(make_clip(name))) as container:
        assert container.streams.video[0].codec_context.name == video
        assert container.streams.audio[0].codec_context.name == audio


def test_every_frame_keeps_the_time_it_was_given(make_clip):
    times_s = [0.0, 0.1, 0.15, 0.7]
    with av.open(str(make_clip("v.mp4", 4, times_s=times_s, sound=False))) as container:
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx(times_s, abs=1e-4)


def test_no_frames_and_a_wave_without_a_rate(tmp_path):
    with pytest.raises(ValueError, match=r"a.mp4: there is no frame to write"):
        write_mp4(tmp_path / "a.mp4", [], 30.0)
    with pytest.raises(ValueError, match="rate_hz"):
        write_mp4(tmp_path / "a.mp4", [np.zeros((2, 2, 3), np.uint8)], 30.0, np.zeros(10, np.float32))


def test_a_higher_crf_makes_a_smaller_file(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3)).astype(np.uint8)
    for crf in (10, 40):
        write_mp4(tmp_path / f"{crf}.mp4", frames, 30.0, crf=crf)
    assert (tmp_path / "40.mp4").stat().st_size < 0.5 * (tmp_path / "10.mp4").stat().st_size
