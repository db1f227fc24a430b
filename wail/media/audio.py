"""A clip's sound on its clock, whole or in blocks, and FLAC in and out."""

import errno
import io
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from schemas.documents import Probe
from wail.errors import MediaError
from wail.media.mixdown import PhaseGuard, Wave, to_count
from wail.media.opening import DEFAULT_LIMITS, MediaLimits, audio_stream, open_media
from wail.media.placing import Tally, placed, tiled, without_holes
from wail.media.probe import probe
from wail.media.timeline import timed_frames

BLOCK_S = 60
MIN_RATE_HZ, MAX_RATE_HZ = 4000, 768_000
"""Below, no voice fits in (2 kHz of it are left); above, no recorder goes: such a rate is a damaged header."""


def read_audio(path: Path, rate_hz: int = 16000, channels: int = 1, limits: MediaLimits = DEFAULT_LIMITS,
               notes: list[str] | None = None) -> Wave:  # fmt: skip
    """The sound, float32 in -1..1, [n] when mono, else [2, n]; sample i is at i / rate_hz on the clip's clock.

    Sound that starts late, has gaps, or ends before the picture is filled with silence; sound that goes on after the
    picture is kept. What is before the picture's start is left out: `probe(path).audio_start_s` says how much that
    is. A clip without sound gives silence as long as its picture (its probe has `audio_codec` None). More than two
    channels are mixed down with their centre, and of two that are each other's opposite one is turned over.
    `notes` gets a sentence for each thing that had to be filled, left out or turned.

    Raises MediaError as `probe` does, and `unsupported` where the sampling rate is none of sound.
    """
    facts = probe(path, limits)
    out = np.zeros((channels, n_samples(facts, rate_hz)), np.float32)
    at = 0
    for block in audio_blocks(path, rate_hz, channels, limits, notes, facts):
        stop = at + block.shape[-1]
        out[:, at:stop] = block
        at = stop
    return out[0] if channels == 1 else out


def audio_blocks(path: Path, rate_hz: int = 16000, channels: int = 1, limits: MediaLimits = DEFAULT_LIMITS,
                 notes: list[str] | None = None, facts: Probe | None = None) -> Iterator[Wave]:  # fmt: skip
    """`read_audio` in blocks of 60 s, the last one shorter, in memory that does not grow with the recording.

    Each is [n] when mono, else [2, n]. `facts` saves a probe where there is one; `notes` is complete after the last.
    """
    facts = facts or probe(path, limits)
    n, block, notes = n_samples(facts, rate_hz), BLOCK_S * rate_hz, [] if notes is None else notes
    if facts.audio_start_s is None or facts.audio_duration_s is None:
        yield from (_shaped(two, channels) for two in tiled((), 1, n, block))
        return
    _check_rate(path, facts)
    notes += _timing_notes(facts)
    guard, tally, two = PhaseGuard(rate_hz), Tally(), 1 if facts.audio_channels == 1 else 2
    start, stop = (round(s * rate_hz) for s in (facts.audio_start_s, facts.audio_start_s + facts.audio_duration_s))
    with open_media(path, limits) as container:
        if len(container.streams.audio) > 1:
            notes.append(f"The file has {len(container.streams.audio)} audio streams; the one that FFmpeg ranks first "
                         "was heard.")  # fmt: skip
        chunks = placed(timed_frames(container, audio_stream(container)), rate_hz, two, facts.audio_start_s, tally)
        for wave in tiled(without_holes(chunks, max(0, start), stop, rate_hz, tally), two, n, block):
            yield _shaped(guard(wave), channels)
    notes += tally.sentences(rate_hz)
    if guard.turned_s:
        notes.append(f"For {guard.turned_s:.0f} s the two channels are each other's opposite (one is recorded upside "
                     "down): one was turned over, or their sum were silence.")  # fmt: skip


def read_sound(path: Path, rate_hz: int = 16000) -> Wave:
    """`read_audio` in mono, of a file that must have sound. Raises MediaError `unsupported` where it has none."""
    check_sound(path, probe(path))
    return read_audio(path, rate_hz)


def check_sound(path: Path, facts: Probe) -> None:
    """Raises MediaError (unsupported) where a file has no sound."""
    if facts.audio_codec is None:
        raise MediaError(f"{path.name} has no audio stream, so there is nothing to listen to; give a file with sound",
                         "unsupported")  # fmt: skip


def n_samples(facts: Probe, rate_hz: int) -> int:
    """Samples on the clip's clock: to the end of the picture or of the sound, whichever is later."""
    sound_s = 0.0 if facts.audio_start_s is None else facts.audio_start_s + (facts.audio_duration_s or 0.0)
    return max(round(facts.duration_s * rate_hz), round(sound_s * rate_hz), 1)


def _check_rate(path: Path, facts: Probe) -> None:
    if facts.audio_rate_hz is None or not MIN_RATE_HZ <= facts.audio_rate_hz <= MAX_RATE_HZ:
        raise MediaError(f"{path.name}: its sound claims {facts.audio_rate_hz} samples a second; {MIN_RATE_HZ} to "
                         f"{MAX_RATE_HZ} can hold a voice: mend its header, or export it again at 16000 or more",
                         "unsupported")  # fmt: skip


def _timing_notes(facts: Probe) -> list[str]:
    """Where sound and picture do not start and end together, from half a second on."""
    if facts.video_codec is None or facts.audio_start_s is None or facts.audio_duration_s is None:
        return []
    late_s, over_s = facts.audio_start_s, facts.audio_start_s + facts.audio_duration_s - facts.duration_s
    notes = []
    if abs(late_s) >= 0.5:
        what = "after the picture; silence was put there" if late_s > 0 else "before the picture; that part is left out"
        notes.append(f"The sound starts {abs(late_s):.2f} s {what}.")
    if abs(over_s) >= 0.5:
        what = "after the picture, and is heard to its end" if over_s > 0 else "before the picture; silence follows it"
        notes.append(f"The sound ends {abs(over_s):.2f} s {what}.")
    return notes


def _shaped(two: Wave, channels: int) -> Wave:
    wave = to_count(two, channels)
    return wave[0] if channels == 1 else wave


def flac_bytes(wave: Wave, rate_hz: int) -> bytes:
    """FLAC, 16 bit, of a wave [n] or [channels, n] in -1..1; louder is clipped."""
    out = io.BytesIO()
    soundfile.write(out, np.clip(wave, -1, 1).T, rate_hz, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def write_flac(path: Path, wave: Wave, rate_hz: int) -> None:
    path.write_bytes(flac_bytes(wave, rate_hz))


def write_flac_blocks(path: Path, blocks: Iterable[Wave], rate_hz: int) -> int:
    """`write_flac` of mono blocks [n] one after the other, holding one of them; returns how many samples it wrote.

    Raises OSError where it cannot be written: libsndfile itself says no more than "System error".
    """
    n = 0
    with soundfile.SoundFile(path, "w", rate_hz, 1, format="FLAC", subtype="PCM_16") as out:
        for block in blocks:
            try:
                out.write(np.clip(block, -1, 1))
            except soundfile.LibsndfileError as error:
                full = shutil.disk_usage(path.parent).free < block.nbytes
                code = errno.ENOSPC if full else errno.EIO
                raise OSError(code, os.strerror(code), str(path)) from error
            n += len(block)
    return n


def read_flac(path: Path) -> tuple[Wave, int]:
    """The wave, [n] when mono, else [channels, n], and its rate in Hz."""
    wave, rate_hz = soundfile.read(path, dtype="float32")
    return np.ascontiguousarray(wave.T), int(rate_hz)


def read_flac_blocks(path: Path, block_s: int = BLOCK_S) -> Iterator[Wave]:
    """A mono FLAC in blocks [n] of so many seconds, the last one shorter; holds one of them."""
    with soundfile.SoundFile(path) as file:
        yield from file.blocks(block_s * file.samplerate, dtype="float32")
