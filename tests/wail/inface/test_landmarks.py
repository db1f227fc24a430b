"""mediapipe's landmarks on a model, and what is measured with them."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from wail.errors import ModelError
from wail.inface.landmarks import (
    FACE_OVAL,
    GROUPS,
    IRIS_CENTRES,
    IRIS_RINGS,
    LIDS,
    LIPS,
    MP434,
    FileFrame,
    aperture_mm,
    decode_landmarks,
    landmark_positions,
    lid_vertices,
    lip_vertices,
    load_map,
    load_maps,
    map_path,
    model_maps,
    pick,
    vertex_group,
    write_maps,
)
from wail.inface.standin.maps import standin_maps
from wail.inface.standin.rest import load_rest


@pytest.fixture
def foreign(model, tmp_path):
    """A model that is not the stand-in, with its file in tmp_path."""
    return dataclasses.replace(model, name="another", is_stand_in=False, path=tmp_path / "another.h5")


def test_mp434_is_478_less_the_oval_and_the_iris_rings():
    assert len(MP434) == 434 and len(set(FACE_OVAL)) == 36 and len(set(LIPS)) == 40
    assert not set(MP434) & set(FACE_OVAL + IRIS_RINGS)
    assert set(IRIS_CENTRES) <= set(MP434)


def test_the_constants_are_mediapipes_own():
    connections = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")
    assert {i for edge in connections.FACEMESH_FACE_OVAL for i in edge} == set(FACE_OVAL)
    assert {i for edge in connections.FACEMESH_IRISES for i in edge} == set(IRIS_RINGS)
    assert {i for edge in connections.FACEMESH_LIPS for i in edge} == set(LIPS)


def test_the_map_of_the_stand_in_places_every_landmark(model, landmark_map):
    assert landmark_map.name == "mp434" and tuple(landmark_map.landmark) == MP434
    triangles = {tuple(t) for t in model.triangles.tolist()}
    assert all(tuple(t) in triangles for t in landmark_map.triangle_vertices.tolist())
    at = dict(
        zip(landmark_map.landmark.tolist(), landmark_positions(model.mean_verts_mm, landmark_map).tolist(), strict=True)
    )
    # x towards the subject's left, y up, z out: the left eye (263) is at x > 0, above the mouth, behind the nose's tip.
    assert at[263][0] > 20 and at[33][0] < -20
    assert at[263][1] > at[4][1] > at[13][1] > at[14][1] > at[199][1]
    assert max(at.values(), key=lambda p: p[2])[2] - at[4][2] < 2
    # The iris centres lie between the corners of their own eye.
    assert at[33][0] < at[468][0] < at[133][0] < 0 < at[362][0] < at[473][0] < at[263][0]


def test_only_the_iris_centres_have_no_weight(landmark_map):
    assert set(landmark_map.landmark[landmark_map.weight == 0].tolist()) == set(IRIS_CENTRES)
    assert set(landmark_map.weight.tolist()) == {0.0, 1.0}


def test_decoding_only_the_landmarks_is_the_same(model, landmark_map):
    latents = model.latent_mean + model.latent_std * torch.randn(3, 97, generator=torch.Generator().manual_seed(0))
    whole = landmark_positions(model.decode(latents), landmark_map)
    torch.testing.assert_close(decode_landmarks(model, latents, landmark_map), whole, rtol=1e-4, atol=1e-3)


def test_points_inside_triangles_are_weighted_means(landmark_map):
    middle = dataclasses.replace(landmark_map, barycentric=np.full_like(landmark_map.barycentric, 1 / 3))
    verts = torch.randn(2, int(landmark_map.triangle_vertices.max()) + 1, 3, generator=torch.Generator().manual_seed(1))
    want = verts[:, torch.as_tensor(landmark_map.triangle_vertices)].mean(-2)
    torch.testing.assert_close(landmark_positions(verts, middle), want)


def test_aperture_is_the_distance_of_13_and_14(model):
    latents = model.latent_mean.repeat(4, 1)
    latents[:, 40] += torch.arange(4) * 10
    verts = model.decode(latents)
    torch.testing.assert_close(
        aperture_mm(model, latents), (verts[:, 13] - verts[:, 14]).norm(dim=-1), rtol=1e-4, atol=1e-3
    )


def test_aperture_has_a_gradient(model):
    latent = model.latent_mean.clone().requires_grad_()
    aperture_mm(model, latent).backward()
    assert latent.grad is not None and float(latent.grad.abs().sum()) > 0


def test_lip_and_lid_vertices_are_the_landmarks_own_on_the_stand_in(model, landmark_map):
    assert lip_vertices(model).tolist() == lip_vertices(model, landmark_map).tolist() == sorted(LIPS)
    assert lid_vertices(model).tolist() == sorted(LIDS)
    assert len(LIPS) == 40 and len(LIDS) == 32


def test_the_parts_of_lips_and_lids_lie_where_their_names_say(model):
    at = {name: model.mean_verts_mm[vertex_group(model, name)].mean(0) for name in GROUPS}
    assert at["upper_lip"][1] > at["lower_lip"][1] + 3
    for side, sign in (("left", 1), ("right", -1)):  # the subject's left is at positive x
        assert at[f"upper_lid_{side}"][1] > at[f"lower_lid_{side}"][1] + 3
        assert sign * at[f"upper_lid_{side}"][0] > 20 and sign * at[f"lower_lid_{side}"][0] > 20
    corners = set(LIPS) - set(GROUPS["upper_lip"]) - set(GROUPS["lower_lip"])
    assert corners == {61, 291, 78, 308}


def test_ibug68_has_the_points_that_do_not_slide(model):
    ibug = load_maps(model)["ibug68"]
    assert ibug.landmark.tolist() == list(range(17, 68))
    at = dict(zip(ibug.landmark.tolist(), landmark_positions(model.mean_verts_mm, ibug), strict=True))
    mp = load_map(model)
    tip, outer = landmark_positions(model.mean_verts_mm, pick(mp, (4, 33)))
    torch.testing.assert_close(at[30], tip)  # iBUG's tip of the nose
    torch.testing.assert_close(at[36], outer)  # outer corner of the subject's right eye
    assert at[62][1] > at[66][1]  # the inner lips


def test_a_map_that_is_not_there_is_named(model):
    with pytest.raises(ModelError, match=r"has no map 'dense' \(it has mp434, ibug68\)"):
        load_map(model, "dense")
    with pytest.raises(ModelError, match="has no vertex group 'nose'"):
        vertex_group(model, "nose")


def test_pick_keeps_the_order_and_names_what_is_missing(landmark_map):
    assert pick(landmark_map, (14, 13)).landmark.tolist() == [14, 13]
    with pytest.raises(ModelError, match=r"lacks mediapipe's landmarks \[10\]"):
        pick(landmark_map, (13, 10))


def test_a_model_without_a_map_asks_for_registration(foreign):
    with pytest.raises(ModelError, match=r"another has no landmark map another.landmarks.json .*wail inface register"):
        load_map(foreign)


def test_a_saved_file_beside_the_model_is_read_back(foreign, model):
    maps = dataclasses.replace(
        model_maps(model), frame=FileFrame(10.0, ((0, 0, 1.0), (1.0, 0, 0), (0, 1.0, 0)), (1, 2, 3))
    )
    write_maps(maps, map_path(foreign))
    again = model_maps(foreign)
    assert again.frame == maps.frame and set(again.maps) == {"mp434", "ibug68"} and set(again.groups) == set(GROUPS)
    for name, one in again.maps.items():
        for field in ("landmark", "triangle_vertices", "barycentric", "weight"):
            np.testing.assert_array_equal(getattr(one, field), getattr(maps.maps[name], field))
    for name, ids in again.groups.items():
        np.testing.assert_array_equal(ids, maps.groups[name])


def set_row(row, value):
    def change(data):
        data["maps"]["mp434"]["rows"][row] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_row(0, [0, [0, 1, 99999], [1, 0, 0], 1]), "names vertex 99999"),
        (set_row(0, [1, [0, 1, 2], [1, 0, 0], 1]), "names a landmark of mp434 twice"),
        (set_row(0, [0, [0, 1, 2], [1, 1, 0], 1]), "add up to 1"),
        (set_row(0, [0, [0, 1, 2], [1, 0, 0], -1]), "must be 0 or more"),
        (set_row(0, [0, [0, 1, 2]]), "is no landmark file"),
        (lambda data: data.pop("maps"), "is no landmark file"),
        (lambda data: data.pop("version"), "is no landmark file"),
        (lambda data: data.update(version=1), "has version 1, but 2 is read"),
        (lambda data: data.update(vertices=7), "is for 7 vertices, but the model has 2458"),
        (lambda data: data["groups"].update(lids=[2458]), "group 'lids' .* vertices 0-2457"),
        (lambda data: data["groups"].update(lids=[]), "group 'lids'"),
        (lambda data: data["frame"].update(rotation=[[1, 0, 0], [0, 1, 0]]), r"must have shape \(3, 3\)"),
        (lambda data: data["frame"].update(rotation=[[-1, 0, 0], [0, 1, 0], [0, 0, 1]]), "without mirroring"),
        (lambda data: data["frame"].update(rotation=[[1, 0, 0], [0, 1], [0, 0, 1]]), r"rows of \[3, 2, 3\]"),
        (lambda data: data["frame"].update(unit_mm=0), "positive unit_mm"),
        (lambda data: data["frame"].update(unit_mm=float("inf")), "positive unit_mm"),
        (lambda data: data["maps"]["mp434"]["rows"][0].__setitem__(1, [0, 1, -1]), "names vertex -1"),
    ],
)
def test_a_damaged_file_is_refused(foreign, model, change, message):
    path = map_path(foreign)
    write_maps(model_maps(model), path)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ModelError, match=message):
        load_map(foreign)


def test_the_shipped_file_is_what_the_code_writes(model, tmp_path):
    write_maps(standin_maps(load_rest()), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == map_path(model).read_text()
