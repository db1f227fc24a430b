"""FAN is used where its weights are, and says what its heatmaps say; weights here are random, of the true layout."""

import re

import numpy as np
import pyarrow as pa
import pytest

from schemas.arrow import flat
from schemas.tables import FAN
from wail.errors import ModelError
from wail.vision.analyse import VisionConfig, analyse
from wail.vision.fan import MOUTH, READING, Fan, FanPoints, decoded, find_fan, mouth_unseen, visibility
from wail.vision.landmarker import locate
from wail.vision.roi import Roi


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with a FAN of one hourglass, untrained; the published one has four."""
    import torch
    from face_alignment.models import FAN

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(4)
    net = FAN(1)
    torch.save(net.state_dict(), folder / "2DFAN4-0123456789.pth.tar")
    return folder


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch"


def test_weights_are_found_in_the_folder_given_and_in_torchs_cache(weights, no_cache):
    assert find_fan(None) is None
    assert find_fan(no_cache) is None
    found = find_fan(weights)
    assert found is not None and found.name == "2DFAN4-0123456789.pth.tar"
    (no_cache / "hub/checkpoints").mkdir(parents=True)
    (no_cache / "hub/checkpoints/2DFAN4-11f355bf06.pth.tar").write_bytes(b"x")
    assert find_fan(None) == no_cache / "hub/checkpoints/2DFAN4-11f355bf06.pth.tar"
    assert find_fan(weights) == found, "the folder that was given comes first"


def heatmaps(spots, width=1.5, height=0.9):
    """Gaussians [n, 64, 64] about points given in pixels of the crop, 256 wide."""
    cells = (np.array(spots, float) + 0.5) / 4 - 0.5
    at = np.arange(64)
    bells = [np.exp(-0.5 * ((at - c) / width) ** 2) for c in cells.T.reshape(-1, 1)]
    across, down = np.array(bells[: len(spots)]), np.array(bells[len(spots) :])
    return (height * down[:, :, None] * across[:, None, :]).astype(np.float32)


SPOTS = np.random.default_rng(3).uniform(8, 246, (40, 2))


@pytest.mark.parametrize("width", [1.0, 1.75, 3.25])
def test_a_gaussians_middle_is_found_between_the_cells(width):
    points, height = decoded(heatmaps(SPOTS, width))
    assert points.dtype == height.dtype == np.float32
    assert np.abs(points - SPOTS).max() < 0.01, "of a pixel of the crop"
    assert height == pytest.approx(0.9, abs=0.9 * 0.25 / width**2)


def test_it_stays_within_half_a_cell_of_what_the_authors_read():
    """Their rule steps a quarter of a cell to the side on which the parabola's summit lies too."""
    from face_alignment.utils import _get_preds_fromhm

    rng = np.random.default_rng(5)
    maps = heatmaps(SPOTS) + rng.uniform(-0.02, 0.02, (40, 64, 64)).astype(np.float32)
    theirs, _ = _get_preds_fromhm.py_func(maps[None], maps.reshape(1, 40, -1).argmax(-1))
    ours = (decoded(maps)[0] + 0.5) / 4  # theirs are in cells, counted from the map's edge
    assert np.abs(ours - theirs[0]).max() <= 0.25 + 1e-6


def test_a_peak_at_the_edge_a_pair_of_cells_and_an_empty_map_have_their_places():
    maps = np.zeros((4, 64, 64), np.float32)
    maps[0, 0, 63] = 0.7
    maps[1, 10:12, 20:22] = 0.5
    maps[2] -= 0.1
    maps[3, 30, 40] = 0.6
    points, height = decoded(maps)
    assert points.tolist() == [[253.5, 1.5], [83.5, 43.5], [1.5, 1.5], [161.5, 121.5]]
    assert height.tolist() == [pytest.approx(0.7), 0.5, 0.0, pytest.approx(0.6)]


class Reader:
    """Stands for the network, as a layer that passes a blurred and shrunken crop on as its only heatmap."""

    def __call__(self, batch):
        import torch.nn.functional as F

        return [F.avg_pool2d(batch.mean(1, keepdim=True), 4)]


@pytest.mark.parametrize(("x_px", "y_px", "size_px", "roll_deg"), [
    (320.0, 240.0, 160.0, 0.0), (300.3, 260.7, 288.0, 25.0), (333.0, 222.0, 610.0, 200.0), (310.0, 250.0, 60.0, 90.0),
])  # fmt: skip
def test_a_point_comes_back_to_where_it_is_in_the_picture(weights, x_px, y_px, size_px, roll_deg):
    """Through the crop of the real code and back: turned, enlarged and shrunken faces."""
    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    fan._net = Reader()
    face = Roi(x_px, y_px, size_px, roll_deg)
    spot = np.array([x_px + 0.21 * size_px, y_px + 0.13 * size_px])
    cell_px = fan.region(face).size_px / 64
    yy, xx = np.mgrid[0:480, 0:640]
    grey = 255 * np.exp(-0.5 * ((xx - spot[0]) ** 2 + (yy - spot[1]) ** 2) / (1.8 * cell_px) ** 2)
    found = locate(fan, np.repeat(grey[..., None], 3, 2).round().astype(np.uint8), face)
    assert np.linalg.norm(found.xy_px[0] - spot) < 0.06 * cell_px + 0.1
    assert found.score[0] > 0.85


def test_it_finds_points_in_a_face_and_answers_the_same_twice(weights, infant, upright_view):
    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    found, again = (locate(fan, infant, upright_view.roi) for _ in range(2))
    assert (found.xy_px.shape, found.score.shape) == ((68, 2), (68,))
    assert found.xy_px.dtype == found.score.dtype == np.float32 and np.isfinite(found.xy_px).all()
    assert np.array_equal(found.xy_px, again.xy_px) and np.array_equal(found.score, again.score)
    middle = np.array([upright_view.roi.x_px, upright_view.roi.y_px])
    assert np.linalg.norm(found.xy_px - middle, axis=1).max() < fan.region(upright_view.roi).size_px
    dark = locate(fan, np.zeros_like(infant), upright_view.roi)
    assert not np.allclose(found.score, dark.score), "it looks at the picture"
    assert fan.name.startswith("fan:") and fan.name.endswith(f"/{READING}") and len(fan.name) == 22


def test_the_crop_is_that_of_face_alignment(weights):
    """Its crop of a box 195 px wide and high is 400 px, centred 0.12 of the box above the middle, here turned too."""
    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    region = fan.region(Roi(500.0, 400.0, 195 * 1.5, 0.0))
    assert (region.x_px, round(region.y_px, 3), round(region.size_px, 3)) == (500.0, 400 - 0.12 * 195, 400.0)
    turned = fan.region(Roi(500.0, 400.0, 195 * 1.5, 90.0))
    assert (round(turned.x_px, 3), round(turned.y_px, 3)) == (500 + 0.12 * 195, 400.0), "up is to the right"


def test_the_mesh_is_the_same_kind_of_network(mesh, infant, upright_view):
    found = locate(mesh, infant, upright_view.roi)
    assert np.array_equal(found.xy_px, upright_view.xy_px) and found.score == upright_view.presence


@pytest.mark.parametrize("junk", [b"", b"junk", None])
def test_a_damaged_file_is_refused_in_words(tmp_path, junk):
    import torch

    path = tmp_path / "2DFAN4-bad.pth.tar"
    if junk is None:
        torch.save({"m0.weight": torch.zeros(3)}, path)
    else:
        path.write_bytes(junk)
    with pytest.raises(ModelError, match=r"2DFAN4-bad.pth.tar cannot be loaded as FAN's weights .* get the file again"):
        Fan(path)


def test_weights_that_are_not_finite_are_said(weights, infant, upright_view):
    import torch

    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    with torch.no_grad():
        fan._net.conv1.weight[0] = float("nan")
    with pytest.raises(ModelError, match=r"FAN \(fan:.*\) gives numbers that are not finite: its weights are damaged"):
        locate(fan, infant, upright_view.roi)


def test_a_mouth_that_fan_does_not_see_is_said_and_a_blurred_face_is_none():
    seen = np.full(68, 0.8, np.float32)
    covered = seen.copy()
    covered[MOUTH] = 0.2
    assert mouth_unseen(seen) == 0
    assert mouth_unseen(covered) == pytest.approx(0.75)
    assert mouth_unseen(seen * 0.3) == pytest.approx(0, abs=1e-6)


def test_a_guessed_point_weighs_nothing_and_a_seen_one_all():
    score = np.array([[-0.1, 0.2, 0.5, 0.8, 1.7, 1.0, 1.0, np.nan]], np.float32)
    xy = np.full((1, 8, 2), 50, np.float32)
    xy[0, 5] = -1, 50
    xy[0, 6] = 50, 101
    xy[0, 7] = np.nan
    assert visibility(FanPoints(xy, score), (100, 100))[0] == pytest.approx([0, 0, 0.5, 1, 1, 0, 0, 0], abs=1e-6)


@pytest.fixture(scope="module")
def watched(weights, infant, clip):
    """Seven pictures of the infant, FAN asked in every third; and how often the network ran."""
    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    asked = []
    net = fan._net
    fan._net = lambda batch: asked.append(1) or net(batch)
    pictures = clip([infant.copy() for _ in range(7)])
    return analyse(pictures, VisionConfig(fan_every_frames=3), fan=fan), len(asked), fan, pictures


def test_vision_asks_it_as_often_as_the_config_says(watched):
    with_fan, asked, fan, pictures = watched
    assert asked == 3 and with_fan.evidence["by_fan"].null_count == 0
    assert with_fan.models["fan"] == fan.name
    never = analyse(pictures, VisionConfig(), fan=fan)
    assert never.fan.num_rows == 0 and never.evidence["by_fan"].null_count == 7, "never, as it is shipped"


def test_its_points_are_a_table_of_the_frames_in_which_it_was_asked(watched):
    table = watched[0].fan
    assert table.schema.equals(FAN)
    assert (table["frame"].to_pylist(), table["track"].to_pylist()) == ([0, 3, 6], [0, 0, 0])
    xy_px, score = flat(table["xy_px"]).reshape(3, 68, 2), flat(table["score"]).reshape(3, 68)
    assert np.isfinite(xy_px).all() and (score >= 0).all()
    assert len(np.unique(xy_px[0], axis=0)) > 20, "random weights, but points each of their own"


def test_a_streamed_table_is_the_same(watched, weights):
    batches, landmarks = [], []
    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    found = analyse(watched[3], VisionConfig(fan_every_frames=3), landmarks.append, fan, batches.append)
    assert found.fan is None and pa.Table.from_batches(batches).equals(watched[0].fan)


def test_the_step_finds_it_where_it_is_asked_for(weights, no_cache):
    from wail.config import config_from
    from wail.steps.vision import STEP, fan_of

    asking = config_from({"weights": str(weights), "vision": {"fan_every_frames": 15}})
    assert fan_of(asking).name == STEP.models(asking)["fan"]
    without = config_from({"weights": str(weights)})
    assert fan_of(without) is None and "fan" not in STEP.models(without)


@pytest.mark.parametrize("given", [True, False])
def test_asked_for_and_not_there_is_said(no_cache, tmp_path, given):
    from wail.config import config_from
    from wail.steps.vision import fan_of

    asking = {"vision": {"fan_every_frames": 15}} | ({"weights": str(tmp_path)} if given else {})
    where = re.escape(f"in {tmp_path} or in torch's cache" if given else "in torch's cache")
    with pytest.raises(ModelError, match=rf"fan_every_frames = 15 asks for FAN, but {where} is no 2DFAN4.* doctor"):
        fan_of(config_from(asking))


def test_the_stage_writes_its_points_while_it_is_asked_for_and_only_then(weights, no_cache, infant, tmp_path):
    """Through the whole stage: from a file of FAN's format in a folder to a table in the receipt."""
    from schemas.documents import Receipt
    from wail.config import config_from
    from wail.media.encode import write_mp4
    from wail.steps.vision import STEP
    from wail.store import ClipFolder, read_table

    clip = ClipFolder(tmp_path, "c" * 16)
    clip.path.mkdir(parents=True)
    write_mp4(clip.file("media.mp4"), [infant] * 5, 30)
    clip.write_receipt(Receipt(stage="media", key="k", status="done", seconds=1.0, models={},
                               outputs=clip.outputs(["media.mp4"])))  # fmt: skip
    asking = config_from({"weights": str(weights), "vision": {"fan_every_frames": 2}})
    outcome = STEP.run(clip, asking)
    assert "fan.parquet" in outcome.outputs and outcome.models["fan"].startswith("fan:")
    table = read_table(clip.file("fan.parquet"), FAN)
    assert table["frame"].to_pylist() == [0, 2, 4]
    xy_px = flat(table["xy_px"]).reshape(3, 68, 2)
    assert np.abs(xy_px - np.array(infant.shape[1::-1]) / 2).max() < max(infant.shape), "in the picture, or near it"
    plain = STEP.run(clip, config_from({"weights": str(weights)}))
    assert "fan.parquet" not in plain.outputs and "fan" not in plain.models
    assert not clip.file("fan.parquet").exists()
