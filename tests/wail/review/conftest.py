"""A small dataset folder, written through the schemas and the store exactly as a run would, to render and count."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from schemas import tables
from schemas.arrow import to_table
from schemas.documents import Probe, Receipt
from wail.inface.model import AGE, EXPRESSION, IDENTITY, load_model
from wail.review.contours import CONTOURS
from wail.store import ClipFolder, write_document, write_json, write_table

FPS = 30
RINGS = {"oval": (0, 0, 1, 1.3), "lips": (0, 0.6, 0.4, 0.2), "brow": (0, -0.5, 0.6, 0.1), "nose": (0, 0.1, 0.2, 0.3)}


FRONTAL_POSE = [np.pi, 0.0, 0.0, 0.0, 0.0, 450.0]
"""A head that looks into the camera, in the middle of the picture."""


@lru_cache(maxsize=1)
def stand_in():
    """The stand-in's sha256 and the mean of its codes [97]."""
    model = load_model()
    return model.sha256, model.latent_mean.tolist()


def face_points(x, y, size, opening):
    """478 points whose known lines lie on ellipses around (x, y); enough to be seen as a face."""
    points = np.full((478, 2), (x, y), dtype=float)
    seen = 0
    for name, _, line in CONTOURS:
        cx, cy, rx, ry = RINGS.get(name, (0, 0, 0, 0))
        if name == "eye":
            cx, cy, rx, ry = (0.4 if seen == 0 else -0.4), -0.25, 0.2, 0.1
            seen += 1
        turn = np.linspace(-np.pi / 2, 1.5 * np.pi, len(line), endpoint=False)
        ry = ry * (0.5 + opening) if name == "lips" else ry
        points[list(line)] = np.stack([x + size * (cx + rx * np.cos(turn)), y + size * (cy + ry * np.sin(turn))], 1)
    return points


def picture(width, x, y, size):
    """A thumbnail 96 px high with something like a face in it, in fine detail (so that a mosaic must hide it)."""
    yy, xx = np.mgrid[0:96, 0:width]
    inside = ((xx - x) / size) ** 2 + ((yy - y) / (1.3 * size)) ** 2 < 1
    rgb = np.stack([90 + yy, 110 + yy // 2, 140 + 0 * yy], -1)
    rgb[inside] = (224, 172, 145)
    rgb[(xx + yy) % 2 == 0] += 12
    return rgb.clip(0, 255).astype(np.uint8)


def spans(n, pieces):
    """[(last frame + 1, keep, reason, take)] to one tuple per frame."""
    out, first = [], 0
    for stop, reason, take in pieces:
        out += [(reason is None, reason, take)] * (min(stop, n) - first)
        first = min(stop, n)
    return out


DEFAULT = [
    (40, "no_infant_voice", None), (150, None, "take-a"), (190, "mouth_occluded", None), (205, "too_short", None),
    (240, "profile", None), (300, "adult_voice", None), (330, "poor_fit", "take-b"), (360, "no_face", None),
]  # fmt: skip


class Builder:
    """Writes clips into a dataset folder and keeps its manifest."""

    def __init__(self, root: Path):
        self.root, self.rows, self.shards = root, [], []
        root.mkdir(parents=True, exist_ok=True)

    def manifest_row(self, clip_id, **values):
        row = {
            "source_id": f"s-{clip_id}", "group_id": f"g-{clip_id}", "uri": f"{clip_id}.mp4", "asked_start_s": None,
            "asked_end_s": None, "start_s": 0.0, "end_s": 12.0, "labels": ["/t/dd00002"], "licence": None,
            "uploader": None, "retrieved_at": None, "clip_id": clip_id, "sha256": "0" * 64, "duration_s": 12.0,
            "status": "done", "failure": None, "detail": None, "kept_s": 0.0, "n_takes": 0,
        } | values  # fmt: skip
        self.rows.append(row)
        return row

    def failed(self, clip_id, failure, detail, uri=None, duration_s=None, status="failed"):
        self.manifest_row(clip_id, uri=uri or f"{clip_id}.mp4", status=status, failure=failure, detail=detail,
                          duration_s=duration_s, sha256=None, start_s=None, end_s=None)  # fmt: skip

    def clip(self, clip_id, pieces=DEFAULT, uri=None, label="cry", seed=0, n=360, kept_s=None, stand_in=True):
        folder, rng = ClipFolder(self.root, clip_id), np.random.default_rng(seed)
        marks = [(keep, reason, take and f"{clip_id}-{take}") for keep, reason, take in spans(n, pieces)]
        t = np.arange(n) / FPS
        kept = sum(keep for keep, _, _ in marks)
        self.write(folder, "verdicts", [
            {"frame": k, "time_s": k / FPS, "keep": keep, "reason": reason, "take_id": take}
            for k, (keep, reason, take) in enumerate(marks)])  # fmt: skip
        takes = self._takes(marks, label)
        self.write(folder, "takes", takes)
        self._voice(folder, marks, label, rng, n / FPS)
        self._faces(folder, marks, t, rng)
        for take in takes:
            self._fit(folder, take, rng, stand_in)
        probe = Probe(container="mov,mp4", video_codec="h264", audio_codec="aac", width_px=320, height_px=240,
                      rotation_deg=0, average_fps=29.97, variable_fps=False, duration_s=n / FPS, n_grid_frames=n,
                      audio_start_s=0.0, audio_duration_s=n / FPS, audio_rate_hz=44100, audio_channels=2,
                      n_streams=2)  # fmt: skip
        write_document(folder.file("probe.json"), probe)
        models = {"voice": {"silero-vad": "6.2.0"}, "vision": {"mediapipe face mesh": "0.10.21"},
                  "fit": {"stand-in face model": "stand-in 3f2a" if stand_in else "ae 77"}}  # fmt: skip
        for i, stage in enumerate(("media", "voice", "vision", "takes", "fit", "verdicts", "features")):
            facts = {"notes": ["no separator: Demucs's weights are not here, so the mix was used"]}
            folder.write_receipt(Receipt(stage=stage, key="k", status="done", seconds=0.5 + i,
                                         facts=facts if stage == "voice" else {}, models=models.get(stage, {})))
        self.manifest_row(clip_id, uri=uri or f"{clip_id}.mp4", duration_s=n / FPS,
                          kept_s=kept / FPS if kept_s is None else kept_s,
                          n_takes=sum(take["reason"] is None for take in takes))  # fmt: skip
        return folder

    def write(self, folder, name, rows):
        write_table(folder.file(f"{name}.parquet"), to_table(rows, tables.TABLES[name]))

    def _takes(self, marks, label):
        made = {}
        for k, (_, reason, take) in enumerate(marks):
            if take:
                made.setdefault(take, [k, k + 1, reason])[1] = k + 1
        return [{
            "take_id": take, "track": 0, "start_s": a / FPS, "end_s": b / FPS, "n_frames": b - a, "bridged": 2,
            "label": label, "probability": 0.9, "sync_score": 0.41, "av_offset_s": 0.03, "reason": reason,
        } for take, (a, b, reason) in made.items()]  # fmt: skip

    def _voice(self, folder, marks, label, rng, duration_s):
        time = np.arange(0.016, duration_s, 0.032)
        reasons = [marks[min(len(marks) - 1, int(t * FPS))][1] for t in time]
        cry = np.array([r not in ("no_infant_voice", "adult_voice") for r in reasons], dtype=float)
        adult = np.array([r == "adult_voice" for r in reasons], dtype=float)
        infant = np.clip(0.05 + 0.85 * cry * (0.75 + 0.25 * np.sin(5 * time)) + rng.normal(0, 0.03, len(time)), 0, 1)
        self.write(folder, "voice", [{
            "time_s": float(t), "p_infant": float(p), "p_cry": float(p), "p_laugh": 0.02, "p_babble": 0.02,
            "p_adult": float(0.03 + 0.9 * a), "loudness_db": float(-55 + 35 * p), "band_db": float(-60 + 35 * p),
        } for t, p, a in zip(time, infant, adult, strict=True)])  # fmt: skip
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cry, [0]])))
        self.write(folder, "vocal", [{
            "start_s": a * 0.032, "end_s": b * 0.032, "label": label, "probability": 0.9, "p_mix": 0.9,
            "p_stem": None, "adult_overlap": 0.0,
        } for a, b in zip(edges[::2], edges[1::2], strict=True)])  # fmt: skip

    def _faces(self, folder, marks, t, rng):
        rows, points = [], []
        for k, (_, reason, _) in enumerate(marks):
            face = reason != "no_face"
            yaw = 70.0 if reason == "profile" else 15 * np.sin(t[k])
            mouth = 0.1 if reason == "mouth_occluded" else 0.95
            values = {"track": 0, "bbox": [100.0, 60.0, 220.0, 210.0], "p_infant_face": 0.8, "yaw_deg": float(yaw),
                      "pitch_deg": 3.0, "roll_deg": 10.0, "interocular_px": 60.0, "sharpness": 120.0,
                      "visible": 0.9, "mouth_visible": mouth}  # fmt: skip
            blank = dict.fromkeys(values)
            own = reason in ("no_face", "profile", "mouth_occluded")
            rows.append({"frame": k, "time_s": k / FPS, **(values if face else blank), "usable": not own,
                         "reason": reason if own else None})  # fmt: skip
            if face:
                xy = face_points(160 + yaw / 3, 120, 55, float(np.sin(6 * t[k]) ** 2))
                points.append({"frame": k, "track": 0, "xy_px": xy.ravel().tolist(), "visibility": [0.9] * 478})
        self.write(folder, "frames", rows)
        self.write(folder, "landmarks", points)
        chosen = np.linspace(0, len(marks) - 1, 12).astype(int)
        np.savez(folder.file("thumbs.npz"), frame=chosen, rgb=np.stack([picture(128, 64, 48, 22) for _ in chosen]))

    def _fit(self, folder, take, rng, is_stand_in):
        first = round(take["start_s"] * FPS)
        bad = take["reason"] == "poor_fit"
        sha256, mean = stand_in()
        rows = [{
            "frame": first + k, "pose": FRONTAL_POSE, "expression": mean[EXPRESSION],
            "residual": float((0.12 if bad else 0.03) + 0.005 * rng.random()), "lip_sd_mm": 0.7,
            "n_landmarks": 434, "n_outliers": 0, "bad_frame": False, "converged": True,
        } for k in range(take["n_frames"])]  # fmt: skip
        about = {"identity": mean[IDENTITY], "age": mean[AGE][0], "focal_px": 400.0, "iterations": 120, "energy": 1.5,
                 "seconds": 2.5, "device": "cpu", "model": sha256 if is_stand_in else "77" * 32,
                 "model_name": "stand-in" if is_stand_in else "INFACE",
                 "is_stand_in": is_stand_in, "size_px": [320, 240], "confidence": [0.9] * len(rows)}  # fmt: skip
        table = to_table(rows, tables.FITS)
        table = table.replace_schema_metadata({**table.schema.metadata, b"wail.fit": json.dumps(about).encode()})
        write_table(folder.file(f"fits/{take['take_id']}.parquet"), table)
        if not bad:
            self.shards.append(self._shard(folder.clip_id, take))

    def _shard(self, clip_id, take):
        n = take["n_frames"]
        return {
            "take_id": take["take_id"], "clip_id": clip_id, "source_id": "s", "subject_id": "u", "group_id": "g",
            "label": take["label"], "start_s": take["start_s"], "fps": 30.0, "n_frames": n, "identity": [0.0] * 32,
            "age": 3.0, "expression": [0.0] * (64 * n), "pose": [0.0] * (6 * n), "focal_px": 400.0,
            "aperture_mm": (8 * np.abs(np.sin(np.arange(n) / 9))).tolist(), "closed": [False] * n,
            "closed_below_mm": 1.5, "visible": [0.9] * n, "residual": [0.03] * n, "lip_sd_mm": [0.7] * n,
            "confidence": [0.9] * n, "valid": [True] * n, "audio": None, "audio_source": None, "provenance": "{}",
        }  # fmt: skip

    def finish(self):
        write_table(self.root / "manifest.parquet", to_table(self.rows, tables.MANIFEST))
        if self.shards:
            table: pa.Table = to_table(self.shards, tables.SHARDS)
            write_table(self.root / "shards" / "split=train" / "part-00000.parquet", table)
        config = {"vision": {"max_abs_yaw_deg": 45.0, "min_mouth_visible": 0.7}, "fit_limits": {"max_residual": 0.1}}
        write_json(self.root / "dataset.json", {"version": 1, "config": config})
        return self.root


@pytest.fixture
def builder(tmp_path):
    return Builder(tmp_path / "data")
