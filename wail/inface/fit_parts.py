"""Parts of a face whose opening a detector knows better than their place: the inner lips and the lids.

A detector's errors are alike in neighbours. Of mediapipe's landmarks on rendered infants (12 sample clips, 1.4 px/mm)
a single one is 2 mm off, but the gap between upper and lower inner lip only 0.5 mm when the mouth is closed, and 7 % of
it when open; the lids' gap 1 mm (harder pictures: docs/fit.md). So differences of two landmarks are fitted besides the
landmarks themselves: a closed mouth closes, a crying one opens. The gaps along one mouth err together
(effective number 1.2 of 9 pairs, 1.6 of 14), and all pairs of a part are worth no more than that.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wail.inface.fit_config import FitConfig
from wail.inface.landmarks import LandmarkMap

INNER_LIP_PAIRS = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324))
"""mediapipe's landmarks of the upper and the lower inner lip, opposite each other, from the subject's right."""
LID_PAIRS = (
    (246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155),
    (466, 249), (388, 390), (387, 373), (386, 374), (385, 380), (384, 381), (398, 382),
)  # fmt: skip
"""The same of the upper and the lower lid, right eye then left."""


@dataclass(frozen=True)
class Pairs:
    """P pairs of landmarks. first, second i64 [P]: rows of the map; sd_mm [P]: error of the difference when it is zero;
    grows [P]: and how much more per mm of it; worth [P]: of how many independent measurements each pair stands."""

    first: Tensor
    second: Tensor
    sd_mm: Tensor
    grows: Tensor
    worth: Tensor


def part_pairs(landmark_map: LandmarkMap, config: FitConfig, device: str | torch.device = "cpu") -> Pairs:
    """The pairs of lips and lids that the map holds and that are to be fitted; none for a map without them."""
    row = {int(i): k for k, i in enumerate(landmark_map.landmark) if landmark_map.weight[k] > 0}
    parts = (
        (INNER_LIP_PAIRS, config.lip_gap_sd_mm, config.lip_gap_grows, config.independent_lip_gaps),
        (LID_PAIRS, config.lid_gap_sd_mm, 0.0, config.independent_lid_gaps),
    )
    ends, figures = [], []
    for pairs, sd_mm, grows, independent in parts:
        there = [(row[a], row[b]) for a, b in pairs if a in row and b in row and independent > 0]
        ends += there
        figures += [(sd_mm, grows, independent / len(pairs))] * len(there)
    first, second = (torch.tensor([end[k] for end in ends], dtype=torch.int64, device=device) for k in (0, 1))
    sd, grow, worth = torch.from_numpy(np.array(figures, np.float32).reshape(-1, 3).T.copy()).to(device)
    return Pairs(first, second, sd, grow, worth)


def pair_weights(pairs: Pairs, seen: Tensor) -> Tensor:
    """Weight [n, P] of the pairs: their worth times the lesser visibility of their ends. seen [n, L]: 0-1, 0 where
    hidden or masked."""
    lesser: Tensor = torch.minimum(seen[:, pairs.first], seen[:, pairs.second])
    return lesser * pairs.worth


def pair_sigma_px(pairs: Pairs, xy_px: Tensor, px_per_mm: Tensor) -> Tensor:
    """Standard deviation [n, P] (px, per coordinate) of the observed differences. xy_px [n, L, 2], px_per_mm [n]: at
    the face."""
    gap_mm = (xy_px[:, pairs.first] - xy_px[:, pairs.second]).norm(dim=-1) / px_per_mm[:, None]
    sigma: Tensor = (pairs.sd_mm + pairs.grows * gap_mm) * px_per_mm[:, None]
    return sigma
