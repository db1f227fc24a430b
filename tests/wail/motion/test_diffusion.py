"""The schedule, the noising and the sampler against their formulas."""

import math

import pytest
import torch

from wail.motion.diffusion import add_noise, cosine_alpha_bar, ddim, ddim_steps


def test_the_schedule_is_the_cosine_of_its_paper():
    alpha_bar = cosine_alpha_bar(100)
    f = [math.cos((t / 100 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(101)]
    product = 1.0
    for step in range(100):
        product *= 1 - min(1 - f[step + 1] / f[step], 0.999)
        assert float(alpha_bar[step]) == pytest.approx(product, rel=1e-5)
    assert alpha_bar[0] > 0.999 and 0 < alpha_bar[-1] < 1e-5


def test_noise_has_the_power_that_the_schedule_says():
    torch.manual_seed(0)
    x0, noise = torch.ones(2, 4000, 5), torch.randn(2, 4000, 5)
    x = add_noise(x0, noise, torch.tensor([0.25, 1.0]))
    assert x[0].mean() == pytest.approx(0.5, abs=0.02) and x[0].std() == pytest.approx(math.sqrt(0.75), abs=0.02)
    torch.testing.assert_close(x[1], x0[1])


@pytest.mark.parametrize("n_steps", [1, 2, 4, 10, 50])
def test_an_oracle_is_sampled_exactly_along_its_own_noise(n_steps):
    torch.manual_seed(0)
    x0, alpha_bar = torch.randn(2, 7, 3), cosine_alpha_bar(50)
    noise = torch.randn(2, 7, 3)
    start = add_noise(x0, noise, alpha_bar[[49, 49]])
    seen = []

    def oracle(x, step):
        seen.append((x, step))
        return x0

    assert torch.equal(ddim(oracle, start, alpha_bar, n_steps), x0)
    for x, step in seen:  # each state lies where the forward process would have put it
        torch.testing.assert_close(x, add_noise(x0, noise, alpha_bar[step]), atol=1e-4, rtol=1e-4)
    assert [int(step[0]) for _, step in seen] == ddim_steps(50, n_steps)


def test_steps_fall_from_the_noisiest_to_the_clean_end():
    assert ddim_steps(50, 1) == [49]
    assert ddim_steps(500, 4) == [499, 333, 166, 0]
    assert ddim_steps(50, 50) == list(range(49, -1, -1))


def test_given_frames_are_held_throughout():
    known = torch.arange(6).reshape(1, 6, 1).float()
    given = torch.tensor([True, True, False, False, False, False])

    def denoise(x, step):
        assert torch.equal(x[:, :2], known[:, :2])
        return x * 0.5 + 100

    out = ddim(denoise, torch.randn(1, 6, 1), cosine_alpha_bar(20), 5, given, known)
    assert torch.equal(out[:, :2], known[:, :2]) and (out[:, 2:] > 50).all()
