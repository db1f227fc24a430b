"""The stand-in: that it says so, what its muscles do, and that its autoencoder keeps what other tests rely on."""

import itertools

import h5py
import numpy as np
import pytest
import torch

from wail.inface.landmarks import aperture_mm
from wail.inface.model import AGE, EXPRESSION, IDENTITY, STAND_IN_PATH
from wail.inface.standin.colours import vertex_colours
from wail.inface.standin.expressions import NAMED, random_activations
from wail.inface.standin.identity import N_IDENTITY, TRAITS, random_identity, relative_size, warp
from wail.inface.standin.measure import measure
from wail.inface.standin.muscles import MUSCLES, N_MUSCLES, activation, expression_code, load_rig, muscle_displacement
from wail.inface.standin.rest import load_rest

REST = load_rest()


@pytest.fixture(scope="module")
def measures(model):
    return measure(model, n=400)


def posed(**muscles):
    return REST.verts_mm + muscle_displacement(activation(**muscles))


def gap(verts, i, j):
    return float(np.linalg.norm(verts[i] - verts[j]))


def test_it_says_that_it_is_a_stand_in(model):
    assert model.is_stand_in and model.name == "stand-in"
    about = STAND_IN_PATH.with_name("ATTRIBUTION.md").read_text()
    assert all(
        word in about
        for word in ("stand-in", "google-ai-edge/mediapipe", "Apache-2.0", "tillns/INFACE", "MIT", "Waters")
    )


def test_it_is_small_and_in_the_authors_layout():
    assert STAND_IN_PATH.stat().st_size <= 6_000_000
    with h5py.File(STAND_IN_PATH) as file:
        assert set(file) == {"latent_mean", "latent_std", "id_encoder", "exp_encoder", "age_encoder", "decoder",
                             "mean_vertices", "triangles"}  # fmt: skip
        for group in ("id_encoder", "exp_encoder", "age_encoder", "decoder"):
            assert set(file[group]) == {"matrix_mults", "biases", "relu_factor"}
            assert float(file[group]["relu_factor"][()]) == 0.2
            assert "item_0" in file[group]["matrix_mults"] and "item_1" in file[group]["biases"]


def test_its_triangles_face_outward_and_meet_edge_to_edge():
    edge = REST.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    # A consistently oriented surface goes over each directed edge at most once.
    assert len(np.unique(edge, axis=0)) == len(edge)
    corner = REST.verts_mm[REST.triangles]
    volume = (np.cross(corner[:, 0], corner[:, 1]) * corner[:, 2]).sum() / 6
    # An infant's head of about 1-1.5 litres; inside out it would be negative.
    assert 0.8e6 < volume < 2e6


def test_the_resting_infant_has_closed_lips_open_eyes_and_infant_proportions():
    verts = REST.verts_mm
    assert gap(verts, 13, 14) < 1 and 7 < gap(verts, 159, 145) < 11
    # INFACE's landmark rows: outer eye corners 71.6 mm and inner ones 28.2 mm apart, mouth 34.4 mm wide.
    assert gap(verts, 33, 263) == pytest.approx(71.6, abs=1.5)
    assert gap(verts, 133, 362) == pytest.approx(28.2, abs=1.5)
    assert gap(verts, 61, 291) == pytest.approx(34.4, abs=2.5)


def test_a_cry_is_square_mouthed_with_closed_eyes():
    cry = posed(**NAMED["cry"])
    assert gap(cry, 13, 14) > 18
    # Square: the mouth is about as open towards the corners (80/88) as in the middle.
    assert gap(cry, 80, 88) > 0.6 * gap(cry, 13, 14)
    assert gap(cry, 159, 145) < 2.5 and gap(cry, 386, 374) < 2.5
    assert cry[55, 1] < REST.verts_mm[55, 1] - 1


def test_a_laugh_raises_and_widens_the_corners():
    laugh = posed(**NAMED["laugh"])
    assert gap(laugh, 61, 291) > gap(REST.verts_mm, 61, 291) + 5
    assert laugh[61, 1] > REST.verts_mm[61, 1]


def test_a_pout_protrudes_the_closed_lips_and_lowers_the_corners():
    pout = posed(**NAMED["pout"])
    assert gap(pout, 13, 14) < 1.5
    assert pout[17, 2] > REST.verts_mm[17, 2] + 2
    assert pout[61, 1] < REST.verts_mm[61, 1] - 2


@pytest.mark.parametrize("side", ["left", "right"])
def test_lids_close_one_eye_at_a_time_and_meet(side):
    verts = posed(**{f"lid_close_{side}": 1.0})
    shut, open_ = ((386, 374), (159, 145)) if side == "left" else ((159, 145), (386, 374))
    assert gap(verts, *shut) < 0.3 and gap(verts, *open_) > 7
    ball = REST.verts_mm[REST.regions[f"eyeball_{side}"]]
    front = ball[0] - [0, 0, 11.0]
    rim = verts[REST.regions[f"lid_rim_{side}"]]
    assert np.linalg.norm(rim - front, axis=1).min() > 11.0


def test_the_jaw_opens_to_about_25_mm_steadily():
    apertures = [gap(posed(jaw_open=x), 13, 14) for x in np.linspace(0, 1, 6)]
    assert all(b > a for a, b in itertools.pairwise(apertures))
    assert 20 < apertures[-1] < 27


def test_left_and_right_mirror_each_other():
    for name in ("zygomatic_major", "frontalis_outer", "depressor_anguli"):
        left, right = (muscle_displacement(activation(**{f"{name}_{side}": 1.0})) for side in ("left", "right"))
        # 61 is the right corner of the mouth, 291 the left; 53 and 283 the brows.
        for mine, theirs in ((61, 291), (53, 283)):
            np.testing.assert_allclose(right[mine], left[theirs] * [-1, 1, 1], atol=0.05)
        assert np.abs(left[REST.verts_mm[:, 0] < -25]).max() < 0.6 * np.abs(left).max()


def test_lips_pass_through_each_other_by_less_than_a_millimetre():
    verts = REST.verts_mm + muscle_displacement(random_activations(np.random.default_rng(3), 200))
    rig = load_rig()
    assert (verts[:, rig.lip_upper, 1] - verts[:, rig.lip_lower, 1]).min() > -1.0


def test_the_skull_and_the_eyeballs_stay():
    moved = np.abs(muscle_displacement(np.ones(N_MUSCLES)))
    assert moved[REST.regions["eyeball_left"]].max() < 1e-4
    assert moved[REST.regions["skull"][-73:]].max() < 1e-4


def test_batches_and_errors_of_activations():
    assert muscle_displacement(np.zeros((2, 3, N_MUSCLES))).shape == (2, 3, len(REST.verts_mm), 3)
    assert np.abs(muscle_displacement(np.zeros(N_MUSCLES))).max() < 1e-4
    with pytest.raises(ValueError, match="activations must have shape"):
        muscle_displacement(np.zeros(4))
    with pytest.raises(KeyError, match="no muscle 'biceps'"):
        activation(biceps=1.0)
    assert activation(risorius=0.5)[[MUSCLES.index("risorius_left"), MUSCLES.index("risorius_right")]].tolist() == [
        0.5,
        0.5,
    ]


def test_growth_follows_the_head_circumference():
    assert relative_size(np.array([6.0])) == pytest.approx(1)
    assert relative_size(np.array([0.0, 24.0])) == pytest.approx([34.2 / 42.75, 47.7 / 42.75])
    small, large = warp(np.repeat(REST.verts_mm[None], 2, 0), np.zeros((2, N_IDENTITY)), np.array([1.0, 18.0]))
    # The face below the eyes grows more than the eyes do.
    grown = [gap(large, i, j) / gap(small, i, j) for i, j in ((168, 152), (33, 133))]
    assert grown[0] > grown[1] > 1


def test_a_trait_moves_what_it_names():
    identity = np.zeros((2, N_IDENTITY))
    identity[1, 1 + [t.name for t in TRAITS].index("nose_width")] = 2
    plain, wide = warp(np.repeat(REST.verts_mm[None], 2, 0), identity, np.full(2, 6.0))
    assert gap(wide, 64, 294) > gap(plain, 64, 294) + 1.5
    assert np.abs(wide - plain)[REST.regions["skull"]].max() < 0.05


def test_a_warped_infant_can_still_close_eyes_and_mouth():
    shut = posed(lid_close=1.0)
    infants = warp(np.repeat(shut[None], 20, 0), random_identity(np.random.default_rng(1), 20), np.linspace(0, 24, 20))
    assert max(gap(v, 159, 145) for v in infants) < 0.4
    assert max(gap(v, 13, 14) for v in infants) < 1


def test_reconstruction_is_good_enough_to_be_an_oracle(measures):
    assert measures["own_vertex_mean_mm"] < 0.4
    assert measures["own_aperture_rms_mm"] < 0.5
    assert measures["own_lids_rms_mm"] < 0.5


def test_identity_expression_and_age_can_be_exchanged(measures):
    assert measures["swapped_vertex_mean_mm"] < 0.45
    assert measures["swapped_aperture_rms_mm"] < 0.5
    assert measures["age_rms_months"] < 1


def test_the_aperture_belongs_to_the_expression(model):
    named = ["neutral", "cry", "laugh", "babble", "yawn"]
    codes = torch.from_numpy(expression_code(np.stack([activation(**NAMED[name]) for name in named])))
    infants = warp(
        np.repeat(REST.verts_mm[None], 12, 0), random_identity(np.random.default_rng(2), 12), np.full(12, 6.0)
    )
    latents = model.encode(torch.from_numpy(infants))[:, None].repeat(1, len(named), 1)
    latents[..., EXPRESSION] = codes
    apertures = aperture_mm(model, latents)
    truth = torch.tensor([gap(posed(**NAMED[name]), 13, 14) for name in named])
    # Infants differ in size (3 %) and mouth; the same code opens all mouths alike.
    assert float((apertures / apertures.mean(0) - 1)[:, 1:].abs().max()) < 0.25
    assert float((apertures.mean(0) - truth).abs().max()) < 1.5


def test_codes_are_skewed_and_of_the_size_of_real_ones(model):
    codes = expression_code(random_activations(np.random.default_rng(4), 300))
    negative = codes < 0
    assert 0.25 < negative.mean() < 0.65
    # A slope of 0.2 for what is negative: the positive side reaches much further.
    assert 2 < codes[~negative].mean() / -codes[negative].mean() < 10
    assert 5 < np.abs(codes).mean() < 40
    assert float(model.latent_std[IDENTITY].min()) > 0.5 and float(model.latent_std[EXPRESSION].min()) > 0.5


def test_the_age_code_is_months(model):
    infants = warp(np.repeat(REST.verts_mm[None], 5, 0), np.zeros((5, N_IDENTITY)), np.array([1.0, 6, 12, 18, 23]))
    np.testing.assert_allclose(model.encode(torch.from_numpy(infants))[:, AGE].ravel(), [1, 6, 12, 18, 23], atol=1.2)


def test_colours_show_eyes_lips_and_mouth():
    colours = vertex_colours()
    assert colours.shape == REST.verts_mm.shape and colours.min() >= 0 and colours.max() <= 1
    eye = colours[REST.regions["eyeball_left"]]
    assert eye[0].max() < 0.1 < 0.8 < eye[-1].min()
    # Lips are redder than the cheek (50), the mouth's inside is dark.
    assert colours[0, 0] - colours[0, 1] > colours[50, 0] - colours[50, 1] + 0.1
    assert colours[REST.regions["mouth_2"]].mean() < 0.2
