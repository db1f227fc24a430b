import pytest
import torch

from wail.inface.fit_chain import chain_covariance, solve_chain, solve_tied

D = 5


def make_chain(n, seed=0):
    """Blocks, links and the same matrix written out."""
    g = torch.Generator().manual_seed(seed)
    root = torch.randn(n, D, 3 * D, generator=g, dtype=torch.float64)
    blocks = root @ root.mT / D + 2 * torch.eye(D, dtype=torch.float64)
    links = 0.3 * torch.randn(n - 1, D, D, generator=g, dtype=torch.float64)
    whole = torch.block_diag(*blocks)
    for t in range(n - 1):
        whole[t * D : t * D + D, (t + 1) * D : (t + 2) * D] = links[t]
        whole[(t + 1) * D : (t + 2) * D, t * D : t * D + D] = links[t].T
    return blocks, links, whole


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13, 64])
def test_a_chain_of_any_length_is_solved(n):
    blocks, links, whole = make_chain(n)
    rhs = torch.randn(n, D, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x, ok = solve_chain(blocks, links, rhs)
    assert bool(ok)
    assert torch.allclose(x.reshape(n * D, 3), torch.linalg.solve(whole, rhs.reshape(n * D, 3)), atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13])
def test_ties_are_links_that_are_diagonal(n):
    blocks, _, _ = make_chain(n)
    g = torch.Generator().manual_seed(3)
    ties = torch.rand(n - 1, D, generator=g, dtype=torch.float64)
    rhs = torch.randn(n, D, 3, generator=g, dtype=torch.float64)
    x, ok = solve_tied(blocks, ties, rhs)
    assert bool(ok)
    assert torch.allclose(x, solve_chain(blocks, torch.diag_embed(-ties), rhs)[0], atol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13])
def test_the_covariance_is_the_inverse_near_the_diagonal(n):
    blocks, links, whole = make_chain(n)
    inverse = torch.linalg.inv(whole).reshape(n, D, n, D)
    diagonal, beside = chain_covariance(blocks, links)
    for t in range(n):
        assert torch.allclose(diagonal[t], inverse[t, :, t], atol=1e-10)
    for t in range(n - 1):
        assert torch.allclose(beside[t], inverse[t, :, t + 1], atol=1e-10)


@pytest.mark.parametrize("bad", [0, 1, 4])
def test_a_matrix_that_is_not_positive_definite_is_told(bad):
    blocks, links, _ = make_chain(6)
    blocks[bad] -= 100 * torch.eye(D)
    _, ok = solve_chain(blocks, links, torch.ones(6, D, 1, dtype=torch.float64))
    assert not bool(ok)
    with pytest.raises(RuntimeError, match="positive"):
        chain_covariance(blocks, links)


def test_frames_without_a_tie_do_not_hear_of_each_other():
    blocks, links, _ = make_chain(6)
    links[2] = 0
    rhs = torch.randn(6, D, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    whole, _ = solve_chain(blocks, links, rhs)
    first, _ = solve_chain(blocks[:3], links[:2], rhs[:3])
    assert torch.allclose(whole[:3], first, atol=1e-12)
