import numpy as np

from wail.inface.standin.muscles import MUSCLES
from wail.samples.law import CHANNELS, LAW_HZ, Law, activations, muscles, second_order
from wail.samples.sound import VoiceStyle, infant_voice, loudness_db

CRY = infant_voice([(0.6, 2.8, "cry")], 4.0, VoiceStyle(), seed=1)
LAUGH = infant_voice([(0.6, 2.8, "laugh")], 4.0, VoiceStyle(), seed=1)
QUIET = Law(noise=0.0)


def at(tracks, channel, time_s):
    return tracks[channel][int(time_s * LAW_HZ)]


def test_mouth_is_closed_in_silence_and_open_in_a_cry():
    tracks = muscles(CRY, QUIET, 4.0, seed=0)
    loudest = CRY.utterances[0]
    assert at(tracks, "jaw", 0.5) < 0.01
    assert at(tracks, "jaw", 3.6) < 0.01
    assert at(tracks, "jaw", (loudest.start_s + loudest.end_s) / 2) > 0.25


def test_cry_lowers_the_brow_and_laugh_raises_the_corners():
    cry, laugh = (muscles(voice, QUIET, 4.0, seed=0) for voice in (CRY, LAUGH))
    assert cry["brow"].max() > 0.4 and cry["smile"].max() == 0
    assert laugh["smile"].max() > 0.4 and laugh["brow"].max() == 0


def test_jaw_follows_loudness():
    tracks = muscles(CRY, QUIET, 4.0, seed=0)
    frames = np.arange(0, 4.0, 1 / 30)
    jaw = np.interp(frames * LAW_HZ, np.arange(len(tracks["jaw"])), tracks["jaw"])
    loud = np.clip(loudness_db(CRY.wave, len(frames)) + 46, 0, None)
    lags = [np.corrcoef(np.roll(loud, k), jaw)[0, 1] for k in range(8)]
    assert max(lags) > 0.85


def test_delay_shifts_the_face_and_nothing_else():
    early = muscles(CRY, QUIET, 4.0, seed=0)["jaw"]
    late = muscles(CRY, Law(noise=0.0, delay_s=QUIET.delay_s + 12 / LAW_HZ), 4.0, seed=0)["jaw"]
    assert np.allclose(late[12:], early[:-12], atol=0.02)


def test_noise_is_repeatable_and_leaves_a_silent_mouth_closed():
    law = Law(noise=0.1)
    first, again = (muscles(CRY, law, 4.0, seed=5) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in CHANNELS)
    assert first["jaw"][: int(0.5 * LAW_HZ)].max() < 0.01


def test_activations_pull_both_sides_with_asymmetry():
    tracks = {name: np.full(10, 0.5 if name == "smile" else 0.0) for name in CHANNELS}
    out = activations(tracks, Law(asymmetry=0.1), np.array([0.02]))[0]
    left, right = (out[MUSCLES.index(f"zygomatic_major_{side}")] for side in ("left", "right"))
    assert np.isclose(left, 0.55) and np.isclose(right, 0.45)
    assert out[MUSCLES.index("jaw_open")] == 0


def test_second_order_has_unit_gain_and_does_not_overshoot():
    step = second_order(np.ones(LAW_HZ), 0.05)
    assert np.isclose(step[-1], 1.0, atol=1e-3) and step.max() <= 1.0 and step[0] < 0.1
