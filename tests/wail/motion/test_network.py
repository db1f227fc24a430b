"""What a frame's output may and may not depend on."""

import pytest
import torch

from wail.motion.config import NetworkConfig
from wail.motion.network import BandedCrossAttention, Conditions, MotionTransformer, drop_conditions, rotate

CONFIG = NetworkConfig(width=32, n_layers=3, n_heads=2, past_frames=3, future_frames=2)
N, D = 20, 6


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = MotionTransformer(CONFIG, D, n_labels=3).eval()
    with torch.no_grad():  # the outputs begin at 0, where every test would pass
        for p in network.parameters():
            p.copy_(torch.randn_like(p) * 0.2)
    return network


def inputs(n=N, batch=2, seed=1):
    g = torch.Generator().manual_seed(seed)
    m = n + CONFIG.past_frames + CONFIG.future_frames
    conditions = Conditions(
        audio=torch.randn(batch, m, D, generator=g), heard=torch.ones(batch, m, dtype=torch.bool),
        label=torch.zeros(batch, dtype=torch.long), person=torch.randn(batch, 33, generator=g),
        known=torch.ones(batch, dtype=torch.bool),
    )  # fmt: skip
    x = torch.randn(batch, n, 64, generator=g)
    return x, torch.tensor([30, 7])[:batch], torch.zeros(batch, n, dtype=torch.bool), conditions


def test_noisy_frames_after_i_change_no_output_up_to_i(network):
    x, step, given, conditions = inputs()
    before = network(x, step, given, conditions)
    for i in (0, 7, N - 2):
        changed = x.clone()
        changed[:, i + 1 :] = torch.randn(2, N - i - 1, 64) * 10
        after = network(changed, step, given, conditions)
        assert (after[:, : i + 1] - before[:, : i + 1]).abs().max() <= 1e-6
        assert (after[:, i + 1 :] - before[:, i + 1 :]).abs().max() > 1e-2


def test_cross_attention_has_no_gradient_outside_the_band():
    torch.manual_seed(0)
    layer = BandedCrossAttention(32, 2, past=3, future=2)
    x, audio = torch.randn(1, N, 32), torch.randn(1, N + 5, 32, requires_grad=True)
    out = layer(x, audio, torch.ones(1, N + 5, dtype=torch.bool))
    for i in range(N):
        (gradient,) = torch.autograd.grad(out[0, i].square().sum(), audio, retain_graph=True)
        reached = gradient[0].abs().sum(dim=-1) > 0
        expected = torch.zeros(N + 5, dtype=torch.bool)
        expected[i : i + 6] = True  # audio slot s is frame s - past
        assert torch.equal(reached, expected)


def test_no_output_depends_on_audio_later_than_the_band(network):
    x, step, given, conditions = inputs(batch=1)
    audio = conditions.audio.clone().requires_grad_()
    out = network(x, step, given, conditions._replace(audio=audio))
    i = 8
    (gradient,) = torch.autograd.grad(out[0, i].square().sum(), audio)
    reached = gradient[0].abs().sum(dim=-1)
    last = i + CONFIG.past_frames + CONFIG.future_frames
    assert (reached[last + 1 :] == 0).all() and reached[last] > 0
    # Older audio does reach it, through the older frames that it attends to.
    assert reached[i - 1] > 0


def test_padded_and_unpadded_windows_agree(network):
    x, step, given, conditions = inputs()
    short = 12
    past, future = CONFIG.past_frames, CONFIG.future_frames
    heard = torch.arange(N + past + future) < past + short
    padded = network(x, step, given, conditions._replace(heard=heard.expand(2, -1)))
    slots = slice(0, past + short + future)
    cut = conditions._replace(audio=conditions.audio[:, slots], heard=heard.expand(2, -1)[:, slots])
    alone = network(x[:, :short], step, given[:, :short], cut)
    torch.testing.assert_close(padded[:, :short], alone, atol=2e-6, rtol=1e-5)


def test_padding_gets_no_gradient(network):
    x, step, given, conditions = inputs()
    x.requires_grad_()
    audio = conditions.audio.clone().requires_grad_()
    heard = (torch.arange(N + 5) < 3 + 12).expand(2, -1)
    network(x, step, given, conditions._replace(audio=audio, heard=heard))[:, :12].square().sum().backward()
    assert (x.grad[:, 12:] == 0).all() and (x.grad[:, :12] != 0).any()
    assert (audio.grad[:, 15:] == 0).all() and (audio.grad[:, :15] != 0).any()


def test_without_any_audio_the_output_is_finite_and_deaf(network):
    x, step, given, conditions = inputs()
    silent = conditions._replace(heard=torch.zeros_like(conditions.heard))
    one = network(x, step, given, silent)
    other = network(x, step, given, silent._replace(audio=conditions.audio + 5))
    assert torch.isfinite(one).all()
    torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("change", ["step", "given", "label", "person", "known"])
def test_every_condition_is_listened_to(network, change):
    x, step, given, conditions = inputs()
    before = network(x, step, given, conditions)
    after = {
        "step": lambda: network(x, step + 9, given, conditions),
        "given": lambda: network(x, step, ~given, conditions),
        "label": lambda: network(x, step, given, conditions._replace(label=conditions.label + 1)),
        "person": lambda: network(x, step, given, conditions._replace(person=-conditions.person)),
        "known": lambda: network(x, step, given, conditions._replace(known=~conditions.known)),
    }[change]()
    assert (after - before).abs().max() > 1e-3


def test_an_unknown_person_hides_identity_and_age(network):
    x, step, given, conditions = inputs()
    stranger = conditions._replace(known=torch.zeros(2, dtype=torch.bool))
    other = stranger._replace(person=torch.randn(2, 33))
    one, two = network(x, step, given, stranger), network(x, step, given, other)
    torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_rotary_scores_depend_on_the_difference_of_positions():
    q, k = torch.randn(1, 1, 4, 16), torch.randn(1, 1, 4, 16)
    position = torch.arange(4)
    near = rotate(q, position) @ rotate(k, position).transpose(-1, -2)
    far = rotate(q, position + 50) @ rotate(k, position + 50).transpose(-1, -2)
    torch.testing.assert_close(near, far, atol=1e-4, rtol=1e-4)


def test_conditions_are_dropped_each_on_its_own_at_the_rate_asked():
    torch.manual_seed(0)
    _, _, _, conditions = inputs(n=1)
    many = Conditions(*(part[:1].expand(20_000, *part.shape[1:]) for part in conditions))
    dropped = drop_conditions(many, 0.1, n_labels=3)
    no_audio, no_label, stranger = ~dropped.heard.any(1), dropped.label == 3, ~dropped.known
    for gone in (no_audio, no_label, stranger):
        assert abs(gone.float().mean() - 0.1) < 0.01
    assert abs((no_audio & no_label).float().mean() - 0.01) < 0.004


def test_audio_of_the_wrong_length_is_an_error(network):
    x, step, given, conditions = inputs()
    with pytest.raises(ValueError, match=r"audio must have shape \[B, 25, 6\] but has shape \(2, 24, 6\)"):
        network(x, step, given, conditions._replace(audio=conditions.audio[:, 1:]))
