"""What the parts of the voice benchmark share: held-out recordings, mixtures and tracks, made when first asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wail.bench.mixtures import COUNT, SEEDS, Mixture, compose
from wail.bench.recordings import Recording, read_part, read_recording
from wail.bench.rows import NotMeasured
from wail.pipeline import Progress
from wail.voice.detect import VoiceTrack, detect
from wail.voice.separate import Missing, Separator
from wail.voice.training.corpus import Entry

T = TypeVar("T")


@dataclass
class Held:
    """The held-out part `split` of a data folder. What cannot be made raises NotMeasured with the reason.

    `load` gives the separator under test, `count` is the number of mixtures, `cache` keeps the baselines' scores
    between runs, as `memo` does within one.
    """

    data: Path | None
    split: str
    load: Callable[[], Separator | Missing]
    tell: Callable[[Progress], None] = lambda progress: None
    cache: Path | None = None
    count: int = COUNT
    memo: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)

    def entries(self, part: str) -> list[Entry]:
        if self.data is None:
            raise NotMeasured("no data folder was given: add --data DIR")
        return read_part(self.data, part)

    def mixtures_of(self, part: str) -> list[Mixture]:
        return self.mixtures if part == self.split else compose(self.entries(part), SEEDS[part], self.count)

    def follow(self, stage: str, items: Sequence[T]) -> Iterator[T]:
        """The items one by one, telling how many are done: at once, since the first may have to train a model."""
        self.tell(Progress(stage, 0, len(items)))
        for k, item in enumerate(items):
            yield item
            self.tell(Progress(stage, k + 1, len(items)))

    @cached_property
    def mixtures(self) -> list[Mixture]:
        return compose(self.entries(self.split), SEEDS[self.split], self.count)

    @cached_property
    def tracks(self) -> list[VoiceTrack]:
        return [detect(mixture.wave) for mixture in self.follow("detector", self.mixtures)]

    @cached_property
    def recordings(self) -> list[Recording]:
        return [read_recording(entry) for entry in self.entries(self.split)]

    @cached_property
    def recording_tracks(self) -> list[VoiceTrack]:
        return [detect(one.wave) for one in self.follow("clean", self.recordings)]

    @cached_property
    def separator(self) -> Separator:
        found = self.load()
        if isinstance(found, Missing):
            raise NotMeasured(f"{found.why}: {found.how_to_get}")
        return found
