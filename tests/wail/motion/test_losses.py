"""Each loss against its formula, its zero, and what must not reach it."""

import numpy as np
import pytest
import torch

from wail.motion.config import LossWeights
from wail.motion.losses import (
    LipDecoder,
    join_latents,
    latent_loss,
    lips_loss,
    motion_losses,
    pair_weights,
    velocity_loss,
)

B, T = 2, 7


@pytest.fixture
def batch():
    g = torch.Generator().manual_seed(0)
    weight = torch.rand(B, T, generator=g)
    weight[1, 4:] = 0  # padding
    given = torch.zeros(B, T, dtype=torch.bool)
    given[0, :2] = True
    return torch.randn(B, T, 64, generator=g), torch.randn(B, T, 64, generator=g), weight, given


@pytest.fixture
def lips(synthetic):
    mean, std = torch.from_numpy(synthetic.mean), torch.from_numpy(synthetic.std)
    return LipDecoder(synthetic.decoder(), mean, std, torch.randn(B, 33))


def test_latent_loss_is_the_weighted_mean_square(batch):
    predicted, target, weight, _ = batch
    total = sum(weight[b, i] * ((predicted[b, i] - target[b, i]) ** 2).mean() for b in range(B) for i in range(T))
    torch.testing.assert_close(latent_loss(predicted, target, weight), total / weight.sum())


def test_velocity_loss_is_that_of_first_differences_and_zero_for_an_offset(batch):
    predicted, target, weight, given = batch
    pairs = pair_weights(weight, given)
    total = sum(
        min(weight[b, i], weight[b, i + 1]) * (1 - float(given[b, i] and given[b, i + 1]))
        * (((predicted[b, i + 1] - predicted[b, i]) - (target[b, i + 1] - target[b, i])) ** 2).mean()
        for b in range(B) for i in range(T - 1)
    )  # fmt: skip
    torch.testing.assert_close(velocity_loss(predicted, target, pairs), total / pairs.sum())
    assert velocity_loss(target + 3, target, pairs) < 1e-10


def test_lips_loss_is_in_square_millimetres():
    target = torch.zeros(1, 2, 3, 3)
    predicted = torch.zeros(1, 2, 3, 3)
    predicted[0, 0, :, 0] = 2.0  # every vertex 2 mm off in the first frame
    predicted[0, 1, 0, 1] = 3.0  # one of three vertices 3 mm off in the second
    assert lips_loss(predicted, target, torch.tensor([[1.0, 1.0]])) == pytest.approx((4 + 3) / 2)
    assert lips_loss(predicted, target, torch.tensor([[1.0, 0.0]])) == pytest.approx(4)


def test_the_total_is_the_weighted_sum_and_a_zero_weight_leaves_the_rest(batch, lips):
    predicted, target, weight, given = batch
    all_on = motion_losses(predicted, target, weight, given, LossWeights(2.0, 3.0, 0.5), lips)
    expected = 2 * all_on["latent"] + 3 * all_on["velocity"] + 0.5 * all_on["lips"]
    torch.testing.assert_close(all_on["total"], expected)
    for off in ("latent", "velocity", "lips"):
        weights = {"latent": 2.0, "velocity": 3.0, "lips": 0.5, off: 0.0}
        fewer = motion_losses(predicted, target, weight, given, LossWeights(**weights), lips)
        assert off not in fewer
        for name in fewer.keys() - {"total"}:
            torch.testing.assert_close(fewer[name], all_on[name], rtol=0, atol=0)


def test_padding_and_given_frames_have_no_gradient(batch, lips):
    predicted, target, weight, given = batch
    predicted.requires_grad_()
    motion_losses(predicted, target, weight, given, LossWeights(1, 1, 1), lips)["total"].backward()
    gradient = predicted.grad.abs().sum(dim=-1)
    assert (gradient[1, 4:] == 0).all() and (gradient[0, :2] == 0).all()
    assert (gradient[1, :4] > 0).all() and (gradient[0, 2:] > 0).all()


def test_rubbish_in_the_padding_does_not_spoil_the_loss(batch):
    predicted, target, weight, given = batch
    clean = motion_losses(predicted, target, weight, given, LossWeights())["total"]
    predicted[1, 4:] = float("nan")
    torch.testing.assert_close(motion_losses(predicted, target, weight, given, LossWeights())["total"], clean)


def test_a_batch_without_any_trusted_frame_is_zero(batch):
    predicted, target, weight, given = batch
    assert motion_losses(predicted, target, weight * 0, given, LossWeights())["total"] == 0


@pytest.mark.parametrize("term", ["latent", "velocity", "lips"])
def test_gradients_agree_with_finite_differences(term, batch, synthetic):
    predicted, target, weight, given = (part.double() if part.is_floating_point() else part for part in batch)
    weights = LossWeights(**{"latent": 0.0, "velocity": 0.0, "lips": 0.0, term: 1.0})
    decoder = synthetic.decoder()
    decoder.mean, decoder.std, decoder.matrix, decoder.rest = (
        part.double() for part in (decoder.mean, decoder.std, decoder.matrix, decoder.rest)
    )

    class DoubleLips(LipDecoder):
        def __call__(self, z):  # the real one goes through float32 on purpose
            return self.decoder.lips(join_latents(self.person, z * self.std + self.mean))

    lips = DoubleLips(decoder, decoder.mean, decoder.std, torch.randn(B, 33, dtype=torch.float64))
    predicted = predicted[..., :64].clone().requires_grad_()

    def total(x):
        return motion_losses(x, target, weight, given, weights, lips)["total"]

    total(predicted).backward()
    rng = np.random.default_rng(0)
    for _ in range(5):
        b, i, k = int(rng.integers(B)), int(rng.integers(2, 4)), int(rng.integers(64))
        nudge = torch.zeros_like(predicted)
        nudge[b, i, k] = 1e-5
        with torch.no_grad():
            numeric = (total(predicted + nudge) - total(predicted - nudge)) / 2e-5
        assert float(predicted.grad[b, i, k]) == pytest.approx(float(numeric), rel=1e-3, abs=1e-9)


def test_latents_are_joined_in_the_model_s_order():
    person, expression = torch.arange(33.0), torch.full((2, 64), 7.0)
    latents = join_latents(person, expression)
    assert latents.shape == (2, 97)
    assert latents[1, :32].tolist() == list(range(32)) and (latents[:, 32:96] == 7).all() and latents[0, 96] == 32
