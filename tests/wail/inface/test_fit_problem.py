from itertools import pairwise

import pytest
import torch

from wail.inface.fit_problem import Observed, State, Weights, energy, normal_equations, pixels
from wail.inface.fit_rows import PointRows, point_rows, points, points_and_jacobian
from wail.inface.rotation import matrix_from_angles

WEIGHTS = Weights(huber=2.0, independent_frames=2.0, focal_log_sd=0.05, expression_sd=3.0, expression_step=0.7,
                  rotation_step_rad=0.1, translation_step_mm=15.0)  # fmt: skip


@pytest.fixture
def rows():
    """A random decoder of INFACE's kind, in float64 so that numeric derivatives mean something."""
    g = torch.Generator().manual_seed(3)
    widths = (97, 40, 60, 3 * 30)
    weights = tuple(torch.randn(o, i, generator=g, dtype=torch.float64) / i**0.5 for i, o in pairwise(widths))
    biases = tuple(torch.randn(o, generator=g, dtype=torch.float64) for o in widths[1:])
    return PointRows((*weights[:-1], 4 * weights[-1]), (*biases[:-1], 40 * biases[-1]), 0.2)


@pytest.fixture
def problem(rows):
    g = torch.Generator().manual_seed(4)
    n = 5

    def draw(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    rotation = torch.from_numpy(matrix_from_angles(10 * draw(n), 5 * draw(n), 200 + 5 * draw(n)))
    translation = torch.tensor([0.0, 0.0, 450.0]).double() + 5 * draw(n, 3)
    state = State(draw(33), 0.02 * draw(1)[0], draw(n, 64), rotation, translation)
    centre = torch.tensor([320.0, 240.0]).double()
    seen = Observed(torch.zeros(n, 30, 2).double(), torch.rand(n, 30, generator=g).double(),
                    torch.full((n,), 1.7).double(), centre, 768.0, torch.tensor([1.0, 1, 3, 1]).double())
    px, _ = pixels(state, points(rows, state.latents()), seen)
    return state, Observed(px.mT + 4 * draw(n, 30, 2), seen.weight, seen.sigma_px, centre, 768.0, seen.gap)


def test_the_jacobian_of_the_points_is_autograds(rows):
    z = torch.randn(3, 97, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    value, jacobian = points_and_jacobian(rows, z)
    assert torch.allclose(value, points(rows, z))
    for t in range(3):
        expected = torch.autograd.functional.jacobian(lambda x: points(rows, x[None])[0], z[t])
        assert torch.allclose(jacobian[t], expected.movedim(-1, 0))
    assert torch.allclose(points_and_jacobian(rows, z, start=33)[1], jacobian[:, 33:])


def test_points_are_the_decoders_own(rows):
    """z-scores, the latents' order and barycentric points, folded in, against the long way round."""
    g = torch.Generator().manual_seed(2)
    mean, std = torch.randn(97, generator=g).double(), 1 + torch.rand(97, generator=g).double()
    order = torch.cat([torch.arange(32), torch.tensor([96]), torch.arange(32, 96)])
    corners = torch.tensor([[0, 1, 2], [5, 5, 9]])
    share = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]]).double()
    folded = point_rows(rows.weights, rows.biases, 0.2, mean, std, order, corners, share)
    z = torch.randn(4, 97, generator=g).double()
    raw = torch.empty_like(z)
    raw[:, order] = z
    raw = raw * std + mean
    h = raw
    for w, b in zip(rows.weights[:-1], rows.biases[:-1], strict=True):
        h = torch.nn.functional.leaky_relu(h @ w.T + b, 0.2)
    verts = (h @ rows.weights[-1].T + rows.biases[-1]).reshape(4, -1, 3)
    expected = (verts[:, corners] * share[..., None]).sum(-2)
    assert torch.allclose(points(folded, z), expected.mT)


def test_the_normal_equations_gradient_is_the_energys(rows, problem):
    """Central differences in every direction of the shared part and of one frame, rotation included."""
    state, seen = problem
    normal = normal_equations(rows, state, seen, WEIGHTS)
    step = 1e-5

    def slope(shared, frame):
        high, low = (energy(rows, state.moved(s * shared, s * frame), seen, WEIGHTS) for s in (step, -step))
        return (high - low) / (2 * step)

    still, resting = torch.zeros(34).double(), torch.zeros(5, 70).double()
    for i in range(34):
        shared = torch.zeros(34).double()
        shared[i] = 1
        assert slope(shared, resting) == pytest.approx(-float(normal.downhill_shared[i]), rel=1e-4, abs=1e-3)
    for i in range(70):
        frame = torch.zeros(5, 70).double()
        frame[2, i] = 1
        assert slope(still, frame) == pytest.approx(-float(normal.downhill[2, i]), rel=1e-4, abs=1e-3)


def test_a_face_behind_the_camera_has_infinite_energy(rows, problem):
    state, seen = problem
    back = State(state.codes, state.log_focal, state.expression, state.rotation, -state.translation_mm)
    assert energy(rows, back, seen, WEIGHTS) == float("inf")
