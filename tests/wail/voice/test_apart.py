"""Separation in a process of its own: what comes back, and what its death, failure and delay do."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from wail.errors import ModelError
from wail.voice import apart
from wail.voice.analyse import VoiceConfig, analyse
from wail.voice.apart import Apart
from wail.voice.demucs_model import load_demucs

RATE_HZ = 16_000


def save(folder: Path, name: str, spoil=lambda state: state) -> Path:
    """A tiny HTDemucs with random weights, as the hub has it."""
    from demucs.htdemucs import HTDemucs

    kwargs = {"sources": ["other", "vocals"], "channels": 8, "depth": 4, "nfft": 4096, "t_layers": 1, "t_heads": 2,
              "bottom_channels": 16, "segment": 2, "samplerate": 44_100}  # fmt: skip
    torch.manual_seed(0)
    state = {k: v.contiguous() for k, v in HTDemucs(**kwargs).state_dict().items()}
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(kwargs)}
    save_file(spoil(state), folder / name, metadata)
    return folder / name


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("model"), "m.safetensors")


@pytest.fixture(scope="module")
def separator(model) -> Apart:
    return Apart(model)


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(int(seconds * RATE_HZ)).astype(np.float32) * 0.1


def process(separator: Apart) -> subprocess.Popen:
    return separator._child._process


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_the_stem_is_that_of_the_model_and_the_process_serves_again(separator, model):
    mix = noise(1.3)
    first = separator.stem(mix, RATE_HZ)
    np.testing.assert_array_equal(first, load_demucs(model).stem(mix, RATE_HZ))
    pid = process(separator).pid
    assert separator.stem(noise(0.7), RATE_HZ).shape == (11_200,)
    assert process(separator).pid == pid != os.getpid()


def test_kill_9_midway_is_said_costs_the_stem_alone_and_the_next_clip_has_one(separator):
    cry = noise(20.0)
    separator.stem(noise(0.1), RATE_HZ)
    victim, folder = process(separator), separator._child._folder

    def kill_midway():  # the request's file is written just before the model is asked
        while (folder / "mix.npy").stat().st_size < cry.nbytes:
            time.sleep(0.005)
        os.kill(victim.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_midway)
    killer.start()
    found = analyse(cry, VoiceConfig(), separator=separator)
    killer.join()
    assert found.stem16 is None and len(found.track.p_infant) == 625
    assert found.notes == ["Separation failed (its process was killed, often for want of memory): "
                           "the mix alone was used."]  # fmt: skip
    assert not folder.exists()
    assert separator.stem(noise(0.1), RATE_HZ).shape == (1600,)


def test_a_model_that_yields_nan_is_dropped_with_a_note(tmp_path):
    def spoil(state):
        return {k: torch.full_like(v, torch.nan) if k.startswith("decoder.3") else v for k, v in state.items()}

    found = analyse(noise(2.0), VoiceConfig(), separator=Apart(save(tmp_path, "nan.safetensors", spoil)))
    assert found.stem16 is None
    assert found.notes == ["Separation failed (the stem holds numbers that are not finite): the mix alone was used."]


def test_too_long_is_ended_and_said(model, monkeypatch):
    monkeypatch.setattr(apart, "START_S", 0.0)
    monkeypatch.setattr(apart, "PER_SECOND_S", 0.01)
    slow = Apart(model)
    with pytest.raises(RuntimeError, match=r"it took longer than 0 s for 10 s of sound"):
        slow.stem(noise(10.0), RATE_HZ)
    assert slow._child is None


def test_a_device_that_is_not_there_is_a_failure_with_words(model):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(RuntimeError, match=r"CUDA|cuda"):
        Apart(model, "cuda").stem(noise(0.5), RATE_HZ)


def test_bad_weights_are_refused_before_any_clip(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "m.safetensors", {"klass": "os.system", "args": "[]", "kwargs": "{}"})
    with pytest.raises(ModelError, match="no Demucs model"):
        Apart(tmp_path / "m.safetensors")


def test_no_orphan_is_left_when_the_one_who_asked_is_killed(model):
    code = (f"import numpy as np; from pathlib import Path; from wail.voice.apart import Apart\n"
            f"one = Apart(Path({str(model)!r})); one.stem(np.zeros(1600, np.float32), 16000)\n"
            f"print(one._child._process.pid, one._child._folder, flush=True)\n"
            f"one.stem(np.random.default_rng(0).standard_normal(16000 * 120).astype(np.float32), 16000)")  # fmt: skip
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid, folder = parent.stdout.readline().split()
    time.sleep(0.3)
    assert alive(int(pid))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone_within(int(pid), 5.0)
    assert not Path(folder).exists()


def test_the_process_ends_with_its_owner(model):
    one = Apart(model)
    one.stem(noise(0.1), RATE_HZ)
    pid = process(one).pid
    del one
    assert gone_within(pid, 5.0)
