"""Stage `fit`: the INFACE latents of each candidate take. Writes `fits/<take_id>.parquet`.

All takes of a clip are fitted together: takes of one face track share identity and age, all share the focal length.
"""

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.arrow import flat
from schemas.documents import Receipt
from schemas.tables import FAN, LANDMARKS, TAKES
from wail.config import CurateConfig
from wail.inface.fit import FitConfig, TakeFit, TakeLandmarks, fit_takes, shows_face
from wail.inface.landmarks import IBUG68, MP434_NAME, LandmarkMap, load_map, load_maps, map_path
from wail.inface.model import FaceModel, load_model
from wail.media.probe import GRID_FPS
from wail.steps.fits import fit_name, fit_table
from wail.steps.step import Outcome, Step
from wail.steps.vision import FAN_FILE
from wail.store import ClipFolder, read_between, read_table, write_table
from wail.vision.fan import N_POINTS, FanPoints, visibility
from wail.vision.mesh import N_LANDMARKS

DEVICE_VARIABLE = "WAIL_DEVICE"
"""Where to fit: `cpu` (default) or `cuda`. It is no setting: the same result is asked of both."""
MAX_FRAMES = 3000
"""Frames that are solved together, 100 s of takes and some 2 GB (0.6 MB a frame were measured): what bounds the memory,
whatever the machine's, so that results do not depend on it."""
HELD_LOG_SD = 1e-4
"""How tightly the focal length that the first frames of a long clip have found is held for the rest."""


def run(clip: ClipFolder, config: CurateConfig) -> Outcome:
    model, maps = face_model(config.face_model)
    takes = [row for row in read_table(clip.file("candidates.parquet"), TAKES).to_pylist() if row["reason"] is None]
    vision = clip.receipt("vision")
    assert vision is not None, "the stage's key says that it is there"
    width_px, height_px = vision.facts["size_px"]
    fan, said_of_fan = fans_points(vision, maps, model)
    size_px = (width_px, height_px)
    done: dict[str, dict[str, Any]] = {}
    together, fit_config = batches(takes), config.fit
    for batch in together:
        read = [(take, take_landmarks(clip, take, size_px, fan)) for take in batch]
        # A face behind a hand can be a take where nothing filters it out (vision.score_only): it is not fitted, and
        # stage `verdicts` drops it.
        shown = [(take, given) for take, given in read if shows_face(maps, given)]
        if not shown:
            continue
        fits = fit_takes(model, maps, [given for _, given in shown], fit_config,
                         device=os.environ.get(DEVICE_VARIABLE, "cpu"), threads=1)  # fmt: skip
        for (take, _), fit in zip(shown, fits, strict=True):
            write_table(clip.file(fit_name(take["take_id"])), fit_table(fit, first_frame(take), model, size_px))
            done[take["take_id"]] = said(fit)
        fit_config = held_focal(config.fit, fits[0].focal_px, size_px)
    names = tuple(fit_name(take_id) for take_id in done)
    drop_others(clip, names)
    hidden = [take["take_id"] for take in takes if take["take_id"] not in done]
    facts = {"fits": len(done), "stand_in": model.is_stand_in, "batches": len(together), "takes": done,
             "hidden": hidden, "notes": said_of_fan}  # fmt: skip
    return Outcome(names, model_ids(config), facts)


def first_frame(take: Mapping[str, Any]) -> int:
    frame: int = round(take["start_s"] * GRID_FPS)
    return frame


def batches(takes: Sequence[dict[str, Any]], most: int = MAX_FRAMES) -> list[list[dict[str, Any]]]:
    """Takes that are solved together, at most so many frames of them (a longer take is alone).

    Tracks by their first take, each with its takes in time's order; a track that no longer fits into a batch starts the
    next. Only takes of a track that is longer than a batch by itself are parted, and then each part has an identity of
    its own.
    """
    tracks: dict[int, list[dict[str, Any]]] = {}
    for take in sorted(takes, key=lambda take: (take["start_s"], take["track"])):
        tracks.setdefault(take["track"], []).append(take)
    out: list[list[dict[str, Any]]] = []
    frames = most
    for own in tracks.values():
        whole = sum(take["n_frames"] for take in own)
        for k, take in enumerate(own):
            if frames + (whole if k == 0 else take["n_frames"]) > most and frames:
                out.append([])
                frames = 0
            out[-1].append(take)
            frames += take["n_frames"]
    return out


def held_focal(config: FitConfig, focal_px: float, size_px: tuple[int, int]) -> FitConfig:
    """For a clip's later batches: the focal length as its first has found it."""
    return replace(config, focal_ratio=focal_px / max(size_px), focal_log_sd=HELD_LOG_SD)


def take_landmarks(clip: ClipFolder, take: Mapping[str, Any], size_px: tuple[int, int], fan: bool) -> TakeLandmarks:
    """What is known of a take; frames in which its face was not seen (bridged ones) have NaN and visibility 0."""
    xy_px, seen = face_rows(clip.file("landmarks.parquet"), LANDMARKS, take, N_LANDMARKS, "visibility")
    mine = TakeLandmarks(xy_px, np.nan_to_num(seen), size_px, clip=clip.clip_id, subject=str(take["track"]))
    if not fan:
        return mine
    points = FanPoints(*face_rows(clip.file(FAN_FILE), FAN, take, N_POINTS, "score"))
    return replace(mine, fan_xy_px=points.xy_px, fan_score=visibility(points, size_px))


def face_rows(
    path: Path, schema: pa.Schema, take: Mapping[str, Any], count: int, score: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """xy_px [n, count, 2] and the column `score` [n, count] of a take's frames and track; NaN where there is no row."""
    start, n = first_frame(take), take["n_frames"]
    # Those of an hour would fill the memory: a take's are read by themselves.
    table = read_between(path, schema, "frame", start, start + n - 1)
    rows = np.flatnonzero(table["track"].to_numpy() == take["track"])
    index, chosen = table["frame"].to_numpy()[rows] - start, table.take(pa.array(rows))
    xy_px, value = np.full((n, count, 2), np.nan, np.float32), np.full((n, count), np.nan, np.float32)
    xy_px[index] = flat(chosen["xy_px"]).reshape(-1, count, 2)
    value[index] = flat(chosen[score]).reshape(-1, count)
    return xy_px, value


def drop_others(clip: ClipFolder, names: Collection[str]) -> None:
    """Delete fits of takes that are no more, so that the report does not show them."""
    for path in sorted(clip.file("fits").glob("*.parquet")):
        if f"fits/{path.name}" not in names:
            path.unlink()


def said(fit: TakeFit) -> dict[str, Any]:
    """What a take's fit has cost and what was not believed in it, for the receipt; iterations, Jacobians and seconds
    are those of its whole batch."""
    return {
        "iterations": fit.iterations, "energy": fit.energy, "seconds": fit.seconds, "device": fit.device,
        "jacobians": fit.jacobians, "jacobian_dtype": fit.jacobian_dtype,
        "frames": len(fit.residual), "unconverged": int((~fit.converged).sum()),
        "outliers": int(fit.n_outliers.sum()), "bad_frames": int(fit.bad_frame.sum()),
    }  # fmt: skip


def fans_points(vision: Receipt, maps: Mapping[str, LandmarkMap], model: FaceModel) -> tuple[bool, list[str]]:
    """Whether this clip's vision wrote FAN's points and the model knows them, and what is to be said of it."""
    written = any(output.path == FAN_FILE for output in vision.outputs)
    if written and IBUG68 not in maps:
        return False, [f"FAN's points are not used in the fit: {model.name} has no landmark map {IBUG68}, register it "
                       "again"]  # fmt: skip
    return written, []


@lru_cache(maxsize=1)
def face_model(path: Path | None) -> tuple[FaceModel, dict[str, LandmarkMap]]:
    """The model and its landmark maps by name; raises ModelError where it has no `mp434`."""
    model = load_model(path)
    load_map(model)
    return model, load_maps(model)


def model_ids(config: CurateConfig) -> dict[str, str]:
    model, maps = face_model(config.face_model)
    name = f"{model.name} (stand-in)" if model.is_stand_in and "stand-in" not in model.name else model.name
    where = hashlib.sha256(map_path(model).read_bytes()).hexdigest()[:16]
    return {name: model.sha256, "landmark map": f"{MP434_NAME} {maps[MP434_NAME].version} {where}"}


STEP = Step(
    name="fit", version=2, reads=("vision", "takes"), needs_media=False,
    settings=lambda config: [config.fit], models=model_ids, run=run, timeout_s=7200.0,
)  # fmt: skip
