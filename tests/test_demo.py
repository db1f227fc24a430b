"""The demo's outputs against the samples' truth: the promises that the whole path makes."""

from pathlib import Path

import av
import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from wail.motion.data import read_split
from wail.review.accounting import funnel
from wail.samples.truth import in_spans, read_truth

EDGE_S = 0.2


@pytest.fixture(scope="module")
def truth(demo):
    return read_truth(demo[0] / "samples")


@pytest.fixture(scope="module")
def manifest(demo):
    rows = pq.read_table(demo[0] / "dataset" / "manifest.parquet").to_pylist()
    return {Path(row["uri"]).stem: row for row in rows}


@pytest.fixture(scope="module")
def shards(demo):
    return pd.read_parquet(demo[0] / "dataset" / "shards")


def clip_table(demo, row, name):
    return pq.read_table(demo[0] / "dataset" / "clips" / row["clip_id"] / f"{name}.parquet").to_pylist()


def test_every_clip_is_read(manifest, truth):
    assert manifest.keys() == truth.keys()
    assert {row["status"] for row in manifest.values()} == {"done"}, [row["detail"] for row in manifest.values()]


def test_every_frame_has_one_verdict_and_the_sums_add_up(demo, manifest, truth):
    for name, row in manifest.items():
        verdicts = clip_table(demo, row, "verdicts")
        assert [one["frame"] for one in verdicts] == list(range(len(verdicts)))
        assert abs(len(verdicts) - truth[name].n_frames) <= 1, name
        assert all((one["reason"] is None) == one["keep"] for one in verdicts)
    account = funnel(demo[0] / "dataset")
    assert account.frames_read == account.frames_kept + sum(account.frames_by_reason.values())
    assert account.seconds_in == pytest.approx(account.seconds_kept + sum(account.seconds_by_reason.values()))


def test_no_take_overlaps_what_must_not_be_kept(demo, manifest, truth):
    wrong = []
    for name, row in manifest.items():
        kept = np.array([one["keep"] for one in clip_table(demo, row, "verdicts")])
        for span in truth[name].hidden:
            at = np.arange(len(kept)) / 30
            overlap_s = kept[(at >= span.start_s) & (at < span.end_s)].sum() / 30
            if overlap_s > EDGE_S:
                wrong.append((name, span.kind, round(float(overlap_s), 2)))
    assert not wrong


def test_most_of_the_usable_voice_is_kept(demo, manifest, truth):
    usable = kept = 0
    for name, row in manifest.items():
        verdicts = clip_table(demo, row, "verdicts")
        one = truth[name]
        wanted = in_spans(one.voice, len(verdicts)) & in_spans(one.visible, len(verdicts))
        usable += wanted.sum()
        kept += (wanted & np.array([verdict["keep"] for verdict in verdicts])).sum()
    assert kept / usable >= 0.8


def test_fitted_mouth_aperture_follows_the_truth(demo, manifest, truth, shards):
    fitted, true = [], []
    clip_names = {row["clip_id"]: name for name, row in manifest.items()}
    for take in shards.itertuples():
        start = round(take.start_s * 30)
        aperture = truth[clip_names[take.clip_id]].aperture_mm[start : start + take.n_frames]
        valid = np.asarray(take.valid)[: len(aperture)]
        fitted.append(np.asarray(take.aperture_mm)[: len(aperture)][valid])
        true.append(aperture[valid])
        if valid.sum() > 30:
            assert np.corrcoef(fitted[-1], true[-1])[0, 1] > 0.7, clip_names[take.clip_id]
    assert np.corrcoef(np.concatenate(fitted), np.concatenate(true))[0, 1] >= 0.9


def test_splits_are_by_group_and_none_is_empty(shards):
    assert set(shards.split) == {"train", "val", "test"}
    assert (shards.groupby("group_id").split.nunique() == 1).all()


def test_the_trainer_pandas_pyarrow_and_hugging_face_read_the_same_shards(demo, shards):
    dataset = demo[0] / "dataset"
    train = shards[shards.split == "train"]
    arrow = ds.dataset(dataset / "shards", partitioning="hive", exclude_invalid_files=True)
    assert arrow.count_rows(filter=ds.field("split") == "train") == len(train)
    assert len(read_split(dataset, "train").takes) == len(train)
    take = train.iloc[0]
    assert np.asarray(take.expression).reshape(take.n_frames, 64).shape == (take.n_frames, 64)
    hub = pytest.importorskip("datasets")
    rows = hub.load_dataset(
        "parquet", data_files=str(dataset / "shards/split=train/*.parquet"), split="train",
        cache_dir=str(demo[0] / "hub"),
    )  # fmt: skip
    assert sorted(rows["take_id"]) == sorted(train.take_id)


def test_shards_say_stand_in_and_hold_no_time_host_or_folder(demo):
    for part in (demo[0] / "dataset" / "shards").rglob("*.parquet"):
        table = pq.read_table(part)
        assert b'"is_stand_in": true' in table.schema.metadata[b"wail.model"]
        for text in table["provenance"].to_pylist():
            assert str(demo[0]) not in text
            assert "stand-in" in text


def test_the_evaluation_has_a_row_for_us_and_each_control(demo):
    rows = demo[1]["evaluation"]["rows"]
    assert len(rows) >= 4
    assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float))


def test_the_animation_moves_and_has_the_sound(demo):
    with av.open(str(demo[0] / "baby.mp4")) as container:
        assert container.streams.audio
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) > 30
    assert frames[0].std() > 10, "there is a face"
    assert np.abs(np.diff(np.stack(frames).astype(float), axis=0)).max() > 20, "and it moves"


def test_a_second_run_repeats_no_finished_work(demo, run_wail):
    import json

    before = {path: path.stat().st_mtime_ns for path in demo[0].rglob("*") if path.is_file()}
    done = json.loads(run_wail("demo", "--short", "--out", demo[0], "--json").stdout)
    assert not any(done["summary"]["ran"].values()), done["summary"]["ran"]
    rewritten = {path.name for path, time in before.items() if path.exists() and path.stat().st_mtime_ns != time}
    assert rewritten <= {"manifest.parquet", "dataset.json", "sources.json", "sources.csv", "truth.json", "index.html",
                         "report.json", ".lock"}, rewritten  # fmt: skip
