"""Taggers that people already trust, as further evidence: an AudioSet tagger (AST) and voice-type classifiers.

Their weights come from a local folder or a local cache; nothing is ever downloaded from here, and without weights
nothing changes. One file per kind of model, imported only where its weights were found.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.special import expit, logit

from wail.errors import ConfigError, ModelError
from wail.voice.detect import VoiceTrack
from wail.voice.separate import Missing, hub_cache

AST = ("ASTForAudioClassification",)
ENCODERS = ("Wav2Vec2", "Wav2Vec2Conformer", "Hubert", "WavLM", "UniSpeechSat", "Data2VecAudio")
SPEECH = tuple(e + head for e in ENCODERS for head in ("ForAudioFrameClassification", "ForSequenceClassification"))
AUDIOSET = (
    "AudioSet tagger", ("ast",), ("MIT/ast-finetuned-audioset-10-10-0.4593",),
    "AST, 346 MB, BSD-3-Clause: `hf download MIT/ast-finetuned-audioset-10-10-0.4593` puts it into the local cache, or "
    "give a folder that holds it as ast",
)  # fmt: skip
VOICE_TYPE = (
    "voice-type classifier", ("speech", "vtc"), ("coml/VTC-2", "bookbot/wav2vec2-adult-child-cls"),
    "VTC 2 on BabyHuBERT, 1.1 GB, under BabyHuBERT's licence (no commercial use, no surveillance; read it first): "
    "`hf download coml/VTC-2` puts it into the local cache, or give a folder that holds its best.ckpt as vtc. Or a "
    "child/adult classifier, 378 MB, Apache-2.0: `hf download bookbot/wav2vec2-adult-child-cls`",
)  # fmt: skip
"""What, which kinds of folders hold it, the repositories looked for in the local cache, and how to get it."""

_CALLED_SO = re.compile(r"(ast|vtc|voice[-_ ]?types?)([-_. ].*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class TagTrack:
    """What a tagger heard: probabilities [m] (0-1) at `time_s` [m], or None for a class that it does not have.

    Each row heard `span_s` of sound, around its time. `neutral`: by class (infant, cry, ...) the probability at which
    the tagger says neither yes nor no; 0.5 where it is not given. `chooses`: it names one voice or another even where
    none sounds, as a child/adult classifier without a class for the rest does.
    """

    time_s: NDArray[np.float64]
    p_infant: NDArray[np.float32] | None = None
    p_cry: NDArray[np.float32] | None = None
    p_laugh: NDArray[np.float32] | None = None
    p_babble: NDArray[np.float32] | None = None
    p_adult: NDArray[np.float32] | None = None
    span_s: float = 0.0
    neutral: Mapping[str, float] = field(default_factory=dict)
    chooses: bool = False


class Tagger(Protocol):
    """Somebody else's model of who or what sounds."""

    @property
    def name(self) -> str:
        """Kind of model and sha256[:16] of its weights and config, for receipts."""
        ...

    def tag(self, wave16: NDArray[np.float32]) -> TagTrack:
        """A 16 kHz mono wave [n] of any length, in bounded memory; the same bytes for the same wave on a CPU.

        Raises ClipError (corrupt) where the wave is not one row of finite numbers.
        """
        ...


@dataclass(frozen=True)
class TaggerConfig:
    """How taggers listen and how much they may say. None of it could be tuned on real weights: none were at hand.

    The bound was looked at with made-up taggers on the mixtures of the tune part: at 1.0, one of windows that always
    says yes or no cost nothing, one of frames that always says yes 0.035 of frame F1, and one of frames that is right
    gained 0.05.
    """

    window_s: Annotated[float, Interval(ge=0.1, le=10.24)] = 2.56
    """Sound per answer, of models that give one answer for all that they hear."""
    hop_s: Annotated[float, Interval(ge=0.05, le=10.24)] = 1.28
    max_log_odds: Annotated[float, Interval(ge=0, le=3)] = 1.0
    """The most that all taggers together can move a probability's log-odds, up or down. At 1.0 a step of 0.9 stays
    above 0.76, one of 0.02 below 0.06, one of 0.5 between 0.26 and 0.74."""
    audioset_neutral: Annotated[float, Interval(ge=0.001, le=0.999)] = 0.1
    """Neutral point of AudioSet's infant classes: they are rare and their labels incomplete, so the sigmoids of a
    tagger trained on them stay well below 0.5 for much of what is there."""

    def __post_init__(self) -> None:
        if self.hop_s > self.window_s:
            raise ConfigError(f"Tagger windows need hop_s <= window_s, but hop_s is {self.hop_s:g} and window_s is "
                              f"{self.window_s:g}: some sound would never be heard.")  # fmt: skip


def fuse(track: VoiceTrack, tags: Sequence[TagTrack], config: TaggerConfig | None = None) -> VoiceTrack:
    """The track with the taggers' evidence; the same object where no tagger says anything.

    For each class, log-odds are added: logit p' = logit p + e, where e is the sum over taggers of logit q - logit
    neutral (a tagger's likelihood ratio, if its probabilities are calibrated), interpolated to the steps, each tagger's
    and the sum held within +-`max_log_odds`. Both hear the same sound, so they are not independent: hence the bound, by
    which a wrong tagger cannot wipe out a burst, nor make a segment of silence.

    A tagger of windows says that the class sounds somewhere in `span_s`, not at each step of it. Its yes counts as far
    as the track has not explained it already, by (1 - the largest p around) / (1 - p); its no as far as what the track
    hears fills the window, by the mean p around / the largest: a 0.3 s burst in 2.56 s called empty loses an eighth of
    it, ten seconds of siren all. (In full, even a perfect tagger of windows made segments worse: it filled the breaths
    between cries.) For a tagger of frames both weights are 1. The yes of one that only chooses among voices is also
    weighed by the track's probability that any voice sounds.
    """
    config = config or TaggerConfig()
    names = [f.name for f in fields(TagTrack) if f.name.startswith("p_")]
    moved = {name: _moved(track, name, tags, config.max_log_odds) for name in names}
    changes: dict[str, Any] = {name: p for name, p in moved.items() if p is not None}
    return replace(track, **changes) if changes else track


def _moved(track: VoiceTrack, name: str, tags: Sequence[TagTrack], bound: float) -> NDArray[np.float32] | None:
    """Probabilities [n] of one class with the evidence of those tags that have it; None where none has."""
    p = getattr(track, name).astype(np.float64)
    told = [_evidence(track, name, tag, bound) for tag in tags if getattr(tag, name) is not None and len(tag.time_s)]
    if not told or not len(p):
        return None
    evidence = np.clip(np.sum(told, axis=0), -bound, bound)
    moved = expit(logit(np.clip(p, 1e-7, 1 - 1e-7)) + evidence)
    return np.where(evidence == 0, p, moved).astype(np.float32)


def _evidence(track: VoiceTrack, name: str, tag: TagTrack, bound: float) -> NDArray[np.float64]:
    """Log-odds [n] for or against a class by one tag, at the track's steps."""
    q = np.clip(getattr(tag, name).astype(np.float64), 1e-7, 1 - 1e-7)
    said = np.clip(logit(q) - logit(tag.neutral.get(name.removeprefix("p_"), 0.5)), -bound, bound)
    at_steps = np.interp(track.time_s, tag.time_s, said)
    p = getattr(track, name).astype(np.float64)
    mean, largest = _around(track.time_s, p, tag.span_s)
    voice = 1 - (1 - track.p_infant) * (1 - track.p_adult) if tag.chooses else 1.0
    yes, no = voice * (1 - largest + 1e-9) / (1 - p + 1e-9), (mean + 1e-9) / (largest + 1e-9)
    return np.asarray(at_steps * np.where(at_steps < 0, no, yes), np.float64)


def _around(time_s: NDArray[np.float64], p: NDArray[np.float64], span_s: float
            ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Mean and largest p [n] over the steps within `span_s` / 2 of each step; at the ends, over those there are."""
    step_s = 2 * float(time_s[0])
    reach = min(int(span_s / 2 / step_s + 1e-6), len(p))
    sums = np.r_[0.0, np.cumsum(p)]
    first, stop = (np.clip(np.arange(len(p)) + k, 0, len(p)) for k in (-reach, reach + 1))
    largest = maximum_filter1d(p, 2 * reach + 1, mode="nearest")
    return np.minimum((sums[stop] - sums[first]) / (stop - first), largest), largest


def find_taggers(weights: Path | None, config: TaggerConfig | None = None, device: str = "cpu"
                 ) -> list[Tagger | Missing]:  # fmt: skip
    """What `locate_taggers` finds, loaded onto `device` (cpu or cuda).

    Raises ModelError where a tagger's folder cannot be used, ConfigError for a device that is not there.
    """
    config = config or TaggerConfig()
    places = locate_taggers(weights)
    return [place if isinstance(place, Missing) else _load(place, config, device) for place in places]


def locate_taggers(weights: Path | None) -> list[Path | Missing]:
    """Folders of AudioSet taggers and voice-type classifiers: `weights` itself, or else those in it; and of a kind that
    it has none of, the one in the local Hugging Face cache, or a Missing. Reads configs only.

    Folders are told by the architecture in their config.json, VTC 2 by best.ckpt; others (Demucs, encoders) are passed
    over. Raises ModelError where a folder called ast, vtc or voice-type (or ast-something) holds no such model.
    """
    homes = _homes(weights)
    places: list[Path | Missing] = []
    looked = "the local cache holds" if weights is None else f"{weights.name} and the local cache hold"
    for what, kinds, repos, how in (AUDIOSET, VOICE_TYPE):
        ours: list[Path] = [home for home in homes if _kind(home) in kinds] or _cached(repos)[:1]
        places += ours or [Missing(f"{looked} no {what}", how)]
    return places


def _homes(weights: Path | None) -> list[Path]:
    """Folders with taggers: the given one, or those in it. Raises ModelError for one that is only called so."""
    if weights is None or not weights.is_dir():
        return []
    if _kind(weights):
        return [weights]
    homes = [folder for folder in sorted(weights.iterdir()) if folder.is_dir() and _kind(folder)]
    for folder in [] if homes and _CALLED_SO.match(weights.name) else [weights, *sorted(weights.iterdir())]:
        if _CALLED_SO.match(folder.name) and folder.is_dir() and folder not in homes:
            raise ModelError(_why_none(folder))
    return homes


def _why_none(folder: Path) -> str:
    known = ", ".join((*AST, *SPEECH))
    if not (folder / "config.json").is_file():
        return (f"{folder.name} is called a tagger's folder, but holds neither config.json nor best.ckpt: put the "
                "model's files there, or call the folder otherwise.")  # fmt: skip
    has = ", ".join(map(str, read_config(folder).get("architectures") or ())) or "none"
    return f"{folder.name}/config.json names as architecture {has}; WAIL takes {known}: give such a model."


def _kind(folder: Path) -> str | None:
    """ast, speech, vtc, or None for a folder that holds no tagger."""
    if vtc_file(folder):
        return "vtc"
    if not (folder / "config.json").is_file():
        return None
    named = (read_config(folder).get("architectures") or [""])[0]
    return "ast" if named in AST else "speech" if named in SPEECH else None


def _cached(repos: Sequence[str]) -> list[Path]:
    """Snapshots in the local cache that hold weights, not only a config."""
    folders = [hub_cache() / f"models--{repo.replace('/', '--')}" / "snapshots" for repo in repos]
    homes = [home for folder in folders for home in sorted(folder.glob("*"))]
    return [home for home in homes if _kind(home) == "vtc" or (_kind(home) and weight_files(home))]


def _load(home: Path, config: TaggerConfig, device: str) -> Tagger:
    kind = _kind(home)
    if kind == "ast":
        from wail.voice.tagger_ast import load_ast

        return load_ast(home, config, device)
    if kind == "speech":
        from wail.voice.tagger_speech import load_speech

        return load_speech(home, config, device)
    from wail.voice.tagger_vtc import load_vtc

    return load_vtc(home, device)


def vtc_file(folder: Path) -> Path | None:
    """VTC 2's checkpoint, where its repository or its hub folder has it."""
    return next((path for path in (folder / "best.ckpt", folder / "model" / "best.ckpt") if path.is_file()), None)


def weight_files(folder: Path) -> list[Path]:
    """Weights as transformers saves them, in one file or several."""
    return sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def read_config(folder: Path) -> dict[str, Any]:
    """config.json as it stands. Raises ModelError where it is no JSON object."""
    try:
        facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise ModelError(f"{folder.name}/config.json cannot be read ({error}): get it again.") from error
    if not isinstance(facts, dict):
        raise ModelError(f"{folder.name}/config.json is no JSON object: get it again.")
    return facts
