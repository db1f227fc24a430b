"""Demucs as a separator, on a tiny HTDemucs saved in the two formats that its authors publish."""

import io
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from wail.errors import ModelError
from wail.voice.demucs_model import load_demucs
from wail.voice.separate import Chain, Missing, find_demucs, find_separator, stem_blocks

RATE_HZ = 16_000
HUB = "955717e8.safetensors"


@pytest.fixture(scope="module")
def tiny_model():
    from demucs.htdemucs import HTDemucs

    kwargs = {"sources": ["drums", "bass", "other", "vocals"], "channels": 8, "depth": 4, "nfft": 4096, "t_layers": 1,
              "t_heads": 2, "bottom_channels": 16, "segment": 2, "samplerate": 44_100}  # fmt: skip
    torch.manual_seed(0)
    return HTDemucs(**kwargs), kwargs


@pytest.fixture(scope="module")
def hub_folder(tiny_model, tmp_path_factory) -> Path:
    model, kwargs = tiny_model
    folder = tmp_path_factory.mktemp("hub")
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(kwargs)}
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "955717e8.safetensors", metadata)
    (folder / "htdemucs.yaml").write_text("models: ['955717e8']\n")
    return folder


def legacy_file(tiny_model, folder: Path) -> Path:
    model, kwargs = tiny_model
    buffer = io.BytesIO()
    torch.save({"klass": type(model), "args": (), "kwargs": kwargs, "state": model.state_dict(),
                "training_args": {"epochs": 1}}, buffer)  # fmt: skip
    path = folder / f"deadbeef-{sha256(buffer.getvalue()).hexdigest()[:8]}.th"
    path.write_bytes(buffer.getvalue())
    return path


@pytest.fixture
def no_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def wave(seconds: float, rate_hz: int = RATE_HZ, channels: int = 1) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal((channels, int(seconds * rate_hz))).astype(np.float32) * 0.1
    return noise[0] if channels == 1 else noise


def test_without_weights_says_why_and_how_to_get_them(no_caches):
    found = find_demucs()
    assert isinstance(found, Missing)
    assert found.why == "the local caches hold no Demucs weights"
    assert "955717e8" in found.how_to_get and "hf download" in found.how_to_get


def test_a_folder_without_weights_is_missing_and_named(no_caches):
    (no_caches / "mine").mkdir()
    found = find_demucs(no_caches / "mine")
    assert isinstance(found, Missing) and found.why.startswith("mine and the local caches")


def test_hub_format_gives_mono_vocals_as_long_as_the_wave_and_the_same_each_time(hub_folder, no_caches):
    separator = load_demucs(hub_folder / HUB)
    mix = wave(2.3)
    first, second = separator.stem(mix, RATE_HZ), separator.stem(mix, RATE_HZ)
    assert first.shape == mix.shape and first.dtype == np.float32
    assert np.isfinite(first).all() and first.any()
    assert first.tobytes() == second.tobytes()
    assert separator.name.startswith("htdemucs:") and len(separator.name.split(":")[1]) == 16


def test_the_hub_cache_of_this_machine_is_looked_into(hub_folder, no_caches):
    place = no_caches / "hf" / "hub" / "models--adefossez--HTDemucs" / "snapshots" / "abc"
    place.mkdir(parents=True)
    (place / "955717e8.safetensors").write_bytes((hub_folder / "955717e8.safetensors").read_bytes())
    assert not isinstance(find_demucs(), Missing)


def test_legacy_format_is_the_same_model(tiny_model, hub_folder, no_caches):
    (no_caches / "w" / "demucs").mkdir(parents=True)
    legacy = legacy_file(tiny_model, no_caches / "w" / "demucs")
    mix = wave(1.0)
    np.testing.assert_array_equal(load_demucs(legacy).stem(mix, RATE_HZ),
                                  load_demucs(hub_folder / HUB).stem(mix, RATE_HZ))  # fmt: skip
    assert find_demucs(no_caches / "w").name == f"htdemucs:{sha256(legacy.read_bytes()).hexdigest()[:16]}"


def test_stereo_at_44_1_khz_comes_back_at_16_khz(hub_folder, no_caches):
    stem = load_demucs(hub_folder / HUB).stem(wave(1.0, 44_100, 2), 44_100)
    assert stem.shape == (16_000,)


def test_chunks_leave_no_seam(hub_folder, no_caches, monkeypatch):
    from wail.voice import demucs_model

    separator, mix = load_demucs(hub_folder / HUB), wave(7.0)
    whole = separator.stem(mix, RATE_HZ)
    monkeypatch.setattr(demucs_model, "CHUNK_S", 3)
    monkeypatch.setattr(demucs_model, "CONTEXT_S", 3)
    pieces = separator.stem(mix, RATE_HZ)
    assert pieces.shape == whole.shape
    assert np.corrcoef(whole, pieces)[0, 1] > 0.98
    steps = np.abs(np.diff(pieces))
    assert steps[[47_999, 95_999]].max() <= np.percentile(steps, 99.9)


def test_a_renamed_or_damaged_legacy_file_is_refused(tiny_model, no_caches):
    path = legacy_file(tiny_model, no_caches)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="is damaged: its sha256 begins"):
        find_demucs(path)


class _Evil:
    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


def test_a_legacy_file_cannot_run_code(no_caches, monkeypatch):
    monkeypatch.chdir(no_caches)
    torch.save({"klass": _Evil(), "args": (), "kwargs": {}, "state": {}}, no_caches / "evil.th")
    with pytest.raises(ModelError, match=r"could not be loaded .*never run") as caught:
        find_demucs(no_caches / "evil.th")
    assert "weights_only" not in str(caught.value)
    assert not (no_caches / "ran").exists()


def test_another_model_class_is_refused(no_caches):
    save_file({"x": torch.zeros(1)}, no_caches / "m.safetensors", {"klass": "os.system", "args": "[]", "kwargs": "{}"})
    with pytest.raises(ModelError, match=r"names the class 'os.system'"):
        find_demucs(no_caches)


def test_two_files_without_a_bag_are_a_question(no_caches):
    for name in ("a.th", "b.th"):
        (no_caches / name).write_bytes(b"")
    with pytest.raises(ModelError, match="2 weight files"):
        find_demucs(no_caches)


def test_a_bag_that_names_a_missing_file_says_which(no_caches):
    (no_caches / "htdemucs.yaml").write_text("models: ['955717e8']")
    with pytest.raises(ModelError, match=r"names the model 955717e8"):
        find_demucs(no_caches)


def test_a_bag_of_four_is_refused_with_the_one_to_take(no_caches):
    (no_caches / "htdemucs_ft.yaml").write_text("models: ['a', 'b', 'c', 'd']")
    with pytest.raises(ModelError, match="bag of 4 models"):
        find_demucs(no_caches)


@pytest.fixture(scope="module")
def infant_file(tmp_path_factory) -> Path:
    """A mono HDemucs at 16 kHz that knows an infant only, in half precision, in Demucs' own package."""
    from demucs.hdemucs import HDemucs
    from demucs.states import get_state, save_with_checksum

    torch.manual_seed(1)
    kwargs = {"sources": ["infant"], "audio_channels": 1, "samplerate": 16_000, "segment": 2, "channels": 4,
              "nfft": 1024, "depth": 4}  # fmt: skip
    model, folder = HDemucs(**kwargs), tmp_path_factory.mktemp("infant")
    save_with_checksum({"klass": HDemucs, "args": (), "kwargs": kwargs, "state": get_state(model, None, half=True),
                        "training_args": {}}, folder / "infant01.th")  # fmt: skip
    return next(folder.glob("*.th"))


def test_a_source_called_infant_is_taken_of_mono_and_of_stereo(infant_file):
    separator, mix = load_demucs(infant_file), wave(1.5)
    assert separator.name.startswith("infant-hdemucs:")
    first = separator.stem(mix, RATE_HZ)
    assert first.shape == mix.shape and first.any()
    np.testing.assert_allclose(separator.stem(np.stack([mix, mix]), RATE_HZ), first, atol=1e-6)


def test_a_model_without_voices_is_refused(tiny_model, no_caches):
    model, kwargs = tiny_model
    other = {**kwargs, "sources": ["drums", "bass", "other", "guitar"]}
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(other)}
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, no_caches / "m.safetensors", metadata)
    with pytest.raises(ModelError, match="separates drums, bass, other, guitar, but no vocals"):
        find_demucs(no_caches / "m.safetensors")


class Halve:
    """A separator that needs no model, to look at what is around it."""

    name = "halve:1"

    def stem(self, mix, rate_hz):
        mono = np.atleast_2d(mix).mean(0)
        return mono[np.arange(-(-len(mono) * RATE_HZ // rate_hz)) * rate_hz // RATE_HZ] / 2


def test_a_stream_is_separated_part_by_part_as_in_one_piece():
    mix = wave(7.5, 44_100, 2)
    parts = [mix[:, k * 44_100 : (k + 3) * 44_100] for k in (0, 3, 6)]
    made = list(stem_blocks(Halve(), parts, 44_100))
    assert [len(part) for part in made] == [48_000, 48_000, 24_000]
    np.testing.assert_array_equal(np.concatenate(made), Halve().stem(mix, 44_100))
    assert list(stem_blocks(Halve(), [], 44_100)) == []


def test_a_stem_that_is_not_finite_is_refused():
    class Nan(Halve):
        def stem(self, mix, rate_hz):
            return np.full(mix.shape[-1], np.nan, np.float32)

    with pytest.raises(RuntimeError, match="not finite"):
        list(stem_blocks(Nan(), [wave(1.0)], RATE_HZ))


def test_one_separator_after_another():
    chain = Chain(Halve(), Halve())
    assert chain.name == "halve:1 > halve:1"
    np.testing.assert_allclose(chain.stem(wave(1.0, 44_100, 2), 44_100),
                               Halve().stem(wave(1.0, 44_100, 2), 44_100) / 2)  # fmt: skip


def test_each_kind_of_separator_is_what_it_is_called(hub_folder, no_caches):
    assert find_separator("none") is None
    assert find_separator("demucs", hub_folder).name.startswith("htdemucs:")
    missing = find_separator("demucs+infant")
    assert isinstance(missing, Missing) and missing.why == "the local caches hold no Demucs weights"
