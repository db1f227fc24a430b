import numpy as np
import pytest

from wail.inface.render import render_mesh, shade_mesh, vertex_normals

RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def square(x_mm, z_mm, half_mm=50.0):
    """Two triangles that face the camera (counter-clockwise as seen from it)."""
    verts = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * half_mm + [x_mm, 0, z_mm]
    return verts, np.array([[0, 2, 1], [0, 3, 2]])


def two_squares():
    (near, faces), (far, _) = square(20, 400), square(-20, 600)
    colours = np.array([RED] * 4 + [GREEN] * 4)
    return np.concatenate([near, far]), np.concatenate([faces, faces + 4]), colours


def sphere(n=24, radius_mm=60.0, z_mm=0.0):
    u, v = np.linspace(0, np.pi, n), np.linspace(0, 2 * np.pi, 2 * n, endpoint=False)
    ring = [np.outer(np.sin(u), np.cos(v)), np.outer(np.cos(u), np.ones(2 * n)), np.outer(np.sin(u), np.sin(v))]
    i, j = np.arange(n - 1)[:, None], np.arange(2 * n)[None]
    a, b = i * 2 * n + j, i * 2 * n + (j + 1) % (2 * n)
    faces = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, a + 2 * n), (b, b + 2 * n, a + 2 * n))])
    return np.stack(ring, -1).reshape(-1, 3) * radius_mm + np.array([0, 0, z_mm]), faces


def test_a_square_covers_exactly_its_projection_at_its_depth():
    verts, faces = square(0, 500)
    rgb, depth = render_mesh(verts, faces, np.tile(RED, (4, 1)), 500.0, (200, 160))
    covered = np.isfinite(depth)
    assert covered.sum() == 100 * 100
    assert covered[30:130, 50:150].all()
    assert np.allclose(depth[covered], 500)
    assert (rgb[~covered] == 0).all()
    assert rgb[80, 100, 0] > 150
    assert rgb[80, 100, 1] == 0


def test_the_nearer_surface_hides_the_farther_one_whatever_the_order():
    verts, faces, colours = two_squares()
    rgb, depth = render_mesh(verts, faces, colours, 500.0, (200, 160))
    assert depth[80, 100] == pytest.approx(400)
    assert rgb[80, 100, 0] > 0
    assert rgb[80, 100, 1] == 0
    for order in ([3, 2, 1, 0], [2, 0, 3, 1]):
        again, depth2 = render_mesh(verts, faces[order], colours, 500.0, (200, 160))
        assert np.array_equal(rgb, again)
        assert np.array_equal(depth, depth2)


def test_coincident_surfaces_do_not_depend_on_the_order():
    verts, faces = square(0, 500)
    verts, faces = np.concatenate([verts, verts]), np.concatenate([faces, faces + 4])
    colours = np.array([RED] * 4 + [GREEN] * 4)
    first, _ = render_mesh(verts, faces, colours, 500.0, (100, 100))
    second, _ = render_mesh(verts, faces[::-1], colours, 500.0, (100, 100))
    assert np.array_equal(first, second)


def test_depth_and_colour_are_interpolated_in_perspective():
    verts, faces = square(0, 0, 100.0)
    verts[:, 2] = np.where(verts[:, 0] < 0, 300.0, 900.0)
    colours = np.where(verts[:, :1] < 0, 0.0, 1.0).repeat(3, 1)
    rgb, depth = render_mesh(verts, faces, colours, 300.0, (240, 240), ambient=1.0)
    x = 120 + 10  # u = 10.5 px; x/z = u/f, z = 600 + 3 x  =>  z = 600 / (1 - 3 u / f)
    z = 600 / (1 - 3 * 10.5 / 300)
    assert depth[120, x] == pytest.approx(z, rel=1e-5)
    assert rgb[120, x, 0] == pytest.approx(255 * (z - 300) / 600, abs=1)


def test_light_from_the_left_brightens_the_left_of_a_sphere():
    verts, faces = sphere(z_mm=500)
    rgb, _ = render_mesh(verts, faces, np.ones_like(verts), 500.0, (200, 200), light_dir=(-1, 0, -0.3))
    assert rgb[100, 60, 0] > 1.5 * rgb[100, 140, 0]


def test_shading_is_smooth_across_triangles():
    verts, faces = sphere(z_mm=500)
    rgb, _ = render_mesh(verts, faces, np.ones_like(verts), 500.0, (200, 200), light_dir=(0, 0, -1))
    row = rgb[100, 50:150, 0].astype(int)
    assert np.abs(np.diff(row)).max() < 12  # flat facets of 7 degrees would step more at the sides
    assert row[50] > row[5] + 40


def test_supersampling_smooths_edges_over_the_background():
    verts, faces = square(0.25, 500)
    background = np.full((160, 200, 3), 200, np.uint8)
    arguments = verts, faces, np.zeros((4, 3)), 500.0, (200, 160), background
    hard, _ = render_mesh(*arguments)
    soft, _ = render_mesh(*arguments, supersample=2)
    assert set(np.unique(hard)) == {0, 200}
    assert set(np.unique(soft)) == {0, 100, 200}
    assert (background == 200).all()  # the caller's picture is not drawn into


def test_shading_once_gives_the_same_picture_but_for_rounding():
    verts, faces = sphere(z_mm=500)
    arguments = verts, faces, np.ones_like(verts), 500.0, (200, 200)
    full, _ = render_mesh(*arguments, supersample=2)
    fast, _ = render_mesh(*arguments, supersample=2, shade_once=True)
    assert np.abs(full.astype(int) - fast).max() <= 3


def test_back_faces_are_culled_only_on_request():
    verts, faces = square(0, 500)
    away = faces[:, ::-1]
    both, _ = render_mesh(verts, away, np.ones((4, 3)), 500.0, (100, 100))
    culled, depth = render_mesh(verts, away, np.ones((4, 3)), 500.0, (100, 100), cull_back=True)
    assert both.any()
    assert not culled.any()
    assert np.isinf(depth).all()


def test_what_is_behind_or_beside_the_camera_is_left_out():
    verts, faces = square(0, -500)
    rgb, depth = render_mesh(verts, faces, np.ones((4, 3)), 500.0, (50, 40))
    assert not rgb.any()
    assert np.isinf(depth).all()
    aside, faces = square(5000, 500)
    assert not render_mesh(aside, faces, np.ones((4, 3)), 500.0, (50, 40))[0].any()


def test_vertex_normals_of_a_sphere_point_outwards():
    verts, faces = sphere()
    inner = slice(2 * 24, -2 * 24)  # the poles' rings have triangles of no area
    normals = vertex_normals(verts, faces)
    assert ((normals * verts / 60).sum(1)[inner] > 0.99).all()


def test_shade_mesh_draws_a_head_where_its_pose_puts_it():
    verts, faces = sphere()
    rgb = shade_mesh(verts, faces, [np.pi, 0, 0, 20, 0, 500], 500.0, (200, 200), background=(10, 20, 30))
    assert rgb.shape == (200, 200, 3)
    assert tuple(rgb[5, 5]) == (10, 20, 30)
    drawn = np.nonzero((rgb != (10, 20, 30)).any(-1))
    assert np.mean(drawn[1]) == pytest.approx(120, abs=1)
    skin = rgb[100, 120].astype(int)
    assert skin[0] > skin[1] > skin[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verts_cam_mm": np.zeros((4, 2))}, r"verts must have shape \[V, 3\]"),
        ({"triangles": [[0, 1, 4]]}, r"index vertices 0\.\.3"),
        ({"colours": np.zeros((3, 3))}, r"colours must have shape \(4, 3\)"),
        ({"verts_cam_mm": np.full((4, 3), np.nan)}, "finite"),
        ({"background": np.zeros((5, 5, 3), np.uint8)}, r"background must have shape uint8 \(160, 200, 3\)"),
        ({"focal_px": 0.0}, "positive"),
    ],
)
def test_wrong_input_is_told(change, message):
    verts, faces = square(0, 500)
    arguments = {"verts_cam_mm": verts, "triangles": faces, "colours": np.ones((4, 3)), "focal_px": 500.0,
                 "size_px": (200, 160)}
    with pytest.raises(ValueError, match=message):
        render_mesh(**(arguments | change))
