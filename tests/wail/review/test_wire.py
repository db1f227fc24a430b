import numpy as np
import pytest

from wail.inface.model import load_model
from wail.review.wire import blend, draw_wire, mesh_shape, net_edges, net_spacing_mm, seen, silhouette, visible

FOCAL, SIZE = 400.0, (200, 160)


def sphere(radius_mm=50.0, n=24):
    """Vertices [V, 3] around the origin and triangles, counter-clockwise seen from outside."""
    lat, lon = np.meshgrid(np.linspace(0.05, np.pi - 0.05, n), np.arange(2 * n) * np.pi / n, indexing="ij")
    verts = radius_mm * np.stack([np.sin(lat) * np.cos(lon), np.sin(lat) * np.sin(lon), np.cos(lat)], -1)
    index = np.arange(n * 2 * n).reshape(n, 2 * n)
    a, b, c, d = index[:-1], index[1:], np.roll(index, -1, 1)[1:], np.roll(index, -1, 1)[:-1]
    return verts.reshape(-1, 3), np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)


def look_at(verts, shape, distance_mm=500.0):
    cam = verts + np.array([0, 0, distance_mm])
    return seen(cam, FOCAL * cam[:, :2] / cam[:, 2:] + np.array(SIZE) / 2, shape, SIZE)


def test_every_edge_is_there_once_with_the_triangles_beside_it():
    shape = mesh_shape(np.array([[0, 1, 2], [2, 1, 3]]))
    assert shape.edges.tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    assert shape.beside.tolist() == [[0, 0], [0, 0], [0, 1], [1, 1], [1, 1]]


@pytest.mark.parametrize("spacing_mm", [15.0, 25.0])
def test_a_net_is_as_wide_as_asked_and_covers_the_mesh(spacing_mm):
    verts, triangles = sphere()
    edges = net_edges(verts, mesh_shape(triangles), spacing_mm)
    length = np.linalg.norm(verts[edges[:, 0]] - verts[edges[:, 1]], axis=1)
    assert spacing_mm < length.min() and np.median(length) < 1.6 * spacing_mm
    nodes = verts[np.unique(edges)]
    assert max(np.linalg.norm(nodes - at, axis=1).min() for at in verts) <= spacing_mm


def test_a_mesh_no_finer_than_the_net_is_drawn_whole():
    verts, triangles = sphere()
    shape = mesh_shape(triangles)
    assert len(net_edges(verts, shape, 2.0)) == len(shape.edges)


def test_no_line_of_a_net_crosses_a_slit():
    """Two flat strips side by side, 1 mm apart and not joined: as an upper and a lower lip."""
    x, y = np.meshgrid(np.arange(40.0), np.arange(20.0))
    index = np.arange(800).reshape(20, 40)
    squares = [(index[r, c], index[r, c + 1], index[r + 1, c + 1], index[r + 1, c])
               for r in range(19) if r != 9 for c in range(39)]  # fmt: skip
    triangles = np.array([(a, b, c) for a, b, c, _ in squares] + [(a, c, d) for a, _, c, d in squares])
    verts = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1)
    edges = net_edges(verts, mesh_shape(triangles), 4.0)
    upper = verts[edges][..., 1] < 9.5
    assert len(edges) > 40 and (upper[:, 0] == upper[:, 1]).all()


def test_the_spacing_follows_the_scale_in_steps():
    assert net_spacing_mm(0.5) == pytest.approx(7.0, rel=0.13)
    assert net_spacing_mm(1.0) == pytest.approx(14.0, rel=0.13)
    assert net_spacing_mm(0.5) == net_spacing_mm(0.505)


def test_what_faces_away_or_lies_behind_is_hidden():
    verts, triangles = sphere()
    look = look_at(verts, mesh_shape(triangles))
    shown = visible(look.screen, look.nearest) & look.faces_camera
    assert shown[verts[:, 2] < -15].all() and not shown[verts[:, 2] > 0].any()


def test_a_silhouette_lies_on_the_spheres_outline():
    verts, triangles = sphere(n=40)
    shape = mesh_shape(triangles)
    look = look_at(verts, shape)
    ends = look.screen[np.unique(silhouette(look, shape))][:, :2]
    radius = np.linalg.norm(ends - np.array(SIZE) / 2, axis=1)
    # The border of the hole at the near pole is drawn as well.
    assert 0 < (radius < 5).sum() <= 80
    radius = radius[radius >= 5]
    # A sphere's outline is larger than its radius at the distance of its centre: sin instead of tan.
    assert np.abs(radius - FOCAL * np.tan(np.arcsin(50 / 500))).max() < 1.0


def test_the_wire_is_drawn_around_the_mesh_and_leaves_most_of_the_face_to_be_seen():
    verts, triangles = sphere()
    shape = mesh_shape(triangles)
    canvas = np.full((160, 200, 3), 90, np.uint8)
    draw_wire(canvas, look_at(verts, shape), shape, net_edges(verts, shape, 17.5), np.zeros((0, 3)),
              np.zeros((0, 2), int), (0, 255, 200))  # fmt: skip
    rows, columns = np.nonzero((canvas != 90).any(-1))
    assert abs((columns.min() + columns.max()) / 2 - 99.5) <= 1 and abs((rows.min() + rows.max()) / 2 - 79.5) <= 1
    assert abs(np.ptp(columns) - 80) <= 3
    y, x = np.mgrid[:160, :200]
    inside = np.hypot(x - 99.5, y - 79.5) < 36
    assert 0.05 < (canvas[inside] != 90).any(-1).mean() < 0.5


def test_a_feature_behind_the_mesh_is_not_drawn():
    verts, triangles = sphere()
    shape = mesh_shape(triangles)
    look, none = look_at(verts, shape), np.zeros((0, 2), np.int64)
    for distance_mm, drawn in ((449.0, True), (550.0, False)):
        features = np.array([[95.0, 80.0, 1 / distance_mm], [105.0, 80.0, 1 / distance_mm]])
        canvas = np.zeros((160, 200, 3), np.uint8)
        draw_wire(canvas, look, shape, none, features, np.array([[0, 1]]), (255, 255, 255))
        assert (canvas[78:82, 96:104].max() > 200) == drawn


@pytest.mark.parametrize("shift", [(0, 0, -500), (0, 0, -1e6), (1e7, 0, 0), (90, 0, 0), (0, 1e12, 0)])
def test_a_mesh_behind_the_camera_or_outside_the_picture_does_no_harm(shift):
    verts, triangles = sphere()
    shape = mesh_shape(triangles)
    cam = verts + np.array([0, 0, 500]) + np.array(shift, float)
    xy = FOCAL * cam[:, :2] / cam[:, 2:] + np.array(SIZE) / 2
    canvas = np.zeros((160, 200, 3), np.uint8)
    draw_wire(canvas, seen(cam, xy, shape, SIZE), shape, shape.edges, np.zeros((0, 3)), np.zeros((0, 2), int),
              (255, 255, 255))  # fmt: skip
    assert (canvas > 0).any() == (shift[0] == 90)


def test_a_blend_is_as_strong_as_its_mask():
    canvas = np.full((2, 3, 3), 100, np.uint8)
    mask = np.array([[0, 51, 255], [0, 0, 0]], np.uint8)
    blend(canvas, mask, (200, 0, 100))
    assert canvas[0].tolist() == [[100, 100, 100], [120, 80, 100], [200, 0, 100]] and (canvas[1] == 100).all()
    blend(canvas, np.zeros((2, 3), np.uint8), (200, 0, 100))
    assert (canvas[1] == 100).all()


def test_a_small_face_gets_fewer_lines_than_its_mesh_has():
    model = load_model()
    shape = mesh_shape(model.triangles.numpy())
    n = [len(net_edges(model.mean_verts_mm.numpy(), shape, spacing_mm)) for spacing_mm in (2.0, 8.0, 16.0)]
    assert n[0] == len(shape.edges) and n[0] > 2 * n[1] > 4 * n[2] > 400
