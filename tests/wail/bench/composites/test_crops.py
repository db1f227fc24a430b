"""Training crops: what is written is what the landmark network saw, and the masks say what is before the face."""

import numpy as np
import pytest

from wail.bench.composites import crops
from wail.bench.composites.crops_covers import cover
from wail.bench.composites.crops_faces import SIDE_PX, make_model, marked, show
from wail.bench.composites.people import make_actor
from wail.vision.mesh import FaceMesh


@pytest.fixture(scope="module")
def model():
    return make_model(make_actor("infant", "train", 5))


def test_a_face_is_shown_at_half_the_pictures_side(model):
    for seed in range(3):
        shown = show(model, np.random.default_rng(seed))
        assert 0.44 < np.ptp(shown.points_px, axis=0).max() / SIDE_PX < 0.56
        nose = shown.points_px[4].round().astype(int)
        assert np.isfinite(shown.depth[nose[1], nose[0]])


def test_an_occluders_mask_is_where_the_picture_changed(model):
    rng = np.random.default_rng(8)
    kinds = set()
    for _ in range(12):
        shown = show(model, rng)
        before = marked(shown, rng)
        after, mask, kind = cover(before, shown, "train", rng)
        kinds.add(kind)
        changed = np.abs(after - before).max(2)
        if (mask > 0.9).sum() > 50:
            assert changed[mask > 0.9].mean() > 2 * changed[mask < 0.01].mean()
    assert len(kinds) >= 4


def test_files_are_the_same_again_and_kept_when_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(crops, "PER_FILE", 6)
    monkeypatch.setattr(crops, "PER_ACTOR", 6)
    crops.main([str(tmp_path / "a"), "--n", "6", "--seed", "4"])
    mesh = FaceMesh()
    (tmp_path / "b").mkdir()
    crops.write_file(tmp_path / "b" / "crops-00000.npz", "train", 4 * 100_003, 6, mesh)
    with np.load(tmp_path / "a" / "crops-00000.npz") as a, np.load(tmp_path / "b" / "crops-00000.npz") as b:
        assert all(np.array_equal(a[name], b[name]) for name in a.files)
        assert a["crops"].shape == (6, 192, 192, 3) and a["points"].shape == (6, 478, 3)
        again, _ = mesh(a["crops"][2])
        np.testing.assert_allclose(again, a["points"][2], atol=1e-3)
        none = [k for k in range(6) if a["kind"][k] == "none"]
        assert not a["covered"][none].any() and a["head"].any((1, 2)).all()
    mesh.close()
    stamp = (tmp_path / "a" / "crops-00000.npz").stat().st_mtime_ns
    capsys.readouterr()
    crops.main([str(tmp_path / "a"), "--n", "6", "--seed", "4"])
    assert (tmp_path / "a" / "crops-00000.npz").stat().st_mtime_ns == stamp
    assert capsys.readouterr().err == ""
