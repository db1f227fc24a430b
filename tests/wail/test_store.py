import multiprocessing

import pyarrow as pa
import pytest

from schemas.arrow import to_table
from schemas.documents import Receipt
from schemas.tables import VERDICTS, VOCAL
from wail.errors import DatasetBusyError, DatasetError
from wail.store import (
    ClipFolder,
    atomic_path,
    dataset_lock,
    read_between,
    read_parts,
    read_table,
    sweep_temporaries,
    write_table,
    write_text,
)


def test_a_write_that_fails_leaves_the_old_file_and_no_trace(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    with atomic_path(tmp_path / "a.mp4") as temporary:
        assert temporary.suffix == ".mp4"


def test_what_a_killed_run_left_half_written_is_swept_and_nothing_else(tmp_path):
    (tmp_path / "clips" / "c" / "fits").mkdir(parents=True)
    left = ["clips/c/.voice.ab_d3fgh.parquet", "clips/c/fits/.f0.abcdefgh.parquet", ".dataset.a1b2c3d4.json"]
    others = ["clips/whole.txt", ".lock", ".gitignore", ".bashrc", ".eslintrc.defaults.json", ".shards"]
    for name in left + others:
        (tmp_path / name).write_bytes(b"x")
    assert sweep_temporaries(tmp_path) == len(left)
    assert [name for name in others if not (tmp_path / name).exists()] == []
    with atomic_path(tmp_path / "clips" / "voice.parquet") as temporary:
        temporary.with_name(temporary.name[:-9] + "x" + temporary.name[-8:]).write_bytes(b"as a kill leaves it")
    assert sweep_temporaries(tmp_path) == 1


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_dataset_folder_that_cannot_be_is_named(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DatasetError, match="cannot be a dataset folder"), dataset_lock(tmp_path / name):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def hold(root, ready, go):
    with dataset_lock(root):
        ready.set()
        go.wait(20)


def test_a_second_run_on_the_same_dataset_is_refused_and_a_killed_one_frees_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready, go))
    other.start()
    try:
        assert ready.wait(20)
        with pytest.raises(DatasetBusyError, match="another run is at work"), dataset_lock(tmp_path):
            pass
    finally:
        other.kill()
        other.join()
    with dataset_lock(tmp_path):
        pass


def test_a_receipt_that_cannot_be_read_counts_as_none(tmp_path):
    clip = ClipFolder(tmp_path, "c")
    write_text(clip.file("voice.json"), '{"stage": "voi')
    assert clip.receipt("voice") is None


def test_a_receipt_is_intact_only_while_its_outputs_are_whole(tmp_path):
    clip = ClipFolder(tmp_path, "c")
    write_text(clip.file("a.txt"), "abc")
    receipt = Receipt(stage="s", key="k", status="done", seconds=0.0, outputs=clip.outputs(["a.txt"]))
    assert clip.intact(receipt)
    clip.file("a.txt").write_text("ab")
    assert not clip.intact(receipt)
    clip.file("a.txt").unlink()
    assert not clip.intact(receipt)
    assert clip.intact(receipt, gone=frozenset({"a.txt"}))


def test_a_damaged_table_and_one_of_another_version_are_named(tmp_path):
    path = tmp_path / "vocal.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(DatasetError, match=r"vocal\.parquet cannot be read as Parquet"):
        read_table(path, VOCAL)
    write_table(path, pa.table({"x": [1]}))
    with pytest.raises(DatasetError, match="written by another version"):
        read_table(path, VOCAL)


def test_a_large_table_is_read_in_parts_and_by_ranges(tmp_path):
    rows = [{"frame": k, "time_s": k / 30, "keep": True, "reason": None, "take_id": "t"} for k in range(100)]
    path = tmp_path / "verdicts.parquet"
    write_table(path, to_table(rows, VERDICTS), row_group_rows=16)
    parts = list(read_parts(path, VERDICTS, ("frame", "keep"), 30))
    assert max(part.num_rows for part in parts) <= 30
    assert [name for part in parts for name in part["frame"].to_pylist()] == list(range(100))
    assert parts[0].column_names == ["frame", "keep"]
    found = read_between(path, VERDICTS, "frame", 40, 55)
    assert found["frame"].to_pylist() == list(range(40, 56))
    assert found.schema.equals(VERDICTS)


@pytest.mark.parametrize("read", [lambda path: list(read_parts(path, VOCAL, ("start_s",), 9)),
                                  lambda path: read_between(path, VOCAL, "start_s", 0, 1)])  # fmt: skip
def test_a_damaged_large_table_and_one_of_another_version_are_named(tmp_path, read):
    path = tmp_path / "vocal.parquet"
    path.write_bytes(b"no table")
    with pytest.raises(DatasetError, match="cannot be read as Parquet"):
        read(path)
    write_table(path, pa.table({"a": [1]}))
    with pytest.raises(DatasetError, match="written by another version"):
        read(path)
