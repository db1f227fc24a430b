"""Sound that is read piece by piece gives what it gives in one piece."""

import tracemalloc

import numpy as np
import pytest
import soundfile

from wail.errors import ClipError
from wail.voice import wave as module
from wail.voice.analyse import VoiceConfig, analyse, tagged, through
from wail.voice.detect import detect
from wail.voice.taggers import TagTrack
from wail.voice.training import synth
from wail.voice.wave import FlacWave, blocks, pieces, with_context

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def long_flac(tmp_path_factory):
    """250 s: 5 s cries and hiss in turn."""
    rng = np.random.default_rng(4)
    parts = [part for k in range(25) for part in (synth.cry(rng, 5.0).wave, rng.standard_normal(80_000) * 0.01)]
    path = tmp_path_factory.mktemp("long") / "long.flac"
    soundfile.write(path, np.clip(np.concatenate(parts)[: 250 * RATE_HZ], -1, 1), RATE_HZ, subtype="PCM_16")
    return path


@pytest.fixture
def short_pieces(monkeypatch):
    monkeypatch.setattr(module, "PIECE_S", 60)


def test_a_file_is_a_wave(long_flac):
    wave, whole = FlacWave(long_flac), soundfile.read(long_flac, dtype="float32")[0]
    assert len(wave) == len(whole)
    for part in (slice(0, 10), slice(1_234_567, 1_300_000), slice(3_999_990, 4_100_000), slice(-5, None), slice(9, 3)):
        np.testing.assert_array_equal(wave[part], whole[part])
    assert [len(block) for block in blocks(wave)] == [960_000] * 4 + [160_000]
    with pytest.raises(ValueError, match="not every 2 samples"):
        wave[::2]


def test_a_file_that_is_no_such_sound_is_refused(tmp_path):
    (tmp_path / "a.flac").write_bytes(b"fLaC" + bytes(50))
    with pytest.raises(ClipError, match=r"a\.flac cannot be read .*delete it and run again"):
        FlacWave(tmp_path / "a.flac")
    soundfile.write(tmp_path / "b.flac", np.zeros((100, 2)), 44_100)
    with pytest.raises(ClipError, match=r"b\.flac has 2 channels at 44100 Hz, expected 1 at 16000"):
        FlacWave(tmp_path / "b.flac")


def test_a_truncated_file_is_corrupt(long_flac, tmp_path):
    (tmp_path / "cut.flac").write_bytes(long_flac.read_bytes()[:200_000])
    with pytest.raises(ClipError, match=r"cut\.flac is damaged") as caught:
        analyse(FlacWave(tmp_path / "cut.flac"), VoiceConfig())
    assert caught.value.failure == "corrupt"


def test_pieces_tile_and_hear_what_is_around_them():
    hour = 3600 * RATE_HZ
    found = list(pieces(hour + 1))
    assert [start for _, start, _, _ in found] == list(range(0, hour + 1, 600 * RATE_HZ))
    assert [stop for _, _, stop, _ in found] == [*(start for _, start, _, _ in found[1:]), hour + 1]
    assert found[1] == tuple(s * RATE_HZ for s in (540, 600, 1200, 1260))
    assert list(pieces(0)) == [(0, 0, 0, 0)] and list(pieces(660 * RATE_HZ)) == [(0, 0, 660 * RATE_HZ, 660 * RATE_HZ)]


def test_a_stream_comes_with_context():
    x = np.arange(10)
    assert [(piece.tolist(), lead, n) for piece, lead, n in with_context([x[:4], x[4:8], x[8:]], 2)] == [
        ([0, 1, 2, 3, 4, 5], 0, 4), ([2, 3, 4, 5, 6, 7, 8, 9], 2, 4), ([6, 7, 8, 9], 2, 2)]  # fmt: skip


def test_the_detector_gives_the_same_bytes_in_pieces(long_flac, short_pieces):
    whole = detect(soundfile.read(long_flac, dtype="float32")[0])
    made = through(FlacWave(long_flac), detect)
    for name in ("time_s", "p_infant", "p_cry", "p_adult", "loudness_db", "band_db"):
        np.testing.assert_allclose(getattr(made, name), getattr(whole, name), rtol=0, atol=1e-6)


def test_a_tagger_hears_all_of_it_once(long_flac, short_pieces):
    class Tag:
        name = "tag"

        def tag(self, wave16):
            time_s = np.arange(0.5, len(wave16) / RATE_HZ, 1.0)
            return TagTrack(time_s, p_infant=np.array([wave16[int(t * RATE_HZ)] for t in time_s]), span_s=1.0)

    made = tagged(FlacWave(long_flac), Tag())
    whole = Tag().tag(soundfile.read(long_flac, dtype="float32")[0])
    np.testing.assert_allclose(made.time_s, whole.time_s)
    np.testing.assert_array_equal(made.p_infant, whole.p_infant)
    assert made.p_cry is None and made.span_s == 1.0


class Copy:
    name = "copy:1"

    def stem(self, wave, rate_hz):
        return wave * np.float32(0.9)


def test_memory_does_not_grow_with_the_recording_and_the_stem_goes_to_its_file(long_flac, short_pieces, tmp_path):
    def peak(seconds):
        flac = tmp_path / f"{seconds}.flac"
        soundfile.write(flac, soundfile.read(long_flac, dtype="float32")[0][: seconds * RATE_HZ], RATE_HZ)
        tracemalloc.start()
        found = analyse(FlacWave(flac), VoiceConfig(), separator=Copy(), stem_file=tmp_path / "stem.flac")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seconds * RATE_HZ == soundfile.info(tmp_path / "stem.flac").frames
        assert found.rows
        return most

    # Tracks take some bytes a step; a copy of the sound would be 64 kB a second, 6.4 MB for these 100 s.
    assert peak(250) - peak(150) < 4e6
