"""The law of the sample infants: how loudness and pitch of the voice move the face. Once chosen it stays as it is.

Inputs, from the clean voice at 120 Hz, shifted by the infant's own delay (> 0: the face follows the sound):

    l(t) = clip((loudness_db + 46) / 38, 0, 1)            loudness, RMS over 50 ms
    p(t) = clip(log2(f0 / (380 pitch)) / 0.6, 0, 1)       pitch, held where unvoiced; `pitch` is the infant's own
    c, g, b(t)                                            cry, laugh, babble: 1 within an utterance, else 0

Each passes a critically damped low-pass of second order, x'' = (u - x) / tau^2 - 2 x' / tau. With the mouth's time
constant l becomes the drive d and c, g, b the shares C, G, B; with the brow's, p becomes P; with twice the brow's, c
and g become the moods M and N, which outlast the sound. The activations, 0-1 of what the muscle can do, with the
infant's own `gain`:

    jaw         gain d^1.3 (0.76 C + 0.70 G + 0.58 B) (1 + 0.25 P)
    stretch     d (0.35 + 0.45 P) C                        lip corners out and down: the square mouth
    upper_lip   d 0.55 C + 0.25 d G
    smile       N (0.45 + 0.45 d)
    pucker      0.35 (1 - d) B
    brow        M (0.35 + 0.30 d + 0.30 P)                 brows down and together
    inner_brow  0.5 M (1 - P)                              inner ends of the brows up: whining
    cheek       M (0.25 + 0.45 d) + N (0.35 + 0.35 d)
    squeeze     M (0.30 + 0.55 d) + 0.35 N d               eyes shut by the cheek side
    blink       closes for 0.2 s every 2-6 s

Slow noise (one-pole, 1.5 Hz) of the infant's own strength is added: times d to jaw and stretch and times N to smile, so
that a silent mouth is closed and still, and as it is to brow, inner_brow, cheek and squeeze. What comes out of 0-1 is
clipped. Left and right muscles pull (1 + asymmetry) and (1 - asymmetry) times as much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from wail.inface.standin.muscles import MUSCLES
from wail.samples.sound import CONTROL_HZ, F64, InfantVoice, Utterance, loudness_db, smooth_noise

LAW_HZ = 120
PULLS: dict[str, dict[str, float]] = {
    "jaw": {"jaw_open": 1.0},
    "stretch": {"risorius": 0.8, "depressor_anguli": 0.5, "depressor_labii": 0.6},
    "upper_lip": {"levator_labii": 1.0},
    "smile": {"zygomatic_major": 1.0, "buccinator": 0.15},
    "pucker": {"orbicularis_oris": 1.0},
    "brow": {"corrugator": 1.0, "procerus": 0.7},
    "inner_brow": {"frontalis_inner": 0.8, "mentalis": 0.25},
    "cheek": {"orbicularis_oculi": 0.5, "nasalis": 0.8},
    "squeeze": {"orbicularis_oculi": 0.6, "lid_close": 1.1},
    "blink": {"lid_close": 1.0},
}
"""The stand-in's muscles that each channel pulls, and how much; pulls on one muscle add up."""
CHANNELS = ("jaw", "stretch", "upper_lip", "smile", "pucker", "brow", "inner_brow", "cheek", "squeeze", "blink")


@dataclass(frozen=True)
class Law:
    """One infant's constants of the law."""

    delay_s: float = 0.03
    gain: float = 1.0
    mouth_tau_s: float = 0.022
    brow_tau_s: float = 0.15
    noise: float = 0.04
    asymmetry: float = 0.0
    pitch: float = 1.0


def second_order(drive: F64, tau_s: float) -> F64:
    """Critically damped low-pass at LAW_HZ: two equal poles, unit gain at rest."""
    a = float(np.exp(-1 / (tau_s * LAW_HZ)))
    return np.asarray(lfilter([(1 - a) ** 2], [1, -2 * a, a * a], drive))


def muscles(voice: InfantVoice, law: Law, duration_s: float, seed: int) -> dict[str, F64]:
    """Activations of every channel at LAW_HZ over the clip, keys CHANNELS."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * LAW_HZ) + 1
    at = np.arange(n) / LAW_HZ - law.delay_s
    loud = np.clip((loudness_db(voice.wave, n, LAW_HZ, 0.05) + 46) / 38, 0, 1)
    loud = np.interp(at, np.arange(n) / LAW_HZ, loud)
    drive = second_order(loud, law.mouth_tau_s)
    pitch = second_order(_pitch(voice.f0_hz, law, at), law.brow_tau_s)
    cry, laugh, babble = (_within(voice.utterances, label, at) for label in ("cry", "laugh", "babble"))
    c, g, b = (second_order(x, law.mouth_tau_s) for x in (cry, laugh, babble))
    mood, joy = second_order(cry, 2 * law.brow_tau_s), second_order(laugh, 2 * law.brow_tau_s)

    def noise() -> F64:
        return law.noise * smooth_noise(rng, n, 1.5, LAW_HZ)

    out = {
        "jaw": law.gain * drive**1.3 * (0.76 * c + 0.70 * g + 0.58 * b) * (1 + 0.25 * pitch) + noise() * drive,
        "stretch": drive * (0.35 + 0.45 * pitch) * c + noise() * drive,
        "upper_lip": drive * (0.55 * c + 0.25 * g) + noise() * drive,
        "smile": joy * (0.45 + 0.45 * drive) + noise() * joy,
        "pucker": 0.35 * (1 - drive) * b,
        "brow": mood * (0.35 + 0.30 * drive + 0.30 * pitch) + noise(),
        "inner_brow": 0.5 * mood * (1 - pitch) + noise(),
        "cheek": mood * (0.25 + 0.45 * drive) + joy * (0.35 + 0.35 * drive) + noise(),
        "squeeze": mood * (0.30 + 0.55 * drive) + 0.35 * joy * drive + noise(),
        "blink": _blinks(rng, n),
    }
    return {name: np.clip(out[name], 0, 1) for name in CHANNELS}


def activations(channels: Mapping[str, F64], law: Law, at_s: F64) -> F64:
    """Activations [n, M] of the stand-in's muscles, in the order of MUSCLES, at the given times."""
    out = np.zeros((len(at_s), len(MUSCLES)))
    for channel, track in channels.items():
        value = np.interp(at_s * LAW_HZ, np.arange(len(track)), track)
        for muscle, share in PULLS[channel].items():
            for name, side in ((muscle, 0.0), (f"{muscle}_left", law.asymmetry), (f"{muscle}_right", -law.asymmetry)):
                if name in MUSCLES:
                    out[:, MUSCLES.index(name)] += share * value * (1 + side)
    return np.clip(out, 0, 1)


def _pitch(f0_hz: F64, law: Law, at_s: F64) -> F64:
    """The input p at the given times: log pitch above 380 Hz, held through unvoiced stretches."""
    voiced = np.flatnonzero(f0_hz > 0)
    if not len(voiced):
        return np.zeros(len(at_s))
    height = np.clip(np.log2(f0_hz[voiced] / (380 * law.pitch)) / 0.6, 0, 1)
    held = height[np.clip(np.searchsorted(voiced, at_s * CONTROL_HZ, side="right") - 1, 0, None)]
    return np.where(at_s * CONTROL_HZ < voiced[0], 0.0, held)


def _within(utterances: Sequence[Utterance], label: str, at_s: F64) -> F64:
    """1 where one of the utterances of this label sounds."""
    out = np.zeros(len(at_s))
    for u in utterances:
        if u.label == label:
            out[(at_s >= u.start_s) & (at_s < u.end_s)] = 1.0
    return out


def _blinks(rng: np.random.Generator, n: int) -> F64:
    out = np.zeros(n)
    at = float(rng.uniform(0.5, 3))
    while at * LAW_HZ < n:
        x = (np.arange(n) / LAW_HZ - at) / 0.2
        out = np.maximum(out, np.where((x > 0) & (x < 1), np.sin(np.pi * np.clip(x, 0, 1)), 0.0))
        at += float(rng.uniform(2, 6))
    return out
