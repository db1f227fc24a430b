"""Voice separation behind a small protocol, and where to look for weights. Nothing is ever downloaded from here."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError
from wail.voice.mel import RATE_HZ
from wail.voice.wave import with_context

Kind = Literal["infant", "demucs", "demucs+infant", "none"]
"""The small infant separator that is shipped, Demucs' vocals (infant and parents), the infant in those, or neither."""
CONTEXT_S = 2
"""Sound on each side of a block that is separated with it and then thrown away."""
MODEL, HUB_REPO, HUB_SIGNATURE, LEGACY_FILE = "htdemucs", "adefossez/HTDemucs", "955717e8", "955717e8-8726e21a.th"
HOW_TO_GET = (
    "weights of Demucs 4.1, about 84 MB; the code is MIT, the weights have no licence of their own and are published "
    "for research: `hf download adefossez/HTDemucs` puts them into the local cache, or give a folder that holds "
    f"htdemucs.yaml with {HUB_SIGNATURE}.safetensors, or {LEGACY_FILE} of "
    "dl.fbaipublicfiles.com/demucs/hybrid_transformer"
)


class Separator(Protocol):
    """Takes a voice out of a mix."""

    @property
    def name(self) -> str:
        """Model and hash of its weights, for receipts."""
        ...

    def stem(self, wave: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """A wave [n] or [channels, n] at `rate_hz` to the voice alone, mono at 16 kHz, [ceil(n * 16000 / rate)].

        Raises RuntimeError, with words for the receipt, where that cannot be done.
        """
        ...


@dataclass(frozen=True)
class Missing:
    """Why there is no separator, and how to get one."""

    why: str
    how_to_get: str


@dataclass(frozen=True)
class Chain:
    """One separator after the other: the second hears the first one's stem."""

    first: Separator
    second: Separator

    @property
    def name(self) -> str:
        return f"{self.first.name} > {self.second.name}"

    def stem(self, wave: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        return self.second.stem(self.first.stem(wave, rate_hz), RATE_HZ)


def find_separator(kind: Kind = "infant", weights: Path | None = None, device: str = "cpu"
                   ) -> Separator | Missing | None:  # fmt: skip
    """The separator of that kind, a Missing that says why there is none, or None where none is wanted.

    `device` (cpu or cuda) is where Demucs runs. Raises ModelError where weights were found but are not what they say.
    """
    if kind == "none":
        return None
    infant = None if kind == "demucs" else find_infant(device)
    demucs = None if kind == "infant" else find_demucs(weights, device)
    missing = next((found for found in (demucs, infant) if isinstance(found, Missing)), None)
    if missing is not None or demucs is None or infant is None:
        return missing or demucs or infant
    assert not isinstance(demucs, Missing) and not isinstance(infant, Missing)
    return Chain(demucs, infant)


def find_infant(device: str = "cpu") -> Separator | Missing:
    """The infant separator that is shipped with the package."""
    from wail.voice.infant_stem import load_infant_separator

    try:
        return load_infant_separator(device=device)
    except FileNotFoundError:
        return Missing("the infant separator's weights are not in the package",
                       "install the package again, or train them (wail.voice.training.separator.train)")  # fmt: skip


def find_demucs(weights: Path | None = None, device: str = "cpu") -> Separator | Missing:
    """Demucs from `weights` (a file, or a folder with it or with a folder `demucs` that holds it), or else from the
    local caches of the Hugging Face hub and of torch.

    Only files are looked at: no look-up, no retry, no download. It will run in a process of its own. Raises ModelError
    where weights were found but are not what they say they are.
    """
    file = demucs_file(weights)
    if file is None:
        given = "" if weights is None else f"{weights.name} and "
        return Missing(f"{given}the local caches hold no Demucs weights", HOW_TO_GET)
    from wail.voice.apart import Apart

    return Apart(file, device)


def demucs_file(weights: Path | None) -> Path | None:
    places = [] if weights is None else [weights / "demucs", weights]
    return next((found for place in places if (found := file_in(place))), None) or cached_file()


def stem_blocks(separator: Separator, parts: Iterable[NDArray[np.float32]], rate_hz: int
                ) -> Iterator[NDArray[np.float32]]:  # fmt: skip
    """The stem of a stream of sound [n] or [channels, n] at `rate_hz`, part by part, mono at 16 kHz.

    Parts are whole seconds long (all but the last), so that every rate's samples line up at their borders. Raises
    RuntimeError where the separator fails or gives numbers that are not finite.
    """
    for piece, lead, n in with_context(parts, CONTEXT_S * rate_hz):
        stem = separator.stem(piece, rate_hz)
        start, size = lead * RATE_HZ // rate_hz, -(-n * RATE_HZ // rate_hz)
        own = np.zeros(size, np.float32)
        heard = stem[start : start + size]
        own[: len(heard)] = heard
        if not np.isfinite(own).all():
            raise RuntimeError("the stem holds numbers that are not finite")
        yield own


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
