"""Eyelids of the stand-in: they glide over the eyeball until they meet, and never sink into it.

Frame: x subject's left, y up, z out of the face, mm.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wail.inface.standin.geometry import EYEBALL_CENTRE_MM, EYEBALL_RADIUS_MM, LID_CLEARANCE_MM
from wail.inface.standin.jaw import harmonic
from wail.inface.standin.rest import RestMesh

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEETING = 0.22
"""Where the lids meet, as a share of the way from the lower lid's rest to the upper's."""
RAISE_MM = 2.2
REACH_MM = 15.0
"""Skin further than this from the eyeball's axis does not follow the lids."""


@dataclass(frozen=True, eq=False)
class Lids:
    """One eye. close, lift [V,3]: mm at full activation. around: vertices kept off the eyeball. margin follows rim."""

    centre: Floats
    close: Floats
    lift: Floats
    around: Ints
    rim: Ints
    margin: Ints

    def move(self, verts: Floats, closing: Floats, raising: Floats) -> Floats:
        """Vertices [n,V,3] with the lids closed and raised by [n] (0-1)."""
        raised = (raising * (1 - closing))[:, None, None]
        verts = verts + closing[:, None, None] * self.close + raised * self.lift
        out = verts[:, self.around] - self.centre
        length = np.linalg.norm(out, axis=-1, keepdims=True)
        least = EYEBALL_RADIUS_MM + LID_CLEARANCE_MM
        verts[:, self.around] += out / length * np.maximum(least - length, 0)
        edge = verts[:, self.rim] - self.centre
        verts[:, self.margin] = self.centre + edge / np.linalg.norm(edge, axis=-1, keepdims=True) * (
            EYEBALL_RADIUS_MM - 0.6
        )
        return verts


def make_lids(rest: RestMesh, skin: Ints, side: str) -> Lids:
    """Lay out one eye's lids; `skin` are the skin's triangles."""
    verts, rim = rest.verts_mm, rest.regions[f"lid_rim_{side}"]
    centre = np.array(EYEBALL_CENTRE_MM) * np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    half = len(rim) // 2
    # The rim starts at a corner; its first half is the one lid, its second, backwards, the other.
    first, second = rim[1:half], rim[:half:-1]
    lower, upper = (first, second) if verts[first, 1].mean() < verts[second, 1].mean() else (second, first)
    meet = verts[lower] + MEETING * (verts[upper] - verts[lower]) - centre
    longest = np.maximum(np.linalg.norm(meet, axis=1), EYEBALL_RADIUS_MM + LID_CLEARANCE_MM + 0.3)[:, None]
    meet = centre + meet / np.linalg.norm(meet, axis=1, keepdims=True) * longest
    goal = {int(i): m - verts[i] for ids in (lower, upper) for i, m in zip(ids, meet, strict=True)}
    lift = {int(i): np.zeros(3) for i in rim} | {
        int(i): np.array([0, RAISE_MM * s, 0])
        for i, s in zip(upper, np.sin(np.linspace(0, np.pi, half + 1))[1:-1], strict=True)
    }
    corner = {int(i): np.zeros(3) for i in rim[[0, half]]}
    around = _around(verts, rest.regions["skin"], centre)
    still = {int(i): np.zeros(3) for i in np.setdiff1d(rest.regions["skin"], around)}
    n = len(verts)
    return Lids(
        centre,
        harmonic(n, skin, still | corner | goal),
        harmonic(n, skin, still | lift),
        around,
        rim,
        rest.regions[f"lid_margin_{side}"],
    )


def _around(verts: Floats, skin: Ints, centre: Floats) -> Ints:
    from_axis = np.linalg.norm((verts[skin] - centre)[:, :2], axis=1)
    near: Ints = skin[(from_axis < REACH_MM) & (verts[skin, 2] > centre[2])]
    return near
