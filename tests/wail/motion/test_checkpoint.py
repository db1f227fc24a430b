import os
import pickle

import pytest
import torch

from wail.errors import ConfigError, DatasetError
from wail.motion.checkpoint import load_checkpoint, read_state
from wail.motion.train import train


@pytest.fixture
def whole(dataset, synthetic, small, tmp_path):
    return train(dataset, tmp_path / "run", small(steps=2), synthetic.decoder())


def without_a_weight(state):
    del state["ema"][next(iter(state["ema"]))]


def with_nan(state):
    next(iter(state["ema"].values())).fill_(float("nan"))


def far_too_wide(state):
    state["config"]["network"]["width"] = 10**7


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state.pop("norm"), "it lacks norm"),
        (lambda state: state.update(version=99), "no checkpoint of version 1"),
        (lambda state: state.update(face={"name": "x"}), "damaged checkpoint .*latent_mean"),
        (without_a_weight, "damaged checkpoint .*MotionTransformer"),
        (with_nan, "weights hold NaN"),
        (far_too_wide, "damaged checkpoint .*MotionTransformer"),
        (lambda state: state.update(config=5), "do not fit this version"),
    ],
    ids=["part", "version", "face", "weight", "nan", "wide", "config"],
)
def test_a_damaged_checkpoint_is_refused_in_one_sentence(whole, damage, message):
    state = read_state(whole)
    damage(state)
    torch.save(state, whole)
    with pytest.raises((DatasetError, ConfigError), match=message) as caught:
        load_checkpoint(whole)
    assert "\n" not in str(caught.value) and "train anew" in str(caught.value)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_code_in_a_checkpoint_is_not_run_and_no_one_is_told_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"version": 1, "evil": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(DatasetError, match="never run") as caught:
        load_checkpoint(tmp_path)
    assert not (tmp_path / "ran").exists() and "weights_only" not in str(caught.value)
    (tmp_path / "old.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DatasetError, match="no checkpoint of wail"):
        load_checkpoint(tmp_path / "old.pt")
    assert not (tmp_path / "ran").exists()
