"""Loop subdivision: weights, borders, sizes, smoothness."""

import numpy as np
import pytest

from wail.inface.subdivide import subdivide

TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
SQUARE = np.array([[0, 1, 2], [0, 2, 3]])
FLAT = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)


def border_edges(triangles):
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_sizes_and_rows_that_add_up_to_one(levels):
    matrix, triangles = subdivide(TETRAHEDRON, levels)
    assert len(triangles) == 4 * 4**levels
    # Euler: a closed surface of genus 0 has F / 2 + 2 vertices.
    assert matrix.shape == (len(triangles) // 2 + 2, 4)
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1)
    assert triangles.max() == matrix.shape[0] - 1


def test_the_weights_of_loop_and_warren():
    matrix = subdivide(TETRAHEDRON, 1)[0].toarray()
    # Valence 3: 1 - 3 * 3/16 of itself, 3/16 of each neighbour; an edge: 3/8 of its ends, 1/8 of what faces it.
    np.testing.assert_allclose(matrix[0], [7 / 16, 3 / 16, 3 / 16, 3 / 16])
    edge = matrix[4]
    assert sorted(edge) == [1 / 8, 1 / 8, 3 / 8, 3 / 8]


def test_a_border_is_a_spline_of_its_own_vertices():
    matrix, triangles = subdivide(SQUARE, 1)
    row = matrix.toarray()
    np.testing.assert_allclose(row[1], [1 / 8, 3 / 4, 1 / 8, 0])
    # Vertex 0 has an inner edge to 2, which must not pull it.
    np.testing.assert_allclose(row[0], [3 / 4, 1 / 8, 0, 1 / 8])
    fine = border_edges(triangles)
    assert len(fine) == 8
    edges = [k for k in np.unique(fine) if k >= 4]
    assert all(sorted(row[k])[-2:] == [1 / 2, 1 / 2] for k in edges)


def test_orientation_is_kept():
    matrix, triangles = subdivide(TETRAHEDRON, 3)
    verts = matrix @ CORNERS
    corner = verts[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    outward = (normal * corner.mean(1)).sum(1)
    assert (outward > 0).all() or (outward < 0).all()
    # The limit of a tetrahedron is smooth: neighbouring normals agree.
    unit = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    edges = {}
    for f, t in enumerate(triangles):
        for a, b in ((0, 1), (1, 2), (2, 0)):
            edges.setdefault(tuple(sorted((t[a], t[b]))), []).append(f)
    assert min(float(unit[f] @ unit[g]) for f, g in edges.values()) > 0.5


def test_vertices_in_no_triangle_stay_where_they_are():
    matrix, _ = subdivide(SQUARE, 2, n_vertices=6)
    assert matrix.shape[1] == 6
    np.testing.assert_allclose(matrix.toarray()[5], [0, 0, 0, 0, 0, 1])


def test_a_flat_mesh_stays_flat_and_inside():
    matrix, _ = subdivide(SQUARE, 3)
    fine = matrix @ FLAT
    assert np.abs(fine[:, 2]).max() == 0 and fine.min() >= 0 and fine.max() <= 1


@pytest.mark.parametrize(
    ("triangles", "levels"), [(np.zeros((2, 4), int), 1), (np.zeros((0, 3), int), 1), (SQUARE, -1)]
)
def test_wrong_input_is_refused(triangles, levels):
    with pytest.raises(ValueError, match=r"must (have shape|be 0 or more)"):
        subdivide(triangles, levels)
