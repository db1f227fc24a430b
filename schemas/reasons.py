"""The closed vocabularies: why a frame was not kept, why an item failed, what an infant's voice does."""

from typing import Final, Literal, get_args

Reason = Literal[
    "no_face", "not_infant", "several_faces", "not_live", "out_of_frame", "profile", "tilted", "mouth_occluded",
    "face_occluded", "too_small", "blurred", "dark", "low_confidence", "no_infant_voice", "adult_voice",
    "voice_elsewhere", "too_short", "poor_fit", "reviewer",
]  # fmt: skip
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)

VISION_REASONS: Final[tuple[Reason, ...]] = (
    "no_face", "not_infant", "several_faces", "not_live", "out_of_frame", "profile", "tilted", "mouth_occluded",
    "face_occluded", "too_small", "blurred", "dark", "low_confidence",
)  # fmt: skip
"""Reasons that the picture alone gives; the others need the sound, the run's length, the fit or a reviewer."""

Failure = Literal[
    "transient", "blocked", "gone", "private", "age", "geo", "too_large", "corrupt", "unsupported", "bug"
]  # fmt: skip
FAILURES: Final[tuple[Failure, ...]] = get_args(Failure)
RETRIED: Final[frozenset[Failure]] = frozenset({"transient", "blocked"})
"""Failures that a rerun tries again by itself; the others wait for `--retry-failed`."""

Label = Literal["cry", "laugh", "babble"]
LABELS: Final[tuple[Label, ...]] = get_args(Label)
EXPERIMENTAL: Final[tuple[Label, ...]] = ("laugh", "babble")
"""Labels that rest on little data: shown as experimental wherever people read them."""

Status = Literal["done", "failed", "skipped"]
Split = Literal["train", "val", "test"]
SPLITS: Final[tuple[Split, ...]] = get_args(Split)
