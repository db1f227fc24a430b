"""The whole configuration of a curation run: each part's own frozen dataclass, composed and checked here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Gt, Interval
from pydantic import BaseModel, ConfigDict, ValidationError

from wail.errors import ConfigError
from wail.inface.fit import FitConfig
from wail.media.download import DownloadConfig
from wail.media.probe import MediaLimits
from wail.vision.analyse import VisionConfig
from wail.vision.takes import TakeConfig
from wail.voice.analyse import VoiceConfig


@dataclass(frozen=True)
class FitLimits:
    """When a fit is too poor to keep."""

    max_residual: Annotated[float, Gt(0)] = 0.12
    """RMS landmark error of a frame, as a fraction of the outer eye distance."""
    max_poor_share: Annotated[float, Interval(ge=0, le=1)] = 0.5
    """A take with a larger share of poor frames is dropped whole."""
    closed_floor_mm: Annotated[float, Gt(0)] = 1.5
    """A mouth open by less is closed, however little the take's mouth moves."""


@dataclass(frozen=True)
class SplitConfig:
    """Shares of groups held out. A group's place depends on its id alone, so it never moves when the data grows."""

    val: Annotated[float, Interval(ge=0, lt=0.5)] = 0.1
    test: Annotated[float, Interval(ge=0, lt=0.5)] = 0.1


class CurateConfig(BaseModel):
    """Everything that can change what a dataset holds. How it is run (jobs, device, retries) is not in here."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    retain: Literal["media", "derived"] = "media"
    """`derived` deletes a clip's picture and sound when its shard row is made, and leaves sound out of the shards."""
    encoders: tuple[str, ...] = ("logmel",)
    """Audio features to compute for the trainer."""
    weights: Path | None = None
    """Folder with optional weights (Demucs, voc2vec), beside the libraries' own caches."""
    face_model: Path | None = None
    """INFACE's HDF5 file; without one the stand-in is used, and said so."""
    media: MediaLimits = MediaLimits()
    download: DownloadConfig = DownloadConfig()
    voice: VoiceConfig = VoiceConfig()
    vision: VisionConfig = VisionConfig()
    takes: TakeConfig = TakeConfig()
    fit: FitConfig = FitConfig()
    fit_limits: FitLimits = FitLimits()
    split: SplitConfig = SplitConfig()


def config_from(values: Mapping[str, object]) -> CurateConfig:
    """Build a config from nested plain values; raises ConfigError that names each wrong key, its value and the rule."""
    try:
        return CurateConfig.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])} = {problem['input']!r}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigError(f"the configuration is refused: {wrong}; mend it, dataset.json of any dataset shows "
                          "all settings") from None  # fmt: skip


def override(config: CurateConfig, settings: tuple[str, ...]) -> CurateConfig:
    """Apply `part.name=value` settings (values as JSON, or plain text); raises ConfigError for an unknown name."""
    values = config.model_dump(mode="json")
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"setting {setting!r} is not of the form part.name=value, e.g. takes.min_take_s=0.8")
        set_in(values, name.strip(), text)
    return config_from(values)


def set_in(values: dict[str, Any], name: str, text: str) -> None:
    """Set the value of the dotted name, as JSON says it or as plain text; raises ConfigError where there is none."""
    *parents, last = name.split(".")
    place: Any = values
    for parent in parents:
        place = place.get(parent) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        known = ", ".join(sorted(place if isinstance(place, dict) else values))
        raise ConfigError(f"there is no setting {name!r}; known here: {known}")
    try:
        place[last] = json.loads(text)
    except (ValueError, RecursionError):  # a number of thousands of digits, or nested without end, is text as well
        place[last] = text


def read_config_file(path: Path) -> dict[str, Any]:
    """Nested values of a JSON file with settings; of a `dataset.json`, those that it was made with."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path.name} cannot be read as JSON ({error}): give settings as dataset.json of any dataset "
                          "holds them under `config`") from error  # fmt: skip
    values = values.get("config", values) if isinstance(values, dict) else values
    if not isinstance(values, dict):
        raise ConfigError(f"{path.name} holds a {type(values).__name__}, where settings by name are wanted: see "
                          "`config` in dataset.json of any dataset")  # fmt: skip
    return values
