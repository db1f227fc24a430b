"""The whole configuration of a curation run: each part's own frozen dataclass, composed and checked here."""

from pathlib import Path
from typing import Literal

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


def config_from(values: dict[str, object]) -> CurateConfig:
    """Build a config from nested plain values; raises ConfigError that names each wrong key and value."""
    try:
        return TypeAdapter(CurateConfig).validate_python(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])} = {problem['input']!r}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigError(f"the configuration is refused: {wrong}") from None


def override(config: CurateConfig, settings: tuple[str, ...]) -> CurateConfig:
    """Apply `part.name=value` settings (values as JSON, or plain text); raises ConfigError for an unknown name."""
    import json

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
