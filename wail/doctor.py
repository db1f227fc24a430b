"""What this machine has and lacks: libraries, ffmpeg, disk, GPU, and each optional weight with how to get it."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from wail.errors import ModelError
from wail.inface.landmark_file import landmarks_beside
from wail.media.ffmpeg import ffmpeg_exe
from wail.store import free_bytes
from wail.vision.fan import Fan, find_fan
from wail.voice.adult import silero_id
from wail.voice.detect import load_net, weights_id
from wail.voice.infant_stem import load_infant_separator
from wail.voice.separate import Missing, demucs_file
from wail.voice.taggers import AUDIOSET, VOICE_TYPE, locate_taggers
from wail.voice.voc2vec import find_folder

MIN_FREE_GB = 5
JAVASCRIPT = {"deno": 2, "node": 20, "bun": 1}
"""Runtimes and their oldest version, as yt-dlp's announcement of external runtimes (its issue 15012) lists them."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `needed` things that are not `ok` make its exit status non-zero."""

    name: str
    ok: bool
    needed: bool
    detail: str
    adds: str = ""
    licence: str = ""
    get: str = ""


def examine(dataset: Path, weights: Path | None, face_model: Path | None) -> list[Finding]:
    """Everything the pipeline leans on, each looked at for real."""
    return [*libraries(), *machine(dataset), *shipped(), *optional_weights(weights, face_model)]


def libraries() -> Iterator[Finding]:
    for name, hint in (
        ("cv2", "apt-get install libgl1 libglib2.0-0"),
        ("mediapipe", "pip install -r requirements.lock"),
        ("torch", "pip install -r requirements.lock"),
        ("av", "pip install -r requirements.lock"),
        ("pyarrow", "pip install -r requirements.lock (pyarrow 26 refuses numpy 1)"),
    ):
        try:
            version = getattr(importlib.import_module(name), "__version__", "?")
            yield Finding(name, True, True, f"version {version}")
        except ImportError as error:
            yield Finding(name, False, True, f"cannot be imported: {error}", get=hint)


def machine(dataset: Path) -> Iterator[Finding]:
    exe = ffmpeg_exe()
    yield Finding("ffmpeg", Path(exe).exists() or shutil.which(exe) is not None, True, Path(exe).name,
                  get="pip install imageio-ffmpeg")  # fmt: skip
    free_gb = free_bytes(dataset) / 1e9
    yield Finding("disk", free_gb >= MIN_FREE_GB, True, f"{free_gb:.0f} GB free, {MIN_FREE_GB} wanted",
                  get="free some, or give another --out")  # fmt: skip
    import torch

    cuda = torch.cuda.is_available()
    yield Finding("gpu", cuda, False, torch.cuda.get_device_name(0) if cuda else "none; the CPU does all",
                  adds="faster fits and training (--device cuda)")  # fmt: skip
    yield javascript()


def javascript() -> Finding:
    """The first JavaScript runtime that is new enough for yt-dlp; an older one counts as none."""
    seen = []
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for name, oldest in JAVASCRIPT.items():
        if found := shutil.which(name, path=places):
            said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
            version = re.search(r"(\d+)\.\d+", said)
            seen.append(f"{name} {version.group(0) if version else '?'}")
            if version and int(version.group(1)) >= oldest:
                return Finding("javascript", True, False, seen[-1])
    wanted = ", ".join(f"{name} {oldest} or newer" for name, oldest in JAVASCRIPT.items())
    return Finding("javascript", False, False, f"{', '.join(seen) or 'none'}; wanted: {wanted}",
                   adds="YouTube downloads: yt-dlp solves the player's challenges with it", licence="MIT (deno)",
                   get="pip install deno")  # fmt: skip


def shipped() -> Iterator[Finding]:
    """The weights that come with the package and its libraries, each loaded as the pipeline loads it."""
    yield loaded("voice detector", detector, "who vocalises when: infant, cry, adult speech; laugh and babble are "
                 "experimental")  # fmt: skip
    yield loaded("infant separator", lambda: load_infant_separator().name, "the infant's voice apart from all else, "
                 "parents' talk included", needed=False)  # fmt: skip
    yield loaded("Silero VAD", silero_id, "evidence for adult speech; it has no say on infants")


def loaded(name: str, load: Callable[[], str], adds: str, needed: bool = True) -> Finding:
    """`load` gives name and hash of what is shipped under the MIT licence."""
    try:
        return Finding(name, True, needed, load(), adds, "MIT")
    except (ModelError, OSError, ImportError) as error:
        return Finding(name, False, needed, f"cannot be loaded: {error}", adds, "MIT", "install the package again")


def detector() -> str:
    load_net()
    return weights_id()


def optional_weights(weights: Path | None, face_model: Path | None) -> Iterator[Finding]:
    """The weights that are never fetched by themselves, looked for where the pipeline looks."""
    folder = weights or Path("weights")
    yield from (
        weight("demucs", first(lambda: demucs_file(weights or Path("weights"))),
               "all voices, parents' too, apart from music and noise (voice.separator=demucs), or as a first step "
               "before the infant separator (demucs+infant)",
               "MIT code; the weights carry no licence of their own and are published for research",
               "hf download adefossez/HTDemucs"),
        *taggers(folder),
        weight("voc2vec-ls-pt", first(lambda: find_folder(folder)),
               "audio features trained on non-verbal human sound, in place of log-mel", "as its model card says",
               f"hf download alkiskoudounas/voc2vec-ls-pt --local-dir {folder}/voc2vec-ls-pt"),
        fan(folder),
        weight("face_landmarker.task", [*folder.glob("face_landmarker.task")],
               "mediapipe's newer face mesh with blendshapes (used by a later version)", "Apache-2.0",
               f"curl -o {folder}/face_landmarker.task "
               "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"),
        inface([face_model] if face_model else [*folder.glob("ae_model_disent.h5")]),
    )  # fmt: skip


def inface(found: list[Path]) -> Finding:
    """The face model, and whether its landmarks are registered."""
    there = [path for path in found if path.is_file()]
    said = weight("INFACE", there,
                  "the true 3D infant face model; without it an open stand-in is fitted, and said so everywhere",
                  "academic use, on request to its authors",
                  "write to the authors as https://github.com/tillns/INFACE asks, then once `wail inface register "
                  "ae_model_disent.h5`, and give --face-model ae_model_disent.h5")  # fmt: skip
    if found and not there:
        return replace(said, detail=f"there is no file {found[0]}")
    if there and not landmarks_beside(there[0]).is_file():
        return replace(said, ok=False, detail=f"found: {there[0].name}, but its landmarks are not registered",
                       get=f"`wail inface register {there[0]}`")  # fmt: skip
    return said


def fan(folder: Path) -> Finding:
    """FAN's weights; a file of its name that cannot be loaded is said to be damaged."""
    found = weight("face-alignment FAN", first(lambda: find_fan(folder)),
                   "a second opinion on where 68 of a face's points are and which can be seen, for the verdicts and "
                   "the fit, where it is asked for (--set vision.fan_every_frames=15; half a second a face on one CPU "
                   "core)",
                   "BSD-3-Clause code; weights for research",
                   f"curl -o {folder}/2DFAN4-11f355bf06.pth.tar "
                   "https://www.adrianbulat.com/downloads/python-fan/2DFAN4-11f355bf06.pth.tar; then give --weights "
                   f"{folder}")  # fmt: skip
    path = find_fan(folder)
    if path is None:
        return found
    try:
        return replace(found, detail=f"found: {path.name}, {Fan(path).name}")
    except ModelError as error:
        return replace(found, ok=False, detail=f"refused: {error}", get=f"delete {path.name} and get it again")


def taggers(folder: Path) -> Iterator[Finding]:
    """The taggers that are there, and each kind of which there is none."""
    adds = "a second opinion on what sounds: infants, adults, and what is only like them"
    try:
        found = locate_taggers(folder)
    except ModelError as error:
        yield Finding("taggers", False, False, f"refused: {error}", adds)
        return
    for one in found:
        if isinstance(one, Missing):
            what, *_ = next(kind for kind in (AUDIOSET, VOICE_TYPE) if kind[3] == one.how_to_get)
            yield Finding(what, False, False, "not here", adds, "of the weights, see how to get them", one.how_to_get)
        else:
            yield Finding("tagger", True, False, f"found: {one.name}", adds, "as its model card says")


def first(find: Callable[[], Path | None]) -> list[Path]:
    """What a part's own search finds; weights that it would refuse do not count as there."""
    try:
        found = find()
    except ModelError:
        return []
    return [found] if found else []


def weight(name: str, found: list[Path], adds: str, licence: str, get: str) -> Finding:
    detail = f"found: {found[0].name}" if found else "not here"
    return Finding(name, bool(found), False, detail, adds, licence, "" if found else get)
