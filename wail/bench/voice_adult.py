"""Adult speech on the mixtures: by the network, by Silero, and joined as the pipeline joins them."""

import numpy as np

from wail.bench.baselines import HOP, silero_score
from wail.bench.held import Held
from wail.bench.recordings import ADULT
from wail.bench.scores import Counts, frame_counts, pooled
from wail.bench.voice_baselines import scores
from wail.bench.voice_mixtures import Measured, held_over
from wail.voice.analyse import with_adult_speech
from wail.voice.mel import RATE_HZ
from wail.voice.segments import SegmentConfig


def adult(held: Held) -> Measured:
    """Frame F1 of adult speech at the shipped threshold."""
    at_least = SegmentConfig().adult
    counts: dict[str, list[Counts]] = {"network": [], "Silero": [], "joined as shipped": []}
    silero = scores(held, "Silero", silero_score, held.mixtures)
    for k, mixture in enumerate(held.follow("adult speech", held.mixtures)):
        track, n = held.tracks[k], len(mixture.truth)
        joined = with_adult_speech(track, mixture.wave)
        silero_s = (np.arange(len(silero[k])) + 0.5) * HOP / RATE_HZ
        p_adult = {"network": held_over(track.time_s, track.p_adult, n), "Silero": held_over(silero_s, silero[k], n),
                   "joined as shipped": held_over(joined.time_s, joined.p_adult, n)}  # fmt: skip
        for name, p in p_adult.items():
            counts[name].append(frame_counts(p >= at_least, mixture.truth[:, ADULT]))
    return {f"adult speech, {name}: frame F1": (pooled(each).f1, f"p_adult >= {at_least:g}")
            for name, each in counts.items()}  # fmt: skip
