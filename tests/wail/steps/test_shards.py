"""Shards against the working files that they are made of."""

import hashlib
import io
import json

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import soundfile

from schemas.tables import SHARDS
from wail.media.audio import read_flac
from wail.steps.fits import read_fit
from wail.steps.shards import closed_threshold
from wail.store import ClipFolder


@pytest.fixture(scope="module")
def rows(finished):
    parts = sorted((finished[0] / "shards").rglob("part-*.parquet"))
    return [row for part in parts for row in pq.ParquetFile(part).read().to_pylist()]


def test_the_checksums_are_those_of_the_files(finished):
    lines = (finished[0] / "shards.sha256").read_text().splitlines()
    listed = {path: digest for digest, path in (line.split("  ") for line in lines)}
    assert listed == {
        path.relative_to(finished[0]).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (finished[0] / "shards").rglob("*.parquet")
    }


def test_shards_have_the_one_schema_and_readers_agree(finished, rows):
    folder = finished[0] / "shards"
    for part in folder.rglob("*.parquet"):
        schema = pq.read_schema(part)
        assert schema.equals(SHARDS)
        model = json.loads(schema.metadata[b"wail.model"])
        assert model["is_stand_in"] and len(model["latent_mean"]) == len(model["latent_std"]) == 97
    table = pyarrow.dataset.dataset(folder, partitioning="hive").to_table()
    frame = pd.read_parquet(folder)
    assert table.num_rows == len(frame) == len(rows) >= 2
    assert len(set(frame["split"])) == 1, "one uploader, one split"


def test_rows_are_in_order_of_clip_and_time(rows):
    order = [(row["clip_id"], row["start_s"]) for row in rows]
    assert order == sorted(order)


def test_a_row_is_its_take(finished, rows):
    for row in rows:
        fit, shared = read_fit(ClipFolder(finished[0], row["clip_id"]).file(f"fits/{row['take_id']}.parquet"))
        n = row["n_frames"]
        assert n == fit.num_rows
        assert [len(row[name]) for name in ("aperture_mm", "closed", "visible", "residual", "lip_sd_mm", "confidence",
                                            "valid")] == [n] * 7  # fmt: skip
        assert (len(row["expression"]), len(row["pose"]), len(row["identity"])) == (64 * n, 6 * n, 32)
        assert row["expression"][64 : 2 * 64] == fit["expression"][1].as_py(), "row-major, frame after frame"
        assert (row["identity"], row["age"]) == (shared["identity"], pytest.approx(shared["age"]))
        assert row["closed"] == [value < row["closed_below_mm"] for value in row["aperture_mm"]]
        assert np.mean(row["valid"]) > 0.8
        assert len({row["subject_id"] for row in rows}) == 1


def test_the_sound_is_exactly_the_takes(finished, rows):
    for row in rows:
        wave, rate_hz = soundfile.read(io.BytesIO(row["audio"]), dtype="float32")
        whole, _ = read_flac(ClipFolder(finished[0], row["clip_id"]).file("audio.flac"))
        start = round(row["start_s"] * 16000)
        assert (rate_hz, row["audio_source"]) == (16000, "mix")
        assert len(wave) == round(row["n_frames"] / 30 * 16000)
        assert np.array_equal(wave[: len(whole) - start], whole[start : start + len(wave)])


def test_features_are_the_takes_with_margins(finished, rows):
    table = pq.read_table(finished[0] / "features" / "logmel" / "part-00000.parquet")
    meta = json.loads(table.schema.metadata[b"wail.encoder"])
    assert meta == {"encoder": "logmel", "dim": 80}
    assert sorted(table["take_id"].to_pylist()) == sorted(row["take_id"] for row in rows)
    lengths_s = {row["take_id"]: row["n_frames"] / 30 for row in rows}
    for row in table.to_pylist():
        time_s = np.array(row["time_s"])
        assert len(row["features"]) == 80 * len(time_s)
        assert np.allclose(np.diff(time_s), 0.02)
        assert -0.5 <= time_s[0] <= 0.02 and lengths_s[row["take_id"]] - 0.05 <= time_s[-1]
        assert time_s[-1] < lengths_s[row["take_id"]] + 0.5


def test_provenance_names_file_models_and_stages_but_no_folder_host_or_time(finished, rows):
    for row in rows:
        said = json.loads(row["provenance"])
        assert said["uri"] == "cry.mp4"
        assert any("stand-in" in name for name in said["models"])
        assert set(said["stages"]) == {"media", "voice", "vision", "takes", "fit", "verdicts", "features"}
        assert "/" not in row["provenance"].replace(said["uri"], "")
        assert set(said) == {"uri", "licence", "models", "stages"}


def test_a_mouth_is_closed_in_the_lowest_tenth_of_its_range_but_never_above_the_floor_only():
    moving = np.linspace(2.0, 22.0, 2001, dtype=np.float32)
    assert closed_threshold(moving, 1.5) == pytest.approx(3.0 + 0.1 * 18.0, abs=0.01)
    still = np.full(50, 0.4, np.float32)
    assert closed_threshold(still, 1.5) == 1.5
    assert (still < closed_threshold(still, 1.5)).all()
    wide = np.full(50, 12.0, np.float32)
    assert not (wide < closed_threshold(wide, 1.5)).any(), "a mouth that stays open is not closed"
