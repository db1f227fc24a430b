"""Other ways to find infants in sound, each with the care that our own detector gets: the same mixtures, the same rule
from scores to segments, thresholds chosen on the same tuning mixtures."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.bench.mixtures import Mixture
from wail.bench.recordings import INFANT
from wail.bench.scores import FRAMES_PER_S, Span, frame_counts, on_frames, pooled
from wail.bench.spans import spans_of
from wail.voice.adult import adult_speech
from wail.voice.detect import VoiceTrack, band_db, loudness_db
from wail.voice.mel import RATE_HZ, MelConfig, log_power, mel_power
from wail.voice.segments import SegmentConfig

HOP = 512
"""Samples between scores: 32 ms."""
F0_HZ = (280.0, 800.0)
LOWEST_HZ = 70.0
ENTER = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
LEAVE_SHARE = (0.5, 0.7, 0.85, 1.0)
ABOVE_FLOOR_DB = (-3.0, 3.0, 9.0)
BOOST_MEL = MelConfig(n_bands=32)
Scorer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A 16 kHz wave [n] to a score from 0 to 1 per 32 ms [ceil(n / 512)]."""


def track_of(score: NDArray[np.float32], wave: NDArray[np.float32]) -> VoiceTrack:
    """A detector's track that holds nothing but this score, so that segments are made of it as of ours."""
    time_s = (np.arange(len(score)) + 0.5) * HOP / RATE_HZ
    nothing = np.zeros_like(score)
    return VoiceTrack(time_s, score, score, nothing, nothing, nothing, loudness_db(wave), band_db(wave))


def best_config(mixtures: Sequence[Mixture], tracks: Sequence[VoiceTrack]) -> tuple[SegmentConfig, float]:
    """The thresholds of the highest frame F1 on tuning mixtures, and that F1; all else as shipped."""
    found: list[tuple[float, SegmentConfig]] = []
    for enter, share in itertools.product(ENTER, LEAVE_SHARE):
        config = replace(SegmentConfig(), enter=enter, leave=enter * share)
        counts = pooled(
            frame_counts(on_frames(spans_of(track, config, len(m.truth)), len(m.truth)), m.truth[:, INFANT])
            for m, track in zip(mixtures, tracks, strict=True)
        )
        found.append((0.0 if np.isnan(counts.f1) else counts.f1, config))
    value, config = max(found, key=lambda one: one[0])
    return config, value


def silero_score(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Silero VAD's speech probability."""
    return adult_speech(wave)[1]


def silero_spans(score: NDArray[np.float32], n_samples: int) -> list[Span]:
    """What Silero VAD marks at its defaults of a wave of so many samples, in frames of 10 ms.

    Its own function decides; it is handed the probabilities already computed in place of the network, which would
    only say them again.
    """
    import torch
    from silero_vad import get_speech_timestamps

    marked = get_speech_timestamps(torch.zeros(n_samples), _Again(score), sampling_rate=RATE_HZ)
    frame = RATE_HZ // FRAMES_PER_S
    return [(round(one["start"] / frame), round(one["end"] / frame)) for one in marked]


class _Again:
    """Says given probabilities one after another, where Silero's network is expected."""

    def __init__(self, score: NDArray[np.float32]) -> None:
        self.left = iter(score)

    def reset_states(self) -> None:
        pass

    def __call__(self, chunk: Any, rate_hz: int) -> Any:
        import torch

        return torch.tensor(float(next(self.left)))


def pitch_score(wave: NDArray[np.float32], above_floor_db: float) -> NDArray[np.float32]:
    """Energy and F0: how periodic the sound is where its F0 is an infant's (280-800 Hz) and it stands out, else 0."""
    strength, f0_hz = periodicity(wave)
    loud = loudness_db(wave)
    standing_out = loud >= np.quantile(loud, 0.1) + above_floor_db
    infants = (f0_hz >= F0_HZ[0]) & (f0_hz <= F0_HZ[1])
    return np.where(infants & standing_out, np.clip(strength, 0, 1), 0).astype(np.float32)


def periodicity(wave: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Strength (0-1) and F0 (Hz) of the best period of each 64 ms window, hop 32 ms, F0 from 70 to 800 Hz.

    Normalised autocorrelation divided by the window's own (Boersma 1993); of periods nearly as good as the best, the
    shortest is taken, or else every second octave would be one too low.
    """
    width = 2 * HOP
    steps = -(-len(wave) // HOP)
    padded = np.pad(wave.astype(np.float64), (HOP // 2, steps * HOP - len(wave) + HOP // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::HOP][:steps]
    window = np.hanning(width)
    frames = (frames - frames.mean(1, keepdims=True)) * window
    auto = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * width, axis=1)) ** 2, axis=1)[:, : width // 2]
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * width)) ** 2)[: width // 2]
    auto = auto / np.maximum(auto[:, :1], 1e-9) / (own / own[0])
    lags = np.arange(int(RATE_HZ / F0_HZ[1]), int(RATE_HZ / LOWEST_HZ) + 1)
    inner = auto[:, lags]
    peak = (inner >= auto[:, lags - 1]) & (inner >= auto[:, lags + 1])
    inner = np.where(peak, inner, 0)
    best = inner.max(1)
    first = np.argmax(inner >= 0.9 * best[:, None], axis=1)
    return best, np.where(best > 0, RATE_HZ / lags[first], 0)


def boosting_features(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel statistics per 32 ms [steps, 164]: mean and spread of 32 bands over 0.26 s and mean over 1 s, the same
    relative to the recording's median, and loudness statistics."""
    log_mel = log_power(mel_power(wave, BOOST_MEL))
    steps = -(-len(wave) // HOP)
    log_mel = np.pad(log_mel, ((0, 2 * steps - len(log_mel)), (0, 0)), mode="edge")
    level = log_mel.mean(1, keepdims=True)
    values = np.concatenate([log_mel, level], axis=1)
    near, near_sd = moving(values, 8)
    far, far_sd = moving(values, 31)
    relative = near - np.median(values, axis=0)
    table = np.concatenate([near, near_sd, far, far_sd, relative], axis=1)
    return np.asarray(table[::2][:steps], np.float32)


def moving(values: NDArray[np.float32], half: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over `half` rows to each side [rows, columns]."""
    padded = np.pad(values.astype(np.float64), ((half + 1, half), (0, 0)), mode="edge")
    width = 2 * half + 1
    sums, squares = np.cumsum(padded, 0), np.cumsum(padded**2, 0)
    mean = (sums[width:] - sums[:-width]) / width
    return mean, np.sqrt(np.maximum((squares[width:] - squares[:-width]) / width - mean**2, 0))


def train_boosting(mixtures: Sequence[Mixture], seed: int = 7) -> Any:
    """Gradient-boosted trees (scikit-learn's HistGradientBoostingClassifier) on the features of training mixtures."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    tables, labels = [], []
    for mixture in mixtures:
        features = boosting_features(mixture.wave)
        frame = np.minimum((np.arange(len(features)) + 0.5) * HOP / RATE_HZ * FRAMES_PER_S, len(mixture.truth) - 1)
        label = mixture.truth[frame.astype(int), INFANT]
        tables.append(features[~np.isnan(label)])
        labels.append(label[~np.isnan(label)])
    model = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.1, max_leaf_nodes=31, l2_regularization=1.0,
                                           early_stopping=False, random_state=seed)  # fmt: skip
    return model.fit(np.concatenate(tables), np.concatenate(labels) == 1)


def boosting_score(model: Any, wave: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(model.predict_proba(boosting_features(wave))[:, 1], np.float32)
