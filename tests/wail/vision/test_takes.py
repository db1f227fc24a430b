"""Takes are runs of usable frames around an infant's voice, and every frame has one verdict."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from schemas.arrow import to_table
from schemas.reasons import REASONS
from schemas.tables import FRAMES, TAKES, VERDICTS, VOCAL, VOICE
from wail.vision.mouth import Mouth
from wail.vision.runs import bridge, grown, stretches
from wail.vision.takes import TakeConfig, make_takes
from wail.vision.verdicts import verdicts

N = 240
CONFIG = TakeConfig()


def frames_of(usable, track=0, reason="mouth_occluded", p_infant=0.9) -> list[dict]:
    nothing = dict.fromkeys(FRAMES.names)
    return [
        {**nothing, "frame": k, "time_s": k / 30, "track": track, "p_infant_face": p_infant, "usable": bool(good),
         "reason": None if good else reason}
        for k, good in enumerate(usable)
    ]  # fmt: skip


def mouth_of(opening) -> Mouth:
    return Mouth(np.arange(len(opening)), np.asarray(opening), np.asarray(opening))


def voice_of(loud, late_s=0.0, p_adult=0.0) -> pa.Table:
    """Loudness given per grid frame, heard `late_s` later, on a 32 ms hop."""
    nothing = dict.fromkeys(VOICE.names, 0.0)
    times = np.arange(0.016, len(loud) / 30, 0.032)
    heard = np.interp(times - late_s, np.arange(len(loud)) / 30, loud)
    return to_table(
        [{**nothing, "time_s": t, "loudness_db": -60 + 40 * v, "band_db": -60 + 40 * v,
          "p_adult": float(np.interp(t, np.arange(len(loud)) / 30, np.broadcast_to(p_adult, len(loud))))}
         for t, v in zip(times, heard, strict=True)], VOICE)  # fmt: skip


def vocal_of(*spans, label="cry", probability=0.8, adult_overlap=0.0) -> pa.Table:
    return to_table(
        [{"start_s": a, "end_s": b, "label": label, "probability": probability, "p_mix": probability, "p_stem": None,
          "adult_overlap": adult_overlap} for a, b in spans], VOCAL)  # fmt: skip


def cries(*spans) -> np.ndarray:
    """An opening that swells and falls in each span, with a wobble of its own."""
    t = np.arange(N) / 30
    out = np.zeros(N)
    for a, b in spans:
        inside = (t >= a) & (t < b)
        out[inside] = np.sin(np.pi * (t[inside] - a) / (b - a)) * (0.8 + 0.2 * np.sin(9 * t[inside]))
    return out


def curated(usable, *spans, late_s=0.0, config=CONFIG, opening=None, rows=None, p_adult=0.0, others=None, **vocal):
    """Takes, verdicts and frames of a clip with one infant's mouth (and `others`) and its voice in the spans."""
    mouth = cries(*spans)
    frames = to_table(frames_of(usable) if rows is None else rows, FRAMES)
    voice, found = voice_of(mouth, late_s, p_adult), vocal_of(*spans, **vocal)
    mouths = {0: mouth_of(0.3 * (mouth if opening is None else opening)), **(others or {})}
    takes = make_takes("c" * 16, frames, mouths, voice, found, config)
    return takes, verdicts(frames, voice, found, [take.row for take in takes], {}, config), frames


VOICED = cries((1.0, 3.4), (3.9, 6.0))
RESTLESS = 0.5 + 0.4 * np.sin(np.arange(N) ** 1.3 / 9)


def reasons(rows) -> Counter:
    return Counter(row["reason"] for row in rows)


def test_a_take_is_the_voice_with_a_third_of_a_second_either_side():
    takes, rows, _ = curated(np.ones(N, bool), (2.0, 4.0))
    assert [(take.frames[0], take.frames[-1]) for take in takes] == [(51, 128)]
    row = to_table([takes[0].row], TAKES).to_pylist()[0]
    assert (row["label"], row["reason"], row["n_frames"], row["bridged"]) == ("cry", None, 78, 0)
    assert row["probability"] == pytest.approx(0.8)
    assert (row["start_s"], row["end_s"]) == (pytest.approx(1.7), pytest.approx(4.3))
    assert reasons(rows) == {None: 78, "no_infant_voice": N - 78}


def test_short_gaps_are_bridged_and_marked_and_long_ones_part_takes():
    usable = np.ones(N, bool)
    usable[80:83] = False
    takes, _, _ = curated(usable, (2.0, 4.0))
    assert len(takes) == 1
    assert np.flatnonzero(takes[0].bridged).tolist() == [80 - 51, 81 - 51, 82 - 51]
    usable[83] = False
    takes, rows, _ = curated(usable, (2.0, 4.0))
    assert [(take.frames[0], take.frames[-1]) for take in takes] == [(51, 79), (84, 128)]
    assert takes[0].row["reason"] == "too_short"
    assert reasons(rows) == {None: 45, "too_short": 29, "mouth_occluded": 4, "no_infant_voice": N - 78}


def test_pauses_inside_a_cry_stay_and_long_ones_do_not():
    assert len(curated(np.ones(N, bool), (1.0, 2.0), (2.9, 4.0))[0]) == 1
    assert len(curated(np.ones(N, bool), (1.0, 2.0), (3.2, 4.0))[0]) == 2


def test_long_takes_are_cut_into_equal_parts():
    takes, rows, _ = curated(np.ones(N, bool), (0.5, 7.5), config=TakeConfig(max_take_s=3.0))
    assert [len(take.frames) for take in takes] == [76, 76, 76]
    assert reasons(rows)[None] == 228


def test_an_adult_over_the_infant_spoils_what_is_not_surely_an_infant():
    takes, rows, _ = curated(np.ones(N, bool), (2.0, 4.0), adult_overlap=0.8)
    assert takes == []
    assert reasons(rows) == {"adult_voice": 60, "no_infant_voice": N - 60}
    assert len(curated(np.ones(N, bool), (2.0, 4.0), adult_overlap=0.8, probability=0.95)[0]) == 1


@pytest.mark.parametrize("late_s", [-0.2, 0.0, 0.2, 0.4])
def test_the_offset_between_mouth_and_voice_is_found(late_s):
    takes, _, _ = curated(np.ones(N, bool), (2.0, 2.8), (3.3, 4.6), late_s=late_s)
    assert takes[0].row["av_offset_s"] == pytest.approx(late_s, abs=0.01)
    assert takes[0].row["sync_score"] > (0.8 if abs(late_s) < 0.3 else 0.4)


def test_a_mouth_that_does_not_follow_the_voice_belongs_to_another():
    takes, rows, _ = curated(np.ones(N, bool), (1.0, 3.4), (3.9, 6.0), opening=RESTLESS)
    assert takes[0].row["reason"] == "voice_elsewhere"
    assert reasons(rows) == {"voice_elsewhere": 168, "no_infant_voice": N - 168}


def test_a_weak_take_stays_where_all_of_its_face_follow_the_voice_together():
    spans = ((0.7, 1.5), (1.8, 2.6), (4.6, 5.4), (5.8, 7.2))
    mixed = np.where(np.arange(N) < 105, 0.65 * RESTLESS + 0.35 * cries(*spans), cries(*spans))
    takes, _, _ = curated(np.ones(N, bool), *spans, opening=mixed, config=TakeConfig(min_sync_score=0.4))
    assert 0 < takes[0].row["sync_score"] < 0.4 < takes[1].row["sync_score"]
    assert [take.row["reason"] for take in takes] == [None, None]
    strict, _, _ = curated(np.ones(N, bool), *spans, opening=mixed, config=TakeConfig(min_sync_score=0.95))
    assert {take.row["reason"] for take in strict} == {"voice_elsewhere"}


def test_shut_lips_neither_cry_nor_laugh_but_may_hum():
    for label, reason in (("cry", "voice_elsewhere"), ("babble", None)):
        config = TakeConfig(min_sync_score=-1)
        shut = np.full(N, 0.01)
        takes, _, _ = curated(np.ones(N, bool), (1.0, 6.0), opening=shut, label=label, config=config)
        assert takes[0].row["reason"] == reason


def test_a_take_too_short_to_tell_is_kept_with_an_empty_score():
    usable = np.zeros(N, bool)
    usable[70:105] = True
    takes, rows, _ = curated(usable, (2.0, 4.0), opening=np.full(N, np.nan))
    assert (takes[0].row["reason"], takes[0].row["sync_score"], takes[0].row["av_offset_s"]) == (None, None, None)
    assert reasons(rows)[None] == 35


def test_all_takes_of_a_soundtrack_share_its_offset():
    takes, _, _ = curated(np.ones(N, bool), (0.8, 2.4), (4.5, 5.2), (5.5, 7.0), late_s=0.2)
    assert len(takes) == 2
    assert takes[0].row["av_offset_s"] == takes[1].row["av_offset_s"] == pytest.approx(0.2, abs=0.01)


def test_a_gap_in_which_the_mouth_left_the_picture_is_not_bridged():
    usable = np.ones(N, bool)
    usable[80:82] = False
    rows = frames_of(usable, reason="out_of_frame")
    takes, told, _ = curated(usable, (1.5, 4.0), rows=rows)
    assert [(take.frames[0], take.frames[-1]) for take in takes] == [(36, 79), (82, 128)]
    assert told[80]["reason"] == "out_of_frame"
    assert len(curated(usable, (1.5, 4.0))[0]) == 1


def test_a_new_track_after_a_cut_is_a_new_take():
    rows = [row for row in frames_of(np.ones(N, bool)) if row["frame"] < 90]
    rows += [row for row in frames_of(np.ones(N, bool), track=1) if row["frame"] >= 90]
    takes, told, _ = curated(None, (1.5, 4.5), rows=rows, others={1: mouth_of(0.3 * cries((1.5, 4.5)))})
    assert [(take.row["track"], take.frames[0], take.frames[-1]) for take in takes] == [(0, 36, 89), (1, 90, 143)]
    assert reasons(told)[None] == 108


def test_padding_is_usable_silence_without_an_adult():
    usable = np.ones(N, bool)
    usable[:57] = False
    talks = np.zeros(N)
    talks[124:180] = 0.9
    takes, told, _ = curated(usable, (2.0, 4.0), p_adult=talks)
    assert (takes[0].frames[0], takes[0].frames[-1]) == (57, 123)
    assert told[124]["reason"] == "adult_voice"


def beside(mine, other, reason=None, p_infant=0.9, from_frame=0):
    """Two faces, the second with a reason of its own; the openings of both."""
    second = [row for row in frames_of(np.full(N, reason is None), 1, reason, p_infant) if row["frame"] >= from_frame]
    rows = sorted(frames_of(np.ones(N, bool)) + second, key=lambda row: row["frame"])
    return curated(None, (1.0, 3.4), (3.9, 6.0), rows=rows, opening=mine, others={1: mouth_of(0.3 * other)})


def test_of_two_infants_the_one_whose_mouth_follows_the_voice_vocalises():
    takes, told, _ = beside(VOICED, RESTLESS)
    assert {(take.row["track"], take.row["reason"]) for take in takes} == {(0, None), (1, "voice_elsewhere")}
    assert reasons(told) == {None: 168, "no_infant_voice": N - 168}
    assert told[60]["take_id"] == next(take.row["take_id"] for take in takes if take.row["track"] == 0)


def test_of_two_infants_that_both_move_neither_is_kept():
    takes, told, _ = beside(VOICED, VOICED)
    assert {take.row["reason"] for take in takes} == {"several_faces"}
    assert reasons(told) == {"several_faces": 168, "no_infant_voice": N - 168}


def test_only_the_frames_with_a_second_infant_are_given_up():
    takes, told, _ = beside(RESTLESS, VOICED, "profile", from_frame=100)
    assert takes[0].row["reason"] != "several_faces"
    assert {row["reason"] for row in told[100:150]} == {"several_faces"}


def test_an_adult_beside_the_infant_does_not_matter():
    takes, _, _ = beside(VOICED, VOICED, "not_infant", 0.1)
    assert [(take.row["track"], take.row["reason"]) for take in takes] == [(0, None)]


def test_only_usable_tracks_become_takes_and_the_most_infant_like_face_gives_the_reason():
    rows = frames_of(np.zeros(N, bool), 0, "not_infant", 0.02) + frames_of(np.zeros(N, bool), 1, "profile", 0.9)
    frames = to_table(sorted(rows, key=lambda row: row["frame"]), FRAMES)
    voice, vocal = voice_of(cries((2.0, 4.0))), vocal_of((2.0, 4.0))
    assert make_takes("c", frames, {1: mouth_of(cries((2.0, 4.0)))}, voice, vocal, CONFIG) == []
    assert reasons(verdicts(frames, voice, vocal, [], {}, CONFIG)) == {"profile": N}


def test_poor_frames_of_a_take_are_not_kept_but_named():
    takes, _, frames = curated(np.ones(N, bool), (2.0, 4.0))
    name = takes[0].row["take_id"]
    rows = verdicts(frames, voice_of(cries((2.0, 4.0))), vocal_of((2.0, 4.0)), [takes[0].row], {name: {60, 61}}, CONFIG)
    assert [row["frame"] for row in rows if row["reason"] == "poor_fit"] == [60, 61]
    assert rows[60]["take_id"] == name
    assert not rows[60]["keep"]


@pytest.mark.parametrize("seed", range(3))
def test_every_grid_frame_has_one_verdict(seed):
    rng = np.random.default_rng(seed)
    usable = np.repeat(rng.random(N // 8) > 0.4, 8)
    _, rows, _ = curated(usable, (0.5, 1.9), (3.0, 5.5), (6.0, 7.0))
    table = to_table(rows, VERDICTS)
    assert table["frame"].to_pylist() == list(range(N))
    assert all((row["reason"] is None) == row["keep"] for row in rows)
    assert {row["reason"] for row in rows} - {None} <= set(REASONS)


def test_take_ids_are_stable_and_differ_between_clips():
    first, again = (curated(np.ones(N, bool), (2.0, 4.0))[0][0].row["take_id"] for _ in range(2))
    assert first == again
    assert len(first) == 16
    assert int(first, 16) >= 0


def test_runs_and_bridges():
    flags = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1], bool)
    assert stretches(flags) == [(1, 3), (6, 7), (11, 12)]
    assert stretches(bridge(flags, 3)) == [(1, 7), (11, 12)]


def test_padding_grows_only_over_what_is_allowed():
    core = np.array([0, 0, 0, 1, 0, 0, 0], bool)
    assert grown(core, 2, np.array([1, 1, 1, 0, 0, 1, 1], bool)).tolist() == [False, True, True, True] + [False] * 3


def test_a_clip_without_frames_or_sound_has_no_takes():
    empty = to_table([], FRAMES)
    assert make_takes("c", empty, {}, to_table([], VOICE), to_table([], VOCAL), CONFIG) == []
    assert verdicts(empty, to_table([], VOICE), to_table([], VOCAL), [], {}, CONFIG) == []
    silent = to_table(frames_of(np.ones(9, bool)), FRAMES)
    assert reasons(verdicts(silent, to_table([], VOICE), to_table([], VOCAL), [], {}, CONFIG)) == {"no_infant_voice": 9}
