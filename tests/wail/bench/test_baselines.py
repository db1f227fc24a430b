"""The baselines do what their names say."""

import numpy as np
import pytest
import torch
from silero_vad import get_speech_timestamps, load_silero_vad

from wail.bench import baselines
from wail.bench.mixtures import Mixture
from wail.bench.recordings import INFANT
from wail.voice.training import synth


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    t = np.arange(int(seconds * 16_000)) / 16_000
    return (0.2 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 6))).astype(np.float32)


def mixture(seed: int, seconds: float = 4.0) -> Mixture:
    sound = synth.cry(np.random.default_rng(seed), seconds)
    truth = np.zeros((int(seconds * 100), 5), np.float32)
    truth[:, INFANT] = sound.active.reshape(-1, 160).mean(1) >= 0.5
    hiss = np.random.default_rng(seed).standard_normal(len(sound.wave)) * 0.01
    return Mixture((sound.wave + hiss).astype(np.float32), truth, "quiet", 0.0)


@pytest.mark.parametrize("hz", [120.0, 300.0, 440.0, 650.0])
def test_f0_of_a_harmonic_tone_is_found_without_octave_errors(hz):
    strength, f0_hz = baselines.periodicity(tone(hz))
    assert f0_hz[5:-5] == pytest.approx(hz, rel=0.03)
    assert (strength[5:-5] > 0.9).all()


def test_only_periodic_sound_of_an_infants_f0_scores():
    noise = (np.random.default_rng(0).standard_normal(32_000) * 0.1).astype(np.float32)
    infant, adult, hiss = (baselines.pitch_score(wave, -3.0)[5:-5] for wave in (tone(440), tone(120), noise))
    assert infant.min() > 0.9 and adult.max() == 0 and np.mean(hiss > 0.5) < 0.02


def test_energy_must_stand_out_of_the_floor():
    wave = tone(440)
    wave[:16_000] *= 0.1
    score = baselines.pitch_score(wave, 9.0)
    assert score[:25].max() == 0 and score[40:60].min() > 0.9


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch calls TorchScript deprecated; Silero comes as one
def test_replayed_probabilities_give_what_silero_itself_marks():
    wave = synth.adult_talk(np.random.default_rng(3), 6.0).wave
    marked = get_speech_timestamps(torch.from_numpy(wave), load_silero_vad(), sampling_rate=16_000)
    expected = [(round(one["start"] / 160), round(one["end"] / 160)) for one in marked]
    assert baselines.silero_spans(baselines.silero_score(wave), len(wave)) == expected
    assert expected, "else this compares nothing"


def test_the_thresholds_that_separate_truth_are_chosen():
    one = mixture(1)
    steps = np.minimum((np.arange(-(-len(one.wave) // 512)) + 0.5) * 3.2, len(one.truth) - 1).astype(int)
    # 0.35 where an infant sounds, 0.15 elsewhere: only enter in between is right.
    score = np.where(one.truth[steps, INFANT] == 1, 0.35, 0.15).astype(np.float32)
    config, f1 = baselines.best_config([one], [baselines.track_of(score, one.wave)])
    assert 0.15 < config.enter <= 0.35 and config.leave > 0.15 * 0.99
    assert f1 > 0.85


def test_boosting_learns_cries_from_mixtures_and_is_seeded():
    pytest.importorskip("sklearn")
    train, unseen = [mixture(seed) for seed in range(3)], mixture(9)
    scores = [baselines.boosting_score(baselines.train_boosting(train), unseen.wave) for _ in range(2)]
    assert scores[0].tobytes() == scores[1].tobytes()
    steps = np.minimum((np.arange(len(scores[0])) + 0.5) * 3.2, len(unseen.truth) - 1).astype(int)
    active = unseen.truth[steps, INFANT] == 1
    assert scores[0][active].mean() > 0.7 > 0.4 > scores[0][~active].mean()


def test_boosting_features_are_finite_for_every_step_of_any_length():
    for n in (1, 511, 513, 16_000):
        features = baselines.boosting_features(np.zeros(n, np.float32))
        assert features.shape == (-(-n // 512), 165) and np.isfinite(features).all()
