"""Sound as videos and telephones leave it: ffmpeg's real encoders at low bit rates, and back, in place on the clock."""

import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from wail.media.ffmpeg import ffmpeg_exe

RATE_HZ = 16_000
MAX_DELAY_S = 0.15


class Codec(NamedTuple):
    name: str
    suffix: str
    options: tuple[str, ...]


def _codec(name: str, suffix: str, encoder: str, kbit_s: str, rate_hz: int) -> Codec:
    return Codec(name, suffix, ("-c:a", encoder, "-b:a", f"{kbit_s}k", "-ar", str(rate_hz)))


AMR_LOW, AMR_HIGH = (_codec(f"AMR {k}", ".amr", "libopencore_amrnb", k, 8000) for k in ("5.15", "12.2"))
AAC_LOW, AAC, AAC_HIGH = (_codec(f"AAC {k}", ".m4a", "aac", k, hz)
                          for k, hz in (("20", 16_000), ("48", 22_050), ("96", 44_100)))  # fmt: skip
OPUS_LOW, OPUS, OPUS_HIGH = (_codec(f"Opus {k}", ".opus", "libopus", k, 48_000) for k in ("8", "16", "48"))
MP3_LOW, MP3 = (_codec(f"MP3 {k}", ".mp3", "libmp3lame", k, hz) for k, hz in (("24", 16_000), ("64", 44_100)))
G711 = Codec("G.711", ".wav", ("-c:a", "pcm_mulaw", "-ar", "8000"))
CHAINS: tuple[tuple[Codec, ...], ...] = (
    (), (AMR_LOW,), (AMR_HIGH,), (AMR_HIGH, AAC), (AAC_LOW,), (AAC,), (AAC_HIGH, OPUS_HIGH), (OPUS_LOW,), (OPUS,),
    (MP3_LOW,), (MP3, AAC), (G711, OPUS))  # fmt: skip
"""What a sound went through: nothing, one encoder, or a telephone's and then a video site's."""


def round_trip(wave: NDArray[np.float32], codec: Codec) -> NDArray[np.float32]:
    """The wave [n] at 16 kHz, encoded and decoded, the same length; the codec's delay is measured and taken out.

    Raises CalledProcessError where this ffmpeg lacks the encoder.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ("sound" + codec.suffix)
        _ffmpeg([*_RAW, "-i", "-", *codec.options, "-threads", "1", str(file)], np.clip(wave, -1, 1).tobytes())
        decoded = np.frombuffer(_ffmpeg(["-i", str(file), *_RAW, "-threads", "1", "-"]), np.float32)
    late = delay_samples(wave, decoded)
    shifted = decoded[late:] if late >= 0 else np.r_[np.zeros(-late, np.float32), decoded]
    return np.asarray(np.pad(shifted[: len(wave)], (0, max(0, len(wave) - len(shifted)))), np.float32)


_RAW = ("-f", "f32le", "-ar", str(RATE_HZ), "-ac", "1")


def _ffmpeg(arguments: list[str], given: bytes | None = None) -> bytes:
    command = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin" if given is None else "-y", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def delay_samples(before: NDArray[np.float32], after: NDArray[np.float32]) -> int:
    """By how many samples `after` lags, within 0.15 s to either side: the peak of the cross-correlation of 60 s."""
    n = min(len(before), len(after), 60 * RATE_HZ)
    most = min(int(MAX_DELAY_S * RATE_HZ), n - 1)
    size = fft.next_fast_len(n + most, real=True)
    product = fft.rfft(after[:n].astype(np.float64), size) * np.conj(fft.rfft(before[:n].astype(np.float64), size))
    correlation = fft.irfft(product, size)
    return int(np.argmax(np.r_[correlation[-most:], correlation[: most + 1]])) - most
