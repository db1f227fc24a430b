"""The infant separator: how much nearer its stem is to the infant alone than the mix is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.bench.held import Held
from wail.bench.mixtures import bed
from wail.bench.recordings import FRAME, INFANT, Recording, by_label, excerpt, faded, read_recording, rms
from wail.bench.rows import NotMeasured
from wail.bench.scores import FRAMES_PER_S
from wail.bench.voice_mixtures import Measured
from wail.voice.mel import RATE_HZ
from wail.voice.separate import Separator
from wail.voice.si_sdr import si_sdr
from wail.voice.training.corpus import Entry

SEEDS = {"tune": 505, "test": 606}
KINDS = {"speech": "speech", "music": "music", "tv": "TV", "noise": "noise"}
PER_KIND = 20
LENGTH_S = 8.0
MIN_ACTIVE_S = 1.5
MIN_OWN_SNR_DB = 15.0
"""A cry recorded this far above its own room: what is over it counts as part of the target, and a good separator must
not be blamed for taking a loud room away."""
GATE_PAD_S, GATE_RAMP_S = 0.05, 0.05


@dataclass(frozen=True)
class Pair:
    """An infant alone and in a mix, both [n] at 16 kHz; `kind` is the background."""

    infant: NDArray[np.float32]
    mix: NDArray[np.float32]
    kind: str


def pairs(entries: Sequence[Entry], seed: int, per_kind: int = PER_KIND) -> list[Pair]:
    """Mixtures of 8 s in which infant and background have the same energy: the mix's own SI-SDR is about 0 dB.

    Raises NotMeasured where no recording of a cry is clean enough to be a target.
    """
    bank = by_label(entries)
    cries = [one for entry in bank.get("cry", []) if own_snr_db(one := read_recording(entry)) >= MIN_OWN_SNR_DB]
    if not cries:
        raise NotMeasured(f"no held-out cry stands {MIN_OWN_SNR_DB:g} dB above its own recording's background")
    rng = np.random.default_rng(seed)
    return [pair(cries, bank, kind, rng) for kind in KINDS for _ in range(per_kind)]


def pair(cries: Sequence[Recording], bank: dict[str, list[Entry]], kind: str, rng: np.random.Generator) -> Pair:
    n = int(LENGTH_S * FRAMES_PER_S)
    infant = np.zeros(n * FRAME, np.float32)
    active, at = 0, 0
    while at < n - 50 and (active < MIN_ACTIVE_S * FRAMES_PER_S or at < n // 2):
        piece = excerpt(cries[int(rng.integers(len(cries)))], n - at, rng)
        infant[at * FRAME : (at + len(piece.truth)) * FRAME] = gated(piece)
        active += int((piece.truth[:, INFANT] == 1).sum())
        at += len(piece.truth) + int(rng.uniform(0.2, 1.0) * FRAMES_PER_S)
    background, _ = bed(bank, kind, n, rng)
    infant *= rms(background.astype(np.float32)) / max(rms(infant), 1e-9)
    # Loudness varies as in `mixtures`; nothing clips.
    gain = 10 ** (rng.uniform(-30, -2) / 20) / np.abs(infant + background).max()
    return Pair((infant * gain).astype(np.float32), ((infant + background) * gain).astype(np.float32), kind)


def own_snr_db(recording: Recording) -> float:
    """Power of the annotated time over that of the rest of the recording; -inf where the infant never sounds."""
    loud = np.repeat(recording.truth[:, INFANT] == 1, FRAME)
    if not loud.any():
        return float("-inf")
    return 20 * float(np.log10(rms(recording.wave[loud]) / max(rms(recording.wave[~loud]), 1e-6)))


def gated(recording: Recording) -> NDArray[np.float32]:
    """The recording silenced outside the annotated time (with 50 ms kept and ramps of 50 ms around it)."""
    gate = np.repeat(recording.truth[:, INFANT] == 1, FRAME).astype(np.float64)
    width = int(2 * GATE_PAD_S * RATE_HZ) | 1
    gate = (np.convolve(gate, np.ones(width), "same") > 0.5).astype(np.float64)
    ramp = np.hanning(int(2 * GATE_RAMP_S * RATE_HZ) + 3)
    gate = np.convolve(gate, ramp / ramp.sum(), "same")
    return faded((recording.wave * gate).astype(np.float32))


def stem_of(separator: Separator, wave: NDArray[np.float32]) -> NDArray[np.float32]:
    stem = separator.stem(wave, RATE_HZ)
    if stem.shape != wave.shape:
        raise ValueError(f"{separator.name} gave a stem of shape {stem.shape} for a wave of {wave.shape} at 16 kHz")
    return stem


def separator(held: Held) -> Measured:
    """SI-SDR of the stem less that of the mix, by background."""
    model, gains = held.separator, dict[str, list[float]]()
    for one in held.follow("separator", pairs(held.entries(held.split), SEEDS[held.split])):
        gain = si_sdr(stem_of(model, one.mix), one.infant) - si_sdr(one.mix, one.infant)
        gains.setdefault(one.kind, []).append(gain)
    return {f"separation (b): SI-SDR gain over {KINDS[kind]}": gain_figure(of) for kind, of in gains.items()}


def gain_figure(gains: Sequence[float]) -> tuple[float, str]:
    low, high = np.quantile(gains, [0.25, 0.75])
    worse = sum(gain < 0 for gain in gains)
    return float(np.median(gains)), (f"median of {len(gains)} mixtures of {LENGTH_S:g} s at 0 dB; quartiles {low:.1f} "
                                     f"and {high:.1f} dB; {worse} got worse")  # fmt: skip
