"""Generation: any length, same seed same motion, no seams, and clear refusals."""

import numpy as np
import pytest
import torch

from wail.errors import ConfigError, DatasetError
from wail.motion.checkpoint import Checkpoint
from wail.motion.config import LABELS
from wail.motion.data import read_split
from wail.motion.network import MotionTransformer
from wail.motion.sample import generate, generate_at_frames, load_checkpoint, window_spans
from wail.motion.train import train
from wail.motion.windows import normalisation


@pytest.fixture
def checkpoint(dataset, small):
    """An untrained network with weights that make every input matter."""
    config, split = small(), read_split(dataset, "train")
    torch.manual_seed(0)
    network = MotionTransformer(config.network, 6, len(LABELS)).eval().requires_grad_(False)
    for p in network.parameters():
        p.copy_(torch.randn_like(p) * 0.15)
    return Checkpoint(network, config, 0, normalisation(split.face, split.takes), split.face, split.encoder,
                      split.face.latent_mean[32:96], {}, frozenset())  # fmt: skip


def audio(seconds, seed=0):
    time_s = 0.0125 + 0.02 * np.arange(int(seconds * 50))
    return time_s, np.random.default_rng(seed).normal(0, 1, (len(time_s), 6)).astype(np.float32)


def who(synthetic):
    return {"identity": synthetic.mean[:32] + 1, "age": float(synthetic.mean[96]), "label": "cry"}


@pytest.mark.parametrize("n_frames", [1, 23, 24, 25, 44, 45, 130])
def test_any_length_is_generated(checkpoint, synthetic, n_frames):
    made = generate(checkpoint, *audio(5), n_frames, **who(synthetic), seed=1, steps=3)
    assert made.shape == (n_frames, 64) and made.dtype == np.float32 and np.isfinite(made).all()


def test_the_seed_decides_the_motion(checkpoint, synthetic):
    one, same, other = (generate(checkpoint, *audio(2), 50, **who(synthetic), seed=s) for s in (1, 1, 2))
    assert np.array_equal(one, same) and np.abs(one - other).max() > 1


def test_windows_overlap_by_their_context_and_cover_all():
    assert window_spans(24, 24, 4) == [(0, 24)]
    assert window_spans(25, 24, 4) == [(0, 24), (20, 25)]
    assert window_spans(64, 24, 4) == [(0, 24), (20, 44), (40, 64)]
    assert window_spans(48, 24, 0) == [(0, 24), (24, 48)]


def test_a_later_window_keeps_the_context_it_was_given(checkpoint, synthetic):
    features, heard = np.random.default_rng(0).normal(0, 1, (90, 6)).astype(np.float32), np.ones(90, bool)
    person = who(synthetic).values()
    long = generate_at_frames(checkpoint, features, heard, *person)
    # The first window hears two frames beyond itself, within the margin, so the length does not change it.
    short = generate_at_frames(checkpoint, features[:54], heard[:54], *person)
    np.testing.assert_allclose(long[:24], short[:24], rtol=1e-5, atol=1e-4)


def test_a_still_network_makes_no_seam(checkpoint, synthetic):
    for p in checkpoint.network.motion_out.parameters():
        p.zero_()
    made = generate(checkpoint, *audio(4), 110, **who(synthetic))
    np.testing.assert_allclose(made, np.repeat(synthetic.mean[None, 32:96], 110, axis=0), rtol=1e-5)


def test_person_and_label_may_be_left_out(checkpoint, synthetic):
    known = generate(checkpoint, *audio(1), 20, **who(synthetic))
    unknown = generate(checkpoint, *audio(1), 20, None, None, None)
    assert np.isfinite(unknown).all() and np.abs(known - unknown).max() > 1e-3


def test_guidance_extrapolates_from_deaf_to_hearing(checkpoint, synthetic):
    """With a single step: deaf + g (hearing - deaf)."""
    time_s, features = audio(1)
    person = who(synthetic)
    one, two, four = (generate(checkpoint, time_s, features, 20, **person, steps=1, guidance=g) for g in (1, 2, 4))
    far_away = time_s + 100  # no audio near any frame
    deaf = generate(checkpoint, far_away, features, 20, **who(synthetic), steps=1)
    np.testing.assert_allclose(two, deaf + 2 * (one - deaf), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(four, deaf + 4 * (one - deaf), rtol=1e-3, atol=2e-2)


def test_a_checkpoint_generates_the_same_after_loading(dataset, synthetic, small, tmp_path):
    path = train(dataset, tmp_path, small(steps=4), synthetic.decoder())
    one, other = load_checkpoint(path), load_checkpoint(tmp_path)
    assert (one.encoder, one.step, one.face.name, one.config) == ("toy-mel", 4, "toy", small(steps=4))
    assert one.train_groups == {"gtrain0", "gtrain1", "gtrain2"} and one.class_means.keys() == {"cry", "laugh"}
    made = [generate(c, *audio(1), 30, **who(synthetic)) for c in (one, other)]
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    ("error", "message", "changes"),
    [
        (DatasetError, r"features must have shape \(50, 6\) but has shape \(50, 5\); .*trained with toy-mel", {"d": 5}),
        (DatasetError, "hold NaN", {"nan": True}),
        (ConfigError, "label 'sneeze' is none of", {"label": "sneeze"}),
        (ConfigError, "sampling steps must be in 1-50 but are 51", {"steps": 51}),
        (ConfigError, "no frames to generate", {"n_frames": 0}),
        (ConfigError, r"identity must have shape \(32,\)", {"identity": np.zeros(31)}),
    ],
)
def test_what_does_not_fit_is_refused(checkpoint, synthetic, error, message, changes):
    time_s, features = audio(1)
    if changes.pop("nan", False):
        features[3, 2] = np.nan
    features = features[:, : changes.pop("d", 6)]
    n_frames = changes.pop("n_frames", 20)
    with pytest.raises(error, match=message):
        generate(checkpoint, time_s, features, n_frames, **{**who(synthetic), **changes})


def test_a_file_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"there is no checkpoint at .*run `wail train` first"):
        load_checkpoint(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(DatasetError, match=r"text.pt is no checkpoint of wail"):
        load_checkpoint(tmp_path / "text.pt")
    torch.save({"version": 0}, tmp_path / "old.pt")
    with pytest.raises(DatasetError, match=r"old.pt is no checkpoint of version 1"):
        load_checkpoint(tmp_path / "old.pt")


def test_a_cut_checkpoint_is_named(dataset, synthetic, small, tmp_path):
    path = train(dataset, tmp_path, small(steps=2), synthetic.decoder())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DatasetError, match="is no checkpoint of wail"):
        load_checkpoint(path)


def test_settings_of_another_version_are_refused(dataset, synthetic, small, tmp_path):
    path = train(dataset, tmp_path, small(steps=2), synthetic.decoder())
    state = torch.load(path, weights_only=True)
    state["config"]["colour"] = "red"
    torch.save(state, path)
    with pytest.raises(ConfigError, match=r"do not fit this version .*colour"):
        load_checkpoint(path)
