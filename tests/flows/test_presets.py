from pathlib import Path

import pytest
import yaml

from flows.presets import CURATION, TRAINING
from wail.config import config_from

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", CURATION)
def test_a_curation_preset_survives_json(name):
    config = CURATION[name]()
    assert config_from(config.model_dump(mode="json")) == config


def test_the_derived_preset_keeps_no_media():
    assert CURATION["derived"]().retain == "derived"


def test_every_training_preset_says_its_name():
    assert {name: preset().preset for name, preset in TRAINING.items()} == {name: name for name in TRAINING}


def test_both_deployments_are_called_local():
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert [(one["entrypoint"], one["name"]) for one in deployments] == [
        ("flows/curate.py:curate_flow", "local"), ("flows/train.py:train_flow", "local"),
    ]  # fmt: skip
