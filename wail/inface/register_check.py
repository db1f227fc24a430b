"""What says whether a registration can be trusted, and the limits it is held to.

A bent template comes near to any smooth surface, so a small residual alone proves nothing: what counts is that the
surface stands out where the template does (the nose, the brows, the lips), that nothing is folded or crushed, and that
left and right agree. Limits were set on the stand-in and on shapes that are no face (spheres, blobs): the stand-in has
likeness 0.8-0.9, nose 0.95, folds 1 %, asymmetry 0.3 %, stretch 1.5; no blob came above 0.6, 0.5, and most have several
at fault.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wail.inface.register_surface import Floats, Places
from wail.inface.register_template import NOSE, OUTER_EYES, REGIONS, Template

MIN_AREA = 0.02
"""A triangle with less than this share of the area it should have is crushed."""


@dataclass(frozen=True)
class Measures:
    """Percentages are of the interocular distance (between the outer eye corners, 33 and 263), unless said otherwise.

    residual_*: from the bent template to the surface, over the landmarks of the map. likeness, nose_likeness:
    correlation of relief between template and surface, -1 to 1. folded_pct: of the triangles, turned over or crushed.
    lost_pct: of the landmarks, with no surface near that faces their way. asymmetry_pct: from each landmark to its
    partner's mirror image, mean. stretch: greatest over least scale of the affine part. eyes_apart: the interocular
    distance in the file's unit.
    """

    residual_mean_pct: float
    residual_p95_pct: float
    residual_by_region_pct: dict[str, float]
    likeness: float
    nose_likeness: float
    folded_pct: float
    lost_pct: float
    asymmetry_pct: float
    stretch: float
    eyes_apart: float


@dataclass(frozen=True)
class Limit:
    """One rule: a measure, what it is called, its bound, and whether more is better."""

    what: str
    value: Callable[[Measures], float]
    bound: float
    at_least: bool = False

    def broken(self, measures: Measures) -> str | None:
        """A sentence where the rule is broken."""
        value = self.value(measures)
        if (value >= self.bound) if self.at_least else (value <= self.bound):  # NaN is neither
            return None
        return f"{self.what} is {value:.3g}, but must be {'at least' if self.at_least else 'at most'} {self.bound:g}"


LIMITS = (
    Limit("likeness of the relief to a face", lambda m: m.likeness, 0.6, True),
    Limit("likeness of the nose", lambda m: m.nose_likeness, 0.7, True),
    Limit("stretch against the template", lambda m: m.stretch, 2.2),
    Limit("mean residual in % of the interocular distance", lambda m: m.residual_mean_pct, 1.0),
    Limit("95th percentile of the residual in % of the interocular distance", lambda m: m.residual_p95_pct, 3.0),
    Limit("share of folded triangles in %", lambda m: m.folded_pct, 3.0),
    Limit("share of landmarks without a surface in %", lambda m: m.lost_pct, 5.0),
    Limit("asymmetry in % of the interocular distance", lambda m: m.asymmetry_pct, 2.0),
)


def broken_rules(measures: Measures) -> list[str]:
    """What is wrong, a sentence each; empty where nothing is."""
    return [said for limit in LIMITS if (said := limit.broken(measures)) is not None]


def measure(template: Template, bent: Floats, places: Places, scale: float) -> Measures:
    """Measures of a bent template [468,3] and its places on the surface, both in the template's frame.

    `scale` turns a length of that frame into the file's unit.
    """
    at, inner = places.where, template.inner
    eyes = max(float(np.linalg.norm(at[OUTER_EYES[0]] - at[OUTER_EYES[1]])), 1e-9)
    residual = np.linalg.norm(at - bent, axis=1) / eyes * 100
    seen = template.relief(at, places.normal)
    own = template.relief(template.verts, template.flesh_normals)
    return Measures(
        float(residual[inner].mean()), float(np.quantile(residual[inner], 0.95)),
        {name: float(residual[list(rows)].mean()) for name, rows in REGIONS.items()},
        _correlation(own[inner], seen[inner]), _correlation(own[list(NOSE)], seen[list(NOSE)]),
        _folded_pct(template, places), float((~places.found[inner]).mean() * 100),
        _asymmetry(template, at) / eyes * 100, _stretch(template.verts, at), eyes * scale,
    )  # fmt: skip


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) / max(float(np.sqrt((a @ a) * (b @ b))), 1e-30)

def _folded_pct(template: Template, places: Places) -> float:
    triangles = template.flesh.triangles
    triangles = triangles[np.isin(triangles, template.inner).all(1)]

    def areas(verts: Floats) -> Floats:
        corner = verts[triangles]
        out: Floats = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return out

    area, facing = areas(places.where), places.normal[triangles].mean(1)
    size = np.linalg.norm(area, axis=1)
    due = np.linalg.norm(areas(template.verts), axis=1)
    crushed = size < MIN_AREA * due * size.sum() / due.sum()
    return float((((area * facing).sum(1) <= 0) | crushed).mean() * 100)


def _asymmetry(template: Template, at: Floats) -> float:
    """Mean distance from landmarks to their partners' mirror image, after the best rigid motion (Kabsch)."""
    image = at[template.mirror] * [-1, 1, 1]
    a, b = image[template.inner], at[template.inner]
    u, _, vt = np.linalg.svd((b - b.mean(0)).T @ (a - a.mean(0)))
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return float(np.linalg.norm((a - a.mean(0)) @ turn.T - (b - b.mean(0)), axis=1).mean())


def _stretch(start: Floats, at: Floats) -> float:
    affine = np.linalg.lstsq(np.c_[np.ones(len(start)), start], at, rcond=None)[0][1:]
    values: Floats = np.linalg.svd(affine, compute_uv=False)
    return float(values[0] / max(float(values[-1]), 1e-12))
