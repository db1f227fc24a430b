"""The mouth against the voice: score above chance, offset between frames, and saying nothing where nothing can tell."""

import numpy as np
import pyarrow as pa
import pytest

from schemas.arrow import to_table
from schemas.tables import VOICE
from wail.vision.sync import held_open, loudness, peak, peak_s, pooled, pooled_offset_s, shut_share, synchrony

MOST = 15
N = 150


def voice(seed: int, n: int = N + 2 * MOST) -> np.ndarray:
    """Loudness (0-1) of bursts of unequal length, per grid frame."""
    rng = np.random.default_rng(seed)
    out, at = np.zeros(n), 0
    while at < n:
        length = int(rng.integers(8, 35))
        x = np.linspace(0, np.pi, length)
        out[at : at + length] = (np.sin(x) ** 0.5 * rng.uniform(0.5, 1))[: n - at]
        at += length + int(rng.integers(5, 20))
    return out


def mouth_of(loud: np.ndarray, late_s: float = 0.0, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """Opening of a mouth whose sound comes late by so much."""
    at = np.arange(MOST, MOST + N) + late_s * 30
    rng = np.random.default_rng(seed)
    return 0.3 * np.interp(at, np.arange(len(loud)), loud) + noise * rng.standard_normal(N)


def sync(mouth, loud):
    return synchrony(mouth, -60 + 40 * loud, mouth)


@pytest.mark.parametrize("late_s", [-0.21, -0.05, 0.0, 0.013, 0.2, 0.25])
def test_the_offset_is_found_between_frames(late_s):
    found = [sync(mouth_of(voice(seed), late_s, seed=seed), voice(seed)) for seed in range(4)]
    assert [one.offset_s for one in found] == pytest.approx([late_s] * 4, abs=0.012)
    assert min(one.score for one in found) > 0.6


def test_strangers_score_about_nothing():
    scores = [sync(mouth_of(voice(seed)), voice(seed + 50)).score for seed in range(12)]
    assert abs(np.median(scores)) < 0.2
    assert np.quantile(scores, 0.9) < 0.5


def test_chance_is_higher_the_shorter_the_take():
    chance = []
    for n in (45, 90, 150):
        loud = voice(3)[: n + 2 * MOST]
        chance.append(sync(mouth_of(voice(3))[:n], loud).chance)
    assert chance == sorted(chance, reverse=True)
    assert chance[0] > chance[-1] + 0.1


def test_a_mouth_frozen_open_follows_nothing():
    rng = np.random.default_rng(5)
    still = 0.35 + 0.0015 * rng.standard_normal(N)
    assert sync(still, voice(4)).score < 0.05
    assert sync(np.full(N, 0.35), voice(4)).score < 0.05


def test_a_mouth_held_open_that_trembles_cannot_tell():
    trembling = 0.35 + 0.008 * np.random.default_rng(5).standard_normal(N)
    assert sync(trembling, voice(4)) is None


def test_a_picture_that_seldom_changes_cannot_tell():
    mouth = mouth_of(voice(4))
    assert sync(np.repeat(mouth[::10], 10), voice(4)) is None
    assert sync(np.repeat(mouth[::2], 2), voice(4)) is not None


def test_slow_drift_of_the_mouth_is_no_voice():
    loud = voice(5)
    drifting = mouth_of(loud) + 0.3 * np.sin(np.arange(N) / 40)
    assert sync(drifting, loud).score > 0.5


def test_unseen_frames_are_passed_over():
    loud = voice(6)
    mouth = mouth_of(loud)
    mouth[40:44] = np.nan
    assert sync(mouth, loud).score > 0.6


@pytest.mark.parametrize("what", ["short", "steady", "held open", "unseen", "silent"])
def test_none_where_nothing_can_tell(what):
    loud, mouth = voice(7), mouth_of(voice(7))
    if what == "short":
        mouth, loud = mouth[:25], loud[: 25 + 2 * MOST]
    elif what == "steady":
        loud = np.full_like(loud, 0.7)
    elif what == "held open":
        mouth = 0.3 + 0.1 * mouth
    elif what == "unseen":
        mouth = np.full(N, np.nan)
    else:
        loud = np.zeros_like(loud)
    assert sync(mouth, loud) is None


def test_a_still_shut_mouth_under_a_voice_does_not_follow_it():
    still = np.full(N, 0.01) + 0.002 * np.random.default_rng(0).standard_normal(N)
    assert sync(still, voice(8)).score < 0.1
    assert sync(np.full(N, 0.01), voice(8)).score <= 0


def test_a_mouth_held_open():
    assert held_open(np.full(50, 0.2))
    assert not held_open(np.full(50, 0.02))
    assert not held_open(np.linspace(0.1, 0.3, 50))


def test_the_share_of_a_loud_voice_behind_shut_lips():
    loud = np.r_[np.full(10, -20.0), np.full(10, -50.0), np.full(10, -22.0)]
    opening = np.r_[np.full(15, 0.01), np.full(15, 0.2)]
    voiced = np.ones(30, bool)
    assert shut_share(opening, loud, voiced) == pytest.approx(0.5)
    assert shut_share(opening, loud, ~voiced) == 0
    assert shut_share(np.full(30, np.nan), loud, voiced) == 0


def test_short_takes_of_one_soundtrack_find_its_offset_together():
    found = []
    for start in (0, 60, 100):
        loud = voice(9)[start : start + 50 + 2 * MOST]
        found.append(sync(mouth_of(voice(9), 0.2, noise=0.05)[start : start + 50], loud))
    assert pooled_offset_s(found) == pytest.approx(0.2, abs=0.02)


def test_several_takes_together_tell_own_from_strange_better_than_one():
    own, strange = [], []
    for k in range(6):
        loud, other = voice(20 + k), voice(60 + k)
        own.append(sync(mouth_of(loud, noise=0.15, seed=k)[:70], loud[: 70 + 2 * MOST]))
        strange.append(sync(mouth_of(loud, noise=0.15, seed=k)[:70], other[: 70 + 2 * MOST]))
    assert pooled(own).score > max(0.2, np.quantile([one.score for one in own], 0.2))
    assert pooled(strange).score < 0.2
    assert pooled(own).weight == 6 * 70


def test_the_peak_lies_between_samples_but_not_beyond_the_ends():
    assert peak(np.array([0.0, 1.0, 1.0, 0.0]), 1) == pytest.approx(1.5)
    assert peak(np.array([3.0, 2.0, 1.0]), 0) == 0
    assert peak(np.zeros(5), 2) == 2


def test_of_two_equal_peaks_the_more_usual_offset_counts():
    curve = np.zeros(31)
    curve[[3, 17]] = 0.6
    assert peak_s(curve) == pytest.approx(2 / 30)
    curve[3] = 1.0
    assert peak_s(curve) == pytest.approx(-0.4)


def test_loudness_goes_on_beyond_the_clips_ends():
    rows = [{**dict.fromkeys(VOICE.names, 0.0), "time_s": t, "band_db": db} for t, db in ((0.0, -50.0), (1.0, -20.0))]
    assert loudness(to_table(rows, VOICE), np.array([-5, 0, 15, 30, 40])).tolist() == [-50, -50, -35, -20, -20]
    assert loudness(VOICE.empty_table(), np.arange(2)).tolist() == [-100, -100]
    assert isinstance(VOICE, pa.Schema)
