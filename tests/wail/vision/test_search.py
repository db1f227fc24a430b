"""Every size of face is searched for, and never too much at a time."""

import pytest

from wail.vision.config import VisionConfig
from wail.vision.detect import SMALLEST_PX, SMALLEST_SHARE, search_levels
from wail.vision.search import FIRST_REGIONS, LOST_REGIONS, MORE_REGIONS, SURVEY_REGIONS, SearchPlan


def searched(plan: SearchPlan, size, lost: bool, found: bool = False) -> int:
    count = 0
    for regions, _ in plan.next(*size, lost):
        count += len(regions)
        plan.found(found)
    return count


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (720, 1280), (3840, 2160)])
def test_the_smallest_face_is_large_enough_in_the_smallest_tiles(size):
    levels = search_levels(*size)
    assert levels[0][0].size_px == max(size)
    assert SMALLEST_PX / levels[-1][0].size_px > SMALLEST_SHARE * 0.7
    # Every place of the picture is in a tile of the finest level, well inside it.
    for x in range(30, size[0] - 30, 97):
        for y in range(30, size[1] - 30, 97):
            inside = [r for r in levels[-1] if max(abs(x - r.x_px), abs(y - r.y_px)) < 0.5 * r.size_px - 1]
            assert {r.roll_deg for r in inside} == {0.0, 180.0}


def test_a_sweep_is_bounded_in_each_frame_and_ends():
    plan, size = SearchPlan(VisionConfig()), (3840, 2160)
    total = sum(len(level) for level in search_levels(*size))
    assert searched(plan, size, lost=True) == FIRST_REGIONS
    left = total - FIRST_REGIONS
    while left > 0:
        assert searched(plan, size, lost=True) == min(MORE_REGIONS, left)
        left -= MORE_REGIONS
    each = [searched(plan, size, lost=True) for _ in range(VisionConfig().search_every_frames * 3)]
    assert sorted(set(each)) == [0, LOST_REGIONS]


def test_once_a_face_is_found_only_the_next_level_is_swept_and_then_little():
    plan, config = SearchPlan(VisionConfig()), VisionConfig()
    levels = search_levels(1280, 720)
    assert searched(plan, (1280, 720), lost=False, found=True) == len(levels[0]) + len(levels[1]) // 2
    each = [searched(plan, (1280, 720), lost=False) for _ in range(config.survey_every_frames)]
    assert each == [0] * (config.survey_every_frames - 1) + [SURVEY_REGIONS]


def test_a_new_shot_is_swept_anew():
    plan = SearchPlan(VisionConfig())
    first = searched(plan, (320, 240), lost=True)
    plan.restart()
    assert searched(plan, (320, 240), lost=True) == first > SURVEY_REGIONS


def test_the_tour_visits_every_tile():
    plan = SearchPlan(VisionConfig())
    list(plan.next(640, 480, False))
    plan.found(True)
    seen = {region for _ in range(15 * 200) for regions, _ in plan.next(640, 480, False) for region in regions}
    assert seen == {region for level in search_levels(640, 480) for region in level}
