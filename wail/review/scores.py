"""The measured value behind each reason: which it is, the threshold it is held to, and what it is in every frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wail.review.read import ClipData

Values = NDArray[np.float64]
FACE = ("p_infant_face", "yaw_deg", "pitch_deg", "roll_deg", "interocular_px", "sharpness", "visible", "mouth_visible")


@dataclass(frozen=True)
class Score:
    """The value that decides a reason."""

    name: str
    """Column of `frame_values`."""
    title: str
    setting: tuple[str, ...]
    """Where dataset.json's config has the threshold."""
    above: bool
    """Whether the reason applies above the threshold, or below it."""
    low: float
    high: float
    """The histogram's ends."""
    form: str = "%.2f"
    log: bool = False
    size: bool = False
    """Whether its sign does not matter."""

    def place(self, values: Values | float) -> Values:
        """Where values are on the histogram's axis, 0-1; NaN stays."""
        held = np.clip(np.abs(values) if self.size else values, self.low, self.high)
        if self.log:
            return np.asarray(np.log(held / self.low) / np.log(self.high / self.low), np.float64)
        return np.asarray((held - self.low) / (self.high - self.low), np.float64)

    def text(self, value: float) -> str:
        return self.form % (abs(value) if self.size else value)

    def threshold(self, config: Mapping[str, Any]) -> float | None:
        """The run's own threshold; None where its configuration does not say."""
        value: Any = config
        for part in self.setting:
            value = value.get(part) if isinstance(value, Mapping) else None
        return float(value) if isinstance(value, int | float) else None


SCORES: Mapping[str, Score] = {
    "not_infant": Score("p_infant_face", "probability that the face is an infant's", ("vision", "min_p_infant_face"),
                        False, 0, 1),
    "not_live": Score("p_live", "probability that the face is live", ("vision", "min_p_live"), False, 0, 1),
    "out_of_frame": Score("outside_share", "share of the mouth outside the picture", ("vision", "max_outside_share"),
                          True, 0, 1),
    "profile": Score("yaw_deg", "head turned to the side", ("vision", "max_abs_yaw_deg"), True, 0, 90, "%.0f°",
                     size=True),
    "tilted": Score("pitch_deg", "head tipped up or down", ("vision", "max_abs_pitch_deg"), True, 0, 90, "%.0f°",
                    size=True),
    "mouth_occluded": Score("mouth_visible", "share of the mouth that is visible", ("vision", "min_mouth_visible"),
                            False, 0, 1),
    "face_occluded": Score("visible", "share of the face that is visible", ("vision", "min_visible"), False, 0, 1),
    "too_small": Score("interocular_px", "distance of the outer eye corners", ("vision", "min_interocular_px"), False,
                       4, 512, "%.0f px", log=True),
    "blurred": Score("sharpness", "sharpness of the face", ("vision", "min_sharpness"), False, 0.3, 1000, "%.1f",
                     log=True),
    "dark": Score("skin_luma", "grey level of the face's skin", ("vision", "min_skin_luma"), False, 0, 160, "%.0f"),
    "low_confidence": Score("presence", "the landmark network's own score", ("vision", "min_confidence"), False, 0, 1),
    "no_infant_voice": Score("p_infant", "probability that an infant vocalises", ("voice", "segments", "enter"), False,
                             0, 1),
    "adult_voice": Score("p_adult", "probability that an adult speaks", ("takes", "min_p_adult"), True, 0, 1),
    "voice_elsewhere": Score("sync_score", "how far the mouth follows the voice", ("takes", "min_sync_score"), False,
                             -1, 1),
    "too_short": Score("take_s", "length of the run", ("takes", "min_take_s"), False, 0, 4, "%.2f s"),
    "poor_fit": Score("residual", "error of the fit, of the eye distance", ("fit_limits", "max_residual"), True, 0, 0.3,
                      "%.3f"),
}  # fmt: skip
"""By reason. No single value decides the others: a face that is not found has none, two infants have two."""


@dataclass(frozen=True)
class FrameValues:
    """One clip's grid frames [n] with their verdict and every value by name [n], NaN where there is none.

    Of several faces, the values are those of the take's, else of the usable one or the most infant-like.
    """

    frame: NDArray[np.int64]
    reason: NDArray[np.object_]
    """None where the frame was kept."""
    values: Mapping[str, Values]

    def of(self, score: Score) -> Values:
        return self.values.get(score.name, np.full(len(self.frame), np.nan))


def frame_values(clip: ClipData) -> FrameValues | None:
    """Everything that was measured of a clip, per grid frame; None before it has verdicts."""
    if "verdicts" not in clip.tables:
        return None
    verdicts = clip.tables["verdicts"]
    frame = verdicts["frame"].to_numpy().astype(np.int64)
    takes = {take["take_id"]: take for take in clip.tables["takes"].to_pylist()} if "takes" in clip.tables else {}
    own = [takes.get(name) for name in verdicts["take_id"].to_pylist()]
    values = _face_values(clip, frame, own) | _voice_values(clip, verdicts) | _take_values(clip, frame, own)
    reasons = [None if keep else reason or "unexplained" for keep, reason in
               zip(verdicts["keep"].to_pylist(), verdicts["reason"].to_pylist(), strict=True)]  # fmt: skip
    return FrameValues(frame, np.array(reasons, object), values)


def _face_values(clip: ClipData, frame: NDArray[np.int64], own: list[Any]) -> dict[str, Values]:
    if "frames" not in clip.tables:
        return {}
    rows = clip.tables["frames"]
    track, at = _numbers(rows["track"]), rows["frame"].to_numpy().astype(np.int64)
    of_take = dict(zip(frame.tolist(), (-1 if take is None else take["track"] for take in own), strict=True))
    rank = 4.0 * (track == np.array([of_take.get(k, -1) for k in at.tolist()]))
    rank += np.where(rows["usable"].to_numpy(zero_copy_only=False), 2.0, np.nan_to_num(_numbers(rows["p_infant_face"])))
    order = np.lexsort((-rank, at))
    frames, first = np.unique(at[order], return_index=True)
    chosen = order[first]
    place = _index(frames, frame)
    values = {name: _taken(_numbers(rows[name])[chosen], place) for name in FACE}
    evidence = clip.tables.get("evidence")
    if evidence is not None:
        keys = evidence["frame"].to_numpy().astype(np.int64) * 4096 + evidence["track"].to_numpy()
        wanted = at[chosen] * 4096 + np.nan_to_num(track[chosen], nan=4095).astype(np.int64)
        order = np.argsort(keys)
        seen = _index(keys[order], wanted)
        for name in set(evidence.column_names) - {"frame", "track"}:
            values[name] = _taken(_taken(_numbers(evidence[name])[order], seen), place)
    return values


def _voice_values(clip: ClipData, verdicts: pa.Table) -> dict[str, Values]:
    voice = clip.tables.get("voice")
    if voice is None or not len(voice):
        return {}
    at, t = verdicts["time_s"].to_numpy(), voice["time_s"].to_numpy()
    return {name: np.interp(at, t, voice[name].to_numpy()) for name in ("p_infant", "p_adult")}


def _take_values(clip: ClipData, frame: NDArray[np.int64], own: list[Any]) -> dict[str, Values]:
    def each(value: Callable[[Any], float | None]) -> Values:
        told = [None if take is None else value(take) for take in own]
        return np.array([np.nan if one is None else one for one in told], np.float64)

    residual = np.full(len(frame), np.nan)
    for fit in clip.fits.values():
        place = _index(fit.table["frame"].to_numpy().astype(np.int64), frame)
        residual = np.where(place >= 0, _taken(_numbers(fit.table["residual"]), place), residual)
    return {"take_s": each(lambda take: take["end_s"] - take["start_s"]),
            "sync_score": each(lambda take: take["sync_score"]), "residual": residual}  # fmt: skip


def _numbers(column: pa.ChunkedArray) -> Values:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _index(rising: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each wanted number stands among some rising ones; -1 where it does not."""
    if not len(rising):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
    return np.where(rising[at] == wanted, at, -1)


def _taken(values: Values, place: NDArray[np.int64]) -> Values:
    return np.where(place >= 0, values[place], np.nan) if len(values) else np.full(len(place), np.nan)
