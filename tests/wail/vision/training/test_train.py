"""One small course of training on crops made here, from reading the files to weights that the run time loads."""

import json

import numpy as np
import pytest
import torch

from wail.errors import ConfigError
from wail.vision.geometry import canonical_face
from wail.vision.occlusion import MAP_PX, SIDE_PX, OcclusionNet
from wail.vision.occlusion_net import OcclusionMap, folded
from wail.vision.training.calibrate import auc, calibrated, ece
from wail.vision.training.examples import batches, example, read_crops
from wail.vision.training.train import Budget, loss_of, main, train


def frontal_points():
    """The canonical face as a mesh of a crop, px and z away from the camera."""
    verts = canonical_face()[0]
    points = np.zeros((478, 3), np.float32)
    points[:468] = verts * [7.0, -7.0, -7.0] + [96, 96, 0]
    points[468:] = points[[33] * 5 + [263] * 5]
    return points


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight faces of plain skin, each second with a grey box on its lower half."""
    where = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(3)
    crops = (np.array([200, 150, 130]) + rng.normal(0, 6, (8, 192, 192, 3))).clip(0, 255).astype(np.uint8)
    covered = np.zeros((8, 192, 192), bool)
    covered[::2, 100:170, 50:140] = True
    crops[covered] = 90
    np.savez(where / "crops-00000.npz", crops=crops, points=np.stack([frontal_points()] * 8),
             covered=np.packbits(covered, axis=2), head=np.packbits(np.ones_like(covered), axis=2),
             kind=np.array(["box", "none"] * 4))  # fmt: skip
    return where


def test_examples_match_picture_and_target(folder):
    crops = read_crops(folder)
    seen, target = example(crops, 0, None)
    assert seen.shape == (SIDE_PX, SIDE_PX, 6) and target.shape == (MAP_PX, MAP_PX, 2)
    box = np.abs(seen[..., :3].astype(int) - 90).max(2) < 3
    cells = box.reshape(MAP_PX, 4, MAP_PX, 4).mean((1, 3))
    assert np.abs(cells - target[..., 0] / 255).max() < 0.35
    assert target[..., 0].max() == 255
    assert example(crops, 1, None)[1][..., 0].max() == 0


def test_training_examples_vary_and_stay_in_range(folder):
    crops = read_crops(folder)
    first, second = (next(batches(crops, 8, np.random.default_rng(seed))) for seed in (1, 2))
    assert first[0].shape == (8, 6, SIDE_PX, SIDE_PX) and first[1].shape == (8, 2, MAP_PX, MAP_PX)
    assert float(first[0].min()) >= 0 and float(first[0].max()) <= 1
    assert float((first[0] - second[0]).abs().mean()) > 0.01


def test_a_short_course_lowers_the_loss(folder):
    crops = read_crops(folder)
    x, y = next(batches(crops, 8, None))
    torch.manual_seed(1)
    before = loss_of(OcclusionMap().eval()(x), x, y)
    net = train(crops, Budget(passes=8, batch=4, learning_rate=1e-3))
    assert float(loss_of(net(x), x, y).detach()) < 0.8 * float(before.detach())


def test_folding_the_norms_changes_nothing(folder):
    x, _ = next(batches(read_crops(folder), 4, None))
    net = OcclusionMap()
    with torch.no_grad():
        net.train()(x)
        plain = net.eval()(x)
        np.testing.assert_allclose(folded(net)(x).numpy(), plain.numpy(), atol=1e-4)


def test_calibration_makes_small_logits_true(folder):
    crops = read_crops(folder)
    net = train(crops, Budget(passes=8, batch=4, learning_rate=1e-3))
    with torch.no_grad():
        net.out.weight.mul_(0.05)
    x, y = next(batches(crops, 8, None))
    before = float(loss_of(net(x), x, y).detach())
    assert float(loss_of(calibrated(net, crops)(x), x, y).detach()) < before


def test_the_command_goes_on_where_it_was_cut_and_its_weights_load(folder, tmp_path, capsys):
    out = tmp_path / "net.safetensors"

    def cut(line):
        if "pass 3" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(read_crops(folder), Budget(passes=3), out.with_suffix(".state"), say=cut)
    assert out.with_suffix(".state").is_file()
    main([str(folder), "--tune", str(folder), "--out", str(out), "--passes", "3"])
    said = capsys.readouterr()
    assert "pass 3 of 3" in said.err and "pass 2 of 3" not in said.err
    figures = json.loads(said.out)
    assert figures["crops"] == 8 and 0 <= figures["ece_landmarks"] <= 1
    assert out.stat().st_size < 2_000_000 and not out.with_suffix(".state").exists()
    crop = read_crops(folder).crops[0]
    assert OcclusionNet(out).covered(crop, frontal_points()).shape == (478,)


def test_a_folder_without_crops_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"wail\.bench\.composites\.crops"):
        read_crops(tmp_path)


def test_figures_are_what_they_say():
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 0.75
    assert auc(np.array([0.5, 0.5]), np.array([0, 1])) == 0.5
    assert ece(np.array([0.05, 0.95]), np.array([0.0, 1.0])) == pytest.approx(0.05)
    assert ece(np.array([0.9, 0.9]), np.array([0.0, 1.0])) == pytest.approx(0.4)
