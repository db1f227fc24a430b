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
from wail.voice.adult import silero_id
from wail.voice.analyse import WAVE44_HZ, analyse, separator_id
from wail.voice.detect import VoiceTrack, weights_id
from wail.voice.separate import Missing, Separator, find_separator


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    separator = separator_for(config.weights)
    if read_probe(clip).audio_codec is None:
        write_table(clip.file("voice.parquet"), VOICE.empty_table())
        write_table(clip.file("vocal.parquet"), VOCAL.empty_table())
        return Outcome(("voice.parquet", "vocal.parquet"), facts={"notes": ["The clip has no sound."], "vocal_s": 0.0})
    wave, _ = read_flac(clip.file("audio.flac"))
    # Separation hears the full band, so it is the only one to go back to the media itself.
    wave44 = None
    if not isinstance(separator, Missing):
        wave44 = read_audio(media_file(clip), WAVE44_HZ, channels=2, limits=config.media)
    found = analyse(wave, config.voice, wave44=wave44, separator=separator)
    write_table(clip.file("voice.parquet"), voice_table(found.track))
    write_table(clip.file("vocal.parquet"), to_table(found.rows, VOCAL))
    names = ["voice.parquet", "vocal.parquet"]
    if found.stem16 is not None:
        with atomic_path(clip.file("stem.flac")) as temporary:
            write_flac(temporary, found.stem16, RATE_HZ)
        names.append("stem.flac")
    vocal_s = sum(row["end_s"] - row["start_s"] for row in found.rows)
    return Outcome(tuple(names), found.models, {"notes": found.notes, "vocal_s": vocal_s})


@lru_cache(maxsize=1)
def separator_for(weights: Path | None) -> Separator | Missing:
    return find_separator(weights)


def voice_table(track: VoiceTrack) -> pa.Table:
    columns = {name: np.asarray(getattr(track, name)) for name in VOICE.names}
    return pa.table([pa.array(columns[f.name], type=f.type) for f in VOICE], schema=VOICE)


def models(config: CurateConfig) -> dict[str, str]:
    return {"detector": weights_id(), "adult": silero_id(), "separator": separator_id(separator_for(config.weights))}


STEP = Step(
    name="voice", version=1, reads=("media",), needs_media=True,
    settings=lambda config: [config.voice], models=models, run=run, timeout_s=3600.0,
)  # fmt: skip
