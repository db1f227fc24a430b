"""The whole configuration of a curation run: each part's own frozen dataclass, composed and checked here."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from wail.errors import ConfigError
from wail.inface.fit import FitConfig
from wail.media.download import DownloadConfig
from wail.media.probe import MediaLimits
from wail.vision.analyse import VisionConfig
from wail.vision.takes import TakeConfig
from wail.voice.analyse import VoiceConfig


class FitLimits(BaseModel):
    """When a fit is too poor to keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_residual: float = Field(0.12, gt=0)
    """RMS landmark error of a frame, as a fraction of the outer eye distance."""
    max_poor_share: float = Field(0.5, ge=0, le=1)
    """A take with a larger share of poor frames is dropped whole."""
    closed_floor_mm: float = Field(1.5, gt=0)
    """A mouth open by less is closed, however little the take's mouth moves."""


class SplitConfig(BaseModel):
    """Shares of groups held out. A group's place depends on its id alone, so it never moves when the data grows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    val: float = Field(0.1, ge=0, lt=0.5)
    test: float = Field(0.1, ge=0, lt=0.5)


class CurateConfig(BaseModel):
    """Everything that can change what a dataset holds. How it is run (jobs, device, retries) is not in here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


AT_LEAST_ONE = re.compile(
    r"max_(faces|bytes|pixels|streams|height_px)|.*_every_frames|smooth_frames|key_frames|.*iterations"
)
ABOVE_ZERO = re.compile(r"max_(duration|take)_s|.*timeout_s|.*_sd(_\w+)?|.*_width|.*_step(_\w+)?|focal_ratio")
SHARE = re.compile(r".*(probability|share|overlap|presence)|(min_|max_)?p_\w+|min_(mouth_)?visible|min_detection_score")
"""Names of settings by the range that their parts' dataclasses leave unsaid; see `range_of`."""


def config_from(values: Mapping[str, object]) -> CurateConfig:
    """Build a config from nested plain values; raises ConfigError that names each wrong key and value."""
    try:
        config = TypeAdapter(CurateConfig).validate_python(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])} = {problem['input']!r}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigError(f"the configuration is refused: {wrong}; mend it, dataset.json of any dataset shows "
                          "all settings") from None  # fmt: skip
    check_ranges(config)
    return config


def check_ranges(config: CurateConfig) -> None:
    """Raises ConfigError for numbers that no part can work with; the parts' own checks have the finer rules."""
    defaults = dict(numbers(CurateConfig().model_dump()))
    for name, value in numbers(config.model_dump()):
        low, strict, high = range_of(name.rpartition(".")[2], defaults.get(name, value))
        if not (math.isfinite(value) and (value > low if strict else value >= low) and value <= high):
            wanted = f"{'above' if strict else 'at least'} {low:g}" if low > -math.inf else "finite"
            wanted += f" and at most {high:g}" if high < math.inf else ""
            raise ConfigError(f"{name} = {value:g} is refused: it must be {wanted}; change it")
    if config.takes.max_take_s < config.takes.min_take_s:
        raise ConfigError(f"takes.max_take_s = {config.takes.max_take_s:g} is below takes.min_take_s = "
                          f"{config.takes.min_take_s:g}, so no take could be: change one of them")  # fmt: skip


def range_of(name: str, default: float) -> tuple[float, bool, float]:
    """Lowest value, whether that is excluded, and highest value of a setting: a number whose default is not negative
    may not be either."""
    if SHARE.fullmatch(name):
        return 0.0, False, 1.0
    if name.endswith("sync_score"):  # a correlation: -1 lets everything through
        return -1.0, False, 1.0
    if AT_LEAST_ONE.fullmatch(name):
        return 1.0, False, math.inf
    return (0.0 if default >= 0 else -math.inf), ABOVE_ZERO.fullmatch(name) is not None, math.inf


def numbers(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a nested config, by its full name."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{before}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield before + name, value


def override(config: CurateConfig, settings: tuple[str, ...]) -> CurateConfig:
    """Apply `part.name=value` settings (values as JSON, or plain text); raises ConfigError for an unknown name."""
    values = TypeAdapter(CurateConfig).dump_python(config, mode="json")
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"setting {setting!r} is not of the form part.name=value, e.g. takes.min_take_s=0.8")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        *parents, last = name.strip().split(".")
        place = values
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            known = ", ".join(sorted(place)) if isinstance(place, dict) else ", ".join(sorted(values))
            raise ConfigError(f"there is no setting {name!r}; known here: {known}")
        place[last] = value
    return config_from(values)


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
