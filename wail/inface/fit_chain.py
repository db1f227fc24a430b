"""Symmetric block-tridiagonal systems, solved by odd-even elimination in batches.

    X_t x_t + A_t x_t+1 + A_t-1' x_t-1 = b_t          X_t [d, d] positive definite as a whole, A_t [d, d]

Each level eliminates every second block, all at once, which leaves a chain of half the length (cyclic reduction;
Buzbee, Golub & Nielson 1970, in its block Cholesky form): log2(n) launches on a GPU rather than n, and on a CPU large
batches instead of a loop over frames.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad


def solve_chain(blocks: Tensor, links: Tensor, rhs: Tensor) -> tuple[Tensor, Tensor]:
    """(x [n, d, m], whether all pivots were positive definite): blocks [n, d, d], links [n - 1, d, d], rhs [n, d, m].

    Where they were not, x means nothing: raise the damping and solve again.
    """
    if len(blocks) == 1:
        factor, info = torch.linalg.cholesky_ex(blocks)
        return torch.cholesky_solve(rhs, factor), (info == 0).all()
    factor, info, before, after, right = _eliminate(blocks, links, rhs)
    n_odd = len(factor)
    even, linked = _reduced(blocks, before, after)
    rhs_even = rhs[::2].clone()
    rhs_even[:n_odd] -= before.mT @ right
    rhs_even[1:] -= (after.mT @ right)[: len(rhs_even) - 1]
    x_even, ok = solve_chain(even, linked, rhs_even)
    known = before @ x_even[:n_odd] + after @ _following(x_even, n_odd)
    x = torch.empty_like(rhs)
    x[::2], x[1::2] = x_even, torch.linalg.solve_triangular(factor.mT, right - known, upper=True)
    return x, ok & (info == 0).all()


def solve_tied(blocks: Tensor, ties: Tensor, rhs: Tensor) -> tuple[Tensor, Tensor]:
    """`solve_chain` with links -diag(ties), ties [n - 1, d]: then the first level, half of all the work, needs no
    products of links with blocks."""
    if len(blocks) == 1:
        return solve_chain(blocks, torch.diag_embed(-ties), rhs)
    factor, info = torch.linalg.cholesky_ex(blocks[1::2])
    inverse, n_odd = torch.cholesky_inverse(factor), len(factor)
    before, after = ties[::2, :, None], pad(ties[1::2, :, None], (0, 0, 0, 0, 0, n_odd - len(ties[1::2])))
    even, rhs_even = blocks[::2].clone(), rhs[::2].clone()
    even[:n_odd] -= before * inverse * before.mT
    even[1:] -= (after * inverse * after.mT)[: len(even) - 1]
    right = inverse @ rhs[1::2]
    rhs_even[:n_odd] += before * right
    rhs_even[1:] += (after * right)[: len(rhs_even) - 1]
    x_even, ok = solve_chain(even, -(before * inverse * after.mT)[: len(even) - 1], rhs_even)
    x = torch.empty_like(rhs)
    x[::2] = x_even
    x[1::2] = right + inverse @ (before * x_even[:n_odd] + after * _following(x_even, n_odd))
    return x, ok & (info == 0).all()


def chain_covariance(blocks: Tensor, links: Tensor) -> tuple[Tensor, Tensor]:
    """Blocks of the inverse on the diagonal [n, d, d] and right of it [n - 1, d, d] (selected inversion by the same
    elimination; Takahashi et al. 1973). Raises RuntimeError where the matrix is not positive definite."""
    eye = torch.eye(blocks.shape[1], dtype=blocks.dtype, device=blocks.device)
    if len(blocks) == 1:
        return torch.cholesky_inverse(torch.linalg.cholesky(blocks)), links
    factor, info, before, after, inverse = _eliminate(blocks, links, eye.expand_as(blocks))
    if bool((info != 0).any()):
        raise RuntimeError("the chain is not positive definite, so it has no covariance")
    n_odd = len(factor)
    even, linked = _reduced(blocks, before, after)
    diagonal, off = chain_covariance(even, linked)
    gain_before = torch.linalg.solve_triangular(factor.mT, before, upper=True)
    gain_after = torch.linalg.solve_triangular(factor.mT, after, upper=True)
    across = pad(off, (0, 0, 0, 0, 0, n_odd - len(off)))
    ahead = _following(diagonal, n_odd)
    to_before = -(gain_before @ diagonal[:n_odd] + gain_after @ across.mT)
    to_after = -(gain_before @ across + gain_after @ ahead)
    own = inverse.mT @ inverse - to_before @ gain_before.mT - to_after @ gain_after.mT
    out, beside = torch.empty_like(blocks), torch.empty_like(links)
    out[::2], out[1::2] = diagonal, own
    beside[::2], beside[1::2] = to_before.mT, to_after[: len(beside[1::2])]
    return out, beside


def _eliminate(blocks: Tensor, links: Tensor, rhs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Of the odd blocks: factor L, its info, and L^-1 times the links to the block before and after, and times rhs."""
    d = blocks.shape[1]
    factor, info = torch.linalg.cholesky_ex(blocks[1::2])
    after = pad(links[1::2], (0, 0, 0, 0, 0, len(factor) - len(links[1::2])))
    solved = torch.linalg.solve_triangular(factor, torch.cat([links[::2].mT, after, rhs[1::2]], -1), upper=False)
    return factor, info, solved[..., :d], solved[..., d : 2 * d], solved[..., 2 * d :]


def _reduced(blocks: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The even blocks and the links between them, the odd ones eliminated."""
    even = blocks[::2].clone()
    even[: len(before)] -= before.mT @ before
    even[1:] -= (after.mT @ after)[: len(even) - 1]
    return even, -(before.mT @ after)[: len(even) - 1]


def _following(even: Tensor, n_odd: int) -> Tensor:
    """The even block after each odd one; zeros after the last where there is none."""
    return pad(even[1:], (0, 0, 0, 0, 0, n_odd - len(even) + 1))
