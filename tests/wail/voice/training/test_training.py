"""Corpus labels, splits and licences, composed examples, and a few steps of training on a data folder made here."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from wail.voice.detect import load_net, run_net
from wail.voice.network import OUTPUTS, VoiceNet
from wail.voice.training import corpus, mix, synth
from wail.voice.training.evaluate import f1, frame_scores
from wail.voice.training.train import masked_loss, train

INFANT, CRY, LAUGH, BABBLE, ADULT = range(5)


def entry(label="cry", group="dac:1", licence="MIT", segments=()) -> corpus.Entry:
    return corpus.Entry(Path("x.flac"), label, group, licence, 2.0, tuple(segments))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows, spans = ["path,label,source,subject_or_group,licence,duration_s"], ["path,start_s,end_s,label,method"]
    for k in range(12):
        label = ("cry", "noise", "adult_speech")[k % 3]
        wave = synth.cry(rng, 3.0).wave if label == "cry" else rng.standard_normal(48_000) * 0.1
        soundfile.write(home / f"{k}.flac", wave, 16_000)
        rows.append(f"{k}.flac,{label},test,group:{k},MIT,3.0")
        spans += [f"{k}.flac,0.5,2.0,{label},test"] if label != "noise" else []
    (home / "index.csv").write_text("\n".join(rows))
    (home / "segments.csv").write_text("\n".join(spans))
    return home


def test_labels_mark_the_segments_and_leave_the_adult_open_between_cries():
    label = corpus.labels_of(entry(segments=[(0.5, 1.0, "cry")]), 100)
    inside = (np.arange(100) + 0.5) * 0.016 >= 0.5
    inside &= (np.arange(100) + 0.5) * 0.016 < 1.0
    assert (label[inside][:, [INFANT, CRY]] == 1).all() and (label[inside][:, ADULT] == 0).all()
    assert (label[~inside][:, :4] == 0).all() and np.isnan(label[~inside][:, ADULT]).all()


def test_labels_follow_the_speed():
    slow = corpus.labels_of(entry(segments=[(0.5, 1.0, "cry")]), 200, speed=0.5)
    assert np.flatnonzero(slow[:, INFANT])[[0, -1]] * 0.016 == pytest.approx([1.0, 2.0], abs=0.03)


def test_unlisted_time_of_a_weakly_labelled_babble_is_unknown():
    label = corpus.labels_of(entry("coo_babble", segments=[(0.0, 0.5, "coo_babble")]), 60)
    assert label[0, BABBLE] == 1 and np.isnan(label[-1, :4]).all()


@pytest.mark.parametrize(("licence", "allowed"), [
    ("CC-BY-3.0", True), ("CC0", True), ("MIT", True), ("ODbL-1.0 (database) / DbCL-1.0 (contents)", True),
    ("CC-BY-SA-4.0", False), ("CC-BY (clip licence per ESC-50 LICENSE; ESC-50 collection is CC-BY-NC-3.0)", False),
])  # fmt: skip
def test_non_commercial_and_share_alike_files_are_not_trained_on(licence, allowed):
    assert corpus.may_train(entry(licence=licence)) is allowed


def test_a_group_is_in_one_part_whole_and_about_a_fifth_are_held_out():
    assert corpus.part_of(entry("cry", "dac:7")) == corpus.part_of(entry("noise", "dac:7"))
    parts = [corpus.part_of(entry(group=f"g{k}")) for k in range(1000)]
    assert 0.75 < parts.count("train") / 1000 < 0.85
    assert 0.05 < parts.count("tune") / 1000 < 0.15 and 0.05 < parts.count("test") / 1000 < 0.15


def test_what_may_not_be_trained_on_and_the_only_real_laughter_are_held_out():
    assert all(corpus.part_of(entry(group=f"g{k}", licence="CC-BY-SA-4.0")) != "train" for k in range(50))
    assert corpus.part_of(entry("laugh", "g1")) == "test"


@pytest.mark.parametrize("make", [synth.cry, synth.laugh, synth.babble, synth.adult_talk, synth.siren, synth.tune])
def test_synthetic_sounds_are_seeded_finite_and_within_full_scale(make):
    first, again, other = (make(np.random.default_rng(seed), 4.0) for seed in (3, 3, 4))
    assert first.wave.dtype == np.float32 and first.wave.shape == first.active.shape == (64_000,)
    assert 0.3 < np.abs(first.wave).max() <= 0.51
    assert first.wave.tobytes() == again.wave.tobytes() != other.wave.tobytes()
    assert first.active.any() == (make not in (synth.siren, synth.tune))


def test_powers_of_independent_sounds_add_in_the_mel_picture():
    from wail.voice.mel import mel_power
    from wail.voice.network import MEL

    a, b = synth.cry(np.random.default_rng(1), 4.0).wave, synth.adult_talk(np.random.default_rng(2), 4.0).wave
    mixed, added = mel_power(a + b, MEL), mel_power(a, MEL) + mel_power(b, MEL)
    assert mixed.sum() / added.sum() == pytest.approx(1, abs=0.05)


def test_examples_have_labels_of_0_1_or_unknown(data):
    bank = dict(corpus.real_pictures(corpus.read_index(data))) | corpus.synthetic_pictures(np.random.default_rng(0), 1)
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(30):
        log_mel, label = mix.example(bank, rng)
        assert log_mel.shape == (500, 64) and np.isfinite(log_mel).all()
        assert label.shape == (250, len(OUTPUTS))
        seen |= set(np.unique(label[~np.isnan(label)]))
        assert (label[:, INFANT][label[:, CRY] == 1] == 1).all()
    assert seen == {0.0, 1.0}


def test_unknown_labels_have_no_loss():
    logits = torch.zeros(1, 3, 5, requires_grad=True)
    label = torch.zeros(1, 3, 5)
    label[0, 1] = torch.nan
    masked_loss(logits, label).backward()
    assert (logits.grad[0, 1] == 0).all() and (logits.grad[0, [0, 2]] != 0).all()


def test_training_changes_the_network_and_is_seeded(data):
    nets = [train(data, steps=4, batch=2, seed=3, n_synthetic=1) for _ in range(2)]
    picture = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    values = [run_net(net, picture) for net in nets]
    assert values[0].shape == (32, 5)
    assert values[0].tobytes() == values[1].tobytes()
    assert not np.allclose(values[0], run_net(VoiceNet().eval(), picture))


def test_the_shipped_network_is_small():
    assert sum(p.numel() for p in load_net().parameters()) < 200_000


def test_frame_scores_leave_out_what_nobody_knows():
    found = np.array([True, True, False, False, True])
    truth = np.array([1, 0, 1, 0, np.nan], np.float32)
    assert frame_scores(found, truth).tolist() == [1, 1, 1]
    assert f1(np.array([8.0, 2.0, 2.0])) == (0.8, 0.8, 0.8)
