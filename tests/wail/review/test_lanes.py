import numpy as np
import pytest

from wail.review.fitted import fitted_takes
from wail.review.lanes import lanes, state_band
from wail.review.overlay import ADULT, APERTURE, INFANT, OPENING, STATE_COLOURS, Axis, strip, strip_px, verdict_band
from wail.review.plots import verdict_spans
from wail.review.read import read_clip

CLIP = "a" * 16
PIECES = [(10, "no_infant_voice", None), (55, None, "t"), (60, "no_face", None), (80, "poor_fit", "u")]


@pytest.fixture
def clip(builder):
    builder.clip(CLIP, PIECES, n=80)
    return read_clip(builder.finish(), CLIP)


def curve(found, colour):
    return [one for lane in found for one in lane.curves if one.colour == colour]


def test_curves_have_the_times_of_what_they_show(clip):
    takes = fitted_takes(clip, 0.1)
    apertures = {take.take_id: np.arange(len(take.pose), dtype=np.float32) for take in takes}
    found = lanes(clip, takes, apertures, {}, range(30, 70))
    assert [one.time_s.tolist() for one in curve(found, APERTURE)] == [
        pytest.approx(np.arange(30, 55) / 30), pytest.approx(np.arange(60, 70) / 30)]  # fmt: skip
    assert curve(found, APERTURE)[0].value == pytest.approx(np.arange(20, 45) / 44)
    [infant] = curve(found, INFANT)
    voice = clip.tables["voice"]
    expected = dict(zip(voice["time_s"].to_pylist(), voice["p_infant"].to_pylist(), strict=True))
    assert [expected[t] for t in infant.time_s] == infant.value.tolist()
    assert 1.0 - 0.04 <= infant.time_s[0] <= 1.0 and 70 / 30 <= infant.time_s[-1] <= 70 / 30 + 0.04
    assert len(curve(found, ADULT)) == 1


def test_the_mouth_seen_is_that_of_the_fitted_track(clip):
    take = fitted_takes(clip, None)[0]
    def face(opening):
        xy = np.zeros((478, 2), np.float32)
        xy[[33, 263]] = (0, 0), (100, 0)
        xy[[13, 14]] = (50, 50), (50, 50 + opening)
        return xy
    seen = np.ones(478, np.float32)
    landmarks = {20: [(7, face(0), seen), (take.track, face(40), seen)], 21: [(7, face(8), seen)]}
    [gap] = curve(lanes(clip, [take], {}, landmarks, range(15, 25)), OPENING)
    assert gap.value[5:7] == pytest.approx([0.5, 0.1]) and np.isnan(gap.value[[4, 7]]).all()


def test_without_voice_fits_or_landmarks_there_are_no_lanes(builder):
    folder = builder.clip(CLIP, PIECES, n=80)
    folder.file("voice.parquet").unlink()
    assert lanes(read_clip(builder.finish(), CLIP), [], {}, {}, range(80)) == []


def test_the_fits_band_has_a_span_for_each_run_of_a_state(clip):
    take = fitted_takes(clip, None)[0]
    take.state[5:8] = ["bridged"] * 3
    spans = state_band([take]).spans
    assert [(a * 30, b * 30) for a, b, _ in spans] == [pytest.approx(x) for x in ((10, 15), (15, 18), (18, 55))]
    assert [colour for _, _, colour in spans] == [STATE_COLOURS[n] for n in ("converged", "bridged", "converged")]


@pytest.mark.parametrize(("axis", "whole"), [(Axis(480, 0.0, 2.5), True), (Axis(480, 1.0, 2.0), False)])
def test_a_strip_is_as_high_as_said_and_a_page_shows_the_whole_clip_too(clip, axis, whole):
    takes = fitted_takes(clip, 0.1)
    found = lanes(clip, takes, {}, {}, range(80))
    below = strip(axis, 2.5, verdict_band(verdict_spans(clip.tables["verdicts"])), state_band(takes), found)
    assert below.shape == (strip_px(len(found), whole), 480, 3)


def test_an_axis_keeps_what_is_outside_at_its_ends():
    assert Axis(480, 10.0, 20.0).x([5, 10, 15, 20, 25]).tolist() == [98, 98, 284, 470, 470]
