"""Per track and frame: visible shares, usable or not, and one reason by a fixed order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from schemas.reasons import VISION_REASONS
from wail.vision.config import VisionConfig
from wail.vision.evidence import BLACK_LEVEL
from wail.vision.infant import p_infant_face
from wail.vision.observe import Observation
from wail.vision.regions import MOUTH, SKIN_REFERENCE
from wail.vision.roi import Array
from wail.vision.visibility import around_mouth, lips_unseen, mouth_hidden, skin_covered, visibility, visible_shares


@dataclass(frozen=True)
class Judged:
    """An observation with its verdict."""

    seen: Observation
    p_infant_face: float
    visibility: Array
    visible: float
    mouth_visible: float
    reason: str | None


def judge(observations: Sequence[Observation], config: VisionConfig, clip_frames: int | None = None) -> list[Judged]:
    """Verdicts of a whole clip, in the order of `observations` (by frame, then track).

    Tracks shorter than `min_track_frames` are taken for mistakes and left out, unless the clip itself is as short.
    """
    by_track: dict[int, list[Observation]] = {}
    for one in observations:
        by_track.setdefault(one.track, []).append(one)
    least = min(config.min_track_frames, clip_frames or config.min_track_frames)
    by_track = {track: seen for track, seen in by_track.items() if len(seen) >= least}
    observations = [one for one in observations if one.track in by_track]
    p_infant = {track: track_p_infant(seen, config) for track, seen in by_track.items()}
    crowded = _frames_with_several(observations, p_infant, config)
    judged = {
        (one.seen.frame, track): one
        for track, seen in by_track.items()
        for one in _judge_track(seen, p_infant[track], crowded, config)
    }
    return [judged[one.frame, one.track] for one in observations]


def track_p_infant(seen: Sequence[Observation], config: VisionConfig) -> float:
    """Probability that a track's face is an infant's, over all its frames."""
    figures = np.array([one.proportions for one in seen])
    turned = np.array([np.hypot(one.yaw_deg, one.pitch_deg) for one in seen], np.float32)
    return p_infant_face(figures, turned, config.infant)


def _frames_with_several(
    observations: Sequence[Observation], p_infant: Mapping[int, float], config: VisionConfig
) -> set[int]:
    """Frames that show more than one infant: the sound cannot tell whose voice it is."""
    frames = [one.frame for one in observations if p_infant[one.track] >= config.min_p_infant_face]
    values, counts = np.unique(np.array(frames, int), return_counts=True)
    return set(values[counts > 1].tolist())


def _judge_track(
    seen: Sequence[Observation], p_infant: float, crowded: set[int], config: VisionConfig
) -> Iterator[Judged]:
    per_landmark, visible, mouth = _visibilities(seen, config)
    reasons: list[str | None] = [
        first_reason(flags(one, p_infant, one.frame in crowded, visible[i], mouth[i], config))
        for i, one in enumerate(seen)
    ]
    steady = _steady_reasons([one.frame for one in seen], reasons, config.hysteresis_frames)
    for i, one in enumerate(seen):
        yield Judged(one, p_infant, per_landmark[i], float(visible[i]), float(mouth[i]), steady[i])


def _visibilities(
    seen: Sequence[Observation], config: VisionConfig
) -> tuple[list[Array], NDArray[np.float64], NDArray[np.float64]]:
    """Per frame of one track: visibility of each landmark, of the face and of the mouth."""
    limits = config.occlusion
    covered = []
    for one in seen:
        readable = one.inside & (one.turned > 0.3)
        chroma, luma = one.look.chroma.astype(np.float32), one.look.log_luma.astype(np.float32)
        covered.append(skin_covered(chroma, luma, readable, limits))
    evidence = np.array([
        (
            around_mouth(covered[i], one.inside & (one.turned > 0.3)), one.look.lip_red, one.look.lip_dark,
            one.look.colourful, one.mirror, float(one.hands[MOUTH].mean()),
        )
        for i, one in enumerate(seen)
    ])  # fmt: skip
    evidence = median_filter(evidence, size=(config.smooth_frames, 1), mode="nearest")
    per_landmark, shares = [], []
    for i, one in enumerate(seen):
        share, red, dark, colourful, mirror, hand = evidence[i]
        hidden = mouth_hidden(share, lips_unseen(red, dark, colourful, limits), mirror, hand, limits)
        turned = one.turned.astype(np.float32)
        per_landmark.append(visibility(turned, one.inside, covered[i], one.hands, hidden))
        shares.append(visible_shares(per_landmark[-1], turned))
    both = median_filter(np.array(shares), size=(config.smooth_frames, 1), mode="nearest")
    return per_landmark, both[:, 0], both[:, 1]


def skin_luma(one: Observation) -> float:
    """Median grey level (0-255) of the face's reference skin."""
    return float(np.exp(np.median(one.look.log_luma[SKIN_REFERENCE].astype(np.float32))) - BLACK_LEVEL)


def flags(
    one: Observation, p_infant: float, several: bool, visible: float, mouth_visible: float, config: VisionConfig
) -> dict[str, bool]:
    """Every reason that applies to one face in one frame. Roll is none: infants lie at any angle."""
    return {
        "not_infant": p_infant < config.min_p_infant_face,
        "several_faces": several,
        "out_of_frame": float((~one.inside[MOUTH]).mean()) > config.max_outside_share,
        "profile": abs(one.yaw_deg) > config.max_abs_yaw_deg,
        "tilted": abs(one.pitch_deg) > config.max_abs_pitch_deg,
        "mouth_occluded": mouth_visible < config.min_mouth_visible,
        "face_occluded": visible < config.min_visible,
        "too_small": one.interocular_px < config.min_interocular_px,
        "blurred": one.look.sharpness < config.min_sharpness,
        "dark": skin_luma(one) < config.min_skin_luma,
        "low_confidence": one.presence < config.min_confidence,
    }


def first_reason(applies: Mapping[str, bool]) -> str | None:
    """The primary reason: the first that applies, in the order of `schemas.reasons.VISION_REASONS`."""
    return next((reason for reason in VISION_REASONS if applies.get(reason)), None)


def _steady_reasons(frames: Sequence[int], reasons: Sequence[str | None], most: int) -> list[str | None]:
    """`steady` on each stretch of consecutive frames: a loss in between is a border of its own."""
    out: list[str | None] = []
    stretches = groupby(range(len(frames)), key=lambda i: frames[i] - i)
    for _, stretch in stretches:
        out += steady([reasons[i] for i in stretch], most)
    return out


def steady(reasons: Sequence[str | None], most: int) -> list[str | None]:
    """Let runs of at most `most` equal verdicts inside a sequence give way to the run before them.

    A short usable run goes where both neighbours are unusable; a short unusable one where both are usable, and a short
    reason between two others takes the first one's. Runs at either end stay.
    """
    runs = [(value, len(list(group))) for value, group in groupby(reasons)]
    values = [value for value, _ in runs]
    for i in range(1, len(runs) - 1):
        before, after = values[i - 1], values[i + 1]
        if runs[i][1] <= most and (before is None) == (after is None):
            values[i] = before
    return [value for value, (_, length) in zip(values, runs, strict=True) for _ in range(length)]
