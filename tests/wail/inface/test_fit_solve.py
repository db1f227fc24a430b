import pytest
import torch

from wail.inface.fit_solve import marginal_factors, solve_arrow


def arrow(n, d=5, k=3, seed=0):
    """A positive definite arrow system, and the same as one dense matrix (shared part first)."""
    g = torch.Generator().manual_seed(seed)
    links = torch.rand(max(n - 1, 0), d, generator=g, dtype=torch.float64)
    root = torch.randn(n, d, d, generator=g, dtype=torch.float64)
    blocks = root @ root.mT + 3 * torch.eye(d, dtype=torch.float64)
    coupling = 0.3 * torch.randn(n, d, k, generator=g, dtype=torch.float64)
    shared = 5 * n * torch.eye(k, dtype=torch.float64)
    dense = torch.zeros(k + n * d, k + n * d, dtype=torch.float64)
    dense[:k, :k] = shared
    for t in range(n):
        at = slice(k + t * d, k + (t + 1) * d)
        dense[at, at], dense[at, :k], dense[:k, at] = blocks[t], coupling[t], coupling[t].mT
        if t + 1 < n:
            after = slice(at.stop, at.stop + d)
            dense[at, after] = dense[after, at] = -torch.diag(links[t])
    return (shared, coupling, blocks, links), dense


@pytest.mark.parametrize("n", [1, 2, 9])
def test_the_arrow_is_solved_as_the_dense_system(n):
    parts, dense = arrow(n)
    right = torch.linspace(-1, 1, len(dense), dtype=torch.float64)
    s, x = solve_arrow(*parts, right[:3], right[3:].reshape(n, 5))
    assert torch.allclose(torch.cat([s, x.flatten()]), torch.linalg.solve(dense, right), atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_marginals_are_the_diagonal_blocks_of_the_inverse(n):
    (_, _, blocks, links), dense = arrow(n)
    inverse = torch.linalg.inv(dense[3:, 3:])
    factors = marginal_factors(blocks, links)
    for t in range(n):
        at = slice(t * 5, t * 5 + 5)
        assert torch.allclose(torch.cholesky_inverse(factors[t]), inverse[at, at], atol=1e-10)


def test_a_matrix_that_is_not_positive_definite_is_refused():
    (shared, coupling, blocks, links), _ = arrow(3)
    with pytest.raises(torch.linalg.LinAlgError):
        solve_arrow(shared, coupling, -blocks, links, torch.zeros(3).double(), torch.zeros(3, 5).double())
