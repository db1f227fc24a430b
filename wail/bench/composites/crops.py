"""Training crops for the occlusion network: upright faces as the run time cuts them, and what is in front of each.

`python -m wail.bench.composites.crops OUT --split train --n 40000 --seed 1` writes `OUT/crops-00000.npz` and so on, 512
crops each; a file that is there is kept, so that a run that was cut short goes on. Arrays of a file: `crops` u8
[n, 192, 192, 3]; `points` f32 [n, 478, 3] the landmark network's mesh in crop pixels, run on the crop with the occluder
in it; `covered` and `head` u8 [n, 192, 24], bits (`numpy.packbits`) of the pixels where something is before the face or
the ground, and of those of the head, seen or covered; `kind` the occluders' names, joined by `+`, or `none`.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wail.bench.composites.crops_covers import cover
from wail.bench.composites.crops_faces import SIDE_PX, Model, Shown, make_model, marked, show
from wail.bench.composites.crops_paint import F32, Rng, noise
from wail.bench.composites.people import make_actor
from wail.vision.geometry import head_rotation
from wail.vision.mesh import CROP_PX, FaceMesh
from wail.vision.roi import Roi, apply_affine, cut_crop, eye_roll_deg, mesh_roi

PER_FILE = 512
PER_ACTOR = 64
CLEAR_SHARE = 0.38
"""Share of pictures without any occluder: they are hard enough."""
U8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Crop:
    """One training example; see the module's text."""

    crop: U8
    points: NDArray[np.float32]
    covered: NDArray[np.bool_]
    head: NDArray[np.bool_]
    kind: str


def make_crop(model: Model, split: str, mesh: FaceMesh, rng: Rng) -> Crop | None:
    """One example; None where the landmark network finds no face, as the run time would not."""
    shown = show(model, rng)
    rgb = marked(shown, rng)
    covered = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    kinds = []
    if rng.random() > CLEAR_SHARE:
        for _ in range(1 if rng.random() < 0.85 else 2):
            rgb, mask, kind = cover(rgb, shown, split, rng)
            covered = np.maximum(covered, mask)
            kinds.append(kind)
    masks = np.stack([covered > 0.5, np.isfinite(shown.depth), np.zeros_like(covered, bool)], -1)
    picture = camera(rgb, rng)
    return _settled(picture, (255 * masks).astype(np.uint8), shown, mesh, "+".join(kinds) or "none", rng)


def camera(rgb: F32, rng: Rng) -> U8:
    """What a camera makes of a picture: colour, exposure, grey, blur, grain, few pixels, compression, borders."""
    out = rgb * rng.normal(1, 0.12, 3).clip(0.6, 1.5).astype(np.float32) if rng.random() < 0.6 else rgb
    if rng.random() < 0.3:
        out = out * (1 + np.float32(rng.uniform(0, 0.25)) * noise(rng, SIDE_PX, 2, 1))[..., None]
    gain, gamma = np.exp(rng.normal([-0.1, 0], [0.35, 0.25])).astype(np.float32)
    out = np.asarray(np.clip(out * gain, 0, 1) ** gamma, np.float32)
    if rng.random() < 0.15:
        grey = out @ rng.dirichlet([2, 4, 1]).astype(np.float32)
        tint = rng.uniform(0.85, 1, 3) if rng.random() < 0.3 else np.ones(3)
        out = np.asarray(np.repeat(grey[..., None], 3, 2) * tint, np.float32)
    if rng.random() < 0.15:
        out = np.asarray(out * np.float32(rng.uniform(0.15, 0.5)))
    side = round(SIDE_PX / rng.uniform(1.0, 3.5)) if rng.random() < 0.5 else SIDE_PX
    out = _blurred(out, rng)
    if side < SIDE_PX:
        out = cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA)
    grain = np.float32(abs(rng.normal(0, 0.02))) * rng.standard_normal(out.shape, np.float32)
    small = np.clip(255 * (out + grain) + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(15, 96))
        small = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    picture = cv2.resize(small, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR) if side < SIDE_PX else small
    if rng.random() < 0.08:
        cut = rng.integers(20, 100)
        picture = np.rot90(picture, turn := int(rng.integers(4))).copy()
        picture[:cut] = 0
        picture = np.ascontiguousarray(np.rot90(picture, -turn))
    return np.asarray(picture)


def _blurred(rgb: F32, rng: Rng) -> F32:
    kind = rng.random()
    if kind < 0.35:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.5, 2.5)))
    if kind < 0.5:
        length = int(rng.integers(3, 12))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        return np.asarray(cv2.filter2D(rgb, -1, kernel / max(float(kernel.sum()), 1e-6)))
    return rgb


def _settled(picture: U8, masks: U8, shown: Shown, mesh: FaceMesh, kind: str, rng: Rng) -> Crop | None:
    """The crop that the tracker would end up with: from a region near the true one, until the mesh stays."""
    truth = shown.points_px.astype(np.float32)
    roi = mesh_roi(truth, eye_roll_deg(truth))
    roi = Roi(roi.x_px + rng.normal(0, 0.02) * roi.size_px, roi.y_px + rng.normal(0, 0.02) * roi.size_px,
              roi.size_px * float(np.exp(rng.normal(0, 0.05))), roi.roll_deg + rng.normal(0, 4))  # fmt: skip
    for _ in range(4):
        crop = cut_crop(picture, roi, CROP_PX)
        points, presence = mesh(crop)
        if presence < 0.5 or abs(eye_roll_deg(points)) > 45 or head_rotation(points)[2] > 0.16:
            return None
        xy = apply_affine(roi.to_picture(CROP_PX), points[:, :2])
        better = mesh_roi(xy, roi.roll_deg + eye_roll_deg(points))
        moved = np.hypot(better.x_px - roi.x_px, better.y_px - roi.y_px) / roi.size_px
        turned = abs((better.roll_deg - roi.roll_deg + 180) % 360 - 180)
        if turned < 12 and 0.8 < better.size_px / roi.size_px < 1.25 and moved < 0.12:
            bits = cut_crop(masks, roi, CROP_PX) > 127
            return Crop(crop, points, bits[..., 0], bits[..., 1], kind)
        roi = better
    return None


def write_file(path: Path, split: str, seed: int, n: int, mesh: FaceMesh) -> None:
    """One file of n crops, the same for the same split and seed. Written under another name first."""
    rng = np.random.default_rng(seed)
    found: list[Crop] = []
    while len(found) < n:
        kind = str(rng.choice(["infant", "child", "adult"], p=[0.62, 0.14, 0.24]))
        model = make_model(make_actor(kind, split, int(rng.integers(2**31))))  # type: ignore[arg-type]
        made = (make_crop(model, split, mesh, rng) for _ in range(PER_ACTOR))
        found += [crop for crop in made if crop is not None]
    found = found[:n]
    part = path.with_suffix(".part.npz")
    np.savez(part, crops=np.stack([c.crop for c in found]), points=np.stack([c.points for c in found]),
             covered=np.packbits(np.stack([c.covered for c in found]), axis=2),
             head=np.packbits(np.stack([c.head for c in found]), axis=2), kind=np.array([c.kind for c in found]))
    os.replace(part, path)


def main(arguments: list[str] | None = None) -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Training crops for the occlusion network, with their truth.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", choices=("train", "tune"), default="train")
    parser.add_argument("--n", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    mesh = FaceMesh()
    for k, first in enumerate(range(0, asked.n, PER_FILE)):
        path = asked.out / f"crops-{k:05d}.npz"
        if not path.is_file():
            write_file(path, asked.split, asked.seed * 100_003 + k, min(PER_FILE, asked.n - first), mesh)
            sys.stderr.write(f"{path.name}\n")
    mesh.close()


if __name__ == "__main__":
    main()
