"""The stages run over clips with sound: what vision sees and voice hears, and the takes made of both."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.arrow import to_table
from schemas.tables import FRAMES, VOCAL, VOICE
from wail.bench.composites.voiced import VoicedShot, key_of, media_of
from wail.media.audio import read_audio
from wail.media.decode import grid_frames
from wail.steps.voice import separator_of, voice_table
from wail.store import atomic_path, read_table, write_table
from wail.vision.analyse import VisionConfig, model_ids
from wail.vision.analyse import analyse as look
from wail.vision.mouth import Mouth, mouths
from wail.vision.takes import Take, TakeConfig, make_takes
from wail.voice.analyse import VoiceConfig
from wail.voice.analyse import analyse as listen


@dataclass(frozen=True)
class Watched:
    """What vision makes of a shot's pictures."""

    frames: pa.Table
    mouths: Mapping[int, Mouth]


@dataclass(frozen=True)
class Curated:
    """One media file: what was watched, and the takes of it with that sound."""

    shot: VoicedShot
    sound: str
    watched: Watched
    takes: list[Take]

    @property
    def kept(self) -> list[Take]:
        return [take for take in self.takes if take.row["reason"] is None]


def curated(
    folder: Path, shots: tuple[VoicedShot, ...], on_progress: Callable[[int, int], None], config: TakeConfig
) -> list[Curated]:
    """Every file of every shot, run through the stages or read from beside it where clip, code and weights are the
    same. The files of a shot have the same pictures, so these are watched once."""
    out = []
    for done, shot in enumerate(shots):
        on_progress(done, len(shots))
        watched = _watched(folder, shot)
        for sound in shot.sounds:
            voice, vocal = _heard(folder, shot, sound)
            takes = make_takes(f"{shot.name}.{sound}", watched.frames, watched.mouths, voice, vocal, config)
            out.append(Curated(shot, sound, watched, takes))
    on_progress(len(shots), len(shots))
    return out


def _watched(folder: Path, shot: VoicedShot) -> Watched:
    stem = folder / f"{shot.name}.{_code('vision')}{key_of(shot)}"
    frames, mouth = stem.with_suffix(".frames.parquet"), stem.with_suffix(".mouths.npz")
    if not mouth.exists():
        parts: list[pa.Table] = []
        # Of the landmarks only the mouth is needed, and there are many.
        seen = look(grid_frames(media_of(folder, shot, shot.sounds[0])), VisionConfig(),
                    lambda batch: parts.append(pa.Table.from_batches([batch])))  # fmt: skip
        write_table(frames, seen.frames)
        found = mouths(parts)
        arrays = {f"{track}.{name}": getattr(one, name) for track, one in found.items()
                  for name in ("frames", "opening", "drive")}  # fmt: skip
        with atomic_path(mouth) as temporary:
            np.savez_compressed(temporary, **arrays)
    with np.load(mouth) as stored:
        tracks = sorted({int(name.partition(".")[0]) for name in stored.files})
        found = {k: Mouth(stored[f"{k}.frames"], stored[f"{k}.opening"], stored[f"{k}.drive"]) for k in tracks}
    return Watched(read_table(frames, FRAMES), found)


def _heard(folder: Path, shot: VoicedShot, sound: str) -> tuple[pa.Table, pa.Table]:
    stem = folder / f"{shot.name}.{sound}.{_code('voice')}{key_of(shot)}"
    voice, vocal = stem.with_suffix(".voice.parquet"), stem.with_suffix(".vocal.parquet")
    if not vocal.exists():
        wave = read_audio(media_of(folder, shot, sound))
        found = listen(wave, VoiceConfig(), None, separator_of(VoiceConfig(), None))
        write_table(voice, voice_table(found.track))
        write_table(vocal, to_table(found.rows, VOCAL))
    return pq.read_table(voice, schema=VOICE), pq.read_table(vocal, schema=VOCAL)


@lru_cache(maxsize=2)
def _code(package: str) -> str:
    """Hash of a package's sources and weights, and of the models that come with other packages."""
    root = Path(__file__).parents[1] / package
    files = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts
                   and "training" not in path.relative_to(root).parts)  # fmt: skip
    told = b"".join(path.read_bytes() for path in files) + repr(model_ids()).encode()
    return hashlib.sha256(told).hexdigest()[:12]
