"""Stage `voice`: who vocalises when. Reads `audio.flac`, writes `voice`, `vocal` and perhaps `stem.flac`.

`stem.flac` is kept only where it is good enough for what comes after (wail/voice/stem_use.py), so that where there is
one, features and shards hear it; the mix stays in any case. The receipt's `separation` says which sound fed what.
"""

import os
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from schemas.arrow import to_table
from schemas.tables import VOCAL, VOICE
from wail.config import CurateConfig
from wail.media.audio import audio_blocks
from wail.steps.fit import DEVICE_VARIABLE
from wail.steps.media import media_file, read_probe
from wail.steps.step import Outcome, Step
from wail.store import ClipFolder, atomic_path, write_table
from wail.voice.adult import silero_id
from wail.voice.analyse import WAVE44_HZ, VoiceConfig, analyse, separator_id, tagger_ids
from wail.voice.detect import VoiceTrack, weights_id
from wail.voice.separate import Kind, Missing, Separator, find_separator
from wail.voice.stem_use import MIX
from wail.voice.taggers import Tagger, TaggerConfig, find_taggers
from wail.voice.wave import FlacWave


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    # Of an earlier run: a stem that is there is one that the steps after this one hear.
    clip.file("stem.flac").unlink(missing_ok=True)
    if read_probe(clip).audio_codec is None:
        write_table(clip.file("voice.parquet"), VOICE.empty_table())
        write_table(clip.file("vocal.parquet"), VOCAL.empty_table())
        facts = {"notes": ["The clip has no sound."], "vocal_s": 0.0, "separation": MIX.facts(None)}
        return Outcome(("voice.parquet", "vocal.parquet"), facts=facts)
    separator = separator_of(config.voice, config.weights)
    taggers = taggers_for(config.weights, config.voice.taggers)
    # Demucs hears the full band, so it is the only one to go back to the media itself.
    full_band = config.voice.separator.startswith("demucs") and not isinstance(separator, Missing)
    wave44 = audio_blocks(media_file(clip), WAVE44_HZ, 2, config.media) if full_band else None
    names = ["voice.parquet", "vocal.parquet"]
    with TemporaryDirectory() as folder:
        found = analyse(FlacWave(clip.file("audio.flac")), config.voice, wave44, separator, taggers,
                        stem_file=Path(folder) / "stem.flac")  # fmt: skip
        if found.stem16 is not None:
            names.append("stem.flac")
            with atomic_path(clip.file("stem.flac")) as temporary:
                shutil.copyfile(Path(folder) / "stem.flac", temporary)
    write_table(clip.file("voice.parquet"), voice_table(found.track))
    write_table(clip.file("vocal.parquet"), to_table(found.rows, VOCAL))
    vocal_s = sum(row["end_s"] - row["start_s"] for row in found.rows)
    facts = {"notes": found.notes, "vocal_s": vocal_s, "separation": found.use.facts(found.models["separator"])}
    return Outcome(tuple(names), found.models, facts)


def separator_of(config: VoiceConfig, weights: Path | None) -> Separator | Missing | None:
    """What the configuration asks for, loaded once in a process; Demucs runs where takes are fitted (WAIL_DEVICE)."""
    return separator_for(config.separator, weights, os.environ.get(DEVICE_VARIABLE, "cpu"))


@lru_cache(maxsize=1)
def separator_for(kind: Kind, weights: Path | None, device: str) -> Separator | Missing | None:
    return find_separator(kind, weights, device)


@lru_cache(maxsize=1)
def taggers_for(weights: Path | None, config: TaggerConfig) -> tuple[Tagger, ...]:
    """The taggers whose weights are there; `wail doctor` says which are not."""
    device = os.environ.get(DEVICE_VARIABLE, "cpu")
    return tuple(one for one in find_taggers(weights, config, device) if not isinstance(one, Missing))


def voice_table(track: VoiceTrack) -> pa.Table:
    columns = {name: np.asarray(getattr(track, name)) for name in VOICE.names}
    return pa.table([pa.array(columns[f.name], type=f.type) for f in VOICE], schema=VOICE)


def models(config: CurateConfig) -> dict[str, str]:
    separator = separator_of(config.voice, config.weights)
    return {"detector": weights_id(), "adult": silero_id(), "separator": separator_id(separator),
            **tagger_ids(taggers_for(config.weights, config.voice.taggers))}  # fmt: skip


STEP = Step(
    name="voice", version=3, reads=("media",), needs_media=True,
    settings=lambda config: [config.voice], models=models, run=run, timeout_s=14400.0,
)  # fmt: skip
