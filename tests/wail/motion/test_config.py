"""Settings: presets hold, wrong ones are named, and they survive JSON."""

import json

import pytest

from wail.errors import ConfigError
from wail.motion.config import (
    LABELS,
    PRESETS,
    NetworkConfig,
    TrainConfig,
    base,
    config_from_json,
    config_to_json,
    tiny,
    with_steps,
)
from wail.motion.network import MotionTransformer


@pytest.mark.parametrize("preset", PRESETS.values())
def test_presets_survive_json(preset):
    assert config_from_json(json.loads(json.dumps(config_to_json(preset())))) == preset()


def test_sizes_are_those_of_the_presets():
    def parameters(config):
        return sum(p.numel() for p in MotionTransformer(config.network, 80, len(LABELS)).parameters())

    assert 30e6 < parameters(base()) < 40e6
    assert parameters(tiny()) < 2e6


def test_a_shorter_run_warms_up_in_proportion():
    assert with_steps(tiny(), 20).warmup_steps == 2
    assert with_steps(base(), 200_000).warmup_steps == base().warmup_steps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, but it is 0"),
        ({"context_frames": 100}, "context_frames must be in"),
        ({"drop_p": 1.5}, "drop_p must be in"),
        ({"sample_steps": 501}, "sample_steps must be at most diffusion_steps, but it is 501 of 500"),
        ({"checkpoint_every": 70}, "checkpoint_every must be a multiple of log_every"),
        ({"network": NetworkConfig(width=100, n_heads=8)}, "width must be a multiple of 2 n_heads"),
        ({"network": NetworkConfig(past_frames=-1)}, "must not be negative"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
    ],
)
def test_a_setting_out_of_range_is_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**changes)
