"""The linear system of one Gauss-Newton step over a take: an arrow with a block-tridiagonal shaft.

    [ S    C_1 .. C_n ] [ s   ]   [ g   ]      s: what the take shares (identity, age, focal length)
    [ C_1' X_1 -D_1   ] [ x_1 ] = [ g_1 ]      x_t: expression and pose of frame t
    [ ..  -D_1 X_2 .. ] [ ..  ]   [ ..  ]      D_t: diagonal, from smoothness between frames t and t+1

The shaft is eliminated by block Thomas (block LU of a tridiagonal matrix), the shared part by its Schur complement
(Triggs et al. 2000, "Bundle adjustment: a modern synthesis", section 6). All in float64.
"""

import torch
from torch import Tensor


def solve_arrow(
    shared: Tensor, coupling: Tensor, blocks: Tensor, links: Tensor, rhs_shared: Tensor, rhs: Tensor
) -> tuple[Tensor, Tensor]:
    """Solve for (s [k], x [n, d]). Raises torch.linalg.LinAlgError where the matrix is not positive definite.

    shared [k, k], coupling [n, d, k], blocks [n, d, d], links [n - 1, d] (the D_t, >= 0), rhs_shared [k], rhs [n, d].
    """
    solved = _thomas(blocks, links, torch.cat([rhs[..., None], coupling], dim=-1))
    x0, k = solved[..., 0], solved[..., 1:]
    schur = shared - torch.einsum("nds,ndt->st", coupling, k)
    factor = torch.linalg.cholesky(schur)
    right = rhs_shared - torch.einsum("nds,nd->s", coupling, x0)
    s = torch.cholesky_solve(right[:, None], factor)[:, 0]
    return s, x0 - k @ s


def marginal_factors(blocks: Tensor, links: Tensor) -> Tensor:
    """Lower Cholesky factors [n, d, d] of each frame's information, its neighbours marginalised, shared part given.

    With F_t and B_t the pivots of the elimination from the front and from the back, it is F_t + B_t - X_t.
    """
    front = _pivots(blocks, links)
    back = _pivots(blocks.flip(0), links.flip(0)).flip(0)
    information = front + back - blocks
    factors: Tensor = torch.linalg.cholesky(0.5 * (information + information.mT))
    return factors


def _thomas(blocks: Tensor, links: Tensor, rhs: Tensor) -> Tensor:
    """Block-tridiagonal solve: blocks [n, d, d], off-diagonals -diag(links) [n - 1, d], rhs [n, d, m] -> [n, d, m]."""
    n, d = rhs.shape[:2]
    factors, right = [], rhs[0]
    pivot, rights = blocks[0], [right]
    for t in range(n):
        factor = torch.linalg.cholesky(pivot)
        factors.append(factor)
        if t + 1 < n:
            carried = torch.cholesky_solve(torch.cat([torch.diag(links[t]), right], dim=1), factor)
            carried = links[t][:, None] * carried
            pivot = blocks[t + 1] - carried[:, :d]
            right = rhs[t + 1] + carried[:, d:]
            rights.append(right)
    out = [torch.cholesky_solve(rights[-1], factors[-1])]
    for t in range(n - 2, -1, -1):
        out.append(torch.cholesky_solve(rights[t] + links[t][:, None] * out[-1], factors[t]))
    return torch.stack(out[::-1])


def _pivots(blocks: Tensor, links: Tensor) -> Tensor:
    pivots = [blocks[0]]
    for t in range(len(links)):
        factor = torch.linalg.cholesky(pivots[-1])
        carried = torch.cholesky_solve(torch.diag(links[t]), factor)
        pivots.append(blocks[t + 1] - links[t][:, None] * carried)
    return torch.stack(pivots)
