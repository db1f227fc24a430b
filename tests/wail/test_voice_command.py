"""`wail voice`: what it prints, and what it says of files that hold no voice, or are none."""

import json
import struct
import subprocess

import cv2
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from wail.cli import EXIT_NOTHING, main
from wail.media.encode import write_mp4
from wail.media.ffmpeg import ffmpeg_exe
from wail.voice.training import synth


def voice(*arguments):
    done = CliRunner().invoke(main, ["voice", *map(str, arguments), "--separator", "none"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def cry_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cry") / "cry [bold] \x1b.flac"
    soundfile.write(path, synth.cry(np.random.default_rng(5), 4.0).wave, 16000)
    return path


def test_json_is_the_segments_and_nothing_else(cry_file):
    done = voice(cry_file, "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 0 and list(said) == ["segments"] and said["segments"]
    for segment in said["segments"]:
        assert list(segment) == ["start_s", "end_s", "label", "probability", "adult_overlap"]
        assert 0 <= segment["start_s"] < segment["end_s"] <= 4.1 and segment["label"] == "cry"
        assert 0 < segment["probability"] <= 1 and 0 <= segment["adult_overlap"] <= 1


def test_the_table_has_every_column_the_notes_and_the_models(cry_file):
    done = voice(cry_file)
    columns = ("start_s", "end_s", "label", "probability", "adult_overlap", "p_mix", "p_stem")
    for word in (*columns, r"cry [bold] \x1b.flac", "detector: voicenet:", "separator: none: switched off"):
        assert word in done.stdout
    assert "experimental" not in done.stdout


def test_laughs_and_babble_are_marked_experimental(tmp_path):
    soundfile.write(tmp_path / "a.flac", synth.laugh(np.random.default_rng(100), 5.0).wave, 16000)
    done = voice(tmp_path / "a.flac")
    assert "laugh *" in done.stdout and "* experimental" in done.stdout


def test_the_plot_is_written_and_no_segment_is_an_exit_status_of_its_own(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    done = voice(tmp_path / "a.wav", "--plot", tmp_path / "p.png")
    assert done.exit_code == EXIT_NOTHING
    assert "no infant voice was found" in done.stdout and "note: The sound is silent throughout" in done.stdout
    assert cv2.imread(str(tmp_path / "p.png")).shape[1] > 1000
    done = voice(tmp_path / "a.wav", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (EXIT_NOTHING, {"segments": []})
    assert "The sound is silent throughout" in done.stderr


def with_rate(path, rate_hz):
    soundfile.write(path, np.zeros(1000), 16000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[24:32] = struct.pack("<II", rate_hz, min(2 * rate_hz, 2**32 - 1))
    path.write_bytes(data)


def truncated(path, source):
    subprocess.run([ffmpeg_exe(), "-v", "error", "-i", source, "-c:a", "aac", path], check=True)
    path.write_bytes(path.read_bytes()[:4000])


BAD = {
    "nowhere.wav": (lambda path, cry: None, "no such file"),
    "empty.mp4": (lambda path, cry: path.touch(), "is empty (0 bytes)"),
    "folder": (lambda path, cry: path.mkdir(), "is a folder"),
    "text.wav": (lambda path, cry: path.write_text("hello\n" * 200), "cannot be read as media"),
    "picture.png": (lambda path, cry: cv2.imwrite(str(path), np.zeros((16, 16, 3), np.uint8)), "no audio stream"),
    "film.mp4": (lambda path, cry: write_mp4(path, [np.zeros((32, 32, 3), np.uint8)] * 5, 30), "no audio stream"),
    "slow.wav": (lambda path, cry: with_rate(path, 7), "claims 7 samples a second"),
    "fast.wav": (lambda path, cry: with_rate(path, 1_000_000_000), "claims 1000000000 samples a second"),
    "cut off.m4a": (truncated, "cut off.m4a"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_heard_is_one_sentence(cry_file, tmp_path, name):
    make, said = BAD[name]
    make(tmp_path / name, cry_file)
    done = voice(tmp_path / name)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert done.exit_code == 1 and said in line and name in line
    assert done.stdout == ""


def ffmpeg(*arguments):
    subprocess.run([ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True)


def not_a_number(path, cry):
    wave, rate_hz = soundfile.read(cry)
    wave[::4000] = np.nan
    soundfile.write(path, wave, rate_hz, subtype="FLOAT")


def damaged(path, cry):
    good = path.with_name("good.mkv")
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=30:d=4", "-i", cry, "-c:a", "mp2", good)
    ffmpeg("-i", good, "-c", "copy", "-bsf:a", "noise=amount='if(gt(pts*tb,3),1,0)'", path)


ODD = {
    "clipped.wav": (lambda path, cry: ffmpeg("-i", cry, "-af", "volume=30dB", path), "The sound is clipped in"),
    "nan.wav": (not_a_number, "16 samples of the sound are no numbers or beyond any scale"),
    "eight.mkv": (lambda path, cry: ffmpeg("-i", cry, *["-map", "0:a"] * 8, path), "The file has 8 audio streams"),
    "damaged.mkv": (damaged, "in the sound, "),
    "long film.mkv": (lambda path, cry: ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=30:d=9", "-i", cry, path),
                      "before the picture; silence follows it"),
    "short film.mkv": (lambda path, cry: ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=30:d=1", "-i", cry, path),
                       "after the picture, and is heard to its end"),
    "opposite.wav": (lambda path, cry: ffmpeg("-i", cry, "-af", "pan=stereo|c0=c0|c1=-1*c0", path),
                     "each other's opposite"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_heard_all_the_same_and_noted(cry_file, tmp_path, name):
    make, said = ODD[name]
    make(tmp_path / name, cry_file)
    done = voice(tmp_path / name)
    assert done.exit_code == 0 and " cry " in done.stdout
    assert any(line.startswith("note: ") and said in line for line in done.stdout.splitlines()), done.stdout


def test_a_plot_that_names_a_folder_is_refused_before_anything_is_heard(cry_file, tmp_path):
    done = voice(cry_file, "--plot", tmp_path)
    assert done.exit_code == 1 and f"Error: {tmp_path} is a folder" in done.stderr and "decode" not in done.stderr
