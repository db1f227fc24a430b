"""Real media through the same path; skipped where it is absent."""

from pathlib import Path

import pytest

from wail.media.audio import read_audio
from wail.media.decode import grid_frames
from wail.media.probe import probe

DATA = Path(__file__).parents[3] / "../shared/data"
pytestmark = [pytest.mark.data, pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")]


@pytest.mark.parametrize(
    ("name", "size", "frames", "sound"),
    [("video/infant_dim_6s.mp4", (640, 480), 193, "aac"), ("images/generated_baby.png", (1024, 1024), 1, None),
     ("images/no_face.jpg", (640, 480), 1, None)],
)  # fmt: skip
def test_every_grid_frame_and_the_sound(name, size, frames, sound):
    facts = probe(DATA / name)
    assert (facts.width_px, facts.height_px) == size
    assert (facts.n_grid_frames, facts.audio_codec) == (frames, sound)
    shapes = [frame.rgb.shape for frame in grid_frames(DATA / name)]
    assert shapes == [(size[1], size[0], 3)] * frames
    assert read_audio(DATA / name).any() == (sound is not None)


def test_a_tall_talking_adult_at_25_fps():
    facts = probe(DATA / "video/adult_talking.mp4")
    assert (facts.width_px, facts.height_px, facts.n_grid_frames) == (1080, 1920, 603)
    assert facts.average_fps == pytest.approx(25)
    assert len(read_audio(DATA / "video/adult_talking.mp4")) == pytest.approx(20.08 * 16000, abs=2)
