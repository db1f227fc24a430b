"""Stage `fit` on landmarks projected from the stand-in: what is solved together, written, and said of it."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from schemas.arrow import list_column, to_table
from schemas.documents import Receipt
from schemas.tables import FAN, FITS, LANDMARKS, TAKES
from wail.config import config_from
from wail.inface.landmarks import decode_landmarks, load_maps
from wail.inface.model import load_model
from wail.steps import fit as stage
from wail.steps.fit import STEP, batches, face_rows, fans_points, held_focal, run, take_landmarks
from wail.steps.fits import read_fit
from wail.store import ClipFolder, sha256_file, write_table

SIZE_PX = (640, 480)
FOCAL_PX = 760.0
CONFIG = config_from({"fit": {"key_frames": 3}})
MODEL = load_model()
MAPS = load_maps(MODEL)


def take_row(name, track, first, n, reason=None):
    return {"take_id": name, "track": track, "start_s": first / 30, "end_s": (first + n) / 30, "n_frames": n,
            "bridged": 0, "label": "cry", "probability": 0.9, "sync_score": 0.4, "av_offset_s": 0.0,
            "reason": reason}  # fmt: skip


def projected(frames, name):
    """Landmarks [n, L, 2] of one infant at grid frames, 450 mm before the camera, turning and opening its mouth."""
    z = np.zeros((len(frames), 97))
    z[:, :32] = 0.8 * np.sin(np.arange(32))
    z[:, 32:96] = np.sin(0.2 * np.array(frames)[:, None] + np.arange(64))
    raw = torch.tensor(z * np.array(MODEL.latent_std) + np.array(MODEL.latent_mean), dtype=torch.float32)
    points = decode_landmarks(MODEL, raw, MAPS[name]).numpy()
    turn = 0.3 * np.sin(0.1 * np.array(frames))
    cos, sin, none, one = np.cos(turn), np.sin(turn), 0 * turn, 0 * turn + 1
    rotation = np.array([[cos, none, sin], [none, -one, none], [sin, none, -cos]]).transpose(2, 0, 1)
    cam = np.einsum("fij,flj->fli", rotation, points) + np.array([20, -10, 450])
    return FOCAL_PX * cam[..., :2] / cam[..., 2:] + np.array(SIZE_PX) / 2


def face_table(schema, frames, track, name, count, value):
    xy = np.full((len(frames), count, 2), 5.0, np.float32)
    xy[:, MAPS[name].landmark] = projected(frames, name)
    score = np.zeros((len(frames), count), np.float32)
    score[:, MAPS[name].landmark] = value
    arrays = [pa.array(frames, pa.int32()), pa.array([track] * len(frames), pa.int32()),
              list_column(xy.reshape(len(frames), -1)), list_column(score)]  # fmt: skip
    return pa.table(arrays, schema=schema)


class Folder:
    """A clip's folder as the stages before leave it."""

    def __init__(self, root, takes, unseen=(), fan=None):
        self.clip = ClipFolder(root, "c" * 16)
        seen = sorted({(row["track"], k) for row in takes for k in range(round(row["start_s"] * 30),
                       round(row["end_s"] * 30))} - set(unseen))  # fmt: skip
        parts = [face_table(LANDMARKS, [k for t, k in seen if t == track], track, "mp434", 478, 0.0 if track == 9 else
                            0.9) for track in sorted({t for t, _ in seen})]  # fmt: skip
        write_table(self.clip.file("candidates.parquet"), to_table(takes, TAKES))
        write_table(self.clip.file("landmarks.parquet"), pa.concat_tables(parts).sort_by("frame"))
        outputs = ["landmarks.parquet"]
        if fan is not None:
            write_table(self.clip.file("fan.parquet"), fan)
            outputs.append("fan.parquet")
        self.clip.write_receipt(Receipt(stage="vision", key="k", status="done", seconds=1.0, models={},
                                        outputs=self.clip.outputs(outputs), facts={"size_px": list(SIZE_PX)}))

    def fit(self, config=CONFIG):
        outcome = run(self.clip, config)
        return outcome, {name: read_fit(self.clip.file(name)) for name in outcome.outputs}


TAKES_OF_TWO = [take_row("a", 0, 3, 8), take_row("b", 0, 40, 7), take_row("c", 1, 20, 6), take_row("d", 1, 60, 9, "x")]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Two takes of one infant, one of another, one that was dropped before, and a frame that is bridged."""
    folder = Folder(tmp_path_factory.mktemp("fit"), TAKES_OF_TWO, unseen={(0, 5)})
    return folder, *folder.fit()


def test_takes_of_a_track_share_identity_and_all_share_the_focal_length(fitted):
    _, outcome, fits = fitted
    assert outcome.outputs == ("fits/a.parquet", "fits/b.parquet", "fits/c.parquet"), "the dropped one is not fitted"
    about = {name: shared for name, (_, shared) in fits.items()}
    a, b, c = about.values()
    assert (a["identity"], a["age"]) == (b["identity"], b["age"])
    assert a["identity"] != c["identity"]
    assert a["focal_px"] == b["focal_px"] == c["focal_px"]


def test_a_fit_is_a_row_a_frame_with_what_was_not_believed(fitted):
    table, shared = fitted[2]["fits/a.parquet"]
    assert table.schema.equals(FITS) and table["frame"].to_pylist() == list(range(3, 11))
    used = table["n_landmarks"].to_numpy()
    assert used[2] == 0 and not table["converged"][2].as_py(), "the bridged frame"
    assert (used[[0, 1, 3, 4]] > 350).all() and table["converged"].to_pylist()[3:] == [True] * 5
    assert table["n_outliers"].to_numpy().max() <= 5 and not any(table["bad_frame"].to_pylist())
    assert np.delete(table["residual"].to_numpy(), 2).max() < 0.02
    assert len(shared["confidence"]) == 8 and shared["size_px"] == list(SIZE_PX)


def test_the_receipt_says_what_each_take_cost_and_the_files_do_not(fitted):
    folder, outcome, fits = fitted
    assert outcome.facts["fits"] == 3 and outcome.facts["hidden"] == [] and outcome.facts["batches"] == 1
    said = outcome.facts["takes"]["a"]
    assert said["device"] == "cpu" and said["seconds"] > 0 and said["iterations"] >= 1 and said["energy"] > 0
    assert (said["frames"], said["unconverged"], said["bad_frames"]) == (8, 1, 0)
    assert json.loads(json.dumps(outcome.facts)) == outcome.facts
    assert all("seconds" not in shared for _, shared in fits.values())
    before = {name: sha256_file(folder.clip.file(name)) for name in outcome.outputs}
    folder.fit()
    assert {name: sha256_file(folder.clip.file(name)) for name in outcome.outputs} == before


def test_the_models_are_named_with_the_content_of_their_landmark_map():
    ids = STEP.models(CONFIG)
    where = ids["landmark map"].split()
    assert where[0] == "mp434" and len(where[2]) == 16
    assert ids[next(name for name in ids if "stand-in" in name)] == MODEL.sha256


def test_a_take_that_shows_no_face_is_not_fitted_and_said(tmp_path):
    folder = Folder(tmp_path, [take_row("a", 0, 3, 4), take_row("z", 9, 2, 5)])
    folder.clip.file("fits").mkdir()
    for name in ("gone", "z"):
        folder.clip.file(f"fits/{name}.parquet").write_bytes(b"of an earlier run")
    outcome, fits = folder.fit()
    assert list(fits) == ["fits/a.parquet"] and outcome.facts["hidden"] == ["z"]
    assert [path.name for path in folder.clip.file("fits").iterdir()] == ["a.parquet"]


def fan_table(frames, shift_px=0.0):
    table = face_table(FAN, frames, 0, "ibug68", 68, 0.95)
    moved = np.array(table["xy_px"].to_pylist(), np.float32) + shift_px
    return table.set_column(2, FAN.field("xy_px"), list_column(moved))


def test_fans_points_reach_the_fit_where_this_runs_vision_wrote_them(tmp_path):
    take = take_row("a", 0, 3, 6)
    with_fan = Folder(tmp_path / "1", [take], fan=fan_table([3, 6]))
    given = take_landmarks(with_fan.clip, take, SIZE_PX, fan=True)
    assert given.fan_xy_px.shape == (6, 68, 2) and given.fan_score.shape == (6, 68)
    assert (given.fan_score[:, 17:].max(1) > 0).tolist() == [True, False, False, True, False, False]
    assert given.fan_score[0, 30] == 1 and given.fan_score[0, 5] == 0 and not np.isnan(given.fan_score).any()
    assert (given.clip, given.subject, given.size_px) == ("c" * 16, "0", SIZE_PX)
    plain = Folder(tmp_path / "2", [take])
    write_table(plain.clip.file("fan.parquet"), fan_table([3, 6]))
    assert take_landmarks(plain.clip, take, SIZE_PX, fan=False).fan_xy_px is None
    pulled = Folder(tmp_path / "3", [take], fan=fan_table([3, 6], shift_px=3.0))
    pose = {name: read_fit(folder.clip.file(folder.fit()[0].outputs[0]))[0]["pose"].to_pylist()
            for name, folder in (("with", with_fan), ("plain", plain), ("pulled", pulled))}  # fmt: skip
    moved = {name: np.abs(np.array(pose[name]) - np.array(pose["plain"]))[:, 3:5].max() for name in pose}
    assert moved["plain"] == 0 and moved["pulled"] > max(0.05, 2 * moved["with"])


def test_rows_of_other_tracks_and_frames_stay_out(tmp_path):
    folder = Folder(tmp_path, [take_row("a", 0, 3, 8), take_row("c", 1, 3, 8)], unseen={(0, 5)})
    xy_px, seen = face_rows(folder.clip.file("landmarks.parquet"), LANDMARKS, take_row("b", 0, 4, 20), 478,
                            "visibility")  # fmt: skip
    assert (~np.isnan(seen[:, 0])).nonzero()[0].tolist() == [0, 2, 3, 4, 5, 6]
    assert np.isnan(xy_px[1]).all()


def test_a_model_without_ibugs_points_says_that_fans_are_not_used(fitted, tmp_path):
    plain = fitted[0].clip.receipt("vision")
    with_fan = Folder(tmp_path, [take_row("a", 0, 3, 6)], fan=fan_table([3])).clip.receipt("vision")
    used, notes = fans_points(with_fan, {"mp434": MAPS["mp434"]}, MODEL)
    assert not used and notes[0].startswith("FAN's points are not used in the fit: ") and notes[0].endswith("again")
    assert fans_points(with_fan, MAPS, MODEL) == (True, [])
    assert fans_points(plain, MAPS, MODEL) == (False, [])


# What is solved together.


def named(parts):
    return [[take["take_id"] for take in part] for part in parts]


def test_a_tracks_takes_are_together_and_in_times_order():
    takes = [take_row("d", 2, 50, 30), take_row("b", 1, 90, 30), take_row("c", 2, 20, 30), take_row("a", 1, 10, 30)]
    assert named(batches(takes, 1000)) == [["a", "b", "c", "d"]]
    assert named(batches(takes[::-1], 119)) == [["a", "b"], ["c", "d"]], "whatever their order was"
    assert batches([], 10) == []


def test_only_a_track_longer_than_a_batch_is_parted_and_no_take_is():
    takes = [take_row("a", 1, 0, 40), take_row("b", 2, 10, 60), take_row("c", 2, 80, 60), take_row("d", 2, 200, 150),
             take_row("e", 3, 300, 20)]  # fmt: skip
    parts = batches(takes, 130)
    assert named(parts) == [["a"], ["b", "c"], ["d"], ["e"]]
    assert all(sum(take["n_frames"] for take in part) <= 130 or len(part) == 1 for part in parts)


def test_later_batches_hold_the_focal_length_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "batches", lambda takes: batches(takes, 8))
    outcome, fits = Folder(tmp_path, TAKES_OF_TWO).fit()
    assert outcome.facts["batches"] == 3
    a, b, c = (shared["focal_px"] for _, shared in fits.values())
    assert b == pytest.approx(a, rel=2e-3) and c == pytest.approx(a, rel=2e-3)
    held = held_focal(CONFIG.fit, a, SIZE_PX)
    assert held.focal_ratio * 640 == pytest.approx(a) and replace(held, focal_ratio=CONFIG.fit.focal_ratio,
                                                                  focal_log_sd=CONFIG.fit.focal_log_sd) == CONFIG.fit
