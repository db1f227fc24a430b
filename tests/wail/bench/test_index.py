"""Lists of labelled recordings: what is damaged is one sentence with its file and line, never a traceback."""

import math

import numpy as np
import pytest
import soundfile

from wail.bench.index import read_index, read_wave
from wail.bench.voice import bench_voice
from wail.errors import SourceError
from wail.voice.training import corpus

INDEX = "path,label,source,subject_or_group,licence,duration_s\na.flac,cry,here,g,MIT,1.0\n"
SEGMENTS = "path,start_s,end_s,label,method\na.flac,0.2,0.6,cry,hand\n"


def folder(path, index=INDEX, segments=SEGMENTS, encoding="utf-8"):
    soundfile.write(path / "a.flac", np.full(16_000, 0.1), 16_000)
    (path / "index.csv").write_bytes(index.encode(encoding))
    (path / "segments.csv").write_bytes(segments.encode(encoding))
    return path


@pytest.mark.parametrize(("encoding", "ends"), [("utf-8", "\n"), ("utf-8-sig", "\n"), ("utf-8", "\r\n")])
def test_a_sound_list_is_what_training_reads_whatever_its_line_ends(tmp_path, encoding, ends):
    plain = corpus.read_index(folder(tmp_path))
    index, segments = INDEX.replace("\n", ends), SEGMENTS.replace("\n", ends)
    assert read_index(folder(tmp_path, index, segments, encoding)) == plain


@pytest.mark.parametrize(("index", "segments", "said"), [
    ("", SEGMENTS, "index.csv has no column path, label"),
    (INDEX.split("\n")[0], SEGMENTS, "lists no recordings"),
    (INDEX.replace("label", "kind"), SEGMENTS, "index.csv has no column label in its first line"),
    (INDEX.replace("cry", "dog"), SEGMENTS, "index.csv, line 2: label 'dog' is none of cry"),
    (INDEX.replace("1.0", ""), SEGMENTS, "index.csv, line 2: duration_s is empty"),
    (INDEX.replace("1.0", "nan"), SEGMENTS, "line 2: duration_s is 'nan', which is no number"),
    (INDEX.replace("a.flac", "b.flac"), SEGMENTS, "line 2: there is no file 'b.flac'"),
    (INDEX + INDEX.split("\n")[1], SEGMENTS, "line 3: path 'a.flac' is listed before"),
    (INDEX, SEGMENTS.replace("0.2", "x"), "segments.csv, line 2: start_s is 'x'"),
    (INDEX, SEGMENTS.replace("0.6", "9"), "within its recording of 1 s, not from 0.2 to 9 s"),
    (INDEX, SEGMENTS.replace("0.6", "0.1"), "not from 0.2 to 0.1 s"),
    (INDEX, SEGMENTS.replace("0.2", "-1"), "not from -1 to 0.6 s"),
    (INDEX, SEGMENTS.replace("cry", "woof"), "line 2: label 'woof' is none of"),
    (INDEX, SEGMENTS.replace("a.flac", "c.flac"), "line 2: path 'c.flac' is not in index.csv"),
])  # fmt: skip
def test_a_damaged_list_is_refused_at_once_with_file_line_and_value(tmp_path, index, segments, said):
    with pytest.raises(SourceError) as failed:
        bench_voice(folder(tmp_path, index, segments), only=["size"])
    assert said in str(failed.value)


def test_a_list_that_is_no_utf_8_or_is_missing_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"index\.csv cannot be read as CSV in UTF-8"):
        read_index(folder(tmp_path, encoding="utf-16"))
    (folder(tmp_path) / "segments.csv").unlink()
    with pytest.raises(SourceError, match=r"segments\.csv is missing: put it beside"):
        read_index(tmp_path)


@pytest.mark.parametrize(("wave", "rate_hz", "said"), [
    (np.zeros((16_000, 2)), 16_000, "has 2 channels at 16000 Hz, expected 1 at 16000"),
    (np.zeros(16_000), 44_100, "has 1 channels at 44100 Hz"),
    (np.zeros(100), 16_000, "lasts 0.0063 s"),
    (np.where(np.arange(16_000) == 5, math.nan, 0.1), 16_000, "holds 1 samples that are no finite numbers"),
])  # fmt: skip
def test_a_recording_of_the_wrong_make_is_refused(tmp_path, wave, rate_hz, said):
    soundfile.write(tmp_path / "a.wav", wave, rate_hz, subtype="FLOAT")
    with pytest.raises(SourceError, match=said):
        read_wave(tmp_path / "a.wav")


def test_a_recording_that_is_no_sound_or_is_not_there_is_named(tmp_path):
    (tmp_path / "a.flac").write_text("hello")
    with pytest.raises(SourceError, match=r"a\.flac, listed in index\.csv, cannot be read as sound"):
        read_wave(tmp_path / "a.flac")
    with pytest.raises(SourceError, match="is no file"):
        read_wave(tmp_path / "b.flac")
