"""A clip's tables: every grid frame accounted for, the right reason, and the same answer every time."""

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from schemas.arrow import flat
from schemas.tables import EVIDENCE, FRAMES, LANDMARKS
from wail.vision.analyse import VisionConfig, analyse


def reasons(result) -> list[str | None]:
    return result.frames["reason"].to_pylist()


def test_a_free_face_is_usable_and_the_tables_hold_to_their_schemas(infant, clip):
    result = analyse(iter(clip([infant] * 3 + [infant.copy() for _ in range(5)])), VisionConfig())
    assert result.frames.schema.equals(FRAMES)
    assert result.landmarks.schema.equals(LANDMARKS)
    assert reasons(result) == [None] * 8
    assert result.frames["frame"].to_pylist() == list(range(8))
    assert result.frames["usable"].to_pylist() == [True] * 8
    assert result.size_px == (infant.shape[1], infant.shape[0])
    xy = np.array(result.landmarks["xy_px"].to_pylist()).reshape(8, 478, 2)
    assert (np.abs(xy[7] - xy[0]).max(1) < 6).all()
    assert np.array(result.landmarks["visibility"].to_pylist()).shape == (8, 478)
    assert np.array(result.landmarks["visibility"].to_pylist())[:, 13].min() > 0.7


def test_a_still_picture_is_a_clip_of_one_frame(infant, clip):
    assert reasons(analyse(clip([infant]), VisionConfig())) == [None]


def test_a_pacifier_in_every_frame_is_found_in_every_frame(infant, upright_view, covered, clip):
    shield = covered(infant, upright_view, (120, 160, 220))
    result = analyse(clip([shield.copy() for _ in range(12)]), VisionConfig())
    assert reasons(result) == ["mouth_occluded"] * 12
    assert max(result.frames["mouth_visible"].to_pylist()) < 0.5


def test_an_occluder_that_comes_and_goes_is_found_to_a_few_frames(infant, upright_view, covered, clip):
    shield = covered(infant, upright_view, (240, 240, 235))
    result = analyse(clip([p.copy() for p in [infant] * 15 + [shield] * 15 + [infant] * 15]), VisionConfig())
    hidden = [k for k, reason in enumerate(reasons(result)) if reason == "mouth_occluded"]
    assert hidden[0] in range(12, 18)
    assert hidden[-1] in range(27, 33)
    assert hidden == list(range(hidden[0], hidden[-1] + 1))


def test_a_mouth_beyond_the_border_is_out_of_frame(infant, upright_view, clip):
    chin = int(upright_view.xy_px[0, 1])
    cut = np.ascontiguousarray(infant[:chin])
    found = reasons(analyse(clip([cut.copy() for _ in range(10)]), VisionConfig()))
    assert set(found[2:]) <= {"out_of_frame", "no_face"}


def test_an_adult_is_no_infant_and_each_of_two_infants_is_judged_by_its_own_picture(infant, infant_and_adult, clip):
    twins = np.hstack([infant, infant[:, ::-1]])
    result = analyse(clip([twins.copy() for _ in range(12)]), VisionConfig())
    assert reasons(result)[-2:] == [None, None]
    result = analyse(clip([infant_and_adult.copy() for _ in range(12)]), VisionConfig())
    last = result.frames.slice(result.frames.num_rows - 2).to_pylist()
    assert sorted((row["reason"] or "usable") for row in last) == ["not_infant", "usable"]


def test_a_dim_picture_is_used_and_a_black_or_blurred_one_is_not(infant, clip):
    import cv2

    dim = (infant * 0.3).astype(np.uint8)
    assert set(reasons(analyse(clip([dim] * 4), VisionConfig()))) == {None}
    night = (infant * 0.07).astype(np.uint8)
    assert set(reasons(analyse(clip([night] * 4), VisionConfig()))) <= {"dark", "no_face", "mouth_occluded", "blurred"}
    soft = cv2.GaussianBlur(infant, (0, 0), 9)
    assert None not in reasons(analyse(clip([soft] * 4), VisionConfig()))


def test_two_runs_agree_to_the_bit_and_nothing_leaks_between_clips(infant, infant_and_adult, turned, clip):
    pictures = [turned(infant, 40 + k) for k in range(6)]
    first = analyse(clip(pictures), VisionConfig())
    analyse(clip([infant_and_adult] * 3), VisionConfig())
    again = analyse(clip(pictures), VisionConfig())
    assert first.frames.equals(again.frames)
    assert first.landmarks.equals(again.landmarks)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 700, 3), (96, 128, 3)])
def test_clips_without_a_face_have_one_row_a_frame(clip, shape):
    noise = np.random.default_rng(2).integers(0, 255, shape, dtype=np.uint8)
    result = analyse(clip([noise] * 7), VisionConfig())
    assert reasons(result) == ["no_face"] * 7
    assert result.frames["track"].null_count == 7
    assert result.landmarks.num_rows == 0
    assert len(result.thumbs) == 7


def test_a_clip_may_change_its_size_and_one_without_frames_is_empty(infant, clip):
    result = analyse(clip([infant, np.ascontiguousarray(infant[::2, ::2])] * 3), VisionConfig())
    assert sorted(set(result.frames["frame"].to_pylist())) == list(range(6))
    assert analyse([], VisionConfig()).frames.num_rows == 0


def test_landmarks_go_to_a_sink_in_order_and_are_the_same_rows(infant, infant_and_adult, clip):
    pictures = [infant.copy() for _ in range(70)] + [infant_and_adult.copy() for _ in range(5)]
    batches: list = []
    streamed = analyse(clip(pictures), VisionConfig(), batches.append)
    whole = analyse(clip(pictures), VisionConfig())
    assert streamed.landmarks is None
    assert streamed.face_rows == whole.landmarks.num_rows
    assert pa.Table.from_batches(batches).equals(whole.landmarks)
    rows = ["frame", "track"]
    faces = whole.frames.filter(pa.compute.is_valid(whole.frames["track"]))
    assert whole.landmarks.select(rows).to_pylist() == faces.select(rows).to_pylist()
    assert whole.evidence.select(rows).to_pylist() == faces.select(rows).to_pylist()
    mouth = flat(whole.landmarks["visibility"]).reshape(-1, 478)[:, 13]
    assert np.corrcoef(mouth, faces["mouth_visible"].to_numpy())[0, 1] > 0.5 or np.ptp(mouth) < 0.05


def test_the_evidence_says_what_hides_the_mouth(infant, upright_view, covered, clip):
    shield = covered(infant, upright_view, (120, 160, 220))
    evidence = analyse(clip([shield.copy() for _ in range(8)]), VisionConfig()).evidence
    assert evidence.schema.equals(EVIDENCE)
    assert min(evidence["mouth_hidden"].to_pylist()) > 0.9
    assert min(evidence["by_colour"].to_pylist()) > 0.9
    assert max(evidence["by_hand"].to_pylist()) < 0.1
    assert min(evidence["p_live"].to_pylist()) > 0.5
