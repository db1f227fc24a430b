"""How the faces move, without a sound: a mouth that cries, laughs, babbles or rests, by the samples' law."""

import numpy as np

from wail.samples.law import CHANNELS, LAW_HZ, Law, activations
from wail.samples.shapes import F64
from wail.samples.sound import smooth_noise

RATES_HZ = {"cry": 0.9, "laugh": 4.2, "babble": 2.6, "calm": 0.4}
OPENING = {"cry": 0.85, "laugh": 0.6, "babble": 0.5, "calm": 0.12}


def act(mood: str, at_s: F64, rng: np.random.Generator) -> F64:
    """Activations [n, M] of the muscles at times [n]."""
    n = round(float(at_s.max(initial=0.0)) * LAW_HZ) + 2
    t = np.arange(n) / LAW_HZ
    rate = RATES_HZ[mood] * rng.uniform(0.8, 1.25)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * (rate * t + rng.uniform()) + 0.8 * smooth_noise(rng, n, 1.0, LAW_HZ))
    drive = OPENING[mood] * rng.uniform(0.6, 1.15) * swing ** rng.uniform(0.5, 1.3)
    cry, laugh, babble = (float(mood == name) for name in ("cry", "laugh", "babble"))

    def noise(size: float) -> F64:
        return np.asarray(size * smooth_noise(rng, n, 1.5, LAW_HZ))

    channels = {
        "jaw": drive + noise(0.03), "stretch": cry * drive * rng.uniform(0.4, 0.9), "upper_lip": 0.5 * cry * drive,
        "smile": laugh * (0.45 + 0.4 * drive) + (1 - cry) * rng.uniform(0, 0.3), "pucker": 0.35 * babble * (1 - drive),
        "brow": cry * (0.5 + 0.3 * drive) + noise(0.05), "inner_brow": cry * rng.uniform(0, 0.5) + noise(0.05),
        "cheek": cry * (0.3 + 0.4 * drive) + 0.4 * laugh, "squeeze": cry * (0.35 + 0.5 * drive) * rng.uniform(0.4, 1.1),
        "blink": np.clip(np.sin(2 * np.pi * (t / rng.uniform(1.5, 4) + rng.uniform())) * 12 - 11, 0, 1),
    }  # fmt: skip
    clipped = {name: np.clip(channels[name], 0, 1) for name in CHANNELS}
    return activations(clipped, Law(asymmetry=float(rng.normal(0, 0.07))), at_s)
