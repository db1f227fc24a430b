"""FAN is used where its weights are, and says what its heatmaps say; weights here are random, of the true layout."""

import numpy as np
import pytest

from wail.errors import ModelError
from wail.vision.analyse import VisionConfig, analyse
from wail.vision.fan import LIPS, MOUTH, TO_MESH, UPPER, Fan, _fan_region, find_fan, landmark_scores, mouth_unseen
from wail.vision.geometry import canonical_face
from wail.vision.regions import mirror_index
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


def test_it_scores_a_face_and_answers_the_same_twice(weights, infant, upright_view):
    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    scores = fan.scores(infant, upright_view.roi)
    assert scores.shape == (68,) and scores.dtype == np.float32 and np.isfinite(scores).all()
    assert np.array_equal(scores, fan.scores(infant, upright_view.roi))
    dark = fan.scores(np.zeros_like(infant), upright_view.roi)
    assert not np.allclose(scores, dark), "it looks at the picture"
    assert fan.name.startswith("fan:") and len(fan.name) == 20


def test_the_crop_is_that_of_face_alignment():
    """Its crop of a box 195 px wide and high is 400 px, centred 0.12 of the box above the middle, here turned too."""
    face = Roi(500.0, 400.0, 195 * 1.5, 0.0)
    region = _fan_region(face)
    assert (region.x_px, round(region.y_px, 3), round(region.size_px, 3)) == (500.0, 400 - 0.12 * 195, 400.0)
    turned = _fan_region(Roi(500.0, 400.0, 195 * 1.5, 90.0))
    assert (round(turned.x_px, 3), round(turned.y_px, 3)) == (500 + 0.12 * 195, 400.0), "up is to the right"


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


def test_points_lie_on_the_landmarks_of_the_same_name():
    """iBUG's order against mediapipe's canonical face: mirror partners, and the order from right to left."""
    verts, partner = canonical_face()[0], mirror_index()
    ibug = {17 + k: int(landmark) for k, landmark in enumerate(TO_MESH)}
    for a, b in [(17, 26), (21, 22), (31, 35), (36, 45), (39, 42), (37, 44), (41, 46), (48, 54), (50, 52), (60, 64)]:
        assert partner[ibug[a]] == ibug[b]
    assert verts[ibug[36], 0] < verts[ibug[39], 0] < verts[ibug[42], 0] < verts[ibug[45], 0]
    heights = [verts[ibug[k], 1] for k in (19, 37, 41, 30, 33, 51, 62, 66, 57)]
    assert heights == sorted(heights, reverse=True)
    assert len(set(ibug.values())) == 51


def test_a_mouth_that_fan_does_not_see_is_said_and_a_blurred_face_is_none():
    seen = np.full(68, 0.8, np.float32)
    covered = seen.copy()
    covered[MOUTH] = 0.2
    assert mouth_unseen(seen) == 0
    assert mouth_unseen(covered) == pytest.approx(0.75)
    assert mouth_unseen(seen * 0.3) == pytest.approx(0, abs=1e-6)
    values = landmark_scores(covered)
    assert values[LIPS] == pytest.approx(0.25)
    assert values[TO_MESH[UPPER - 17]] == pytest.approx(1.0)
    assert np.isnan(values[[10, 152, 234]]).all()
    assert landmark_scores(np.zeros(68, np.float32))[13] == 0


def test_vision_asks_it_as_often_as_the_config_says(weights, infant, clip):
    fan = Fan(weights / "2DFAN4-0123456789.pth.tar")
    asked = []
    fan.scores = lambda rgb, roi, ask=fan.scores: asked.append(1) or ask(rgb, roi)
    pictures = clip([infant.copy() for _ in range(7)])
    with_fan = analyse(pictures, VisionConfig(fan_every_frames=3), fan=fan)
    assert len(asked) == 3 and with_fan.evidence["by_fan"].null_count == 0
    assert with_fan.models["fan"] == fan.name
    never = analyse(pictures, VisionConfig(), fan=fan)
    assert len(asked) == 3 and never.evidence["by_fan"].null_count == 7, "never, as it is shipped"


def test_the_step_finds_it_where_it_is_asked_for(weights, no_cache):
    from wail.config import config_from
    from wail.steps.vision import STEP, fan_of

    asking = config_from({"weights": str(weights), "vision": {"fan_every_frames": 15}})
    assert fan_of(asking).name == STEP.models(asking)["fan"]
    assert fan_of(config_from({"weights": str(weights)})) is None
    without = config_from({"vision": {"fan_every_frames": 15}})
    assert fan_of(without) is None and "fan" not in STEP.models(without)
