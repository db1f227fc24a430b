"""Stage `voice`: who vocalises when. Reads `audio.flac`, writes `voice`, `vocal` and perhaps `stem.flac`."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from schemas.arrow import to_table
from schemas.tables import VOCAL, VOICE
from wail.config import CurateConfig
from wail.media.audio import read_audio, read_flac, write_flac
from wail.steps.media import RATE_HZ, media_file, read_probe
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, atomic_path, write_table
from wail.voice.analyse import analyse, detector_id
from wail.voice.detect import VoiceTrack
from wail.voice.separate import Missing, Separator, find_separator

SEPARATION_RATE_HZ = 44100


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    separator = separator_for(config.weights)
    if read_probe(clip).audio_codec is None:
        write_table(clip.file("voice.parquet"), VOICE.empty_table())
        write_table(clip.file("vocal.parquet"), VOCAL.empty_table())
        return Outcome(("voice.parquet", "vocal.parquet"), facts={"notes": ["the clip has no sound"], "vocal_s": 0.0})
    wave, _ = read_flac(clip.file("audio.flac"))
    usable = None if isinstance(separator, Missing) else separator
    wave44 = read_audio(media_file(clip), SEPARATION_RATE_HZ, channels=2) if usable else None
    found = analyse(wave, config.voice, wave44=wave44, separator=usable)
    write_table(clip.file("voice.parquet"), voice_table(found.track))
    write_table(clip.file("vocal.parquet"), to_table(found.rows, VOCAL))
    names = ["voice.parquet", "vocal.parquet"]
    if found.stem16 is not None:
        with atomic_path(clip.file("stem.flac")) as temporary:
            write_flac(temporary, found.stem16, RATE_HZ)
        names.append("stem.flac")
    notes = [*found.notes, *([separator.why] if isinstance(separator, Missing) else [])]
    vocal_s = sum(row["end_s"] - row["start_s"] for row in found.rows)
    return Outcome(tuple(names), found.models, {"notes": notes, "vocal_s": vocal_s})


@lru_cache(maxsize=1)
def separator_for(weights: Path | None) -> Separator | Missing:
    return find_separator(weights)


def voice_table(track: VoiceTrack) -> pa.Table:
    columns = {name: np.asarray(getattr(track, name)) for name in VOICE.names}
    return pa.table([pa.array(columns[f.name], type=f.type) for f in VOICE], schema=VOICE)


def models(config: CurateConfig) -> dict[str, str]:
    separator = separator_for(config.weights)
    return {"detector": detector_id(), "separator": "none" if isinstance(separator, Missing) else separator.name}


STEP = Step(
    name="voice", version=1, reads=("media",), needs_media=True,
    settings=lambda config: [config.voice], models=models, run=run, timeout_s=3600.0,
)  # fmt: skip
