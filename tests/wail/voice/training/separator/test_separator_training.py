"""Composed examples, the loss, the package, and a few steps of training on a data folder made here."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from wail.voice.infant_stem import load_infant_separator
from wail.voice.training import corpus, synth, synth_music
from wail.voice.training.separator import data, measure
from wail.voice.training.separator.package import MODEL, new_model, save_package
from wail.voice.training.separator.train import TrainConfig, make_bank, rate_at, separation_loss, train

HZ = 16_000
TINY = {**MODEL, "channels": 4, "depth": 4, "segment": 1}


def entry(path=Path("x.flac"), label="cry", segments=((0.5, 1.0, "cry"),)) -> corpus.Entry:
    return corpus.Entry(path, label, "g", "MIT", 2.0, tuple(segments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    home, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    rows, spans = ["path,label,source,subject_or_group,licence,duration_s"], ["path,start_s,end_s,label,method"]
    for k in range(12):
        label = ("cry", "noise", "adult_speech", "music")[k % 4]
        wave = np.zeros(2 * HZ)
        if label == "cry":
            wave[HZ // 2 : HZ * 3 // 2] = synth.cry(rng, 1.0).wave
        make = {"noise": rng.standard_normal, "adult_speech": None, "music": None}.get(label)
        if make:
            wave = make(2 * HZ) * 0.1
        elif label != "cry":
            wave = (synth.adult_talk if label == "adult_speech" else synth_music.tune)(rng, 2.0).wave
        soundfile.write(home / f"{k}.flac", wave + rng.standard_normal(2 * HZ) * 1e-3, HZ)
        rows.append(f"{k}.flac,{label},test,group:{k},MIT,2.0")
        spans += [f"{k}.flac,0.5,1.5,cry,test"] if label == "cry" else []
    (home / "index.csv").write_text("\n".join(rows))
    (home / "segments.csv").write_text("\n".join(spans))
    return home


@pytest.fixture(scope="module")
def bank(folder) -> dict[str, list[data.Take]]:
    return make_bank(folder, TrainConfig(n_synthetic=1))


def test_gates_are_open_in_the_active_parts_and_shut_beyond_their_fades():
    gate = data.gate_of(entry(), 2 * HZ)
    assert gate.shape == (2 * HZ,) and gate.dtype == np.float32
    assert gate[HZ // 2 : HZ] == pytest.approx(1.0, abs=1e-4)
    assert not gate[: round(0.39 * HZ)].any() and not gate[round(1.11 * HZ) :].any()
    assert np.abs(np.diff(gate)).max() < 0.002, "a step would click"


def test_a_recording_as_loud_between_the_cries_is_no_target(tmp_path: Path):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(2 * HZ).astype(np.float32) * 0.01
    cry = noise.copy()
    cry[HZ // 2 : HZ] += rng.standard_normal(HZ // 2).astype(np.float32) * 0.1
    for name, wave in (("clear", cry), ("drowned", noise)):
        soundfile.write(tmp_path / f"{name}.flac", wave, HZ)
    takes = data.real_takes([entry(tmp_path / "clear.flac"), entry(tmp_path / "drowned.flac")], speeds=((1, 1), (2, 1)))
    assert [len(take.wave) for take in takes["infant"]] == [2 * HZ, 4 * HZ]
    assert [len(take.gate) for take in takes["infant"]] == [2 * HZ, 4 * HZ]


def test_examples_are_seeded_finite_and_of_the_length_asked_for(bank):
    first, again, other = (data.example(bank, np.random.default_rng(seed), HZ) for seed in (1, 1, 2))
    assert all(wave.shape == (HZ,) and wave.dtype == np.float32 and np.isfinite(wave).all() for wave in first)
    assert all((a == b).all() for a, b in zip(first, again, strict=True)) and not (first[0] == other[0]).all()


def test_some_examples_have_no_infant_and_the_others_hold_their_target(bank):
    rng = np.random.default_rng(3)
    pairs = [data.example(bank, rng, HZ) for _ in range(120)]
    silent = [not target.any() for _, target in pairs]
    assert 0.03 < np.mean(silent) < 0.25
    # What is in the mix but not in the target has little to do with it.
    kept = [mix @ target / (target @ target) for mix, target in pairs if target.any()]
    assert np.median(kept) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("missing", ["music", "noise", "stranger"])
def test_a_kind_of_background_that_is_lacking_is_done_without(bank, missing):
    rest = {name: takes for name, takes in bank.items() if name != missing}
    assert data.background(rest, np.random.default_rng(0), HZ).any()


def test_loudness_counts_only_what_sounds():
    wave = np.zeros(HZ, np.float32)
    wave[: HZ // 5] = 0.5
    assert data.active_rms(wave) == pytest.approx(0.5)
    assert data.active_rms(np.zeros(HZ, np.float32)) == data.active_rms(np.zeros(0, np.float32)) == 0


def test_the_loss_is_the_negative_snr_down_to_its_threshold():
    target = torch.randn(1, HZ, generator=torch.Generator().manual_seed(0))
    assert separation_loss(torch.zeros(1, HZ), target, target).item() == pytest.approx(0.0, abs=0.01)
    assert separation_loss(0.9 * target, target, target).item() == pytest.approx(-20.0, abs=0.5)
    assert separation_loss(target, target, target).item() == pytest.approx(-30.0, abs=0.01)


def test_where_no_infant_is_the_loss_is_the_level_of_the_stem():
    mix, silent = torch.ones(1, HZ), torch.zeros(1, HZ)
    assert separation_loss(mix, mix, silent).item() == pytest.approx(0.0, abs=0.1)
    assert separation_loss(silent, mix, silent).item() == pytest.approx(-20.0, abs=0.01)


def test_the_learning_rate_rises_then_falls_to_nothing():
    rates = [rate_at(step, step / 1000) for step in range(1001)]
    assert rates[0] < 0.01 and max(rates) > 0.9 and rates[-1] == 0.0
    assert np.argmax(rates) == pytest.approx(150, abs=20)


def test_a_few_steps_of_training_help(bank):
    easy = {name: bank[name] for name in ("infant", "noise")}
    config = TrainConfig(steps=60, batch=2, seconds=0.5, learning_rate=2e-2)
    torch.manual_seed(config.seed)
    before, after = new_model(TINY).eval(), train(easy, config, TINY)
    rng = np.random.default_rng(9)
    pairs = [data.example(easy, rng, HZ // 2) for _ in range(16)]
    mix, target = (torch.from_numpy(np.stack(waves)) for waves in zip(*pairs, strict=True))
    with torch.inference_mode():
        losses = [separation_loss(m(mix[:, None])[:, 0, 0], mix, target).item() for m in (before, after)]
    assert losses[1] < losses[0] - 1, losses


def test_training_goes_on_from_its_checkpoint(bank, tmp_path: Path):
    half = TrainConfig(steps=3, batch=1, seconds=0.5)
    train(bank, half, TINY, checkpoint=tmp_path / "c.pt")
    kept = torch.load(tmp_path / "c.pt", weights_only=True)
    assert kept["step"] == 3
    done = train(bank, half, TINY, checkpoint=tmp_path / "c.pt", resume=True)
    assert all(torch.equal(value, kept["average"][name]) for name, value in done.state_dict().items())


def test_a_package_comes_back_as_it_was_and_replaces_the_one_before(tmp_path: Path):
    model = new_model(TINY)
    first = save_package(model, tmp_path, {"seed": 1})
    with torch.no_grad():
        next(model.parameters()).add_(1)
    second = save_package(model, tmp_path, {"seed": 1})
    assert not first.exists() and second.parent == tmp_path
    loaded = load_infant_separator(tmp_path)._model
    assert loaded.sources == ["infant"] and loaded.samplerate == HZ
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float()), name


def test_measured_mixtures_are_at_0_db_and_a_perfect_stem_gains(bank):
    pairs = measure.mixtures(bank, 2, seconds=1.0)
    assert list(pairs) == ["speech", "music", "tv", "noise"]
    mix, target = pairs["noise"][0]
    assert data.active_rms(mix - target) == pytest.approx(data.active_rms(target), rel=0.01)
    truth = {mix.tobytes(): target for mix, target in pairs["tv"]}
    assert (measure.gains_db(pairs["tv"], lambda mix: truth[mix.tobytes()]) > 50).all()
    assert (measure.gains_db(pairs["tv"], lambda mix: mix) == 0).all()
