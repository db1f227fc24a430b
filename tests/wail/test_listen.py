import cv2
import numpy as np
import pytest

from wail.errors import MediaError
from wail.listen import listen
from wail.media.encode import write_mp4


def test_a_cry_is_heard_where_the_truth_has_it_and_drawn(demo, tmp_path):
    rows = listen(demo[0] / "samples" / "cry_plain.mp4", tmp_path / "plot.png")
    assert {row["label"] for row in rows} == {"cry"}
    assert rows[0]["start_s"] == pytest.approx(0.9, abs=0.25)
    picture = cv2.imread(str(tmp_path / "plot.png"))
    assert picture is not None and picture.std() > 10


def test_a_file_without_sound_is_refused_with_a_sentence(tmp_path):
    silent = tmp_path / "silent.mp4"
    write_mp4(silent, [np.zeros((64, 64, 3), np.uint8)] * 5, 30)
    with pytest.raises(MediaError, match=r"silent\.mp4 has no audio stream"):
        listen(silent)
