"""Clips with sound: whose mouth follows what, and what is put into the files."""

from dataclasses import replace

import av
import numpy as np
import pytest

from wail.bench.composites.voiced import (
    MARGIN_S,
    SHIFT_S,
    face_muscles,
    key_of,
    picture_times,
    pictures,
    sound_of,
    voice_of,
    voiced_plan,
    with_other_sound,
)
from wail.inface.standin.muscles import MUSCLES
from wail.media.audio import read_audio
from wail.media.encode import write_mp4
from wail.samples.sound import RATE_HZ

JAW = MUSCLES.index("jaw_open")


@pytest.fixture(scope="module")
def shots():
    return {split: voiced_plan(split) for split in ("tune", "test")}


@pytest.fixture(scope="module")
def shot(shots):
    return next(one for one in shots["tune"] if one.kind == "speaks" and one.behind == "none")


def test_the_splits_share_no_seed_and_no_infant(shots):
    seeds = [{one.seed for one in shots[split]} for split in shots]
    infants = [{mouth.actor for one in shots[split] for mouth in one.mouths} for split in shots]
    assert not seeds[0] & seeds[1]
    assert not infants[0] & infants[1]
    assert [len(one) for one in shots.values()] == [92, 92]


def test_a_shot_has_its_own_key_that_any_change_changes(shots, shot):
    assert len({key_of(one) for one in shots["tune"]}) == 92
    assert key_of(replace(shot, crf=shot.crf + 1)) != key_of(shot)


@pytest.mark.parametrize(("sound", "late_s"), [("late", SHIFT_S), ("early", -SHIFT_S)])
def test_a_shifted_soundtrack_is_the_same_sound_at_another_time(shot, sound, late_s):
    by = round(abs(late_s) * RATE_HZ)
    first, second = (sound_of(shot, "same"), sound_of(shot, sound))[:: 1 if late_s > 0 else -1]
    np.testing.assert_array_equal(second[by:], first[:-by])
    assert len(first) == len(second) == round(shot.duration_s * RATE_HZ)


def test_a_swapped_soundtrack_is_another_voice_of_the_same_kind(shot):
    labels = [{u.label for u in voice_of(shot, own).utterances} for own in (True, False)]
    assert labels == [{shot.label}, {shot.label}]
    own, other = (np.abs(sound_of(shot, sound)) for sound in ("same", "swapped"))
    assert np.corrcoef(own, other)[0, 1] < 0.5


def test_the_speakers_jaw_follows_its_voice_and_nobody_elses(shots):
    shot = next(one for one in shots["tune"] if one.kind == "beside" and one.speaker == 1)
    at_s = np.arange(0, shot.duration_s, 1 / 30)
    voiced = np.zeros(len(at_s), bool)
    for u in voice_of(shot).utterances:
        voiced |= (at_s + MARGIN_S >= u.start_s) & (at_s + MARGIN_S < u.end_s)
    speaks, rests = (face_muscles(shot, i, at_s)[:, JAW] for i in (1, 0))
    assert speaks[voiced].mean() > 4 * speaks[~voiced].mean()
    assert rests.max() <= shot.mouths[0].idle * 1.5 + 0.01


def test_pictures_are_drawn_at_the_shots_size(shot):
    assert next(pictures(shot)).shape == (shot.size_px[1], shot.size_px[0], 3)
    assert len(picture_times(shot)) == round(shot.duration_s * shot.fps)


def test_another_soundtrack_leaves_the_picture_as_it_is(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (12, 32, 48, 3)).astype(np.uint8)
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / RATE_HZ)).astype(np.float32)
    write_mp4(tmp_path / "a.mp4", frames, 30.0, np.zeros(16000, np.float32), RATE_HZ)
    with_other_sound(tmp_path / "a.mp4", tmp_path / "b.mp4", tone)
    packets = []
    for name in ("a.mp4", "b.mp4"):
        with av.open(str(tmp_path / name)) as container:
            packets.append([(p.pts, bytes(p)) for p in container.demux(video=0) if p.size])
    assert packets[0] == packets[1]
    assert np.abs(read_audio(tmp_path / "a.mp4")).max() < 0.01
    assert np.abs(read_audio(tmp_path / "b.mp4")[2000:4000]).max() == pytest.approx(0.3, abs=0.05)
