"""What taggers said, joined to the detector's track within a bound."""

import numpy as np
import pytest

from wail.voice.detect import VoiceTrack
from wail.voice.taggers import TaggerConfig, TagTrack, fuse


def track(p: float | np.ndarray, n: int = 100) -> VoiceTrack:
    time_s = (np.arange(n) + 0.5) * 0.032
    values = [np.broadcast_to(np.asarray(p, np.float32), (n,)).copy() for _ in range(5)]
    return VoiceTrack(time_s, *values, np.zeros(n, np.float32), np.zeros(n, np.float32))


def constant(q: float, **settings) -> TagTrack:
    return TagTrack(np.array([0.5, 1.5]), p_infant=np.full(2, q, np.float32), **settings)


def log_odds(p) -> np.ndarray:
    p = np.asarray(p, np.float64)
    return np.log(p / (1 - p))


def test_without_taggers_the_track_is_the_same_object():
    ours = track(0.3)
    assert fuse(ours, []) is ours
    assert fuse(ours, [TagTrack(np.zeros(0), p_infant=np.zeros(0, np.float32))]) is ours
    assert fuse(ours, [TagTrack(np.zeros(3))]) is ours


def test_only_classes_that_a_tagger_has_move():
    ours = track(0.5)
    fused = fuse(ours, [TagTrack(np.array([1.0]), p_adult=np.array([0.7], np.float32))])
    assert fused.p_infant is ours.p_infant and fused.p_cry is ours.p_cry
    np.testing.assert_allclose(fused.p_adult, 0.7, rtol=1e-5)


def test_evidence_is_the_distance_from_the_neutral_point():
    np.testing.assert_array_equal(fuse(track(0.4), [constant(0.5)]).p_infant, np.float32(0.4))
    told = fuse(track(0.4), [constant(0.2, neutral={"infant": 0.1})]).p_infant
    np.testing.assert_allclose(log_odds(told), log_odds(0.4) + log_odds(0.2) - log_odds(0.1), rtol=1e-4)


@pytest.mark.parametrize("q", [0.0, 1e-9, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("p", [0.0, 0.01, 0.5, 0.97, 1.0])
def test_all_taggers_together_move_log_odds_by_no_more_than_the_bound(p, q):
    fused = fuse(track(p), [constant(q), constant(q), constant(q)], TaggerConfig(max_log_odds=1.0)).p_infant
    assert np.isfinite(fused).all() and fused.min() >= 0 and fused.max() <= 1
    if 0 < p < 1:
        assert np.abs(log_odds(fused) - log_odds(np.float32(p))).max() <= 1.0001
    assert (fused >= p - 1e-6).all() if q > 0.5 else (fused <= p + 1e-6).all()


def test_a_wrong_tagger_neither_wipes_out_a_burst_nor_makes_a_segment_of_silence():
    p = np.full(300, 0.02)
    p[150:160] = 0.9
    no, yes = (fuse(track(p, 300), [constant(q, span_s=2.56)]).p_infant for q in (1e-6, 1 - 1e-6))
    assert no[150:160].min() > 0.88
    assert yes[:150].max() < 0.06 and yes[160:].max() < 0.06


def test_a_no_counts_in_full_where_the_track_fills_the_window_with_the_class():
    fused = fuse(track(0.99, 300), [constant(1e-6, span_s=2.56)]).p_infant
    np.testing.assert_allclose(log_odds(fused), log_odds(0.99) - 1, rtol=1e-3)


def test_a_yes_is_not_spread_over_steps_around_what_explains_it():
    p = np.full(300, 0.4)
    p[150:160] = 0.95
    fused = fuse(track(p, 300), [constant(1 - 1e-6, span_s=2.56)]).p_infant
    reach = int(1.28 / 0.032)
    near = np.r_[150 - reach : 150, 160 : 160 + reach]
    assert fused[near].max() < 0.425 and fused[150:160].min() > 0.97
    np.testing.assert_allclose(log_odds(fused[: 150 - reach]), log_odds(0.4) + 1, rtol=1e-4)


def test_a_tagger_of_frames_is_believed_step_by_step():
    p = np.linspace(0.1, 0.9, 100)
    for q, moved in ((1e-6, -1), (1 - 1e-6, 1)):
        fused = fuse(track(p), [constant(q, span_s=0.025)]).p_infant
        np.testing.assert_allclose(log_odds(fused), log_odds(np.float32(p)) + moved, atol=1e-4)


def test_who_chooses_among_voices_counts_as_far_as_a_voice_sounds():
    ours = track(np.where(np.arange(100) < 50, 0.0, 0.5))
    fused = fuse(ours, [constant(1 - 1e-6, chooses=True)]).p_infant
    np.testing.assert_allclose(fused[:50], 0.0, atol=1e-6)
    np.testing.assert_allclose(log_odds(fused[50:]), 0.75, rtol=1e-3)


def test_evidence_is_taken_at_the_time_of_each_step():
    tag = TagTrack(np.array([1.0, 2.0]), p_infant=np.array([0.5, 0.7], np.float32))
    moved = log_odds(fuse(track(0.5), [tag]).p_infant)
    at = track(0.5).time_s
    np.testing.assert_allclose(moved, np.interp(at, [1.0, 2.0], [0.0, log_odds(0.7)]), atol=1e-6)
