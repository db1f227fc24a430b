"""Meshes that hold the stand-in's mean face, and meshes that hold none, for the tests of registration."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra


def refined(verts, triangles):
    """Each triangle into four, flat."""
    edges, where = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1), axis=0,
                             return_inverse=True)  # fmt: skip
    m = where.reshape(-1, 3) + len(verts)
    a, b, c = triangles.T
    parts = ((a, m[:, 0], m[:, 2]), (b, m[:, 1], m[:, 0]), (c, m[:, 2], m[:, 1]), m.T)
    return np.concatenate([verts, verts[edges].mean(1)]), np.concatenate([np.stack(list(p), 1) for p in parts])


def remeshed(verts, triangles, n, seed):
    """The surface with n evenly spread new vertices: the dual of their geodesic Voronoi cells."""
    for _ in range(2):
        verts, triangles = refined(verts, triangles)
    chosen = np.empty(n, np.int64)
    chosen[0] = np.random.default_rng(seed).integers(len(verts))
    away = np.full(len(verts), np.inf)
    for k in range(1, n):  # the farthest from all before
        away = np.minimum(away, ((verts - verts[chosen[k - 1]]) ** 2).sum(1))
        chosen[k] = away.argmax()
    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    edges = coo_matrix((np.linalg.norm(verts[i] - verts[j], axis=1), (i, j)), shape=(len(verts),) * 2).tocsr()
    _, _, owner = dijkstra(edges, directed=False, indices=chosen, min_only=True, return_predecessors=True)
    number = np.full(len(verts), -1)
    number[chosen] = np.arange(n)
    faces = number[owner[triangles]]
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return verts[chosen], faces[first]


def ball(n=60):
    """A unit sphere, counter-clockwise from outside, open at its poles."""
    down, round_ = np.linspace(0, np.pi, n + 2)[1:-1], np.arange(2 * n) * np.pi / n
    verts = np.stack([np.outer(np.sin(down), np.cos(round_)), np.outer(np.sin(down), np.sin(round_)),
                      np.outer(np.cos(down), np.ones(2 * n))], -1).reshape(-1, 3)  # fmt: skip
    a = (np.arange(n - 1)[:, None] * 2 * n + np.arange(2 * n)).ravel()
    b = (np.arange(n - 1)[:, None] * 2 * n + np.roll(np.arange(2 * n), -1)).ravel()
    return verts, np.concatenate([np.stack([a, a + 2 * n, b + 2 * n], 1), np.stack([a, b + 2 * n, b], 1)])


def bumpy(verts, places, heights, width):
    """A ball with bumps."""
    radius = np.ones(len(verts))
    for place, height in zip(places, heights, strict=True):
        place = np.asarray(place, float) / np.linalg.norm(place)
        radius = radius + height * np.exp(-((verts - place) ** 2).sum(1) / (2 * width**2))
    return verts * radius[:, None]


def torso():
    """A chest with shoulders and the stump of a neck, mm."""
    verts, triangles = ball()
    places = [[0.6, 0, 1], [-0.6, 0, 1], [0, 1, 0.2]]
    return bumpy(verts, places, [0.3, 0.3, 0.4], 0.3) * [150, 100, 220], triangles


def hand():
    """A palm with five fingers, mm."""
    verts, triangles = ball()
    places = [[1, 0, -0.6], [1, 0, -0.2], [1, 0, 0.2], [1, 0, 0.6], [0.3, 0, 1]]
    return bumpy(verts, places, [1.2, 1.4, 1.3, 1.0, 0.7], 0.12) * [60, 25, 50], triangles


def stone(seed):
    """A ball with forty random bumps and dents, mm."""
    verts, triangles = ball()
    rng = np.random.default_rng(seed)
    return bumpy(verts, rng.normal(size=(40, 3)), rng.normal(size=40) * 0.15, 0.2) * 100, triangles


def joined(*meshes):
    """Several meshes as one, not connected."""
    verts, triangles, n = [], [], 0
    for v, t in meshes:
        verts.append(v)
        triangles.append(t + n)
        n += len(v)
    return np.concatenate(verts), np.concatenate(triangles)


def neck_and_shoulders():
    """A neck and shoulders under the stand-in's head, head frame, mm."""
    verts, triangles = ball(30)
    neck = verts[:, [0, 2, 1]] * [38, 90, 38] + [0, -95, -25]
    shoulders = verts[:, [0, 2, 1]] * [130, 45, 55] + [0, -175, -30]
    return joined((neck, triangles[:, ::-1]), (shoulders, triangles[:, ::-1]))


def ears():
    """Two ears at the stand-in's head, head frame, mm."""
    verts, triangles = ball(16)
    return joined(*[((verts * [6, 18, 11]) @ _about_y(side * 0.5) + [side * 66, -2, -14], triangles)
                    for side in (-1, 1)])  # fmt: skip


def _about_y(angle):
    return np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
