"""How long the download queue waits: a little between items, long after a block, with no clock of its own."""

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True)
class PaceConfig:
    """Waits of the download queue."""

    gap_s: Annotated[float, Ge(0)] = 2.0
    """From the end of one download to the start of the next."""
    first_pause_s: Annotated[float, Ge(0)] = 300.0
    """After a block (HTTP 429, a bot check); twice as long after each further one."""
    longest_pause_s: Annotated[float, Ge(0)] = 3600.0
    most_blocks: Annotated[int, Ge(0)] = 4
    """Blocks in a row after which the queue stops: the rest is left for a later run."""


@dataclass(frozen=True)
class BlockPause:
    """The queue's state. Each result gives the next state: `pause = pause.after(failure, now_s)`.

    `now_s` is any clock in seconds that does not jump (time.monotonic).
    """

    config: PaceConfig = PaceConfig()
    next_at_s: float = float("-inf")
    n_blocks: int = 0

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next download may start."""
        return max(0.0, self.next_at_s - now_s)

    @property
    def stopped(self) -> bool:
        """Whether the queue should stop for good in this run."""
        return self.n_blocks >= self.config.most_blocks

    def after(self, failure: str | None, now_s: float) -> "BlockPause":
        """The state after a download that ended at `now_s`; `failure` is its class, None when it went well.

        Only a download that went well proves that a block is over; a video that is gone does not.
        """
        if failure == "blocked":
            pause_s = min(self.config.first_pause_s * 2**self.n_blocks, self.config.longest_pause_s)
            return replace(self, next_at_s=now_s + pause_s, n_blocks=self.n_blocks + 1)
        return replace(self, next_at_s=now_s + self.config.gap_s, n_blocks=0 if failure is None else self.n_blocks)
