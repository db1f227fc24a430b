"""The JSON documents of a dataset folder, as frozen pydantic models that refuse unknown keys."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.reasons import Failure, Status


class Document(BaseModel):
    """Base of every document: frozen, and a typo in a key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceItem(Document):
    """One thing asked for: a media file of one's own, or a URL, with an optional span of it."""

    uri: str
    """A URL, or a path on this machine."""
    platform: str
    """`file`, `youtube`, or the URL's host."""
    video_id: str
    """The platform's id of the video; for a file its content's sha256, filled in when it is read."""
    asked_start_s: float | None = None
    asked_end_s: float | None = None
    labels: tuple[str, ...] = ()
    licence: str | None = None
    uploader: str | None = None


class Probe(Document):
    """What a media file holds, on the clip's clock (0 = start of the video's presentation timeline)."""

    container: str
    video_codec: str | None
    audio_codec: str | None
    width_px: int
    """Of the displayed picture: rotation applied, square pixels."""
    height_px: int
    rotation_deg: int
    """Clockwise turn that display applies, one of 0, 90, 180, 270."""
    average_fps: float
    variable_fps: bool
    duration_s: float
    """Of the video; of the audio where there is no video."""
    n_grid_frames: int
    """Frames on the 30 fps grid: those k with k / 30 < duration_s."""
    audio_start_s: float | None
    """When the sound starts on the clip's clock; null without sound."""
    audio_duration_s: float | None
    audio_rate_hz: int | None
    audio_channels: int | None
    n_streams: int


class Output(Document):
    """One file that a stage wrote, relative to the clip's folder."""

    path: str
    sha256: str
    bytes: int


class Receipt(Document):
    """What became of one stage of one clip. The receipts are the ledger: a stage runs when its key is not here."""

    stage: str
    key: str
    """Hash of the input content, the stage's own config, the stage's version and its models' ids."""
    status: Status
    reason: str | None = None
    """Why it was skipped or failed: one sentence with what to do next."""
    failure: Failure | None = None
    seconds: float
    outputs: tuple[Output, ...] = ()
    models: dict[str, str] = {}
    """Model name to id or sha256, "stand-in" said where it is one."""
    facts: dict[str, Any] = {}
    """Small findings of the stage that later stages or the report read (counts, spans, warnings)."""
