from dataclasses import replace

import numpy as np
import pytest
import torch

from wail.errors import ConfigError
from wail.inface.camera import to_camera
from wail.inface.model import load_model
from wail.media.audio import read_audio
from wail.media.decode import grid_frames
from wail.media.probe import probe
from wail.samples import make
from wail.samples.occluders import Cover
from wail.samples.scenes import SCENES
from wail.samples.sound import loudness_db
from wail.samples.truth import in_spans, read_truth

BY_NAME = {scene.name: scene for scene in SCENES}
HAND = replace(BY_NAME["cry_noise_hand"], name="hand", duration_s=2.0, plan=((0.4, 1.9, "cry"),),
               covers=(Cover("hand", 1.0, 1.5, 0.2),))  # fmt: skip
TURNED = replace(BY_NAME["lying_90_rotated"], name="turned", duration_s=0.8, plan=((0.1, 0.7, "cry"),))
UNEVEN = replace(BY_NAME["lying_180_vfr"], name="uneven", duration_s=1.2, plan=((0.1, 1.1, "cry"),),
                 rates=((0.6, 30.0), (0.6, 15.0)), audio_start_s=0.1)  # fmt: skip
ADULT = replace(BY_NAME["adult_only"], name="adult", duration_s=0.6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("samples")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "SCENES", (HAND, TURNED, UNEVEN, ADULT))
        make.make_samples(out, workers=1)
    return out


@pytest.fixture(scope="module")
def truths(folder):
    return read_truth(folder)


def test_every_clip_decodes_to_its_frames_at_its_size(folder, truths):
    assert set(truths) == {"hand", "turned", "uneven", "adult"}
    for truth in truths.values():
        frames = list(grid_frames(folder / truth.file))
        assert len(frames) == truth.n_frames == round(truth.duration_s * 30)
        assert frames[0].rgb.shape[:2] == truth.size_px[::-1]
        assert frames[0].rgb.std() > 10


def test_variants_of_the_container_are_real(folder, truths):
    assert probe(folder / truths["turned"].file).rotation_deg == 90
    uneven = probe(folder / truths["uneven"].file)
    assert uneven.variable_fps
    # AAC primes its decoder with 1024 samples before the sound, 32 ms here.
    assert uneven.audio_start_s == pytest.approx(0.1 - 1024 / 32000, abs=0.005)


def test_truth_says_stand_in(truths):
    for truth in truths.values():
        assert "stand-in" in truth.note and truth.model == load_model().name


def test_latents_give_aperture_and_landmarks(truths):
    model, truth = load_model(), truths["hand"]
    latents = np.concatenate([np.tile(truth.identity, (truth.n_frames, 1)), truth.expression,
                              np.full((truth.n_frames, 1), truth.age)], axis=1)  # fmt: skip
    with torch.inference_mode():
        verts = model.decode(torch.from_numpy(latents.astype(np.float32))).numpy()
    assert np.allclose(np.linalg.norm(verts[:, 13] - verts[:, 14], axis=1), truth.aperture_mm, atol=1e-3)
    cam = to_camera(verts[:, :468], truth.pose)
    px = truth.focal_px * cam[..., :2] / cam[..., 2:] + np.array(truth.size_px) / 2
    assert np.abs(px - truth.landmarks_px).max() < 0.05


def test_mouth_opens_with_the_cry_and_is_shut_before(truths):
    truth = truths["hand"]
    assert truth.aperture_mm[:12].max() < 2
    assert truth.aperture_mm[in_spans(truth.voice, truth.n_frames)].max() > 12


def test_hand_covers_the_mouth_in_its_span_and_the_picture_shows_it(folder, truths):
    truth = truths["hand"]
    hand = [span for span in truth.hidden if span.kind == "hand"]
    assert len(hand) == 1
    assert hand[0].start_s <= 1.0 and hand[0].end_s >= 1.5
    assert hand[0].start_s > 0.8 and hand[0].end_s < 1.7
    assert truth.mouth_covered[in_spans(hand, truth.n_frames)].max() > 0.9
    frames = [f.rgb for f in grid_frames(folder / truth.file)]
    x, y = truth.landmarks_px[38, 14].astype(int)
    # Between the lips it is dark where the mouth is open, skin where the hand is.
    open_frame = int(np.argmax(truth.aperture_mm * (truth.mouth_covered == 0)))
    mouth = truth.landmarks_px[open_frame, [13, 14]].mean(axis=0).astype(int)
    assert frames[open_frame][mouth[1], mouth[0]].mean() < 90
    assert frames[38][y, x].mean() > 110


def test_visible_and_hidden_spans_do_not_meet(truths):
    for truth in truths.values():
        visible, hidden = (in_spans(s, truth.n_frames) for s in (truth.visible, truth.hidden))
        assert not (visible & hidden).any()


def test_clip_without_infant_is_hidden_throughout(truths):
    truth = truths["adult"]
    assert truth.label is None and truth.voice == () and truth.visible == ()
    assert in_spans(truth.hidden, truth.n_frames).all()
    with pytest.raises(AttributeError, match="no array 'aperture_mm'"):
        _ = truth.aperture_mm


def test_sound_in_the_file_lies_where_the_truth_says(folder, truths):
    truth = truths["hand"]
    wave = read_audio(folder / truth.file, 32000).astype(float)
    db = loudness_db(wave, truth.n_frames)
    voiced = in_spans(truth.voice, truth.n_frames)
    assert np.median(db[voiced]) > np.median(db[:10]) + 6
    assert np.corrcoef(db[voiced], truth.loudness_db[voiced])[0, 1] > 0.7


def test_second_run_leaves_the_clips_alone_and_mends_what_is_missing(folder, monkeypatch):
    monkeypatch.setattr(make, "SCENES", (HAND, TURNED, UNEVEN, ADULT))
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "truth.json"}
    lost = (folder / "adult.mp4").read_bytes()
    (folder / "adult.mp4").unlink()
    told = []
    make.make_samples(folder, workers=1, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 4), (4, 4)]
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "truth.json"}
    assert {name for name in after if after[name] != before[name]} == {"adult.mp4", "adult.truth.npz"}
    assert (folder / "adult.mp4").read_bytes() == lost


def test_unknown_name_is_refused_with_the_names(tmp_path):
    with pytest.raises(ConfigError, match="no sample clip 'nap'; there are cry_plain"):
        make.make_samples(tmp_path, names=["nap"])
