"""A clip's whole voice analysis: detection on the mix and on the separated stem, adult speech, segments."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.media.audio import write_flac_blocks
from wail.voice.adult import adult_speech, silero_id
from wail.voice.detect import VoiceTrack, detect, weights_id
from wail.voice.mel import RATE_HZ
from wail.voice.segments import SegmentConfig, vocal_segments
from wail.voice.separate import Kind, Missing, Separator, stem_blocks
from wail.voice.stem_use import MIX, StemUse, judge_stem
from wail.voice.taggers import Tagger, TaggerConfig, TagTrack, fuse
from wail.voice.wave import FlacWave, Wave, blocks, pieces

Sound = NDArray[np.float32]

WAVE44_HZ = 44_100
SEPARATION_LIMIT_S = 7200.0
"""A clip whose separation takes longer does without: its stage has twice as long for everything."""


@dataclass(frozen=True)
class VoiceConfig:
    separator: Kind = "infant"
    """What is separated from the mix: `infant` needs no download; the Demucs kinds need its weights."""
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    taggers: TaggerConfig = field(default_factory=TaggerConfig)


@dataclass(frozen=True)
class VoiceAnalysis:
    """`track` of the mix; `rows` of schemas VOCAL; `stem16` the separated voice at 16 kHz, None where it is not used.

    `models` names what was used, with hashes, or why something was not; `notes` are sentences for the receipt; `use`
    says which sound fed which later step.
    """

    track: VoiceTrack
    rows: list[dict[str, Any]]
    stem16: Wave | None
    models: dict[str, str]
    notes: list[str]
    use: StemUse = MIX


def analyse(wave16: Wave, config: VoiceConfig, wave44: Sound | Iterable[Sound] | None = None,
            separator: Separator | Missing | None = None, taggers: Sequence[Tagger] = (), stem_file: Path | None = None
            ) -> VoiceAnalysis:  # fmt: skip
    """Who vocalises when, in a 16 kHz mono wave whose sample 0 is clip time 0.

    Give as `separator` what `find_separator` returned: what is missing is said in `models` and `notes`. `wave44` is
    the same sound [2, n] at 44.1 kHz for it, or parts [2, m] of whole seconds (the 16 kHz wave serves where it is
    None). The stem is written to `stem_file` (FLAC) and read from there, or held in memory where that is None; memory
    does not grow with the recording when `wave16` is a FlacWave and a file is given. A stem that fails, is silent or
    is poor is not used, and a tagger that fails neither, with a note each; the mix always stands.
    Raises ClipError (corrupt) where the wave is not one row of finite numbers.
    """
    notes = sound_notes(wave16)
    track, tags, tag_notes = hear(wave16, taggers, config.taggers)
    parts = blocks(wave16) if wave44 is None else [wave44] if isinstance(wave44, np.ndarray) else wave44
    rate_hz = RATE_HZ if wave44 is None else WAVE44_HZ
    stem16, why = separate(len(wave16), parts, rate_hz, separator, stem_file)
    # What the taggers heard in the mix counts for the stem as well: the stem cannot make an infant of a siren.
    stem = None if stem16 is None else fuse(through(stem16, detect), tags, config.taggers)
    rows = vocal_segments(track, stem, config.segments)
    use = judge_stem(track, stem, rows) if stem is not None else replace(MIX, why=why or "nothing was separated")
    models = {"detector": detector_id(), "separator": separator_id(separator), **tagger_ids(taggers)}
    return VoiceAnalysis(track, rows, stem16 if use.fed else None, models, [*notes, *tag_notes, *note_of(why)], use)


def note_of(why: str) -> list[str]:
    return [f"{why[0].upper()}{why[1:]}: the mix alone was used."] if why else []


def hear(wave16: Wave, taggers: Sequence[Tagger], config: TaggerConfig
         ) -> tuple[VoiceTrack, list[TagTrack], list[str]]:  # fmt: skip
    """The mix's track with the taggers' and Silero's evidence, what the taggers said, and notes on those that failed.

    Silero takes some cries for speech, so it counts only for adults, and only as far as no infant is heard.
    """
    tags, notes = [], []
    for tagger in taggers:
        try:
            tags.append(tagged(wave16, tagger))
        except (RuntimeError, ValueError, MemoryError) as error:
            notes.append(f"Tagger {tagger.name} failed ({type(error).__name__}: {error}): it was left out.")
    track = fuse(through(wave16, detect), tags, config)
    return with_adult_speech(track, wave16), tags, notes


def with_adult_speech(track: VoiceTrack, wave16: Wave) -> VoiceTrack:
    """The track with Silero's evidence joined to the network's own; infants are never touched."""
    time_s, speech = adult_speech(wave16)
    if len(time_s):
        speech = np.interp(track.time_s, time_s, speech).astype(np.float32)
    joined = np.maximum(track.p_adult, speech * (1 - track.p_infant))
    return replace(track, p_adult=joined)


def through(wave16: Wave, run: Callable[[NDArray[np.float32]], VoiceTrack]) -> VoiceTrack:
    """`detect` over a wave of any length, in pieces that do not show."""
    parts = []
    for first, start, stop, last in pieces(len(wave16)):
        part = run(wave16[first:last])
        # The centre of the very last step may lie after the end.
        end_s = np.inf if stop == len(wave16) else (stop - first) / RATE_HZ
        own = (part.time_s >= (start - first) / RATE_HZ) & (part.time_s < end_s)
        parts.append(_columns(part, own) | {"time_s": part.time_s[own] + first / RATE_HZ})
    return VoiceTrack(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def tagged(wave16: Wave, tagger: Tagger) -> TagTrack:
    """A tagger over a wave of any length, piece by piece."""
    parts = []
    for first, start, stop, last in pieces(len(wave16)):
        part = tagger.tag(wave16[first:last])
        if (first, last) == (0, len(wave16)):
            return part
        own = (part.time_s >= (start - first) / RATE_HZ) & (part.time_s < (stop - first) / RATE_HZ)
        parts.append(_columns(part, own) | {"time_s": part.time_s[own] + first / RATE_HZ})
    joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return replace(part, **joined)


def _columns(track: TagTrack | VoiceTrack, own: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    columns = {f.name: getattr(track, f.name) for f in fields(track)}
    return {name: values[own] for name, values in columns.items() if isinstance(values, np.ndarray)}


def separate(n_samples: int, parts: Iterable[NDArray[np.float32]], rate_hz: int, separator: Separator | Missing | None,
             stem_file: Path | None) -> tuple[Wave | None, str]:  # fmt: skip
    """The stem, as long as the wave, or None and why there is none ('' where none is wanted)."""
    if separator is None or not n_samples:
        return None, ""
    if isinstance(separator, Missing):
        return None, f"voices were not separated, {separator.why} (wail doctor says how to get them)"
    made = within_time(fitted(stem_blocks(separator, parts, rate_hz), n_samples), SEPARATION_LIMIT_S)
    try:
        stem: Wave = np.concatenate(list(made)) if stem_file is None else to_file(made, stem_file)
    except (RuntimeError, ValueError, MemoryError, OSError) as error:
        what = str(error) if type(error) is RuntimeError else f"{type(error).__name__}: {error}"
        return None, f"separation failed ({what})"
    if not any(block.any() for block in blocks(stem)):
        return None, "the separated voices are silent"
    return stem, ""


def to_file(made: Iterable[NDArray[np.float32]], path: Path) -> FlacWave:
    write_flac_blocks(path, made, RATE_HZ)
    return FlacWave(path)


def within_time(made: Iterable[NDArray[np.float32]], limit_s: float) -> Iterator[NDArray[np.float32]]:
    started = time.monotonic()
    for block in made:
        if time.monotonic() - started > limit_s:
            raise RuntimeError(f"it took longer than {limit_s:.0f} s")
        yield block


def fitted(made: Iterable[NDArray[np.float32]], n_samples: int) -> Iterator[NDArray[np.float32]]:
    """The same stream, cut or filled up with silence to so many samples."""
    left = n_samples
    for block in made:
        yield block[:left]
        left -= len(block[:left])
    if left:
        yield np.zeros(left, np.float32)


def detector_id() -> str:
    """The detector's and Silero's versions and hashes, for receipts and their keys."""
    return f"{weights_id()} + {silero_id()}"


def separator_id(separator: Separator | Missing | None) -> str:
    if separator is None:
        return "none: switched off"
    return f"none: {separator.why}" if isinstance(separator, Missing) else separator.name


def tagger_ids(taggers: Sequence[Tagger]) -> dict[str, str]:
    return {"taggers": " + ".join(tagger.name for tagger in taggers)} if taggers else {}


def sound_notes(wave16: Wave) -> list[str]:
    """What is odd about the sound, in sentences."""
    if not len(wave16):
        return ["The clip has no sound."]
    extremes = [(float(block.min()), float(block.max())) for block in blocks(wave16)]
    low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
    if max(-low, high) < 1e-4:
        return ["The sound is silent throughout (below -80 dB of full scale)."]
    if len(wave16) < RATE_HZ // 10:
        return [f"The sound lasts {len(wave16) / RATE_HZ:.4f} s only: too short for any vocalisation."]
    clipped = _clipped_share(wave16, low, high)
    return [f"The sound is clipped in {100 * clipped:.1f} % of its samples."] if clipped > 0.001 else []


def _clipped_share(wave16: Wave, low: float, high: float) -> float:
    """Share of samples stuck at either extreme, of a sound that reaches full scale."""
    if max(-low, high) < 0.98:
        return 0.0
    stuck = sum(int(np.count_nonzero((w >= 0.999 * high) | (w <= 0.999 * low))) for w in blocks(wave16))
    return stuck / len(wave16)
