import dataclasses

import numpy as np
import pytest
import torch

from wail.inface.fit_config import FitConfig
from wail.inface.fit_observe import (
    View,
    bad_frames,
    believe,
    facing,
    frame_spread,
    landmark_normals,
    outliers,
    squeeze,
    view,
)
from wail.inface.fit_parts import part_pairs
from wail.inface.landmarks import landmark_positions
from wail.inface.rotation import matrix_from_angles

AWAY_MM = 450.0


@pytest.fixture(scope="module")
def normals(model, landmark_map):
    return landmark_normals(model, landmark_map)


def row(landmark_map, landmark):
    return list(landmark_map.landmark).index(landmark)


def posed(model, landmark_map, yaw_deg):
    """(rotation [n, 3, 3], points in the camera's frame [n, 3, L]) of the mean face turned by yaw_deg [n]."""
    yaw = np.atleast_1d(np.asarray(yaw_deg, float))
    rotation = torch.from_numpy(matrix_from_angles(yaw, 0 * yaw, 0 * yaw)).float()
    places = landmark_positions(model.mean_verts_mm, landmark_map)
    return rotation, rotation @ places.T + torch.tensor([0, 0, AWAY_MM])[:, None]


def test_normals_point_out_of_the_face(normals, landmark_map):
    assert normals.norm(dim=1).numpy() == pytest.approx(1)
    assert normals[row(landmark_map, 4), 2] > 0.9  # tip of the nose
    for right, left in ((50, 280), (116, 345)):  # cheeks
        assert normals[row(landmark_map, left), 0] > 0.4
        assert normals[row(landmark_map, right), 0] < -0.4
    # Rims of lips and lids turn inwards themselves, but are seen from the front like what they bound.
    assert all(normals[row(landmark_map, i), 2] > 0.5 for i in (13, 14, 78, 308, 159, 145, 386, 374))


def test_normals_do_not_depend_on_the_winding(model, landmark_map, normals):
    flipped = dataclasses.replace(model, triangles=model.triangles.flip(1))
    assert torch.allclose(landmark_normals(flipped, landmark_map), normals)


def test_a_mesh_without_triangles_there_is_taken_as_seen(model, landmark_map):
    bare = dataclasses.replace(model, triangles=model.triangles[:0])
    normals = landmark_normals(bare, landmark_map)
    assert not normals.any()
    rotation, cam = posed(model, landmark_map, [0.0, 90.0])
    assert (facing(normals, rotation, cam) == 1).all()
    seen = view(normals, rotation, cam, FitConfig())
    assert (seen.weight == 1).all()
    assert (seen.along == 1).all()
    assert seen.across.norm(dim=-1).numpy() == pytest.approx(1)


def test_the_far_cheek_is_not_seen_and_the_near_one_is(model, landmark_map, normals):
    rotation, cam = posed(model, landmark_map, [0.0, 60.0])  # to the subject's left: the right cheek comes forward
    seen = view(normals, rotation, cam, FitConfig())
    left, right = row(landmark_map, 352), row(landmark_map, 123)
    assert seen.weight[0, [left, right]].tolist() == [1, 1]
    assert seen.weight[1, [left, right]].tolist() == [0, 1]
    # From the front all but the very sides face the camera, and nothing of the mouth slides.
    assert seen.weight[0].mean() > 0.95
    assert seen.along[0, [row(landmark_map, i) for i in (13, 14, 0, 17, 4)]].min() == 1


def test_across_is_square_to_the_outline_in_the_picture(model, landmark_map, normals):
    """A point moved along the surface where it turns away moves along the outline: square to `across`."""
    rotation, cam = posed(model, landmark_map, [35.0])
    cosine = facing(normals, rotation, cam)[0]
    seen = view(normals, rotation, cam, FitConfig())
    turned = torch.einsum("ij,lj->li", rotation[0], normals)
    grazing = torch.nonzero(cosine.abs() < 0.15)[:, 0].tolist()
    assert len(grazing) >= 5
    for k in grazing:
        p, n = cam[0, :, k].double(), turned[k].double()
        ray = p / p.norm()
        outline = torch.linalg.cross(n, ray)  # a tangent of the surface that is square to the line of sight
        step = (p + 0.01 * outline)[:2] / (p + 0.01 * outline)[2] - p[:2] / p[2]
        angle = (step / step.norm()) @ seen.across[0, k].double()
        assert abs(float(angle)) < 0.02
        assert seen.along[0, k] < 0.85


def made_residuals(n=6, count=400, seed=0, sd=1.0):
    """Lengths [n, count] of residuals with independent unit errors in x and y."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.linalg.norm(sd * rng.normal(size=(n, count, 2)), axis=-1)).float()


def test_the_spread_is_that_of_the_errors_whatever_a_third_of_them_does():
    residual = made_residuals(sd=2.0)
    seen = torch.ones_like(residual)
    assert frame_spread(residual, seen).numpy() == pytest.approx(2, rel=0.1)
    residual[:, :40] = 100.0
    assert frame_spread(residual, seen).numpy() == pytest.approx(2, rel=0.25)
    seen[0] = 0
    assert frame_spread(residual, seen)[0] == 0


def test_wild_landmarks_are_masked_and_others_are_not():
    residual = made_residuals()
    seen = torch.ones_like(residual)
    assert outliers(residual, seen, FitConfig()).float().mean() < 0.002
    residual[:, :40] = torch.linspace(8, 100, 40)
    found = outliers(residual, seen, FitConfig())
    assert found[:, :40].all()
    assert found[:, 40:].float().mean() < 0.002
    seen[:, :20] = 0  # what is hidden is no outlier
    assert not outliers(residual, seen, FitConfig())[:, :20].any()


def test_a_frame_fitted_better_than_expected_is_not_picked_apart():
    residual = made_residuals(sd=0.01)
    residual[:, 0] = 0.5
    assert not outliers(residual, torch.ones_like(residual), FitConfig()).any()


def test_bad_frames_are_those_that_are_wrong_as_a_whole():
    config = FitConfig()
    residual, seen = made_residuals(n=7), torch.ones(7, 400)
    residual[1] *= 8  # a face that is not this one
    residual[2, :190] = 50.0  # nearly half of it wild
    seen[3, 8:] = 0  # hardly seen: not observed, not bad
    residual[4, :40] = 50.0  # a tenth wild: masked, and the rest is good
    seen[5, 20:], residual[5, :9] = 0, 50.0  # too little is left
    wrong = outliers(residual, seen, config)
    assert bad_frames(residual, seen, wrong, config).tolist() == [False, True, True, False, False, True, False]


def test_a_take_that_is_bad_throughout_is_measured_by_what_was_expected():
    residual = made_residuals(n=4, sd=2.0)
    seen = torch.ones_like(residual)
    nothing = torch.zeros_like(residual, dtype=torch.bool)
    assert not bad_frames(residual, seen, nothing, FitConfig()).any()
    assert not bad_frames(residual, 0 * seen, nothing, FitConfig()).any()


def test_a_squeezed_residual_keeps_what_lies_across_the_outline():
    across = torch.tensor([[[0.6, 0.8], [1.0, 0.0]]])
    seen = View(torch.ones(1, 2), across, torch.tensor([[0.25, 1.0]]))
    m = squeeze(seen, n_pairs=1)[0]
    assert m.shape == (2, 2, 3)
    assert torch.allclose(m, m.transpose(0, 1))
    assert (m[:, :, 0] @ across[0, 0]).tolist() == pytest.approx([0.6, 0.8])
    assert (m[:, :, 0] @ torch.tensor([-0.8, 0.6])).tolist() == pytest.approx([-0.2, 0.15])
    assert torch.equal(m[:, :, 1], torch.eye(2))
    assert torch.equal(m[:, :, 2], torch.eye(2))


def test_nothing_slides_when_the_config_says_so(model, landmark_map, normals):
    rotation, cam = posed(model, landmark_map, [60.0])
    seen = view(normals, rotation, cam, FitConfig(hidden_cos=-1.0, grazing_cos=-1.0))
    assert (seen.weight == 1).all()
    assert (seen.along == 1).all()


def test_belief_masks_what_is_turned_wrong_or_in_a_bad_frame(model, landmark_map, normals):
    config = FitConfig()
    rotation, cam = posed(model, landmark_map, [0.0, 60.0, 0.0, 0.0])
    pairs = part_pairs(landmark_map, config)
    count, nose, far, upper = len(landmark_map.landmark), *(row(landmark_map, i) for i in (4, 352, 13))
    visibility, worth = torch.ones(4, count), torch.full((count,), 0.1)
    residual = made_residuals(n=4, count=count)
    residual[0, nose], residual[0, upper] = 30.0, 30.0
    residual[2] *= 10
    takes = torch.tensor([0, 0, 0, 0])
    got = believe(visibility, worth, pairs, normals, rotation, cam, residual, takes, config)
    assert got.weight.shape == (4, count + 23)
    assert got.outlier[0, [nose, upper]].all()
    assert (got.weight[0, [nose, upper]] == 0).all()
    assert got.weight[0, count + 4] == 0  # the pair of 13 and 14
    assert got.weight[3, count + 4] > 0
    assert got.weight[1, far] == 0
    assert not got.outlier[1, far]  # turned away is not seen, which is no outlier
    assert got.bad_frame.tolist() == [False, False, True, False]
    assert (got.weight[2] == 0).all()
    assert got.seen[2].sum() > 300  # its residuals can still be told
    # Nothing is masked before there is a fit, and a frame that is bad among good ones is not so on its own.
    assert not believe(visibility, worth, pairs, normals, rotation, cam, None, takes, config).outlier.any()
    alone = believe(visibility, worth, pairs, normals, rotation, cam, residual / 5, torch.arange(4), config)
    assert not alone.bad_frame.any()


def test_belief_has_no_squeeze_where_nothing_slides(model, landmark_map, normals):
    config = FitConfig(hidden_cos=-1.0, grazing_cos=-1.0, independent_lip_gaps=0.0, independent_lid_gaps=0.0)
    rotation, cam = posed(model, landmark_map, [0.0])
    count = len(landmark_map.landmark)
    got = believe(torch.ones(1, count), torch.ones(count), part_pairs(landmark_map, config), normals, rotation, cam,
                  None, torch.tensor([0]), config)  # fmt: skip
    assert got.squeeze is None
    assert got.weight.tolist() == [[1.0] * count]
