"""Benchmark of sync: swapped soundtracks, shifted soundtracks, and which of two infants vocalises."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from wail.bench.composites.voiced import VoicedShot, make_voiced, shift_s, voiced_plan
from wail.bench.rows import Row
from wail.bench.scores import wilson
from wail.bench.voiced_run import Curated, curated
from wail.errors import ConfigError
from wail.media.probe import GRID_FPS
from wail.pipeline import Progress
from wail.vision.takes import Take, TakeConfig

Tell = Callable[[Progress], None]
FALSE_ALARMS = 0.1


def rows(folder: Path, split: str, tell: Tell = lambda progress: None) -> list[Row]:
    """The figures of split `tune` or `test`; clips and what was measured of them are kept in `folder`."""
    return figures(run(folder, voiced_shots(split), tell))


def voiced_shots(split: str) -> tuple[VoicedShot, ...]:
    if split not in ("tune", "test"):
        raise ConfigError(f"there are no clips with sound of split {split!r}: choose tune or test")
    return voiced_plan("tune" if split == "tune" else "test")


def run(folder: Path, shots: tuple[VoicedShot, ...], tell: Tell) -> list[Curated]:
    """Make the clips and run the stages over them, with the takes' settings as they are shipped."""
    place = folder / "voiced"
    make_voiced(place, shots, lambda done, total: tell(Progress("clips with sound", done, total)))
    return curated(place, shots, lambda done, total: tell(Progress("watch and listen", done, total)), TakeConfig())


def figures(clips: Sequence[Curated]) -> list[Row]:
    """Rows from clips of all kinds and sounds."""
    same, late, early, swapped = (
        [one for one in clips if one.shot.kind == "speaks" and one.sound == sound]
        for sound in ("same", "late", "early", "swapped")
    )
    shifted = [one for one in (*late, *early) if long_takes(one)]
    clear = [one for one in shifted if one.shot.clear_onsets]
    return [
        *swapped_rows(same, swapped),
        share_row("offset of 200 ms recovered within a frame, clear onsets", [recovered(one) for one in clear],
                  at_least=0.9, aim=0.98),
        share_row("offset of 200 ms recovered within a frame, all", [recovered(one) for one in shifted]),
        bias_row(same),
        *beside_rows([one for one in clips if one.shot.kind == "beside"]),
        share_row("a voice off camera over a resting face: takes dropped",
                  [take.row["reason"] == "voice_elsewhere" for one in clips if one.shot.kind == "silent"
                   for take in long_takes(one)]),
    ]  # fmt: skip


def long_takes(clip: Curated) -> list[Take]:
    return [take for take in clip.takes if take.row["reason"] != "too_short"]


def clip_score(clip: Curated) -> float | None:
    """The sync score of a soundtrack: the mean of its takes', by length; None where none can tell."""
    told = [take for take in long_takes(clip) if take.row["sync_score"] is not None]
    if not told:
        return None
    return float(np.average([take.row["sync_score"] for take in told], weights=[len(take.frames) for take in told]))


def swapped_rows(same: Sequence[Curated], swapped: Sequence[Curated]) -> list[Row]:
    """Swapped soundtracks found at 10 % false alarms, and by the settings as shipped; clips with takes only."""
    own, foreign = ([one for one in clips if long_takes(one)] for clips in (same, swapped))
    scores = [score for one in own if (score := clip_score(one)) is not None]
    limit = float(np.quantile(scores, FALSE_ALARMS)) if scores else float("nan")
    # A soundtrack that cannot be told is not flagged, whosesoever it is.
    flagged = [score is not None and score < limit for score in map(clip_score, foreign)]
    note = f"score below {limit:.2f}; {len(own)} own and {len(foreign)} swapped soundtracks over takes of a second"
    dropped = [[take.row["reason"] == "voice_elsewhere" for one in clips for take in long_takes(one)]
               for clips in (foreign, own)]  # fmt: skip
    return [
        share_row("swapped soundtrack flagged at 10 % false alarms", flagged, at_least=0.8, aim=0.95, note=note),
        share_row("swapped soundtrack: takes dropped, settings as shipped", dropped[0]),
        share_row("own soundtrack: takes dropped, settings as shipped", dropped[1], direction="down"),
    ]


def offset_error_s(clip: Curated) -> float | None:
    """Estimated offset less the true one: the file's shift, less how much the infant's own mouth follows its voice."""
    told = [take.row["av_offset_s"] for take in clip.takes if take.row["av_offset_s"] is not None]
    return None if not told else told[0] - (shift_s(clip.sound) - clip.shot.lag_s)


def recovered(clip: Curated) -> bool:
    """Whether the offset of a kept take is within a frame of the truth; a clip that lost its takes has not been."""
    error = offset_error_s(clip)
    return bool(clip.kept) and error is not None and abs(error) <= 1 / GRID_FPS


def bias_row(same: Sequence[Curated]) -> Row:
    errors = [error for one in same if (error := offset_error_s(one)) is not None]
    value = float(np.median(np.abs(errors))) * 1000 if errors else None
    note = f"median signed error {1000 * np.median(errors):+.1f} ms, {len(errors)} clips" if errors else "no takes"
    return Row("offset of a true soundtrack: median error", value, "ms", "down", note=note)


def beside_rows(clips: Sequence[Curated]) -> list[Row]:
    """Two infants in the picture: whose takes are kept, clip by clip."""
    outcome = [{track_is_speaker(one, take) for take in one.kept} for one in clips if long_takes(one)]
    return [
        share_row("two infants, one vocalises: only its takes kept", [sides == {True} for sides in outcome]),
        share_row("two infants, one vocalises: a take of the other kept", [False in sides for sides in outcome],
                  direction="down"),
    ]  # fmt: skip


def track_is_speaker(clip: Curated, take: Take) -> bool:
    """Whether a take's face is on the side of the picture where the vocalising infant is."""
    table = clip.watched.frames
    mine = np.flatnonzero(np.array(table["track"].to_pylist()) == take.row["track"])
    boxes = np.array(table["bbox"].take(mine).to_pylist())
    right = float((boxes[:, 0] + boxes[:, 2]).mean() / 2) > clip.shot.size_px[0] / 2
    return int(right) == clip.shot.speaker


def share_row(name: str, hits: Sequence[bool], at_least: float | None = None, aim: float | None = None,
              direction: str = "up", note: str = "") -> Row:  # fmt: skip
    """A share with Wilson's interval (1927) in its note."""
    n = len(hits)
    if not n:
        return Row(name, None, "share", "up" if direction == "up" else "down", at_least, aim, "no such clips")
    share = float(np.mean(hits))
    low, high = wilson(sum(hits), n)
    told = f"95 % interval {low:.2f}-{high:.2f}, n {n}"
    return Row(name, share, "share", "up" if direction == "up" else "down", at_least, aim,
               f"{told}; {note}" if note else told)  # fmt: skip
