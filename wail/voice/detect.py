"""Infant vocalisation, by kind, every 32 ms: a small network over log-mel, run in blocks of bounded memory."""

import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from wail.errors import ClipError, ConfigError, ModelError, shape_message
from wail.voice.frames import one_thread
from wail.voice.mel import RATE_HZ, log_power, mel_power
from wail.voice.network import HALO_STEPS, MEL, OUTPUTS, ROWS_PER_STEP, VoiceNet

WEIGHTS = Path(__file__).parent / "weights" / "voicenet.safetensors"
HOP_SAMPLES = ROWS_PER_STEP * MEL.hop_samples
BLOCK_STEPS = 1875
"""60 s."""
SILENCE_DB = -100.0
BAND_HZ = (1000.0, 4000.0)
"""The first two formants of an infant: where loudness follows the mouth's opening most closely (Grant and Seitz 2000
find it in the band of the second formant), and where fans, traffic and a far adult's fundamental do not reach."""
BAND_WINDOW = 1024
MAX_PEAK = 100.0
"""Float formats may pass full scale a little; integers that were never scaled pass it by far."""


@dataclass(frozen=True)
class VoiceTrack:
    """Probabilities and loudness of each 32 ms step, all [n]; `time_s` are the steps' centres on the clip's clock."""

    time_s: NDArray[np.float64]
    p_infant: NDArray[np.float32]
    p_cry: NDArray[np.float32]
    p_laugh: NDArray[np.float32]
    p_babble: NDArray[np.float32]
    p_adult: NDArray[np.float32]
    loudness_db: NDArray[np.float32]
    band_db: NDArray[np.float32]


def detect(wave16: NDArray[np.float32], weights: Path = WEIGHTS, device: str = "cpu") -> VoiceTrack:
    """Infant, cry, laugh, babble and adult probabilities (0-1) and RMS (dB of full scale), in all and in the band that
    follows the mouth, of a 16 kHz mono wave [n].

    The same bytes for the same wave on the CPU, and within 1e-4 of them on a GPU (`device` "cuda"); a wave shorter
    than one step gives one step, an empty one a track of length 0. Raises ClipError (corrupt) where the wave is not
    one row of finite numbers, ConfigError where there is no such device.
    """
    check_wave(wave16)
    net = load_net(weights, device)
    n_steps = math.ceil(len(wave16) / HOP_SAMPLES)
    values = np.zeros((n_steps, len(OUTPUTS)), np.float32)
    for start in range(0, n_steps, BLOCK_STEPS):
        stop = min(n_steps, start + BLOCK_STEPS)
        values[start:stop] = _block(wave16, start, stop, net)
    time_s = (np.arange(n_steps) + 0.5) * HOP_SAMPLES / RATE_HZ
    infant, cry, laugh, babble, adult = values.T.copy()
    return VoiceTrack(time_s, infant, cry, laugh, babble, adult, loudness_db(wave16), band_db(wave16))


def _block(wave16: NDArray[np.float32], start: int, stop: int, net: VoiceNet) -> NDArray[np.float32]:
    """Probabilities [stop - start, 5]: the block is run with the sound around it, so that its edges do not show."""
    first = max(0, start - HALO_STEPS)
    piece = wave16[first * HOP_SAMPLES : (stop + HALO_STEPS) * HOP_SAMPLES]
    # Silence after the end, so that the last step is whole and sees what every other step sees.
    piece = np.pad(piece, (0, -len(piece) % HOP_SAMPLES))
    logits = run_net(net, log_power(mel_power(piece, MEL)))
    return logits[start - first : stop - first]


def run_net(net: VoiceNet, log_mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities [steps, 5] of a log-mel picture [2 * steps, 64], where the network is.

    On one thread and in full float32 (no TF32), so that they do not vary.
    """
    device = next(net.parameters()).device
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with one_thread(), torch.inference_mode(), exact:
        logits = net(torch.from_numpy(log_mel)[None].to(device))
        return np.asarray(torch.sigmoid(logits)[0].cpu().numpy(), np.float32)


def loudness_db(wave16: NDArray[np.float32]) -> NDArray[np.float32]:
    """RMS of each 32 ms step [n_steps], dB of full scale, not below -100; the last step counts only what it holds."""
    starts = np.arange(0, len(wave16), HOP_SAMPLES)
    if not len(starts):
        return np.zeros(0, np.float32)
    sums = np.empty(len(starts))
    # In stretches, so that ten hours need no second copy of the wave.
    for k in range(0, len(starts), BLOCK_STEPS):
        piece = wave16[k * HOP_SAMPLES : (k + BLOCK_STEPS) * HOP_SAMPLES].astype(np.float64)
        sums[k : k + BLOCK_STEPS] = np.add.reduceat(piece**2, np.arange(0, len(piece), HOP_SAMPLES))
    counts = np.minimum(HOP_SAMPLES, len(wave16) - starts)
    return np.asarray(np.maximum(SILENCE_DB, 10 * np.log10(sums / counts + 1e-12)), np.float32)


def band_db(wave16: NDArray[np.float32]) -> NDArray[np.float32]:
    """RMS within BAND_HZ of each 32 ms step [n_steps], dB of full scale, not below -100.

    Each step is seen through a Hann window of 64 ms about its centre; beyond both ends of the wave there is silence.
    """
    n_steps = math.ceil(len(wave16) / HOP_SAMPLES)
    window = np.hanning(BAND_WINDOW + 1)[:-1].astype(np.float32)
    hz = np.fft.rfftfreq(BAND_WINDOW, 1 / RATE_HZ)
    inside = (hz >= BAND_HZ[0]) & (hz < BAND_HZ[1])
    lead = (BAND_WINDOW - HOP_SAMPLES) // 2
    power = np.empty(n_steps)
    for start in range(0, n_steps, BLOCK_STEPS):
        stop = min(n_steps, start + BLOCK_STEPS)
        first, last = start * HOP_SAMPLES - lead, (stop - 1) * HOP_SAMPLES - lead + BAND_WINDOW
        piece = np.pad(wave16[max(first, 0) : last], (max(-first, 0), max(last - len(wave16), 0)))
        frames = np.lib.stride_tricks.sliding_window_view(piece, BAND_WINDOW)[::HOP_SAMPLES]
        spectrum = np.fft.rfft(frames * window, axis=1)[:, inside]
        power[start:stop] = (spectrum.real**2 + spectrum.imag**2).sum(1)
    mean = 2 * power / (BAND_WINDOW * float((window**2).sum()))
    return np.asarray(np.maximum(SILENCE_DB, 10 * np.log10(mean + 1e-12)), np.float32)


def check_wave(wave16: NDArray[np.float32]) -> None:
    """Raises ClipError (corrupt) unless the wave is [n], finite, and near full scale at most."""
    if wave16.ndim != 1:
        raise ClipError(shape_message("wave16", "(samples,)", wave16.shape) + ": mix the channels down.", "corrupt")
    # Minimum and maximum are not finite when any sample is not: no mask of the wave's size is made.
    peak = max(-float(wave16.min()), float(wave16.max())) if len(wave16) else 0.0
    if not np.isfinite(peak):
        bad = int(np.count_nonzero(~np.isfinite(wave16)))
        raise ClipError(f"The sound holds {bad} samples that are not finite numbers, of {len(wave16)}: "
                        "the file is damaged, fetch or export it again.", "corrupt")  # fmt: skip
    if peak > MAX_PEAK:
        raise ClipError(f"The sound reaches {peak:.3g}, but full scale is 1 and {MAX_PEAK:g} the most that is taken: "
                        "divide integer samples by their full scale.", "corrupt")  # fmt: skip


@lru_cache(maxsize=2)
def load_net(weights: Path = WEIGHTS, device: str = "cpu") -> VoiceNet:
    """The network with the weights of a safetensors file, on a device.

    Raises ModelError where the weights are missing or do not fit, ConfigError where there is no such device.
    """
    if not weights.is_file():
        raise ModelError(f"The voice detector's weights are missing: {weights.name} is not in {weights.parent.name}/; "
                         "install the package again, or train them (wail.voice.training.train).")  # fmt: skip
    net = VoiceNet()
    try:
        net.load_state_dict(load_file(weights))
    except Exception as error:
        why = str(error).partition("\n")[0]
        raise ModelError(f"{weights.name} does not hold this detector's weights ({why}): train them again.") from error
    try:
        return net.eval().to(device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).partition("\n")[0]
        raise ConfigError(f"The voice detector cannot run on device {device!r} ({why}): use cpu, or cuda where "
                          "there is a GPU.") from error  # fmt: skip


@lru_cache(maxsize=2)
def weights_id(weights: Path = WEIGHTS) -> str:
    """`name:sha256[:16]` of the weights, for receipts."""
    return f"{weights.stem}:{sha256(weights.read_bytes()).hexdigest()[:16]}"
