"""Figures of sync and of the accounting, from clips made up beside their truth."""

import numpy as np
import pytest

from schemas.arrow import to_table
from schemas.tables import FRAMES, TAKES, VERDICTS
from wail.bench.accounting import Account, bound_errors_s, frames_in, unaccounted_frames
from wail.bench.accounting import figures as accounting_figures
from wail.bench.composites.voiced import MARGIN_S, shift_s, voice_of, voiced_plan
from wail.bench.sync import figures, recovered, rows, share_row, track_is_speaker, voiced_shots
from wail.bench.voiced_run import Curated, Watched
from wail.errors import ConfigError
from wail.vision.takes import Take

SHOTS = voiced_plan("tune", {"speaks": 3, "beside": 2, "silent": 1})
SPEAKS = [shot for shot in SHOTS if shot.kind == "speaks"]


def take(score, offset_s=0.0, reason=None, n=60, track=0, first=10) -> Take:
    row = {"take_id": f"{track}-{first}", "track": track, "start_s": first / 30, "end_s": (first + n) / 30,
           "n_frames": n, "bridged": 0, "label": "cry", "probability": 0.9, "sync_score": score,
           "av_offset_s": offset_s, "reason": reason}  # fmt: skip
    return Take(row, np.arange(first, first + n), np.zeros(n, bool), None)


def clip(shot, sound, *takes) -> Curated:
    right = 0.75 * shot.size_px[0]
    nothing = dict.fromkeys(FRAMES.names)
    boxes = [{**nothing, "frame": k, "time_s": k / 30, "track": t, "usable": True, "bbox": [x, 0.0, x + 20, 20.0]}
             for k in range(3) for t, x in ((0, 10.0), (1, right))]  # fmt: skip
    return Curated(shot, sound, Watched(to_table(boxes, FRAMES), {}), list(takes))


def value(found, start: str):
    return next(row.value for row in found if row.name.startswith(start))


def test_swapped_soundtracks_are_counted_below_the_tenth_of_true_ones():
    clips = [clip(SPEAKS[0], "same", take(0.5 + 0.05 * k)) for k in range(10)]
    clips += [clip(SPEAKS[0], "swapped", take(score, reason=reason))
              for score, reason in ((0.1, "voice_elsewhere"), (0.5, None), (0.7, None), (None, None))]  # fmt: skip
    found = figures(clips)
    assert value(found, "swapped soundtrack flagged") == 0.5
    assert value(found, "swapped soundtrack: takes dropped") == 0.25
    assert value(found, "own soundtrack: takes dropped") == 0


@pytest.mark.parametrize(("sound", "error_s", "met"), [("late", 0.03, True), ("late", 0.04, False),
                                                       ("early", -0.03, True), ("early", -0.2, False)])  # fmt: skip
def test_an_offset_counts_as_recovered_within_a_frame(sound, error_s, met):
    shot = SPEAKS[1]
    assert recovered(clip(shot, sound, take(0.9, shift_s(sound) - shot.lag_s + error_s))) is met


def test_a_shifted_clip_that_lost_its_takes_is_not_recovered():
    shot = SPEAKS[1]
    assert not recovered(clip(shot, "late", take(0.1, 0.2 - shot.lag_s, "voice_elsewhere")))


def test_of_two_infants_the_side_of_the_picture_tells_who_spoke():
    shot = next(shot for shot in SHOTS if shot.kind == "beside")
    one = clip(shot, "same", take(0.9, track=0), take(0.9, track=1))
    assert [track_is_speaker(one, t) for t in one.takes] == [shot.speaker == 0, shot.speaker == 1]
    found = figures([one])
    assert value(found, "two infants, one vocalises: only its") == 0
    assert value(found, "two infants, one vocalises: a take of the other") == 1


def test_rows_without_clips_say_so():
    assert share_row("x", []).note == "no such clips"
    assert share_row("x", [True] * 8 + [False] * 2).value == 0.8
    with pytest.raises(ConfigError, match="'train'"):
        voiced_shots("train")
    with pytest.raises(ConfigError, match="choose tune or test"):
        rows(None, "all")


def account(shot, drop=0, double=0, start_late_s=0.0) -> Account:
    """A clip whose one take is the whole voice with 0.3 s around it, `start_late_s` late."""
    spoken = voice_of(shot).utterances
    first = round((spoken[0].start_s - MARGIN_S - 0.3 + start_late_s) * 30)
    last = round((spoken[-1].end_s - MARGIN_S + 0.3) * 30)
    verdicts = [{"frame": k, "time_s": k / 30, "keep": first <= k < last, "take_id": None,
                 "reason": None if first <= k < last else "no_infant_voice"}
                for k in range(frames_in(shot) - drop)]  # fmt: skip
    verdicts += verdicts[:double]
    return Account(shot, "same", to_table(verdicts, VERDICTS),
                   to_table([take(0.9, n=last - first, first=first).row], TAKES))  # fmt: skip


def test_every_frame_counts_once():
    assert unaccounted_frames(account(SPEAKS[0])) == 0
    assert unaccounted_frames(account(SPEAKS[0], drop=3)) == 3
    assert unaccounted_frames(account(SPEAKS[0], double=2)) == 2
    found = accounting_figures([account(SPEAKS[0]), account(SPEAKS[1], drop=1)], ["a problem"])
    assert [row.value for row in found[:2]] == [1, 1]
    assert [row.met for row in found[:2]] == [True, False]


def test_bounds_of_takes_are_held_to_the_voice():
    assert bound_errors_s(account(SPEAKS[0])) == pytest.approx([0, 0], abs=0.02)
    assert bound_errors_s(account(SPEAKS[0], start_late_s=0.2))[0] == pytest.approx(0.2, abs=0.02)
