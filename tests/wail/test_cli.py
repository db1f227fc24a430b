"""The `wail` command on bad input: a sentence, no traceback, an exit status that tells, and the rest goes on."""

import json
import os
import shutil
import subprocess
import zlib
from pathlib import Path
from struct import pack

import numpy as np
import pytest
from click.testing import CliRunner

from schemas.tables import MANIFEST
from wail.cli import main
from wail.media.audio import write_flac
from wail.media.encode import write_mp4
from wail.store import read_table, sha256_file


def call(*arguments):
    """The command in this process; a traceback in it fails the test."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def sentence(done, status=1):
    assert done.exit_code == status, done.output
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in done.stderr
    return line


def grey(n, height=48, width=64):
    return (np.full((height, width, 3), 100, np.uint8) for _ in range(n))


def huge_picture(path: Path, side: int = 10_000):
    """A grey PNG of 100 megapixels, in a few hundred kilobytes."""

    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(side + 1) * side, 1)
    header = pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


@pytest.fixture(scope="module")
def bad(cry_clip, tmp_path_factory):
    """A folder with every kind of bad file, and one good clip under a hostile name."""
    folder = tmp_path_factory.mktemp("bad") / "it's a \"bad\" folder %d"
    folder.mkdir()
    (folder / "empty.mp4").touch()
    (folder / "colour\x1b[31m.mp4").write_bytes(b"x")
    (folder / "text.mp4").write_text("hello, this is a text\n" * 40)
    (folder / "truncated.mp4").write_bytes(cry_clip.read_bytes()[:60000])
    write_mp4(folder / "video only.mp4", grey(9), 30)
    write_mp4(folder / "one pixel.mkv", grey(9, 1, 1), 30, np.zeros(4800, np.float32), 16000)
    huge_picture(folder / "huge.png")
    subprocess.run([*ffmpeg(), "-loop", "1", "-i", folder / "huge.png", "-frames:v", "1", "-c", "copy",
                    folder / "huge.mkv"], check=True)  # fmt: skip
    (folder / "huge.png").unlink()
    (folder / os.fsdecode(b"not utf-8 \xff.mp4")).write_bytes(b"x")
    shutil.copy(cry_clip, folder / "-good 'one' \"%03d\" [bold]\n$(rm) é 🍼.mp4")
    write_flac(folder / "audio only.flac", np.zeros(8000, np.float32), 16000)
    (folder / "list.csv").write_text(
        "url,start,end\nvideo only.mp4,0.2,0.1\nvideo only.mp4,zero,1\n\"unpaired,0,1\nnowhere.mp4,,\n"
        "ftp://host/x.mp4,,\nvideo only.mp4,90,95\nvideo only.mp4,1,2,3,4,5,6\n"
    )
    return folder


def ffmpeg():
    from wail.media.ffmpeg import ffmpeg_exe

    return [ffmpeg_exe(), "-v", "error", "-nostdin"]


@pytest.fixture(scope="module")
def bad_run(bad, run_wail):
    """All of it in one run: what the command printed, and its manifest by uri."""
    root = bad.parent / "dataset"
    done = run_wail("curate", bad, bad / "audio only.flac", bad / "list.csv", bad / "missing folder", "--out", root,
                    "--jobs", 2, check=False)  # fmt: skip
    rows = read_table(root / "manifest.parquet", MANIFEST).to_pylist() if root.exists() else []
    return done, rows


def test_a_run_over_bad_files_goes_through_and_keeps_what_is_good(bad_run):
    done, rows = bad_run
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    (good,) = [row for row in rows if row["kept_s"] > 0]
    assert good["uri"].startswith("-good 'one' \"%03d\" [bold]\n$(rm) é")
    assert good["kept_s"] > 2


@pytest.mark.parametrize(("name", "failure", "said"), [
    ("empty.mp4", "corrupt", ["empty", "0 bytes", "fetch or copy it again"]),
    ("text.mp4", "corrupt", ["cannot be read as media", "fetch or convert it again"]),
    ("truncated.mp4", "corrupt", ["fetch or co"]),
    ("audio only.flac", "unsupported", ["no video", "give a file with picture"]),
    ("huge.mkv", "too_large", ["10000 x 10000", "33177600 pixels allowed", "scale it down"]),
    ("not utf-8 \\xff.mp4", "unsupported", ["UTF-8", "rename"]),
    ("list.csv:2", "unsupported", ["line 2 of list.csv", "0.2", "0.1", "mend the line"]),
    ("list.csv:3", "unsupported", ["line 3 of list.csv", "zero"]),
    ("list.csv:4", "unsupported", ["line 4 of list.csv", "quotes"]),
    ("list.csv:5", "unsupported", ["line 5 of list.csv", "'nowhere.mp4' is neither a URL"]),
    ("list.csv:6", "unsupported", ["line 6 of list.csv"]),
    ("list.csv:8", "unsupported", ["line 8 of list.csv", "7 fields where 3 are allowed"]),
    ("missing folder", "unsupported", ["no such file or folder", "check the path"]),
])  # fmt: skip
def test_each_bad_input_fails_with_a_sentence_of_its_own(bad_run, name, failure, said):
    done, rows = bad_run
    (row,) = [row for row in rows if row["uri"].endswith(name)]
    assert (row["status"], row["failure"]) == ("failed", failure)
    for text in said:
        assert text in row["detail"], row["detail"]
    (shown,) = [line for line in done.stdout.splitlines() if row["detail"] in line]
    assert "failed" in shown, "the command shows it too"


def test_a_span_beyond_the_end_says_where_the_end_is(bad_run):
    (row,) = [row for row in bad_run[1] if row["asked_start_s"] == 90]
    assert row["failure"] == "unsupported"
    assert "starts at 90.0 s, but video only.mp4 ends at 0.30 s" in row["detail"]


@pytest.mark.parametrize("name", ["video only.mp4", "one pixel.mkv"])
def test_what_is_whole_but_of_no_use_is_accounted_for(bad_run, name):
    row = next(row for row in bad_run[1] if row["uri"] == name and row["asked_start_s"] is None)
    assert (row["status"], row["kept_s"], row["detail"]) == ("done", 0.0, None)


def test_control_characters_of_names_do_not_reach_the_terminal(bad_run):
    done, _ = bad_run
    assert "failed: colour\\x1b[31m.mp4 cannot be read as media" in done.stdout
    assert "\x1b" not in done.stdout


def test_nothing_kept_has_an_exit_status_of_its_own(tmp_path):
    write_mp4(tmp_path / "grey.mp4", grey(6), 30)
    done = call("curate", tmp_path / "grey.mp4", "--out", tmp_path / "d", "--jobs", 1, "--json")
    assert done.exit_code == 3
    said = json.loads(done.stdout)
    assert said["items"] == {"done": 1} and said["kept_s"] == 0
    assert Path(said["report"]).is_file()


def test_only_bad_files_end_with_a_report_and_status_3(tmp_path):
    (tmp_path / "empty.mp4").touch()
    done = call("curate", tmp_path / "empty.mp4", "--out", tmp_path / "d", "--jobs", 1)
    assert done.exit_code == 3
    assert "failed: empty.mp4 is empty (0 bytes)" in done.stdout


@pytest.mark.parametrize(("arguments", "said"), [
    (["SRC/nowhere"], ["nothing to read", "nowhere: no such file or folder", "check the path"]),
    (["SRC"], ["the folder holds no media file", "check the path"]),
    (["CLIP", "--label", "Babby cry"], ["Babby cry"]),
    (["CLIP", "--set", "takes.min_tke_s=1"], ["no setting 'takes.min_tke_s'", "min_take_s"]),
    (["CLIP", "--set", "takes.min_take_s"], ["not of the form part.name=value"]),
    (["CLIP", "--set", "takes.min_take_s=long"], ["takes.min_take_s = 'long'", "valid number"]),
    (["CLIP", "--set", "takes.min_take_s=-1"], ["takes.min_take_s = -1", "greater than or equal to 0", "mend it"]),
    (["CLIP", "--set", "split.val=0.9"], ["split.val = 0.9", "less than 0.5"]),
    (["CLIP", "--set", "encoders=[\"mp3\"]"], ["'mp3'", "choose logmel"]),
    (["CLIP", "--set", "encoders=[\"voc2vec-ls-pt\"]"], ["voc2vec", "download"]),
    (["CLIP", "--face-model", "SRC/nowhere.h5"], ["no model file", "nowhere.h5", "stand-in"]),
    (["CLIP", "--face-model", "SRC/text.h5"], ["text.h5 cannot be read as HDF5", "INFACE's layout"]),
    (["CLIP", "--face-model", "SRC/other.h5"], ["other.h5", "mean_vertices"]),
    (["CLIP", "--config", "SRC/text.h5"], ["text.h5 cannot be read as JSON", "dataset.json"]),
    (["CLIP", "--config", "SRC/list.json"], ["list.json holds a list"]),
    (["CLIP", "--config", "SRC/typo.json"], ["takes.min_tke_s = 1"]),
])  # fmt: skip
def test_what_is_wrong_with_a_run_is_said_before_it_begins(tmp_path, cry_clip, arguments, said, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no cache"))
    import h5py

    source = tmp_path / "folder with 'quotes'"
    source.mkdir()
    (source / "text.h5").write_text("no HDF5")
    (source / "list.json").write_text("[1]")
    (source / "typo.json").write_text('{"takes": {"min_tke_s": 1}}')
    with h5py.File(source / "other.h5", "w") as file:
        file["weights"] = np.zeros(3)
    filled = [argument.replace("SRC", str(source)).replace("CLIP", str(cry_clip)) for argument in arguments]
    line = sentence(call("curate", *filled, "--out", tmp_path / "d", "--jobs", 1))
    for text in said:
        assert text in line, line
    assert not (tmp_path / "d" / "sources.json").exists(), "and nothing was begun"


def test_an_out_that_cannot_be_a_folder(tmp_path, cry_clip):
    (tmp_path / "file").write_text("mine")
    assert "cannot be a dataset folder" in sentence(call("curate", cry_clip, "--out", tmp_path / "file", "--jobs", 1))
    assert (tmp_path / "file").read_text() == "mine"


def test_settings_of_another_dataset_are_taken_over(dataset, spans_csv):
    done = call("curate", spans_csv, "--out", dataset, "--config", dataset / "dataset.json", "--jobs", 1, "--json")
    assert done.exit_code == 0
    assert not any(json.loads(done.stdout)["ran"].values())


KEPT = [("face_model", "/models/m.h5", "null"), ("retain", "derived", "media")]


@pytest.mark.parametrize(("name", "value", "plain"), KEPT)
def test_an_option_that_was_left_out_does_not_undo_what_a_dataset_was_made_with(
    dataset, spans_csv, tmp_path, name, value, plain
):
    """Neither fits with another model nor media that was to be deleted, by mistake."""
    copy = tmp_path / "set"
    copy.mkdir()
    made = json.loads((dataset / "dataset.json").read_text())
    made["config"][name] = value
    (copy / "dataset.json").write_text(json.dumps(made))
    said = sentence(call("curate", spans_csv, "--out", copy, "--dry-run"))
    assert f"set was made with {name} = {value}" in said and f"--set {name}={plain} to change it" in said
    assert call("curate", spans_csv, "--out", copy, "--dry-run", "--set", f"{name}={plain}").exit_code == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place],
                                       capture_output=True).returncode:  # fmt: skip
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("room", [1_500_000, 300_000, 20_000])
def test_a_full_disk_ends_the_run_with_a_sentence_and_freeing_it_goes_on(small_disk, dataset, spans_csv, room, run_wail,
                                                                         fingerprint, finished):  # fmt: skip
    for name in ("vision", "fit", "features"):
        for path in dataset.glob(f"clips/*/{name}.json"):
            path.unlink()
    for path in [*dataset.glob("clips/*/media.mp4"), *dataset.glob("clips/*/thumbs.npz"), *dataset.glob("report/*"),
                 *dataset.glob("clips/*/landmarks.parquet")]:  # fmt: skip
        path.unlink()
    root = Path(shutil.copytree(dataset, small_disk / "d"))
    before = fingerprint(root)
    free = shutil.disk_usage(small_disk).free
    filler = small_disk / "filler"
    filler.write_bytes(bytes(max(0, free - room)))
    done = run_wail("curate", spans_csv, "--out", root, "--jobs", 1, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "no space is left on the disk" in line and "free some and run again" in line
    assert "Traceback" not in done.stderr
    after = fingerprint(root)
    assert [name for name, was in before.items() if name.endswith("voice.json") and after[name] != was] == []
    assert not [name for name, (_, text) in after.items() if b'"failed"' in text], "a full disk is no clip's fault"
    filler.unlink()
    if room == 300_000:
        assert run_wail("curate", spans_csv, "--out", root, "--jobs", 1, check=False).returncode == 0
        for part in ("shards", "features"):
            assert hashes(root / part) == hashes(finished[0] / part)


def hashes(folder):
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in sorted(folder.rglob("*.parquet"))}


# The other verbs.


@pytest.mark.parametrize(("arguments", "said"), [
    (["voice", "TMP/nowhere.wav"], "no such file"),
    (["voice", "TMP/text.wav"], "cannot be read as media"),
    (["voice", "TMP/silent film.mp4"], "no audio stream"),
    (["report", "TMP"], "wail curate"),
    (["preview", "0123456789abcdef", "--dataset", "DATASET"], "0123456789abcdef"),
    (["preview", "0123456789abcdef", "--dataset", "TMP"], "is not in"),
    (["train", "TMP", "--out", "TMP/model"], "has no takes"),
    (["evaluate", "DATASET", "--checkpoint", "TMP/text.wav"], "text.wav"),
    (["animate", "TMP/text.wav", "--checkpoint", "TMP/text.wav", "--out", "TMP/x.mp4"], "text.wav"),
    (["animate", "TMP/text.wav", "--checkpoint", "TMP/text.wav", "--out", "TMP/x.gif"], "the suffix must be one of"),
])  # fmt: skip
def test_every_verb_fails_with_a_sentence(tmp_path, dataset, arguments, said):
    (tmp_path / "text.wav").write_text("no sound " * 100)
    write_mp4(tmp_path / "silent film.mp4", grey(3), 30)
    filled = [argument.replace("TMP", str(tmp_path)).replace("DATASET", str(dataset)) for argument in arguments]
    assert said in sentence(call(*filled))


def test_voice_prints_segments_and_finds_none_in_silence(cry_clip, tmp_path):
    done = call("voice", cry_clip, "--json")
    assert done.exit_code == 0
    segments = json.loads(done.stdout)["segments"]
    assert segments and all(row["label"] == "cry" and row["start_s"] < row["end_s"] for row in segments)
    write_flac(tmp_path / "silence.flac", np.zeros(16000, np.float32), 16000)
    done = call("voice", tmp_path / "silence.flac", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (3, {"segments": []})


def test_report_and_preview_print_json(dataset, tmp_path):
    done = call("report", dataset, "--json")
    said = json.loads(done.stdout)
    assert Path(said["report"]).is_file()
    assert said["seconds"]["in"] == pytest.approx(4.4, abs=0.1)
    assert sum(s for name, s in said["seconds"].items() if name != "in") == pytest.approx(said["seconds"]["in"])
    (clip, *_) = sorted(path.name for path in (dataset / "clips").iterdir())
    done = call("preview", clip, "--dataset", dataset, "--out", tmp_path / "p.mp4", "--json")
    assert Path(json.loads(done.stdout)["preview"]).stat().st_size > 1000


def test_dry_run_says_stages_time_and_disk_and_writes_nothing(dataset, spans_csv, cry_clip, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    done = call("curate", spans_csv, "--out", dataset, "--set", "vision.min_visible=0.4", "--dry-run", "--json")
    said = json.loads(done.stdout)
    assert said["due"]["vision"] == {"run": 2} and said["due"]["voice"] == {"current": 2}
    assert said["compute_s"] > 0 and said["media_s"] == pytest.approx(4.4, abs=0.1) and said["free_bytes"] > 0
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before
    done = call("curate", cry_clip, "--out", tmp_path / "new", "--dry-run")
    assert done.exit_code == 0 and "minutes" in done.stdout and "MB" in done.stdout
    assert not (tmp_path / "new").exists()


def test_doctor_prints_json():
    done = call("doctor", "--json")
    findings = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.exit_code == (0 if all(row["ok"] for row in findings.values() if row["needed"]) else 1)
    assert findings["mediapipe"]["detail"] == "version 0.10.21"


def test_an_unknown_verb_and_a_missing_option_are_usage_errors():
    assert call("fly").exit_code == 2
    assert call("curate", "x").exit_code == 2


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_gpu_that_is_not_there_is_said_before_anything_is_done(tmp_path, monkeypatch, how):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    if how == "environment":
        monkeypatch.setenv("WAIL_DEVICE", "cuda")
    asked = ["--device", "cuda"] if how == "option" else []
    said = sentence(call("curate", tmp_path, "--out", tmp_path / "set", *asked))
    assert "no GPU" in said and not (tmp_path / "set").exists()
