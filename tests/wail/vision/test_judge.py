"""One reason per frame, by a fixed order, without flicker."""

import numpy as np
import pytest

from schemas.reasons import VISION_REASONS
from wail.vision.judge import first_reasons, steady


def test_the_first_of_the_fixed_order_is_the_reason():
    yes, no = np.array([True]), np.array([False])
    assert first_reasons({"blurred": yes, "profile": yes, "dark": no}) == ["profile"]
    assert first_reasons({"mouth_occluded": yes, "not_infant": yes}) == ["not_infant"]
    assert first_reasons(dict.fromkeys(VISION_REASONS, no)) == [None]


@pytest.mark.parametrize(("before", "after"), [
    ("...xx....", "........."),  # a short rejection between usable frames
    ("xxx..xxxx", "xxxxxxxxx"),  # a short usable run between rejections
    ("xxx....xx", "xxx....xx"),  # long enough to stand
    ("xxxpxxx..", "xxxxxxx.."),  # a short other reason
    ("..xx", "..xx"),            # the end stays
    ("xxx....p...", "xxx........"),
    ("...pp......xxxx", "...........xxxx"),
])  # fmt: skip
def test_short_verdicts_give_way(before, after):
    names = {".": None, "x": "mouth_occluded", "p": "profile"}
    assert steady([names[c] for c in before], 3) == [names[c] for c in after]
