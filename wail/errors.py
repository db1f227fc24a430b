"""The exception tree of WAIL.

WailError                 anything a user can mend; its text says what, which rule, which value, what to do next
├── SourceError           a source list, folder or label that cannot be read
├── ConfigError           a setting out of its range, or a dataset made with something else
├── ClipError             one clip ends here, the run goes on; carries a failure class
│   ├── FetchError        it could not be fetched
│   └── MediaError        it was fetched, but cannot be read as media
├── ModelError            a model file that is missing, of the wrong layout, or not what it says it is
├── DatasetBusyError      another run holds the dataset's lock
└── DatasetError          a dataset, shard or checkpoint that is damaged or does not fit
"""

from collections.abc import Sequence


class WailError(Exception):
    """Anything a user can mend. The `wail` command prints it as one sentence and exits with 1."""


class SourceError(WailError):
    """A source list, folder or label that cannot be read."""


class ConfigError(WailError):
    """A setting out of its range, or a dataset made with something else."""


class ClipError(WailError):
    """One clip ends here; the run goes on. `failure` is one of `schemas.reasons.FAILURES`."""

    def __init__(self, message: str, failure: str) -> None:
        super().__init__(message)
        self.failure = failure

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        # The default drops `failure`, and these cross process borders.
        return type(self), (str(self), self.failure)


class FetchError(ClipError):
    """It could not be fetched."""


class MediaError(ClipError):
    """It was fetched, but cannot be read as media."""


class ModelError(WailError):
    """A model file that is missing, of the wrong layout, or not what it says it is."""


class DatasetBusyError(WailError):
    """Another run holds the dataset's lock."""


class DatasetError(WailError):
    """A dataset, shard or checkpoint that is damaged or does not fit."""


def shape_message(name: str, expected: str, got: Sequence[int]) -> str:
    """The one wording for every shape error: name, the shape expected, the shape got."""
    return f"{name} must have shape {expected} but has shape {tuple(got)}"
