"""Metrics against literal restatements of their formulas."""

import math

import numpy as np
import pytest

from wail.motion.metrics import concordance, dtw, lip_vertex_error, pearson

RNG = np.random.default_rng(0)


def test_lip_vertex_error_is_the_mean_over_frames_of_the_largest_distance():
    a, b = RNG.normal(0, 3, (6, 4, 3)), RNG.normal(0, 3, (6, 4, 3))
    worst = [max(math.dist(a[i, v], b[i, v]) for v in range(4)) for i in range(6)]
    linear, squared = lip_vertex_error(a, b)
    assert linear == pytest.approx(sum(worst) / 6, abs=1e-9)
    assert squared == pytest.approx(sum(w * w for w in worst) / 6, abs=1e-9)


def literal_dtw(a, b, radius):
    """All monotone paths, by plain recursion."""
    radius = max(radius, abs(len(a) - len(b)))

    def best(i, j):
        if abs(i - j) > radius:
            return math.inf, 0
        here = abs(a[i] - b[j])
        if i == j == 0:
            return here, 1
        options = [best(k, m) for k, m in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if k >= 0 and m >= 0]
        cost, cells = min(options, key=lambda option: option[0])
        return cost + here, cells + 1

    cost, cells = best(len(a) - 1, len(b) - 1)
    return cost / cells


@pytest.mark.parametrize(("n", "m", "radius"), [(6, 6, 6), (6, 6, 1), (7, 5, 1), (1, 4, 0), (6, 6, 0)])
def test_dtw_is_the_cheapest_of_all_paths_over_its_length(n, m, radius):
    a, b = RNG.normal(0, 1, n), RNG.normal(0, 1, m)
    assert dtw(a, b, radius) == pytest.approx(literal_dtw(a, b, radius), abs=1e-9)


def test_dtw_forgives_a_shift_within_its_radius_but_not_beyond():
    t = np.arange(60)
    bump, late = np.exp(-(((t - 25) / 4.0) ** 2)), np.exp(-(((t - 31) / 4.0) ** 2))
    assert dtw(bump, bump, 10) == 0
    assert dtw(bump, late, 10) < 0.002 < 0.05 < dtw(bump, late, 0)
    assert dtw(bump, late, 0) == pytest.approx(np.abs(bump - late).mean())


def test_pearson_is_its_formula():
    a, b = RNG.normal(5, 2, 30), RNG.normal(1, 3, 30)
    assert pearson(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)
    assert pearson(a, 3 * a + 7) == pytest.approx(1) and pearson(a, -a) == pytest.approx(-1)


def test_concordance_is_its_formula_and_punishes_scale_and_offset():
    a, b = RNG.normal(5, 2, 30), RNG.normal(1, 3, 30)
    literal = 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    assert concordance(a, b) == pytest.approx(literal, abs=1e-9)
    assert concordance(a, a) == pytest.approx(1)
    assert concordance(a, a + 1) < 1 and concordance(a, 2 * a) < 1
    assert abs(concordance(a, b)) <= abs(pearson(a, b))


def test_a_still_mouth_correlates_with_nothing():
    moving = RNG.normal(0, 1, 30)
    still = np.full(30, 4.2, np.float32) + np.float32(1e-6) * (np.arange(30) % 2).astype(np.float32)
    assert pearson(still, moving) == 0 and concordance(still, moving) == 0 and pearson(still, still) == 0
