"""The benchmark of the fit: what its rows say of figures, and that its bounds can be missed."""

import numpy as np
import pytest

from wail.bench import fit_accuracy, fit_clips, fit_speed
from wail.bench.fit import PARTS, bench_fit
from wail.bench.fit_child import in_child
from wail.bench.fit_clips import TakeScore
from wail.errors import ConfigError, DatasetError
from wail.inface.landmarks import aperture_mm
from wail.inface.model import load_model
from wail.samples.truth import Truth


def test_an_unknown_part_is_refused():
    with pytest.raises(ConfigError, match="no part voice"):
        bench_fit(only=["accuracy", "voice"])


def test_the_worst_decoder_counts_by_its_mean():
    by = {"flat": [0.1, 0.3], "1/k": [0.25, 0.25]}
    assert fit_accuracy.worst(by) == pytest.approx(0.25)
    assert fit_accuracy.worst(by, largest=False) == pytest.approx(0.2)
    assert "flat 0.2 mm (worst seed 0.3)" in fit_accuracy.told(by, " mm")


def test_bounds_of_accuracy_can_be_met_and_missed(monkeypatch):
    monkeypatch.setattr(fit_accuracy, "scored", lambda score, kinds, split, **how: {one: (0.1, 0.31) for one in kinds})
    rows = fit_accuracy.accuracy("tune")
    assert [row.met for row in rows] == [False, False, True, None, None]
    assert rows[0].value == pytest.approx(0.205)
    assert "worse of flat and 1/k" in rows[0].note


def raced(ours, adam, optimum, ours_s=1.0, adam_s=2.0):
    return {"ours": [ours] * 2, "adam": [adam] * 2, "optimum": [optimum] * 2, "told": [ours] * 2,
            "low": [adam] * 2, "low_s": [adam_s],
            "ours_s": [ours_s, 3.0, ours_s], "adam_s": [adam_s, 1.0, adam_s]}  # fmt: skip


def test_energies_are_told_above_the_optimum_and_above_adams():
    both = {"1/k": raced(100.5, 115.0, 100.0), "flat": raced(100.5, 100.1, 100.0, ours_s=4.0)}
    (optimum,) = fit_speed.optimum_rows(both)
    assert optimum.value == pytest.approx(0.5)
    assert optimum.met is True
    lower, faster, flat, slower = fit_speed.adam_rows(both, threads=2)
    assert lower.value < 0
    assert lower.met is True
    assert (faster.value, faster.met) == (2.0, True)
    assert flat.value == pytest.approx(0.3996, rel=1e-3)
    assert flat.met is False
    assert slower.met is None
    worse = {"1/k": raced(116.0, 115.0, 100.0, ours_s=2.5), "flat": raced(100.2, 100.1, 100.0)}
    assert [row.met for row in fit_speed.adam_rows(worse, 2)] == [False, False, True, None]
    assert fit_speed.optimum_rows(worse)[0].met is False


def test_without_a_gpu_its_rows_stay_and_say_so(monkeypatch):
    monkeypatch.setattr(fit_speed.torch.cuda, "is_available", lambda: False)
    rows = fit_speed.gpu("tune", 1, 1)
    assert [(row.value, row.met, row.note) for row in rows] == [(None, None, "no GPU here")] * 3
    assert [row.at_least for row in rows] == [5000, 20000, 1e-3]


def test_speed_is_the_median_rounds(monkeypatch):
    monkeypatch.setattr(fit_speed, "in_child", lambda job, threads, **spec: {"seconds": [3.0, 1.0, 2.0], "frames": 400})
    rows = fit_speed.speed("tune", 2, 3)
    assert [row.value for row in rows] == [200.0] * 4
    assert [row.met for row in rows] == [True, None, None, None]


def test_memory_is_what_more_frames_cost(monkeypatch):
    monkeypatch.setattr(fit_speed, "in_child", lambda job, threads, frames: {"peak_bytes": 1e9 + 5e3 * frames,
                                                                             "seconds": 1.0})  # fmt: skip
    assert fit_speed.memory(1)[0].value == pytest.approx(5.0)


def test_a_process_of_its_own_fits():
    done = in_child("memory", 1, frames=20)
    assert done["peak_bytes"] > 5e7
    assert done["seconds"] > 0


def test_a_process_that_fails_says_why():
    with pytest.raises(DatasetError, match="unexpected keyword"):
        in_child("memory", 1, colour="red")


@pytest.fixture
def take():
    """A take of ten frames and the truth that it starts in frame 3 of."""
    model, rng = load_model(), np.random.default_rng(0)
    expression = (rng.normal(size=(20, 64)) * 10).astype(np.float32)
    identity = rng.normal(size=32).astype(np.float32)
    codes = fit_clips.codes(identity, 0.5, expression)
    opening = aperture_mm(model, model.latent_mean.new_tensor(codes)).numpy()
    truth = Truth("a", "a.mp4", "", "", "", 20 / 30, 30.0, 20, (448, 448), 600.0, "cry", 30.0, False, 0.0, 0, 0.0, 0.5,
                  (), (), (), (), (),
                  {"expression": expression, "identity": identity, "aperture_mm": opening})  # fmt: skip
    valid = np.ones(10, bool)
    valid[4] = False
    row = {"start_s": 0.1, "valid": valid, "expression": expression[3:13].ravel(), "identity": identity, "age": 0.5,
           "aperture_mm": opening[3:13]}  # fmt: skip
    return row, truth


def test_a_take_that_is_right_scores_nothing(take):
    row, truth = take
    score = fit_clips.score(row, truth)
    assert score.rigid_mm < 1e-4
    assert score.aperture_mm == pytest.approx(score.true_aperture_mm)
    assert len(score.aperture_mm) == 9
    wrong = fit_clips.score(row | {"expression": np.roll(row["expression"], 64)}, truth)
    assert wrong.rigid_mm > 0.1


def test_rows_of_clips_pool_frames_and_name_the_bias():
    open_, closed = np.linspace(2, 9, 40), np.zeros(10)
    takes = [TakeScore("a", 1.0, 0.5, np.r_[open_, closed + 0.4], np.r_[open_, closed]),
             TakeScore("b", 3.0, 1.5, open_[::-1], open_[::-1])]  # fmt: skip
    lips, aperture, bias = fit_clips.figures(takes)
    assert lips.value == 2.0
    assert aperture.met is True
    assert bias.value == pytest.approx(0.4)
    assert fit_clips.figures([TakeScore("a", 1.0, 1.0, open_, open_[::-1])])[1].met is False
    (none,) = fit_clips.figures([])
    assert (none.value, none.note) == (None, "no take was kept")


def test_every_part_has_its_function():
    for name in PARTS:
        assert any(hasattr(module, name) for module in (fit_accuracy, fit_speed, fit_clips)), name
