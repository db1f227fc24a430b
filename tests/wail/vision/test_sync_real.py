"""The mouth of a real talking adult against its own voice, the same voice moved, and another stretch of it."""

from itertools import islice

import numpy as np
import pytest

from wail.media.audio import read_audio
from wail.media.decode import grid_frames
from wail.vision.config import VisionConfig
from wail.vision.mouth import openings
from wail.vision.sync import synchrony
from wail.vision.tracks import FaceTracker
from wail.voice.detect import band_db

pytestmark = pytest.mark.data
FIRST, N, MOST = 250, 240, 15


@pytest.fixture(scope="module")
def mouth(data, mesh, detector):
    tracker = FaceTracker(VisionConfig(), mesh, detector)
    seen, last = [], None
    for picture in islice(grid_frames(data / "video/adult_talking.mp4"), FIRST, FIRST + N):
        if last is None or picture.rgb is not last:
            last, views = picture.rgb, tracker.step(picture.rgb)
        seen.append(views[0].xy_px if views else np.full((478, 2), np.nan, np.float32))
    opening, drop = openings(np.array(seen))
    return opening, opening + 0.5 * drop


@pytest.fixture(scope="module")
def loud(data):
    """Loudness at FIRST + k grid frames, for any k."""
    band = band_db(read_audio(data / "video/adult_talking.mp4")).astype(np.float64)
    at_s = (np.arange(len(band)) + 0.5) * 0.032
    return lambda first: np.interp((first + np.arange(-MOST, N + MOST)) / 30, at_s, band)


def test_its_own_voice_is_in_place_and_a_moved_one_is_found(mouth, loud):
    opening, drive = mouth
    own = synchrony(drive, loud(FIRST), opening)
    assert own.score > 0.1
    assert own.offset_s == pytest.approx(0.0, abs=0.05)
    for by in (-6, 6):
        moved = synchrony(drive, loud(FIRST - by), opening)
        assert moved.offset_s - own.offset_s == pytest.approx(by / 30, abs=1 / 30)


def test_other_speech_follows_it_less(mouth, loud):
    opening, drive = mouth
    own = synchrony(drive, loud(FIRST), opening).score
    others = [synchrony(drive, loud(first), opening).score for first in (20, 80, 140, 330)]
    assert max(others) < own
    assert np.median(others) < 0.1
