"""Mixtures: seeded, held out, balanced, at the level they claim, with truth where it is known."""

import numpy as np
import pytest

from wail.bench import mixtures, recordings
from wail.bench.mixtures import KINDS, LEVELS_DB, compose
from wail.bench.recordings import ADULT, FRAME, INFANT, Recording, excerpt, frame_labels, read_part, read_recording
from wail.bench.rows import NotMeasured
from wail.errors import ConfigError
from wail.voice.training import corpus


@pytest.fixture(scope="module")
def tune(data):
    return read_part(data, "tune")


def recording(n: int, *active: tuple[int, int]) -> Recording:
    truth = np.zeros((n, 5), np.float32)
    for start, stop in active:
        truth[start:stop, INFANT] = 1
    return Recording(np.random.default_rng(0).standard_normal(n * FRAME).astype(np.float32), truth, "x", "cry")


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tune):
    first, again, other = (compose(tune, seed, 2) for seed in (5, 5, 6))
    assert [m.wave.tobytes() for m in first] == [m.wave.tobytes() for m in again]
    assert first[0].wave.tobytes() != other[0].wave.tobytes()


def test_every_background_meets_every_level_once_in_25(tune, monkeypatch):
    monkeypatch.setattr(mixtures, "mixture", lambda bank, kind, level_db, rng: (kind, level_db))
    assert sorted(compose(tune, 1, 25)) == sorted((kind, level) for kind in KINDS for level in LEVELS_DB)


def test_a_mixture_has_infants_in_sight_and_truth_for_each_10_ms(tune):
    for one in compose(tune, 3, 5):
        assert len(one.wave) == len(one.truth) * FRAME and 20 <= len(one.truth) / 100 <= 30
        assert one.wave.dtype == np.float32 and np.abs(one.wave).max() <= 10 ** (-2 / 20) + 0.01
        assert (one.truth[:, INFANT] == 1).mean() > 0.05
        if one.background in ("speech", "tv"):
            assert (one.truth[:, ADULT] == 1).any()


def test_the_level_is_the_infants_active_time_over_the_whole_background(tune):
    bank = recordings.by_label(tune)
    ratios = []
    for seed in range(6):
        loud = mixtures.mixture(bank, "noise", 30.0, np.random.default_rng(seed))
        active = np.repeat(loud.truth[:, INFANT] == 1, FRAME)
        rest = np.repeat(np.all(loud.truth == 0, axis=1), FRAME)
        ratios.append(20 * np.log10(recordings.rms(loud.wave[active]) / recordings.rms(loud.wave[rest])))
    # The low-pass of half of the excerpts takes some of it away.
    assert np.median(ratios) == pytest.approx(30, abs=1.5)


def test_missing_kinds_are_named(tune):
    with pytest.raises(NotMeasured, match="none of: music"):
        compose([entry for entry in tune if entry.label != "music"], 1, 1)


def test_sirens_cats_and_dogs_are_no_household_noise(data):
    test = read_part(data, "test")
    assert len(recordings.by_label(test)["stranger"]) == 3 and len(recordings.by_label(test)["noise"]) == 1
    (one,) = compose(test, 1, 1, kinds=("strangers",))
    assert one.background == "strangers" and recordings.rms(one.wave) > 0
    with pytest.raises(NotMeasured, match="none of: stranger"):
        compose(read_part(data, "tune"), 1, 1, kinds=("strangers",))


def test_one_sound_wins_over_unknown_and_unknown_over_none():
    a, b = np.array([0, 0, np.nan, 1], np.float32), np.array([np.nan, 1, 1, 1], np.float32)
    assert mixtures.joined(a, b)[1:].tolist() == [1, 1, 1] and np.isnan(mixtures.joined(a, b)[0])


def test_talk_between_an_infants_sounds_is_unknown_and_an_infant_there_is_not():
    entry = corpus.Entry("x", "cry", "g", "MIT", 1.0, ((0.1, 0.3, "cry"),))
    truth = frame_labels(entry, 100)
    assert np.flatnonzero(truth[:, INFANT] == 1).tolist() == list(range(10, 30))
    assert not np.isnan(truth[:, INFANT]).any() and np.isnan(truth[:, ADULT]).all()


def test_time_between_weakly_labelled_coos_is_unknown():
    truth = frame_labels(corpus.Entry("x", "coo_babble", "g", "MIT", 1.0, ((0.1, 0.3, "coo_babble"),)), 100)
    assert (truth[10:30, INFANT] == 1).all() and np.isnan(truth[30:, INFANT]).all()


def test_an_excerpt_of_an_infants_recording_holds_one_of_its_sounds_and_starts_softly():
    one = recording(1000, (990, 995))
    for seed in range(20):
        piece = excerpt(one, 200, np.random.default_rng(seed))
        assert len(piece.truth) == 200 and len(piece.wave) == 200 * FRAME
        assert (piece.truth[:, INFANT] == 1).any()
        assert piece.wave[0] == piece.wave[-1] == 0


def test_active_level_counts_the_active_time_alone():
    one = recording(100, (0, 50))
    one.wave[50 * FRAME :] = 0
    assert recordings.active_rms(one) == pytest.approx(recordings.rms(one.wave[: 50 * FRAME]))


def test_no_recording_is_in_two_parts_and_each_is_read_whole(data):
    parts = [read_part(data, part) for part in ("train", "tune", "test")]
    groups = [{entry.group for entry in part} for part in parts]
    assert all(groups) and not groups[0] & groups[1] and not groups[1] & groups[2] and not groups[0] & groups[2]
    assert read_recording(parts[0][0]).duration_s == pytest.approx(4.0)


def test_a_folder_without_an_index_is_refused_and_one_above_it_is_found(data, tmp_path):
    with pytest.raises(ConfigError, match=r"no index\.csv"):
        recordings.find_index(tmp_path)
    (tmp_path / "audio").symlink_to(data)
    assert recordings.find_index(tmp_path) == tmp_path / "audio"
