"""Where in a mesh the face is, and how large: a similarity from the template to it, without any correspondence.

A mean head is symmetric. Mirror planes are found first (trimmed mirror ICP from many normals); each leaves one angle, a
place along its profile and a scale to try. The nose is the profile's outermost point: every local one is tried. The
best of these thousands of starts are refined by rigid ICP (Besl and McKay 1992) with trimming and matching normals.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from wail.inface.register_surface import Surface

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_DIRECTIONS, N_PLANES, N_ANGLES = 40, 4, 24
FACE_SHARE = tuple(0.25 * 1.15**k for k in range(11))
"""Height of the face over that of the whole mesh: from a bust to a mere mask."""
N_NOSES = 5
N_REFINED, N_FINAL = 12, 3
"""Starts refined, and kept, at each scale: a small part of a face always fits better than the whole, so that scales
must not compete by their cost. Likeness after bending decides between them."""
WORTHLESS = 0.6
"""Cost from which on a place is no face at all, as long as there is a better one."""
TRIMMED = 0.85
"""Share of the points, the best, that draw a fit: adult and infant differ most at the jaw and the forehead."""
WORST = 0.12
"""Distances count up to this, as a share of the face's height."""


@dataclass(frozen=True)
class Similarity:
    """`scale * rotation @ x + shift`; rotation [3,3] proper. `cost`: mean squared misfit of place and normal, less is
    better."""

    scale: float
    rotation: Floats
    shift: Floats
    cost: float = np.inf

    def __call__(self, x: Floats) -> Floats:
        out: Floats = self.scale * x @ self.rotation.T + self.shift
        return out

    def inverse(self) -> "Similarity":
        turned = self.rotation.T
        return Similarity(1 / self.scale, turned, -(turned @ self.shift) / self.scale, self.cost)


def align(surface: Surface, points: Floats, normals: Floats, nose: Floats) -> list[Similarity]:
    """Similarities that carry the template's points [n,3] with unit normals [n,3] on to the surface, some at each
    scale, best first; none where the surface has no mirror plane with a profile. `nose`: the tip's place in the
    template's frame (x towards the subject's left, y up, z out of the face).
    """
    few = np.linspace(0, len(points) - 1, 140).astype(int)
    coarse = _Coarse(surface, 6000)
    height = float(np.ptp(points[:, 1]))
    starts: list[list[Similarity]] = [[] for _ in FACE_SHARE]
    for normal, _ in mirror_planes(surface):
        for rotation in _turned(normal):
            for k, some in enumerate(_starts(surface, rotation, nose, height)):
                starts[k] += some
    found = []
    for some in starts:
        costs = np.array([coarse.cost(start, points[few], normals[few], height) for start in some])
        # Smooth wrong places, as the back of the head, would crowd out the right one with their like.
        various = _distinct([some[i] for i in np.argsort(costs)], points, 0.15, N_REFINED)
        refined = [coarse.refine(start, points[few], normals[few], height, 12) for start in various]
        found += _distinct(sorted(refined, key=lambda one: one.cost), points, 0.05, N_FINAL)
    found.sort(key=lambda one: one.cost)
    return [one for one in found if one.cost < WORTHLESS] or found[:N_FINAL]


class _Coarse:
    """Some thousand evenly spread points of the surface, quick to ask for the nearest."""

    def __init__(self, surface: Surface, n: int) -> None:
        even = np.arange(len(surface.samples))[surface.even]
        rows = even[np.linspace(0, len(even) - 1, min(n, len(even))).astype(int)]
        self.points, self.normals = surface.samples[rows], surface.sample_normals[rows]
        self.tree = cKDTree(self.points)

    def misfit(self, at: Similarity, points: Floats, normals: Floats, height: float) -> tuple[Floats, Ints]:
        """Squared misfit of each point [n], 0 to about 2, and its nearest neighbour [n]."""
        away, near = self.tree.query(at(points))
        facing = (normals @ at.rotation.T * self.normals[near]).sum(1)
        return np.minimum(away / (at.scale * height * WORST), 1) ** 2 + (1 - facing) / 2, near

    def cost(self, at: Similarity, points: Floats, normals: Floats, height: float) -> float:
        # Nothing is trimmed here: a forehead passes for a chin but for the nose.
        return float(self.misfit(at, points, normals, height)[0].mean())

    def refine(self, at: Similarity, points: Floats, normals: Floats, height: float, n: int) -> Similarity:
        for _ in range(n):
            misfit, near = self.misfit(at, points, normals, height)
            use = misfit <= np.quantile(misfit, TRIMMED)
            at = _stepped(at, points[use], self.points[near[use]], self.normals[near[use]])
        return Similarity(at.scale, at.rotation, at.shift, self.cost(at, points, normals, height))


def _stepped(at: Similarity, points: Floats, goal: Floats, normals: Floats) -> Similarity:
    """One Gauss-Newton step of point to plane, with some weight along the plane so that nothing slides away."""
    moved = at(points)
    centre = moved.mean(0)
    arm = moved - centre
    gap = goal - moved
    along = 0.15
    rows = np.zeros((len(points), 3, 6))
    rows[:, 0, 1], rows[:, 0, 2] = arm[:, 2], -arm[:, 1]
    rows[:, 1, 0], rows[:, 1, 2] = -arm[:, 2], arm[:, 0]
    rows[:, 2, 0], rows[:, 2, 1] = arm[:, 1], -arm[:, 0]
    rows[:, :, 3:6] = np.eye(3)
    flat = np.einsum("nk,nkj->nj", normals, rows)
    wide, narrow = rows.reshape(-1, 6) * along, flat
    left = wide.T @ wide + narrow.T @ narrow
    right = wide.T @ (gap.ravel() * along) + narrow.T @ (gap * normals).sum(1)
    size = np.array([np.linalg.norm(arm) ** 2 / len(arm)] * 3 + [1.0] * 3)
    step = np.linalg.solve(left + np.diag(1e-6 * len(points) * size), right)
    turn = _rotation(np.clip(step[:3], -0.3, 0.3))
    return Similarity(at.scale, turn @ at.rotation, turn @ (at.shift - centre) + centre + step[3:])


def _rotation(axis_angle: Floats) -> Floats:
    """Rodrigues' formula."""
    angle = float(np.linalg.norm(axis_angle))
    x, y, z = axis_angle / max(angle, 1e-12)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    out: Floats = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)
    return out


def mirror_planes(surface: Surface) -> list[tuple[Floats, float]]:
    """Planes `normal @ x = offset` about which the surface is most nearly its own mirror image, best first."""
    even = surface.samples[surface.even]
    points = even[:: max(len(even) // 1200, 1)]
    tree = cKDTree(even[:: max(len(even) // 6000, 1)])
    size = float(np.linalg.norm(points - points.mean(0), axis=1).mean())
    found = []
    for normal in np.concatenate([_axes(points), _hemisphere(N_DIRECTIONS)]):
        plane = normal, float(normal @ points.mean(0))
        for n_steps, some in ((4, points[::6]), (10, points[::2])):
            for _ in range(n_steps):
                plane, error = _mirrored(tree, some, *plane)
            if error > 0.12 * size:  # nothing to be won from here
                break
        found.append((error / size, plane))
    best: list[tuple[Floats, float]] = []
    found.sort(key=lambda one: one[0])
    for error, (normal, offset) in found:
        apart = all(abs(normal @ other) < np.cos(np.radians(15)) for other, _ in best)
        if apart and error <= 2 * found[0][0] + 1e-3:
            best.append((normal, offset))
    return best[:N_PLANES]


def _mirrored(tree: cKDTree, points: Floats, normal: Floats, offset: float) -> tuple[tuple[Floats, float], float]:
    """One step of mirror ICP: the plane halfway between points and their image's neighbours, and the mean distance."""
    image = points - 2 * (points @ normal - offset)[:, None] * normal
    away, near = tree.query(image)
    use = away <= np.quantile(away, 0.6)
    p, q = points[use], np.asarray(tree.data)[near[use]]
    u, _, vt = np.linalg.svd((q - q.mean(0)).T @ (p - p.mean(0)))
    turn = u @ np.diag([1, 1, -np.sign(np.linalg.det(u @ vt))]) @ vt  # the best improper rotation
    normal = np.linalg.eigh(turn + turn.T)[1][:, 0]  # the direction that is turned round
    return (normal, float(normal @ (p.mean(0) + q.mean(0)) / 2)), float(away[use].mean())


def _axes(points: Floats) -> Floats:
    axes: Floats = np.linalg.eigh(np.cov(points.T))[1].T
    return axes


def _hemisphere(n: int) -> Floats:
    """Directions [n,3] spread evenly over half a sphere (Fibonacci)."""
    k = np.arange(n) + 0.5
    z, turn = k / n, k * np.pi * (3 - np.sqrt(5))
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], 1)


def _turned(normal: Floats) -> list[Floats]:
    """Rotations, template to surface, whose x axis is the plane's normal or its opposite."""
    other = np.eye(3)[np.abs(normal).argmin()]
    a = np.cross(normal, other)
    a /= np.linalg.norm(a)
    b = np.cross(normal, a)
    out = []
    for angle in np.arange(N_ANGLES) * 2 * np.pi / N_ANGLES:
        z = np.cos(angle) * a + np.sin(angle) * b
        out += [np.stack([x, np.cross(z, x), z], 1) for x in (normal, -normal)]
    return out


def _starts(surface: Surface, rotation: Floats, nose: Floats, height: float) -> list[list[Similarity]]:
    """At each scale, each outermost place of the profile as the nose. The mirror plane itself is not needed: noses are
    taken from the middle tenth about it, which the centre of the mesh lies on."""
    even = surface.even
    at = surface.samples[even] @ rotation
    front = surface.sample_normals[even] @ rotation[:, 2] > 0.2
    size = float(np.ptp(at[:, 1]))
    middle = front & (np.abs(at[:, 0] - np.median(at[:, 0])) < 0.05 * np.ptp(at[:, 0]))
    if middle.sum() < 10:
        return [[] for _ in FACE_SHARE]
    at = at[middle]
    tips = at[_outermost(at, size / 40)]
    scales = [share * size / height for share in FACE_SHARE]
    return [[Similarity(scale, rotation, rotation @ (tip - scale * nose)) for tip in tips] for scale in scales]


def _outermost(at: Floats, step: float) -> Ints:
    """Rows of the local maxima of z along y, the highest first."""
    rung = ((at[:, 1] - at[:, 1].min()) / step).astype(int)
    order = np.argsort(-at[:, 2])
    top = np.full(rung.max() + 1, -1)
    for row in order[::-1]:
        top[rung[row]] = row
    z = np.where(top >= 0, at[top, 2], -np.inf)
    tips = [k for k in range(len(z)) if top[k] >= 0 and z[k] >= z[max(k - 2, 0) : k + 3].max()]
    tips.sort(key=lambda k: -z[k])
    chosen: Ints = top[tips[:N_NOSES]]
    return chosen


def _distinct(found: list[Similarity], points: Floats, apart: float, n: int) -> list[Similarity]:
    """The first n, less what lies within a share of the size of one before."""
    out: list[Similarity] = []
    probe = points[:: len(points) // 10]
    places: list[Floats] = []
    for one in found:
        at = one(probe)
        if all(np.linalg.norm(at - other, axis=1).mean() > apart * np.ptp(other) for other in places):
            out.append(one)
            places.append(at)
        if len(out) == n:
            break
    return out
