import numpy as np
import pytest
import torch

from wail.inface.fit_config import FitConfig
from wail.inface.fit_parts import INNER_LIP_PAIRS, LID_PAIRS, pair_sigma_px, pair_weights, part_pairs
from wail.inface.landmarks import landmark_positions, pick


def test_pairs_are_opposite_each_other(model, landmark_map):
    places = landmark_positions(model.mean_verts_mm, landmark_map)
    pairs = part_pairs(landmark_map, FitConfig())
    assert len(pairs.first) == 23
    apart = places[pairs.first] - places[pairs.second]
    assert (apart[:, 1] > -0.2).all()  # the first is the upper one
    assert apart[:, 0].abs().max() < 4.5
    assert len({*pairs.first.tolist(), *pairs.second.tolist()}) == 46


def test_pairs_of_a_part_are_worth_as_many_gaps_as_the_config_says(landmark_map):
    pairs = part_pairs(landmark_map, FitConfig(independent_lip_gaps=3.0, independent_lid_gaps=4.0))
    assert float(pairs.worth[:9].sum()) == pytest.approx(3)
    assert float(pairs.worth[9:].sum()) == pytest.approx(4)


def test_a_map_without_lips_has_no_lip_pairs(landmark_map):
    assert len(part_pairs(pick(landmark_map, (4, 33, 263)), FitConfig()).first) == 0
    one = part_pairs(pick(landmark_map, (13, 14)), FitConfig())
    assert (len(one.first), one.first.tolist(), one.second.tolist()) == (1, [0], [1])
    assert len(INNER_LIP_PAIRS), len(LID_PAIRS) == (9, 14)


def test_a_pair_is_seen_as_far_as_both_its_ends_are(landmark_map):
    pairs = part_pairs(pick(landmark_map, (13, 14)), FitConfig(independent_lip_gaps=9.0))
    seen = torch.tensor([[1.0, 1.0], [0.5, 1.0], [1.0, 0.0]])
    assert pair_weights(pairs, seen)[:, 0].tolist() == [1.0, 0.5, 0.0]


def test_an_open_mouth_is_known_less_closely(landmark_map):
    pairs = part_pairs(pick(landmark_map, (13, 14)), FitConfig(lip_gap_sd_mm=0.5, lip_gap_grows=0.1))
    xy_px = torch.from_numpy(np.array([[[10, 10], [10, 10]], [[10, 10], [10, 50]]], np.float32))
    sigma = pair_sigma_px(pairs, xy_px, torch.tensor([2.0, 2.0]))
    assert sigma[:, 0].tolist() == pytest.approx([1.0, 2 * (0.5 + 0.1 * 20)])
