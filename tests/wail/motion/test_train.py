"""A run learns, stops and goes on as if it had not stopped, and refuses what does not fit."""

import json
import logging
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import wail
from wail.errors import ConfigError, DatasetError
from wail.motion.checkpoint import read_state
from wail.motion.config import LossWeights, NetworkConfig, config_to_json
from wail.motion.data import read_split
from wail.motion.sample import generate_at_frames, load_checkpoint
from wail.motion.train import is_finished, train


class Killed(Exception):
    pass


def assert_same(one, other, where="state"):
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{index}]")
    else:
        assert one == other, where


def metrics(out):
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize("kill_at", [2, 4, 6, 10])
def test_a_killed_run_that_resumes_equals_one_that_never_stopped(dataset, synthetic, small, tmp_path, kill_at):
    straight = train(dataset, tmp_path / "straight", small(), synthetic.decoder())

    def kill(step, total, losses):
        if step == kill_at:
            raise Killed

    with pytest.raises(Killed):
        train(dataset, tmp_path / "killed", small(), synthetic.decoder(), kill)
    torch.randn(13)  # the caller's random numbers are not the run's
    resumed = train(dataset, tmp_path / "killed", small(), synthetic.decoder())
    assert_same(read_state(straight), read_state(resumed))
    assert metrics(tmp_path / "straight") == metrics(tmp_path / "killed")


def test_a_run_killed_by_the_system_resumes_equal_too(dataset, small, tmp_path):
    """SIGKILL, in a process of its own: nothing gets to tidy up."""
    config = small(weights=LossWeights(lips=0.0))
    straight = train(dataset, tmp_path / "straight", config, None)
    code = (
        "import json, os, signal, sys; from pathlib import Path; from wail.motion.config import config_from_json\n"
        "from wail.motion.train import train\n"
        "def kill(step, total, losses):\n    if step == 10: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train(Path(sys.argv[1]), Path(sys.argv[2]), config_from_json(json.loads(sys.argv[3])), None, kill)\n"
    )
    arguments = [dataset, tmp_path / "killed", json.dumps(config_to_json(config))]
    ended = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], cwd=Path(wail.__file__).parents[1])
    assert ended.returncode == -signal.SIGKILL
    assert read_state(tmp_path / "killed" / "checkpoint.pt")["step"] == 8
    resumed = train(dataset, tmp_path / "killed", config, None)
    assert_same(read_state(straight), read_state(resumed))
    assert metrics(tmp_path / "straight") == metrics(tmp_path / "killed")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_on_a_gpu_starts_like_one_on_the_cpu(dataset, small, tmp_path):
    config = small(steps=4, weights=LossWeights(lips=0.0), network=NetworkConfig(width=32, n_layers=2, n_heads=2))
    train(dataset, tmp_path / "cpu", config, None)
    train(dataset, tmp_path / "gpu", config, None, device="cuda")
    for one, other in zip(metrics(tmp_path / "cpu"), metrics(tmp_path / "gpu"), strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_training_does_not_touch_the_callers_random_numbers(dataset, synthetic, small, tmp_path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train(dataset, tmp_path, small(steps=2), synthetic.decoder())
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_and_metrics_give_every_loss(dataset, synthetic, small, tmp_path):
    told = []
    train(dataset, tmp_path, small(), synthetic.decoder(), lambda *args: told.append(args))
    assert [(step, total) for step, total, _ in told] == [(step, 12) for step in (2, 4, 6, 8, 10, 12)]
    assert told[0][2].keys() == {"latent", "velocity", "lips", "total", "grad_norm"}
    assert [row["step"] for row in metrics(tmp_path)] == [2, 4, 6, 8, 10, 12]
    row, terms = metrics(tmp_path)[-1], told[-1][2]
    assert row["total"] == terms["total"] == pytest.approx(terms["latent"] + terms["velocity"] + 0.01 * terms["lips"])


def test_a_finished_run_does_nothing_and_says_so(dataset, synthetic, small, tmp_path, caplog):
    assert not is_finished(tmp_path, small())
    path = train(dataset, tmp_path, small(), synthetic.decoder())
    stamp, told = path.stat().st_mtime_ns, []
    with caplog.at_level(logging.INFO, logger="wail.motion"):
        assert train(dataset, tmp_path, small(), synthetic.decoder(), lambda *args: told.append(args)) == path
    assert "is finished (12 steps): nothing to do" in caplog.text
    assert (path.stat().st_mtime_ns, told) == (stamp, [])
    assert is_finished(tmp_path, small()) and not is_finished(tmp_path, small(seed=8))


def test_other_settings_in_the_same_folder_are_refused_unless_restarted(dataset, synthetic, small, tmp_path):
    path = train(dataset, tmp_path, small(steps=4), synthetic.decoder())
    with pytest.raises(ConfigError, match=r"trained with other settings \(seed 7 -> 8\)"):
        train(dataset, tmp_path, small(steps=4, seed=8), synthetic.decoder())
    train(dataset, tmp_path, small(steps=4, seed=8), synthetic.decoder(), restart=True)
    assert read_state(path)["config"]["seed"] == 8
    assert [row["step"] for row in metrics(tmp_path)] == [2, 4]


def test_other_data_in_the_dataset_is_refused(dataset, synthetic, small, tmp_path):
    train(dataset, tmp_path, small(steps=4), synthetic.decoder())
    row, features = synthetic.take("more", 30, seed=77)
    synthetic.write_shard("train", [row], part=1)
    synthetic.write_features([features], part=1)
    with pytest.raises(ConfigError, match="trained on other data"):
        train(dataset, tmp_path, small(steps=4), synthetic.decoder())


def test_a_checkpoint_is_whole_or_absent(dataset, synthetic, small, tmp_path, monkeypatch):
    path = train(dataset, tmp_path, small(steps=4), synthetic.decoder())
    whole = path.read_bytes()

    def full_disk(state, file):
        file.write(b"half a check")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        train(dataset, tmp_path, small(steps=4), synthetic.decoder(), restart=True)
    assert path.read_bytes() == whole
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["checkpoint.pt", "metrics.jsonl"]


def test_the_lips_loss_needs_a_decoder_and_the_others_do_not(dataset, small, tmp_path):
    with pytest.raises(ConfigError, match="lips loss has weight but no face model was given"):
        train(dataset, tmp_path, small(), None)
    train(dataset, tmp_path, small(steps=2, weights=LossWeights(lips=0.0)), None)
    assert metrics(tmp_path)[0].keys() == {"step", "latent", "velocity", "total", "grad_norm", "learning_rate"}


def test_a_loss_that_is_not_finite_stops_the_run_before_the_weights_do(dataset, synthetic, small, tmp_path):
    decoder = synthetic.decoder()
    decoder.matrix = decoder.matrix * float("inf")
    with pytest.raises(DatasetError, match=r"the loss is (nan|inf) at step 1: train anew with a learning_rate below"):
        train(dataset, tmp_path, small(), decoder)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_it_overfits_a_few_takes_and_follows_their_audio(synthetic, small, tmp_path):
    takes = [synthetic.take(f"t{k}", 30, seed=k) for k in range(3)]
    synthetic.write({"train": takes})
    config = small(steps=150, batch_size=6, window_frames=30, context_p=0.0, drop_p=0.0, checkpoint_every=50)
    config = replace(config, network=replace(config.network, dropout=0.0, width=48))
    checkpoint = load_checkpoint(train(synthetic.root, tmp_path / "run", config, synthetic.decoder()))
    for take in read_split(synthetic.root, "train").takes:
        made = generate_at_frames(checkpoint, take.features, take.heard, take.identity, take.age, take.label)
        truth = checkpoint.norm.expression_z(take.expression)
        error = checkpoint.norm.expression_z(made) - truth
        assert np.square(error).mean() < 0.1 * np.square(truth).mean()
