"""Segments from probabilities that are written down by hand."""

import numpy as np
import pytest

from wail.errors import ConfigError
from wail.voice.detect import VoiceTrack, detect
from wail.voice.segments import SegmentConfig, close_gaps, drop_short, groups, hysteresis, vocal_segments
from wail.voice.training import synth

STEP_S = 0.032


def track(p_infant, loudness=-20.0, **others) -> VoiceTrack:
    p = np.asarray(p_infant, np.float32)
    n = len(p)
    values = {name: np.broadcast_to(np.float32(others.get(name, 0)), n).copy()
              for name in ("p_cry", "p_laugh", "p_babble", "p_adult")}  # fmt: skip
    return VoiceTrack((np.arange(n) + 0.5) * STEP_S, p, loudness_db=np.full(n, loudness, np.float32),
                      band_db=np.full(n, loudness, np.float32), **values)


def burst(n: int, start: int, stop: int, level: float = 0.9) -> np.ndarray:
    p = np.zeros(n, np.float32)
    p[start:stop] = level
    return p


def eased(p: float, log_odds: float = 1.0) -> float:
    """What is left of a stem's probability when its bias is taken off."""
    return 1 / (1 + (1 - p) / p * np.exp(log_odds))


def test_hysteresis_keeps_runs_that_reach_the_upper_threshold_and_spreads_to_the_lower():
    p = np.array([0.1, 0.4, 0.7, 0.4, 0.1, 0.4, 0.4, 0.1, 0.9], np.float32)
    assert hysteresis(p, 0.6, 0.35) == [(1, 4), (8, 9)]


def test_gaps_below_the_limit_close_and_gaps_at_it_stay():
    assert close_gaps([(0, 5), (13, 20), (29, 40)], 9) == [(0, 20), (29, 40)]


def test_short_bursts_go():
    assert drop_short([(0, 8), (10, 19), (30, 60)], 9.4) == [(10, 19), (30, 60)]


def test_a_burst_of_0_3_s_is_kept_and_half_of_it_is_not():
    assert len(vocal_segments(track(burst(60, 10, 20), p_cry=0.9), None, SegmentConfig())) == 1
    assert vocal_segments(track(burst(60, 10, 15), p_cry=0.9), None, SegmentConfig()) == []


def test_rows_have_the_times_label_and_probabilities_of_the_segment():
    p = burst(100, 20, 50, 0.8)
    rows = vocal_segments(track(p, p_cry=0.2, p_laugh=0.7, p_babble=0.3), None, SegmentConfig())
    assert len(rows) == 1
    row = rows[0]
    assert row["start_s"] == pytest.approx(0.64) and row["end_s"] == pytest.approx(1.6)
    assert row["label"] == "laugh"
    assert row["probability"] == pytest.approx(0.8) and row["p_mix"] == pytest.approx(0.8)
    assert row["p_stem"] is None and row["adult_overlap"] == 0.0


def test_adult_overlap_is_the_share_of_steps_with_an_adult():
    t = track(burst(100, 20, 60), p_cry=0.9)
    t.p_adult[30:40] = 0.9
    assert vocal_segments(t, None, SegmentConfig())[0]["adult_overlap"] == pytest.approx(0.25)


def test_a_stem_adds_what_the_mix_hides_and_both_are_stored():
    mix, stem = track(burst(100, 20, 60, 0.2), p_cry=0.1), track(burst(100, 20, 60, 0.98), p_cry=0.9)
    (row,) = vocal_segments(mix, stem, SegmentConfig())
    assert row["p_mix"] == pytest.approx(0.2) and row["p_stem"] == row["probability"] == pytest.approx(eased(0.98))
    assert row["label"] == "cry"


def test_the_stem_has_to_be_surer_than_the_mix_would_have_to_be():
    mix, stem = track(np.zeros(100)), track(burst(100, 20, 60, 0.85))
    assert vocal_segments(mix, stem, SegmentConfig()) == []
    assert len(vocal_segments(mix, stem, SegmentConfig(stem_bias=0, stem_margin=0))) == 1


def test_a_stem_that_lost_the_voice_takes_nothing_away():
    mix, dead = track(burst(100, 20, 60), p_cry=0.9), track(np.zeros(100), loudness=-100.0)
    alone, both = vocal_segments(mix, None, SegmentConfig()), vocal_segments(mix, dead, SegmentConfig())
    assert len(both) == 1
    assert all(both[0][key] == alone[0][key] for key in ("start_s", "end_s", "label", "p_mix"))
    assert both[0]["p_stem"] == 0.0


def test_where_both_hear_it_the_better_ones_edges_and_kind_are_kept():
    mix, stem = track(burst(100, 20, 60, 0.7), p_cry=0.7), track(burst(100, 28, 52, 0.99), p_babble=0.9)
    (row,) = vocal_segments(mix, stem, SegmentConfig())
    assert (row["start_s"], row["end_s"]) == pytest.approx((20 * STEP_S, 60 * STEP_S))  # surer over all of it
    stem = track(burst(100, 18, 62, 0.99), p_babble=0.9)
    (row,) = vocal_segments(mix, stem, SegmentConfig())
    assert (row["start_s"], row["end_s"]) == pytest.approx((18 * STEP_S, 62 * STEP_S))
    assert row["label"] == "babble"
    assert row["probability"] == row["p_stem"] == pytest.approx(eased(0.99))
    assert row["p_mix"] == pytest.approx(0.7 * 40 / 44)


def test_one_sure_burst_in_a_poor_stem_does_not_stand_for_a_whole_cry():
    mix, stem = track(burst(200, 20, 170, 0.8)), track(burst(200, 60, 75, 0.99))
    (row,) = vocal_segments(mix, stem, SegmentConfig())
    assert (row["start_s"], row["end_s"]) == pytest.approx((20 * STEP_S, 170 * STEP_S))
    assert row["probability"] == row["p_mix"] == pytest.approx(0.8)


def test_gaps_between_what_the_mix_and_what_the_stem_has_are_closed_too():
    mix, stem = track(burst(100, 20, 40)), track(burst(100, 44, 70, 0.99))
    (row,) = vocal_segments(mix, stem, SegmentConfig())
    assert (row["start_s"], row["end_s"]) == pytest.approx((20 * STEP_S, 70 * STEP_S))
    far = track(burst(100, 52, 70, 0.99))
    assert [round(row["start_s"] / STEP_S) for row in vocal_segments(mix, far, SegmentConfig())] == [20, 52]


def test_groups_are_chains_of_overlap():
    assert groups([(30, 40), (0, 10), (8, 20), (15, 16), (20, 25)]) == [
        [(0, 10), (8, 20), (15, 16)], [(20, 25)], [(30, 40)]]  # fmt: skip


def test_silence_is_never_voice_and_an_empty_track_has_no_rows():
    assert vocal_segments(track(burst(100, 20, 60), loudness=-95.0, p_cry=0.9), None, SegmentConfig()) == []
    assert vocal_segments(track(np.zeros(0)), None, SegmentConfig()) == []


def test_rows_fit_the_table():
    from schemas.arrow import to_table
    from schemas.tables import VOCAL

    rows = vocal_segments(track(burst(100, 20, 60), p_cry=0.9), None, SegmentConfig())
    assert to_table(rows, VOCAL).num_rows == 1


def test_thresholds_out_of_order_are_refused():
    with pytest.raises(ConfigError, match=r"leave is 0\.7 and enter is 0\.5"):
        SegmentConfig(enter=0.5, leave=0.7)


def reverberant(wave: np.ndarray, rng: np.random.Generator, rt60_s: float) -> np.ndarray:
    tail = rng.standard_normal(int(rt60_s * 16_000)) * 10 ** (-3 * np.linspace(0, 1, int(rt60_s * 16_000)))
    tail *= 0.5 / np.sqrt((tail**2).sum())
    tail[0] += 1
    return np.convolve(wave, tail)[: len(wave)].astype(np.float32)


@pytest.mark.parametrize("rt60_s", [0.0, 0.5])
def test_edges_of_sounds_with_known_onsets_lie_within_a_tenth_of_a_second(rt60_s):
    """Cries of unseen seeds over faint noise, dry and in a room; those that were found at an IoU of 0.5."""
    rng, errors = np.random.default_rng(77), []
    for _ in range(8):
        sound = synth.cry(rng, 6.0)
        wave = reverberant(sound.wave, rng, rt60_s) if rt60_s else sound.wave
        wave = wave / wave.std() * 0.05 + rng.standard_normal(len(wave)) * 0.002
        truth = close_gaps(hysteresis(sound.active[::160].astype(np.float32), 0.5, 0.5), 30)
        for row in vocal_segments(detect(wave.astype(np.float32)), None, SegmentConfig()):
            for start_s, end_s in ((a / 100, b / 100) for a, b in truth):
                both = min(end_s, row["end_s"]) - max(start_s, row["start_s"])
                if both >= 0.5 * (max(end_s, row["end_s"]) - min(start_s, row["start_s"])):
                    errors.append((row["start_s"] - start_s, row["end_s"] - end_s))
    starts, ends = np.abs(np.array(errors)).T
    assert len(starts) >= 15
    assert np.median(starts) < 0.05 and np.median(ends) < 0.05
    assert (starts < 0.1).mean() >= 0.8 and (ends < 0.1).mean() >= 0.7


@pytest.mark.parametrize("level_db", [0.0, 10.0])
def test_bursts_of_0_3_s_are_not_lost(level_db):
    """0.3 s of a cry by itself, over noise."""
    rng, found = np.random.default_rng(5), 0
    for _ in range(20):
        cry = synth.cry(rng, 3.0)
        start = int(np.flatnonzero(cry.active)[0]) + 1600
        burst_16 = cry.wave[start : start + 4800] * np.hanning(4800) ** 0.2
        wave = rng.standard_normal(48_000) * 0.01
        wave[20_000:24_800] += burst_16 / burst_16.std() * 0.01 * 10 ** (level_db / 20)
        rows = vocal_segments(detect(wave.astype(np.float32)), None, SegmentConfig())
        found += any(row["start_s"] < 1.5 and row["end_s"] > 1.3 for row in rows)
    assert found >= 10
