"""Voice separation behind a small protocol, and where to look for weights. Nothing is ever downloaded from here."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError

MODEL, HUB_REPO, HUB_SIGNATURE, LEGACY_FILE = "htdemucs", "adefossez/HTDemucs", "955717e8", "955717e8-8726e21a.th"
HOW_TO_GET = (
    "weights of Demucs 4.1, about 84 MB; the code is MIT, the weights have no licence of their own and are published "
    "for research: `hf download adefossez/HTDemucs` puts them into the local cache, or give a folder that holds "
    f"htdemucs.yaml with {HUB_SIGNATURE}.safetensors, or {LEGACY_FILE} of "
    "dl.fbaipublicfiles.com/demucs/hybrid_transformer"
)


class Separator(Protocol):
    """Takes the voices out of a mix."""

    @property
    def name(self) -> str:
        """Model and hash of its weights, for receipts."""
        ...

    def vocals(self, wave: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """A wave [n] or [channels, n] at `rate_hz` to the voices alone, mono at 16 kHz, [ceil(n * 16000 / rate)]."""
        ...


@dataclass(frozen=True)
class Missing:
    """Why there is no separator, and how to get one."""

    why: str
    how_to_get: str


def find_separator(weights: Path | None = None) -> Separator | Missing:
    """Demucs from `weights` (a file, or a folder with it or with a folder `demucs` that holds it), or else from the
    local caches of the Hugging Face hub and of torch.

    Only files are looked at: no look-up, no retry, no download. Raises ModelError where weights were found but are not
    what they say they are.
    """
    places = [] if weights is None else [weights / "demucs", weights]
    file = next((found for place in places if (found := file_in(place))), None) or cached_file()
    if file is None:
        given = "" if weights is None else f"{weights.name} and "
        return Missing(f"{given}the local caches hold no Demucs weights", HOW_TO_GET)
    from wail.voice.demucs_model import load_demucs

    return load_demucs(file)


def file_in(place: Path) -> Path | None:
    """The weight file that a folder's bag (`*.yaml`: `models: [signature]`) names, or its only one.

    Raises ModelError where the bag names a file that is not there, or where several files leave the choice open.
    """
    if place.is_file():
        return place
    if not place.is_dir() or (place / "config.json").exists():
        # A config.json marks a folder of transformers, whose weights have the same suffix.
        return None
    bags = sorted(place.glob("*.yaml"))
    if bags:
        bag = next((b for b in bags if b.stem == MODEL), bags[0])
        return _of_signature(place, read_bag(bag), bag)
    files = sorted([*place.glob("*.safetensors"), *place.glob("*.th")])
    if len(files) > 1:
        raise ModelError(f"{place.name} holds {len(files)} weight files and no .yaml that says which to use: give the "
                         f"path of one file, for instance {files[0].name}.")  # fmt: skip
    return files[0] if files else None


def read_bag(path: Path) -> str:
    """The signature in a Demucs bag of one model, such as htdemucs."""
    import yaml

    try:
        signatures = [str(signature) for signature in yaml.safe_load(path.read_text())["models"]]
    except (yaml.YAMLError, TypeError, KeyError, UnicodeDecodeError) as error:
        raise ModelError(f"{path.name} is no Demucs bag: it needs a line `models: ['signature']` ({error}).") from error
    if len(signatures) != 1:
        raise ModelError(f"{path.name} is a bag of {len(signatures)} models; WAIL runs one: give the path of the one "
                         "that is best at vocals (of htdemucs_ft, 04573f0d).")  # fmt: skip
    return signatures[0]


def _of_signature(folder: Path, signature: str, bag: Path) -> Path:
    for pattern in (f"{signature}.safetensors", f"{signature}-*.th", f"{signature}.th"):
        for path in sorted(folder.glob(pattern)):
            return path
    raise ModelError(f"{bag.name} names the model {signature}, but {folder.name} holds no {signature}.safetensors or "
                     f"{signature}-*.th: put it there.")  # fmt: skip


def cached_file() -> Path | None:
    """htdemucs where the hub's client or torch.hub left it."""
    for folder in sorted((hub_cache() / f"models--{HUB_REPO.replace('/', '--')}" / "snapshots").glob("*")):
        path = folder / f"{HUB_SIGNATURE}.safetensors"
        if path.is_file():
            return path
    legacy = _torch_home() / "hub" / "checkpoints" / LEGACY_FILE
    return legacy if legacy.is_file() else None


def hub_cache() -> Path:
    """As huggingface_hub finds it: HF_HUB_CACHE, or HF_HOME/hub, or ~/.cache/huggingface/hub."""
    home = os.environ.get("HF_HOME") or str(_user_cache() / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or str(Path(home) / "hub")).expanduser()


def _torch_home() -> Path:
    return Path(os.environ.get("TORCH_HOME") or str(_user_cache() / "torch")).expanduser()


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
