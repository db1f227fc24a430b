"""Where to search for faces in which frame: thoroughly at first and after a cut, then a little now and then."""

from collections.abc import Iterator

from wail.vision.config import VisionConfig
from wail.vision.detect import search_levels
from wail.vision.roi import Roi

FIRST_REGIONS, MORE_REGIONS = 128, 32
"""How many regions the sweep of a new shot covers in its first frame, and in each one after."""
SURVEY_REGIONS, LOST_REGIONS = 2, 3
"""How many regions are visited at a time later, while every face is followed and while one is lost or none known."""
LOST_LOOKS, SURVEY_LOOKS = 4, 2
"""How many candidates get a landmark network's look each time: what a crowd may cost."""


class SearchPlan:
    """A sweep from the whole picture down to its smallest tiles, then a tour of them in turn.

    The sweep ends one level below the one that showed the first face: others are seldom half its size, and the tour
    gets to those.
    """

    def __init__(self, config: VisionConfig) -> None:
        self._config = config
        self._size = (0, 0)
        self._todo: list[list[Roi]] = []
        self._tour: list[Roi] = []
        self._whole: list[Roi] = []
        self._visits = 0
        self._since = 0
        self.restart()

    def restart(self) -> None:
        """A new shot."""
        self._swept, self._found = False, False

    def next(self, width_px: int, height_px: int, lost: bool) -> Iterator[tuple[list[Roi], int]]:
        """Regions to search in this frame, coarse ones first, each with the number of candidates to look at.

        `found` has to be told of each before the next is asked for.
        """
        if (width_px, height_px) != self._size:
            self._measure(width_px, height_px)
        if not self._swept:
            self._swept, self._since = True, 0
            self._todo = list(self._levels)
            yield from self._sweep(FIRST_REGIONS)
        elif self._todo:
            yield from self._sweep(MORE_REGIONS)
        else:
            self._since += 1
            if self._since >= (self._config.search_every_frames if lost else self._config.survey_every_frames):
                self._since = 0
                yield self._visit(LOST_REGIONS if lost else SURVEY_REGIONS), LOST_LOOKS if lost else SURVEY_LOOKS

    def found(self, any_new: bool) -> None:
        """Whether the last regions showed a new face."""
        if any_new and not self._found:
            self._found = True
            self._todo = [[region for region in level if region.roll_deg == 0.0] for level in self._todo[:1]]

    def _measure(self, width_px: int, height_px: int) -> None:
        self._size = (width_px, height_px)
        self._levels = search_levels(width_px, height_px)
        self._whole, self._tour = self._levels[0], [region for level in self._levels[1:] for region in level]
        self._todo, self._visits = [], 0

    def _sweep(self, budget: int) -> Iterator[tuple[list[Roi], int]]:
        while self._todo and budget > 0:
            level = self._todo.pop(0)
            if len(level) > budget:
                self._todo.insert(0, level[budget:])
            part = level[:budget]
            budget -= len(part)
            yield part, 2 * self._config.max_faces

    def _visit(self, count: int) -> list[Roi]:
        """The whole picture, upright and upside down in turn, and the next tiles."""
        whole = self._whole[self._visits % len(self._whole)]
        at = self._visits * (count - 1)
        self._visits += 1
        return [whole, *(self._tour[(at + k) % len(self._tour)] for k in range(min(count - 1, len(self._tour))))]
