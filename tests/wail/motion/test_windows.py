"""Windows cover the takes, are padded with weight 0, and follow from a position alone."""

from dataclasses import replace

import numpy as np
import torch

from wail.motion.data import read_split
from wail.motion.windows import WindowLoader, fingerprint, normalisation, padded, window_index


def loader(dataset, config, position=0):
    split = read_split(dataset, "train")
    return WindowLoader(split, config, normalisation(split.face, split.takes), position)


def test_windows_cover_every_frame_of_every_take(small):
    config = small()
    lengths = [1, 23, 24, 25, 50, 331]
    covered = [np.zeros(n, bool) for n in lengths]
    for take, start in window_index(lengths, config):
        covered[take][min(start, max(0, lengths[take] - 24)) :][:24] = True
    assert all(c.all() for c in covered)


def test_an_epoch_gives_every_window_once(dataset, small):
    windows = loader(dataset, small())
    n = len(windows.index)
    for epoch in range(2):
        takes = sorted(windows._place(epoch * n + k)[0] for k in range(n))
        assert takes == sorted(take for take, _ in windows.index)


def test_a_loader_put_at_a_position_goes_on_as_if_never_stopped(dataset, small):
    straight = loader(dataset, small())
    batches = [straight.next() for _ in range(5)]
    resumed = loader(dataset, small(), position=3 * 4)
    for one, other in ((batches[3], resumed.next()), (batches[4], resumed.next())):
        torch.testing.assert_close(one.target, other.target, rtol=0, atol=0)
        torch.testing.assert_close(one.given, other.given, rtol=0, atol=0)


def test_a_short_take_is_padded_on_the_right_with_weight_zero(dataset, small):
    batch = loader(dataset, small()).batch([(2, 0, 0)])
    assert batch.target.shape == (1, 24, 64) and batch.conditions.audio.shape == (1, 3 + 24 + 2, 6)
    np.testing.assert_array_equal(batch.weight[0] > 0, np.arange(24) < 17)
    # The features reach from 12.5 ms after the first frame to 0.1 s after the last, and so far again by nearness.
    heard = (np.arange(29) >= 3 - 2) & (np.arange(29) < 3 + 17 + 6)
    np.testing.assert_array_equal(batch.conditions.heard[0], heard)


def test_a_window_inside_a_take_hears_beyond_its_own_frames(dataset, small):
    windows = loader(dataset, small())
    batch = windows.batch([(0, 10, 0)])
    take = windows.takes[0]
    expected = windows.norm.features_z(take.features)[15 + 7 : 15 + 36]  # the margin, frames 10 to 34, the band
    np.testing.assert_array_equal(batch.conditions.audio[0].numpy(), expected)
    assert batch.conditions.heard.all()


def test_normalised_values_are_of_unit_size_and_return(dataset):
    split = read_split(dataset, "train")
    norm = normalisation(split.face, split.takes)
    features = np.concatenate([norm.features_z(take.features[take.heard]) for take in split.takes])
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(features.std(0), 1, atol=1e-4)
    raw = split.takes[0].expression
    np.testing.assert_allclose(norm.expression_raw(norm.expression_z(raw)), raw, atol=1e-3)


def test_a_latent_or_feature_that_never_varies_does_not_divide_by_zero(dataset):
    split = read_split(dataset, "train")
    still = replace(split.face, latent_std=np.zeros(97, np.float32))
    takes = [replace(take, features=np.ones_like(take.features)) for take in split.takes]
    norm = normalisation(still, takes)
    assert (norm.latent_std == 1).all() and (norm.feature_std == 1).all()


def test_padding_reaches_over_both_ends_and_past_them():
    values = np.arange(1, 4)
    np.testing.assert_array_equal(padded(values, -2, 5), [0, 0, 1, 2, 3, 0, 0])
    np.testing.assert_array_equal(padded(values, 1, 2), [2])
    np.testing.assert_array_equal(padded(values, 4, 6), [0, 0])
    np.testing.assert_array_equal(padded(values, -3, -1), [0, 0])


def test_the_fingerprint_sees_a_change_of_one_value(dataset):
    split = read_split(dataset, "train")
    take = split.takes[1]
    expression = take.expression.copy()
    expression[3, 5] += 1e-3
    changed = replace(split, takes=(split.takes[0], replace(take, expression=expression), split.takes[2]))
    assert fingerprint(split) == fingerprint(read_split(dataset, "train")) != fingerprint(changed)
