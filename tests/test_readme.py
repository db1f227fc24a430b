"""The README must not go stale: its commands exist with their options, and what it lists is there."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from wail.cli import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (?:\.venv/bin/)?wail (.*?)(?:\s+#.*)?$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_exists_with_its_options(line):
    verb, *arguments = shlex.split(line)
    command = main.commands[verb]
    if isinstance(command, click.Group):
        command = command.commands[arguments.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    used = {argument for argument in arguments if argument.startswith("--")}
    assert used <= known


def test_every_verb_is_shown():
    assert set(main.commands) <= set(re.findall(r"wail (\w+)", TEXT)) | {"demo"}


def test_every_verb_has_help_and_json():
    verbs = dict(main.commands)
    for name, group in main.commands.items():
        if isinstance(group, click.Group):
            verbs |= {f"{name} {one}": command for one, command in verbs.pop(name).commands.items()}
    for name, command in verbs.items():
        assert command.help, name
        assert "--json" in {option for parameter in command.params for option in parameter.opts}, name


def test_the_make_targets_and_deployments_it_names_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^\$ make (\w+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    flows = {one["entrypoint"].split(":")[0] for one in deployments}
    for flow in re.findall(r"deployment run '(\w+)/local'", TEXT):
        assert f"flows/{flow}.py" in flows


def test_the_files_it_links_to_exist():
    for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", TEXT):
        assert (ROOT / link.partition("#")[0]).exists(), link


def test_every_setting_it_changes_exists():
    from wail.config import CurateConfig, override

    for setting in re.findall(r"--set '?([\w.]+=[^'\s]+)", TEXT):
        override(CurateConfig(), (setting,))
