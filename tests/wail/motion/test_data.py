"""What is read from shards, and one early, clear error for each way in which they can be wrong."""

from dataclasses import replace

import numpy as np
import pytest

from wail.errors import DatasetError
from wail.motion.data import read_split


def test_a_split_is_read_as_it_was_written(dataset, synthetic):
    split = read_split(dataset, "train")
    row, _ = synthetic.take("train1", 31, seed=1, label="laugh")
    take = split.takes[1]
    assert [t.take_id for t in split.takes] == ["train0", "train1", "train2"]
    assert (split.encoder, split.n_features, split.face.name, split.face.is_stand_in) == ("toy-mel", 6, "toy", True)
    assert (take.label, take.group_id, take.n_frames) == ("laugh", "gtrain1", 31)
    np.testing.assert_allclose(take.expression, row["expression"].reshape(31, 64), rtol=1e-6)
    np.testing.assert_allclose(take.person, np.append(row["identity"], row["age"]), rtol=1e-6)
    np.testing.assert_array_equal(split.face.latent_std, synthetic.std)
    assert take.features.shape == (15 + 31 + 15, 6)
    np.testing.assert_array_equal(np.flatnonzero(take.heard)[[0, -1]], [13, 15 + 31 + 5])


def test_frames_that_are_not_valid_have_no_weight(dataset):
    take = read_split(dataset, "train").takes[2]
    valid = np.arange(take.n_frames) != 3
    weight = replace(take, valid=valid).weight
    assert weight[3] == 0
    np.testing.assert_allclose(weight[valid], 0.9)


def test_an_encoder_can_be_named_by_folder_or_by_its_own_name(synthetic):
    row, features = synthetic.take("a", 20, seed=0)
    synthetic.write_shard("train", [row])
    synthetic.write_features([features], encoder="lab/encoder-2", folder="encoder-2")
    assert read_split(synthetic.root, "train", "lab/encoder-2").encoder == "lab/encoder-2"
    assert read_split(synthetic.root, "train", "encoder-2").encoder == "lab/encoder-2"
    with pytest.raises(DatasetError, match="no features of encoder mel, only of encoder-2"):
        read_split(synthetic.root, "train", "mel")


def test_an_empty_split_is_an_error(dataset, synthetic):
    with pytest.raises(DatasetError, match=r"split val of .* has no takes"):
        read_split(dataset, "val")
    synthetic.write_shard("val", [])
    with pytest.raises(DatasetError, match=r"split val of .* has no takes"):
        read_split(dataset, "val")


def test_mixed_face_models_are_an_error(dataset, synthetic):
    row, _ = synthetic.take("other", 20, seed=9)
    synthetic.write_shard("train", [row], part=1, model={**synthetic.model, "name": "other", "sha256": "b" * 64})
    with pytest.raises(DatasetError, match=r"shards mix face models: .* toy \(aaaaaaaaaaaa\).* other \(bbbbbbbbbbbb\)"):
        read_split(dataset, "train")


def test_mixed_encoders_are_an_error(dataset, synthetic):
    _, features = synthetic.take("train0", 50, seed=0)
    synthetic.write_features([features], part=1, encoder="other")
    with pytest.raises(DatasetError, match="mixes encoders"):
        read_split(dataset, "train")


def test_several_encoders_and_none_named_is_an_error(dataset, synthetic):
    _, features = synthetic.take("train0", 50, seed=0)
    synthetic.write_features([features], encoder="other", folder="other")
    with pytest.raises(DatasetError, match=r"several encoders \(other, toy-mel\)"):
        read_split(dataset, "train")


def test_missing_features_say_which_command_makes_them(dataset, synthetic):
    row, _ = synthetic.take("late", 20, seed=9)
    synthetic.write_shard("train", [row], part=1)
    with pytest.raises(DatasetError, match="1 of 4 takes have no toy-mel features, late the first: run `wail curate`"):
        read_split(dataset, "train")
    synthetic.write_shard("bare", [row])
    (synthetic.root / "features").rename(synthetic.root / "gone")
    with pytest.raises(DatasetError, match=r"has no audio features .* run `wail curate`"):
        read_split(dataset, "bare")


@pytest.mark.parametrize("column", ["expression", "identity", "confidence", "age"])
def test_a_nan_is_named_by_take_and_column(synthetic, column):
    row, features = synthetic.take("sick", 20, seed=0)
    if column == "age":
        row["age"] = float("nan")
    else:
        row[column] = np.array(row[column], dtype=np.float32)
        row[column][5] = np.nan
    synthetic.write({"train": [(row, features)]})
    with pytest.raises(DatasetError, match=f"take sick: column {column} has 1 values that are NaN"):
        read_split(synthetic.root, "train")


def test_a_nan_in_features_is_named_too(synthetic):
    row, features = synthetic.take("sick", 20, seed=0)
    features["features"][7] = np.inf
    synthetic.write({"train": [(row, features)]})
    with pytest.raises(DatasetError, match="take sick: column features has 1 values that are NaN or infinite"):
        read_split(synthetic.root, "train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expression": np.zeros(20 * 64 - 1)}, r"take bad: expression must have shape \(1280,\)"),
        ({"identity": np.zeros(31)}, r"take bad: identity must have shape \(32,\)"),
        ({"valid": np.ones(19, bool)}, r"take bad: valid must have shape \(20,\)"),
        ({"confidence": np.full(20, 1.5)}, "take bad: confidence must be in 0-1"),
        ({"fps": 25.0}, "take bad: frames must be at 30 per second but are at 25"),
        ({"label": "sneeze"}, "take bad: label 'sneeze' is none of cry, laugh, babble"),
        ({"valid": np.zeros(20, bool)}, "no frame that is valid"),
    ],
)
def test_a_wrong_row_is_an_error(synthetic, changes, message):
    row, features = synthetic.take("bad", 20, seed=0)
    synthetic.write({"train": [({**row, **changes}, features)]})
    with pytest.raises(DatasetError, match=message):
        read_split(synthetic.root, "train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent_mean": [0.0] * 96}, r"latent_mean must have shape \(97,\)"),
        ({"latent_std": [-1.0] * 97}, "latent_std must be finite"),
        ({"latent_std": "wide"}, "wail.model in the schema metadata is wrong"),
    ],
)
def test_wrong_model_metadata_is_an_error(synthetic, changes, message):
    row, features = synthetic.take("a", 20, seed=0)
    synthetic.write_shard("train", [row], model={**synthetic.model, **changes})
    synthetic.write_features([features])
    with pytest.raises(DatasetError, match=message):
        read_split(synthetic.root, "train")


def test_a_damaged_file_is_named(dataset):
    part = dataset / "shards" / "split=train" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"part-00000.parquet cannot be read as Parquet"):
        read_split(dataset, "train")


def test_features_of_a_wrong_size_are_an_error(synthetic):
    row, features = synthetic.take("a", 20, seed=0)
    features["features"] = features["features"][:-1]
    synthetic.write({"train": [(row, features)]})
    with pytest.raises(DatasetError, match="take a: features have"):
        read_split(synthetic.root, "train")
