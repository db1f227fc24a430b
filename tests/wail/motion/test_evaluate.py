"""The table: rows that are what they say, and data that does not fit refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wail.errors import DatasetError
from wail.motion.checkpoint import read_state
from wail.motion.data import read_split
from wail.motion.evaluate import METRICS, evaluate, score_take
from wail.motion.losses import join_latents
from wail.motion.metrics import concordance, dtw, lip_vertex_error, pearson
from wail.motion.sample import load_checkpoint
from wail.motion.train import train


@pytest.fixture
def checkpoint(dataset, synthetic, small, tmp_path):
    return load_checkpoint(train(dataset, tmp_path / "run", small(steps=4), synthetic.decoder()))


def by_name(result):
    return {row["name"]: row for row in result["rows"]}


def test_scores_are_of_the_decoded_valid_frames(dataset, synthetic):
    take = read_split(dataset, "test").takes[0]
    take = replace(take, valid=np.arange(take.n_frames) % 3 > 0)
    predicted = take.expression + np.random.default_rng(0).normal(0, 5, take.expression.shape).astype(np.float32)
    decoder = synthetic.decoder()
    person = torch.from_numpy(take.person)
    a, b = (join_latents(person, torch.from_numpy(codes[take.valid])) for codes in (predicted, take.expression))
    lips, aperture = [decoder.lips(x).numpy() for x in (a, b)], [decoder.aperture(x).numpy() for x in (a, b)]
    scores = score_take(predicted, take, decoder)
    assert (scores["lve_mm"], scores["lve_mm2"]) == pytest.approx(lip_vertex_error(*lips), rel=1e-6)
    assert scores["dtw_mm"] == pytest.approx(dtw(*aperture, 15), rel=1e-6)
    assert scores["l_pcc"] == pytest.approx(pearson(*aperture), rel=1e-6)
    assert scores["l_ccc"] == pytest.approx(concordance(*aperture), rel=1e-6)


def test_the_truth_scores_perfectly(dataset, synthetic):
    take = read_split(dataset, "test").takes[0]
    scores = score_take(take.expression, take, synthetic.decoder())
    assert scores == pytest.approx({"lve_mm": 0, "lve_mm2": 0, "dtw_mm": 0, "l_pcc": 1, "l_ccc": 1})


def test_the_table_has_the_controls_and_says_what_it_counted(dataset, synthetic, checkpoint):
    result = evaluate(dataset, checkpoint, synthetic.decoder())
    rows = by_name(result)
    assert list(rows) == ["ours", "static", "class_mean", "shuffled_audio"]
    assert all(row.keys() == {"name", *METRICS} for row in result["rows"])
    assert (result["n_takes"], result["n_frames"], result["split"]) == (2, 40 + 45, "test")
    assert (result["encoder"], result["face_model"], result["is_stand_in"]) == ("toy-mel", "toy", True)
    assert result["definitions"].keys() >= {*METRICS, *rows}
    for name in ("static", "class_mean"):
        assert rows[name]["l_pcc"] == 0 and rows[name]["lve_mm"] > 0


def test_the_still_rows_are_means_of_the_training_codes(dataset, synthetic, checkpoint):
    takes = read_split(dataset, "train").takes
    cries = np.concatenate([take.expression for take in takes if take.label == "cry"])
    closed = np.concatenate([take.expression[take.closed] for take in takes])
    np.testing.assert_allclose(checkpoint.class_means["cry"], cries.mean(0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(checkpoint.neutral, closed.mean(0), rtol=1e-4, atol=1e-3)
    test = read_split(dataset, "test").takes
    still = [np.repeat(checkpoint.neutral[None], take.n_frames, axis=0) for take in test]
    errors = [score_take(s, take, synthetic.decoder())["lve_mm"] for s, take in zip(still, test, strict=True)]
    rows = by_name(evaluate(dataset, checkpoint, synthetic.decoder()))
    assert rows["static"]["lve_mm"] == pytest.approx(np.mean(errors))


def test_a_trained_model_beats_the_controls_on_unseen_takes(synthetic, small, tmp_path):
    train_takes = [synthetic.take(f"a{k}", 48, seed=k) for k in range(6)]
    synthetic.write({"train": train_takes, "test": [synthetic.take(f"b{k}", 48, seed=60 + k) for k in range(2)]})
    config = small(steps=150, batch_size=6, checkpoint_every=50, log_every=50)
    path = train(synthetic.root, tmp_path / "run", config, synthetic.decoder())
    rows = by_name(evaluate(synthetic.root, path, synthetic.decoder()))
    for control in ("static", "class_mean", "shuffled_audio"):
        assert rows["ours"]["lve_mm"] < 0.8 * rows[control]["lve_mm"]
        assert rows["ours"]["l_pcc"] > 0.6 > rows[control]["l_pcc"]


def test_a_lone_take_is_shuffled_against_itself(synthetic, small, tmp_path):
    synthetic.write({"train": [synthetic.take("a", 48, seed=1)], "test": [synthetic.take("b", 41, seed=2)]})
    path = train(synthetic.root, tmp_path / "run", small(steps=4), synthetic.decoder())
    state = read_state(path)
    for name, value in state["ema"].items():
        if value.is_floating_point():
            state["ema"][name] = torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 0.15
    torch.save(state, path)
    rows = by_name(evaluate(synthetic.root, path, synthetic.decoder()))
    assert rows["ours"]["lve_mm"] != rows["shuffled_audio"]["lve_mm"]


def test_latents_of_another_face_model_are_refused(dataset, synthetic, checkpoint):
    other = replace(checkpoint, face=replace(checkpoint.face, name="INFACE", sha256="c" * 64))
    with pytest.raises(DatasetError, match=r"trained on latents of face model INFACE \(cccccccccccc\), .* holds toy"):
        evaluate(dataset, other, synthetic.decoder())


def test_a_group_in_training_and_test_is_refused(dataset, synthetic, checkpoint):
    leaky = replace(checkpoint, train_groups=checkpoint.train_groups | {"gtest1"})
    with pytest.raises(DatasetError, match=r"split test shares 1 groups .* gtest1 the first"):
        evaluate(dataset, leaky, synthetic.decoder())
    assert evaluate(dataset, leaky, synthetic.decoder(), split="train")["n_takes"] == 3


def test_an_empty_split_is_an_error(dataset, synthetic, checkpoint):
    with pytest.raises(DatasetError, match=r"split val of .* has no takes"):
        evaluate(dataset, checkpoint, synthetic.decoder(), split="val")
