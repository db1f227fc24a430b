"""A few steps of training on a data folder made here, and the fit of probabilities to truth."""

import numpy as np
import pytest
import soundfile
import torch

from wail.voice.detect import WEIGHTS, load_net, run_net
from wail.voice.network import VoiceNet
from wail.voice.training import synth
from wail.voice.training.calibrate import calibrate, fold, platt
from wail.voice.training.train import Budget, masked_loss, save, train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    home = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows, spans = ["path,label,source,subject_or_group,licence,duration_s"], ["path,start_s,end_s,label,method"]
    for k in range(8):
        label = ("cry", "noise", "adult_speech")[k % 3]
        wave = synth.cry(rng, 2.0).wave if label == "cry" else rng.standard_normal(32_000) * 0.1
        soundfile.write(home / f"{k}.flac", wave, 16_000)
        rows.append(f"{k}.flac,{label},test,group:{k},MIT,2.0")
        spans += [f"{k}.flac,0.5,1.5,{label},test"] if label != "noise" else []
    (home / "index.csv").write_text("\n".join(rows))
    (home / "segments.csv").write_text("\n".join(spans))
    return home


def test_unknown_labels_have_no_loss():
    logits = torch.zeros(1, 3, 5, requires_grad=True)
    label = torch.zeros(1, 3, 5)
    label[0, 1] = torch.nan
    masked_loss(logits, label).backward()
    assert (logits.grad[0, 1] == 0).all() and (logits.grad[0, [0, 2]] != 0).all()


def test_training_changes_the_network_and_is_seeded(data):
    budgets = (Budget(steps=3, batch=2, synthetic=1, scenes=2), Budget(3, 1, 0, only=("cry", "noise"), batch=2))
    nets = [train(data, budgets, seed=3) for _ in range(2)]
    picture = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    values = [run_net(net, picture) for net in nets]
    assert values[0].shape == (32, 5)
    assert values[0].tobytes() == values[1].tobytes()
    assert not np.allclose(values[0], run_net(VoiceNet().eval(), picture))


def test_the_shipped_network_fits_into_2_mb():
    assert WEIGHTS.stat().st_size < 2_000_000


def test_half_the_bits_change_probabilities_by_little(tmp_path):
    torch.manual_seed(1)
    net = VoiceNet().eval()
    save(net, tmp_path / "half.safetensors")
    picture = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32) * 4 - 13
    np.testing.assert_allclose(run_net(load_net(tmp_path / "half.safetensors"), picture), run_net(net, picture),
                               atol=2e-3)  # fmt: skip


def test_the_fit_finds_scale_and_shift_that_made_the_truth():
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 3, 40_000).astype(np.float32)
    truth = (rng.random(40_000) < 1 / (1 + np.exp(-(0.5 * logit - 1)))).astype(np.float32)
    truth[::7] = np.nan
    assert platt(logit, truth) == (pytest.approx(0.5, rel=0.05), pytest.approx(-1, rel=0.05))


def test_folding_moves_one_output_alone_and_calibrating_lowers_the_loss():
    torch.manual_seed(0)
    net = VoiceNet().eval()
    picture = np.random.default_rng(0).standard_normal((500, 64)).astype(np.float32) - 13
    label = np.full((250, 5), np.nan, np.float32)
    label[:, [0, 1, 4]] = np.arange(250)[:, None] % 4 == 0
    with torch.inference_mode():
        before = net(torch.from_numpy(picture)[None])[0].numpy()
        fold(net, "infant", 2.0, -1.0)
        after = net(torch.from_numpy(picture)[None])[0].numpy()
    np.testing.assert_allclose(after[:, 0], 2 * before[:, 0] - 1, atol=1e-4)
    np.testing.assert_array_equal(after[:, 1:], before[:, 1:])
    assert set(calibrate(net, [(picture, label)])) == {"infant", "cry", "adult"}
    # A quarter is true: with nothing to tell by, that is what the fit says.
    assert run_net(net, picture)[:, 0].mean() == pytest.approx(0.25, abs=0.01)
