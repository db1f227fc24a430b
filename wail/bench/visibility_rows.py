"""The figures of `wail bench visibility`, part by part, with what is asked of each. Names are stable."""

from collections.abc import Callable, Sequence

import numpy as np

from wail.bench.composites.plan import BANDS, LIGHTS, OCCLUDERS
from wail.bench.rows import Row
from wail.bench.visibility_run import Clip
from wail.bench.visibility_scores import (
    COVERED,
    TAKE_FRAMES,
    Group,
    Mask,
    boundary_errors,
    found_free,
    free,
    grouped,
    in_picture,
    longest_run,
    occluded,
    operating_threshold,
    ratio_interval,
    ratio_of,
    rejected_below,
    within,
    wrongly_kept,
)
from wail.vision.config import VisionConfig

Clips = Sequence[Clip]
FOUND_WITHIN = 0.15
"""Outer eye distances that eyes and nose of a found face may lie from the truth."""
MIN_SIZE_PX = 30.0
YAWS_DEG = ((0, 15), (15, 30), (30, 45))


def mouth(clips: Clips, config: VisionConfig) -> list[Row]:
    """Mouth occluded: recall of every kind where no more than 5 % of the free mouths are rejected."""
    at = operating_threshold(clips, config)
    shipped = config.min_mouth_visible
    return [_recall_row(kind, of_kind(clips, kind), at, shipped, config) for kind in OCCLUDERS] + [
        _rejection_row(clips, shipped, config), *(_own_colour_row(clips, kind, at, config) for kind in OCCLUDERS)]


def of_kind(clips: Clips, kind: str) -> list[Clip]:
    return [clip for clip in clips if clip.truth.shot["occluder"] == kind]


def in_light(clips: Clips, light: str) -> list[Clip]:
    return [clip for clip in clips if clip.truth.shot["light"] == light]


def of_band(clips: Clips, band: str) -> list[Clip]:
    return [clip for clip in clips if clip.face.skin_band == band]


def _recall_row(kind: str, clips: Clips, at: float, shipped: float, config: VisionConfig) -> Row:
    def positive(clip: Clip) -> Mask:
        return occluded(clip, config)

    main = grouped(clips, lambda c: rejected_below(c, at), positive)
    ship = grouped(clips, lambda c: rejected_below(c, shipped), positive)
    verdict = grouped(clips, lambda c: ~c.seen.usable, positive)
    lost = grouped(clips, lambda c: ~c.seen.found, positive)
    note = (f"{main.said()}; threshold {at:.3f}, at the shipped {shipped:g}: {ship.share:.3f}, not usable for any "
            f"reason: {verdict.share:.3f}; face lost in {lost.share:.3f}")  # fmt: skip
    name = f"mouth occluded by {kind}: recall at 5 % false rejection"
    return Row(name, _value(main), "share", "up", 0.90, 0.97, note)


def _rejection_row(clips: Clips, shipped: float, config: VisionConfig) -> Row:
    main = grouped(clips, lambda c: rejected_below(c, shipped), lambda c: found_free(c, config))
    verdict = grouped(clips, lambda c: ~c.seen.usable, lambda c: free(c, config))
    lost = grouped(clips, lambda c: ~c.seen.found, lambda c: free(c, config))
    note = (f"{main.said()}; mouth_visible below the shipped {shipped:g}, of the faces found; not usable for any "
            f"reason, lost ones included: {verdict.share:.3f}; lost: {lost.share:.3f}")  # fmt: skip
    return Row("free mouths rejected at the shipped threshold", _value(main), "share", "down", note=note)


def _own_colour_row(clips: Clips, kind: str, at: float, config: VisionConfig) -> Row:
    """Recall where the occluder has the face's own colour."""
    own = [clip for clip in of_kind(clips, kind) if clip.truth.shot["own_colour"]]
    group = grouped(own, lambda c: rejected_below(c, at), lambda c: occluded(c, config))
    return Row(f"mouth occluded by {kind} of the face's own colour: recall", _value(group), "share", note=group.said())


def throughout(clips: Clips, config: VisionConfig) -> list[Row]:
    """Clips with an occluder from the first to the last frame: none may give a take."""
    always = [clip for clip in clips if clip.truth.shot["phase"] == "throughout"]
    whole = [clip for clip in always if longest_run(clip.face.mouth_covered >= COVERED) >= TAKE_FRAMES]
    kept = [clip.name for clip in whole if wrongly_kept(clip)]
    note = f"a second of usable frames, of {len(whole)} clips; kept: {', '.join(kept) or 'none'}"
    share = 100 * len(kept) / len(whole) if whole else None
    return [Row("occluder the whole clip: clips wrongly kept", share, "%", "down", 5.0, 0.0, note)]


def profile(clips: Clips, config: VisionConfig) -> list[Row]:
    """Turned beyond the limit: not usable; within it: not called profile."""
    limit = config.max_abs_yaw_deg

    def beyond(clip: Clip) -> Mask:
        return np.asarray((np.abs(clip.face.yaw_deg) >= limit + 5) & in_picture(clip))

    def usable(clip: Clip) -> Mask:
        return np.asarray(free(clip, config) & (clip.part in ("profile", "clean", "roll", "near", "people")))

    def tilted(clip: Clip) -> Mask:
        return np.asarray((np.abs(clip.face.pitch_deg) >= config.max_abs_pitch_deg + 5) & in_picture(clip))

    recall = grouped(clips, lambda c: ~c.seen.usable, beyond)
    wrong = grouped(clips, lambda c: c.seen.reason == "profile", usable)
    tilt = grouped(clips, lambda c: ~c.seen.usable, tilted)
    straight = grouped(clips, lambda c: c.seen.reason == "tilted", usable)
    return [
        Row("profile beyond the limit: recall", _value(recall), "share", "up", 0.95, 0.99,
            f"yaw beyond {limit + 5:g} deg; {recall.said()}"),
        Row("profile: usable frames rejected", _value(wrong, 100), "%", "down", 5.0, 2.0,
            f"yaw within {limit - 5:g} deg, called profile; {wrong.said()}"),
        Row("tilted beyond the limit: recall", _value(tilt), "share", note=tilt.said()),
        Row("tilted: usable frames rejected", _value(straight, 100), "%", "down", note=straight.said()),
    ]


def border(clips: Clips, config: VisionConfig) -> list[Row]:
    """The mouth out of the picture, and how near to its crossing the verdict turns."""
    limit = config.max_outside_share
    recall = grouped(clips, lambda c: ~c.seen.usable, lambda c: np.asarray(c.face.mouth_outside > limit))
    crossing = [clip for clip in clips if clip.part == "border"]
    ever = [clip for clip in crossing if clip.seen.usable.any()]
    errors = [error for clip in ever for error in boundary_errors(clip, limit)]
    note = (f"mean; median {np.median(errors):g}, 95th centile {np.quantile(errors, 0.95):g}, {len(errors)} crossings; "
            f"{len(crossing) - len(ever)} of {len(crossing)} clips were never usable" if errors else "no crossing")
    return [
        Row("mouth out of frame: recall", _value(recall), "share", "up", 0.98, 1.0, recall.said()),
        Row("mouth out of frame: boundary error", float(np.mean(errors)) if errors else None, "frames", "down",
            2.0, 1.0, note),
    ]


def found(clips: Clips, config: VisionConfig) -> list[Row]:
    """Faces found and the right way up, at any roll."""

    def due(clip: Clip) -> Mask:
        plain = clip.part in ("roll", "clean", "near", "people")
        return np.asarray(plain & within(clip, config, 0.0) & (clip.face.size_px >= MIN_SIZE_PX)
                          & (clip.face.face_covered == 0) & (clip.face.face_outside < 0.02))  # fmt: skip

    def right(clip: Clip) -> Mask:
        return np.asarray(clip.seen.found & (np.nan_to_num(clip.seen.error, nan=9.0) <= FOUND_WITHIN))

    main = grouped(clips, right, due)
    rows = [Row("face found, roll 0-360, interocular >= 30 px", _value(main), "share", "up", 0.98, 0.995,
                f"eyes and nose within {FOUND_WITHIN:g} interocular of the truth; {main.said()}")]  # fmt: skip
    for middle in (0, 90, 180, 270):
        def rolled(clip: Clip, middle: int = middle) -> Mask:
            return np.asarray(due(clip) & ((clip.face.roll_deg - middle + 45) % 360 < 90))

        group = grouped(clips, right, rolled)
        rows.append(Row(f"face found, roll {middle} +- 45 deg", _value(group), "share", note=group.said()))
    return rows


def fairness(clips: Clips, config: VisionConfig) -> list[Row]:
    """False rejection by skin tone and by light: the largest rate over the smallest."""
    at = operating_threshold(clips, config)
    rows = []
    for title, alike in (("skin-tone bands", {band: of_band(clips, band) for band in BANDS}),
                         ("lights", {light: in_light(clips, light) for light in LIGHTS})):  # fmt: skip
        score = {name: grouped(some, lambda c: rejected_below(c, at), lambda c: found_free(c, config))
                 for name, some in alike.items()}  # fmt: skip
        verdict = {name: grouped(some, lambda c: ~c.seen.usable, lambda c: free(c, config))
                   for name, some in alike.items()}  # fmt: skip
        (low, high), ratio = ratio_interval(score), ratio_of(score)
        note = (f"95 % interval {low:.2f}-{high:.2f}; free mouths called hidden, 5 % overall: {_rates(score)}; "
                f"not usable for any reason: {_rates(verdict)}, ratio {ratio_of(verdict):.2f}")  # fmt: skip
        rows.append(Row(f"false rejection, largest ratio between {title}", None if np.isnan(ratio) else ratio, "ratio",
                        "down", 1.5, 1.25, note))  # fmt: skip
    return rows


def _rates(groups: dict[str, Group]) -> str:
    return ", ".join(f"{name} {group.share:.3f}" for name, group in groups.items() if group.known.sum())


def tables(clips: Clips, config: VisionConfig) -> list[Row]:
    """Precision and recall of `mouth hidden` at the shipped threshold: per occluder, yaw, light and skin-tone band."""
    rows = []
    for kind in OCCLUDERS:
        rows += _precision_recall(kind, of_kind(clips, kind), config, _all)
    for low, high in YAWS_DEG:
        def turned(clip: Clip, low: int = low, high: int = high) -> Mask:
            yaw = np.abs(clip.face.yaw_deg)
            return np.asarray((yaw >= low) & (yaw < high))

        rows += _precision_recall(f"yaw {low}-{high} deg", clips, config, turned)
    for light in LIGHTS:
        rows += _precision_recall(f"light {light}", in_light(clips, light), config, _all)
    for band in BANDS:
        rows += _precision_recall(f"skin {band}", of_band(clips, band), config, _all)
    return rows


def _all(clip: Clip) -> Mask:
    return np.ones(clip.truth.n_frames, bool)


def _precision_recall(name: str, clips: Clips, config: VisionConfig, where: Callable[[Clip], Mask]) -> list[Row]:
    """`mouth hidden`, a lost face under an occluder counting as such, against the truth of the faces found."""

    def real(clip: Clip) -> Mask:
        return occluded(clip, config) & where(clip)

    def said(clip: Clip) -> Mask:
        known = real(clip) | (found_free(clip, config) & where(clip))
        return known & rejected_below(clip, config.min_mouth_visible)

    recall, precision = grouped(clips, said, real), grouped(clips, real, said)
    return [Row(f"mouth occluded, {name}: recall", _value(recall), "share", note=recall.said()),
            Row(f"mouth occluded, {name}: precision", _value(precision), "share", note=precision.said())]


def _value(group: Group, times: float = 1.0) -> float | None:
    return None if np.isnan(group.share) else times * group.share


PARTS: dict[str, Callable[[Clips, VisionConfig], list[Row]]] = {
    "mouth": mouth, "throughout": throughout, "profile": profile, "border": border, "found": found,
    "fairness": fairness, "tables": tables,
}  # fmt: skip
"""What the composites without sound are judged by."""
