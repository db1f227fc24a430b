import json

import numpy as np
import pytest

from schemas.documents import Output, Receipt
from wail.errors import ConfigError, DatasetError, MediaError, ModelError
from wail.inface.model import STAND_IN_PATH
from wail.media.audio import read_audio, write_flac
from wail.media.decode import grid_frames
from wail.media.encode import write_mp4
from wail.media.probe import MediaLimits, probe
from wail.review import overlay, preview
from wail.review.preview import media_limits, write_preview

CLIP, N = "a" * 16, 24
PIECES = [(6, "no_infant_voice", None), (18, None, "t"), (24, "mouth_occluded", None)]


def checks(k):
    """A picture in fine detail: a checkerboard of 4 px, 240 x 320."""
    y, x = np.mgrid[0:240, 0:320]
    return np.repeat((((x // 4 + y // 4 + k) % 2) * 255).astype(np.uint8)[..., None], 3, -1)


def filmed(builder, pieces, wave=None, pictures=None, **made):
    """A dataset of one clip that has its media and sound."""
    folder = builder.clip(CLIP, pieces, n=N, **made)
    wave = (0.4 * np.sin(np.arange(16000 * N // 30) / 6)).astype(np.float32) if wave is None else wave
    write_mp4(folder.file("media.mp4"), pictures or [checks(k) for k in range(N)], 30.0, wave=wave, rate_hz=16000)
    write_flac(folder.file("audio.flac"), wave, 16000)
    output = Output(path="media.mp4", sha256="0" * 64, bytes=1)
    folder.write_receipt(Receipt(stage="media", key="k", status="done", seconds=1.0, outputs=(output,)))
    return builder.finish()


@pytest.fixture
def dataset(builder):
    return filmed(builder, PIECES)


def middle(frame):
    """The picture part of a preview's frame, whose size here is twice the clip's."""
    return frame[overlay.HEADER_PX : overlay.HEADER_PX + 480]


def test_it_is_a_video_with_sound_of_the_clips_length(dataset, tmp_path):
    out = write_preview(dataset, CLIP, tmp_path / "p.mp4")
    facts = probe(out)
    assert facts.n_grid_frames == N and facts.audio_codec == "aac"
    assert (facts.width_px, facts.height_px) == (640, overlay.HEADER_PX + 480 + overlay.strip_px(3, whole=True))
    assert np.abs(read_audio(out)).max() > 0.2


def test_the_header_has_the_colour_of_each_moments_verdict(dataset, tmp_path):
    frames = [one.rgb for one in grid_frames(write_preview(dataset, CLIP, tmp_path / "p.mp4"))]
    for k, colour in ((2, "#b4bac2"), (12, "#1f9d6b"), (21, "#e0702a")):
        got = frames[k][4:8, 2:6].reshape(-1, 3).mean(0)
        assert np.abs(got - overlay.rgb_of(colour)).max() < 12, (k, got)


def test_the_playhead_runs_along_the_strip(dataset, tmp_path):
    frames = [one.rgb for one in grid_frames(write_preview(dataset, CLIP, tmp_path / "p.mp4"))]
    row = overlay.HEADER_PX + 480 + overlay.BAND_PX  # between the verdict band and the first lane
    found = [int(frame[row].sum(-1).argmax()) for frame in (frames[3], frames[12], frames[20])]
    asked = [float(overlay.Axis(640, 0, N / 30).x(k / 30)) for k in (3, 12, 20)]
    assert np.abs(np.array(found) - asked).max() <= 3


def test_pixelated_by_default_and_clear_only_when_asked(dataset, tmp_path):
    """A 4 px checkerboard vanishes in the mosaic; away from the drawn face it has to be even grey."""
    coarse = next(grid_frames(write_preview(dataset, CLIP, tmp_path / "p.mp4"))).rgb
    clear = next(grid_frames(write_preview(dataset, CLIP, tmp_path / "c.mp4", pixelate=False))).rgb
    corner = (slice(10, 100), slice(10, 100))
    assert middle(coarse)[corner].std() < 8
    assert middle(clear)[corner].std() > 80


def test_the_faces_lines_are_drawn_where_the_landmarks_are(dataset, tmp_path):
    rgb = middle(next(grid_frames(write_preview(dataset, CLIP, tmp_path / "p.mp4"))).rgb).astype(int)
    green = rgb[..., 1] - rgb[..., 0] > 40
    rows, columns = np.nonzero(green)
    assert abs(columns.mean() / 2 - 160) < 8 and 30 < rows.min() / 2 < 70


@pytest.mark.parametrize("size", [(40, 30), (17, 200), (300, 16)])
def test_any_picture_size_gives_a_mosaic_of_at_most_sixteen_rows(size):
    rgb = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    rows = overlay.coarse(rgb, (size[0] * 2, size[1] * 2))
    assert len(np.unique(rows[:, 0], axis=0)) <= overlay.MOSAIC_ROWS


def test_deleted_media_is_said_with_the_way_to_get_it_back(dataset, tmp_path):
    (dataset / "clips" / CLIP / "media.mp4").unlink()
    with pytest.raises(DatasetError, match=r"was deleted \(retain = derived\).*--refetch"):
        write_preview(dataset, CLIP, tmp_path / "p.mp4")
    assert not (tmp_path / "p.mp4").exists()


@pytest.mark.parametrize("name", ["b" * 16, "../../etc", "", "a/b"])
def test_a_clip_that_is_not_there_is_refused(dataset, tmp_path, name):
    with pytest.raises(DatasetError, match="is not in"):
        write_preview(dataset, name, tmp_path / "p.mp4")


def test_a_clip_that_failed_before_it_had_media(builder, tmp_path):
    folder = builder.clip(CLIP)
    folder.write_receipt(
        Receipt(stage="media", key="k", status="failed", failure="gone", reason="removed", seconds=0.0)
    )
    with pytest.raises(DatasetError, match=r"never got its media \(removed\)"):
        write_preview(builder.finish(), CLIP, tmp_path / "p.mp4")


def test_a_suffix_that_is_no_videos_is_refused(dataset, tmp_path):
    with pytest.raises(ConfigError, match=r"p\.txt must end in one of \.mp4"):
        write_preview(dataset, CLIP, tmp_path / "p.txt")


def test_a_clip_without_sound_or_landmarks_has_a_preview_too(dataset, tmp_path):
    for name in ("audio.flac", "landmarks.parquet", "voice.parquet", "vocal.parquet"):
        (dataset / "clips" / CLIP / name).unlink()
    assert probe(write_preview(dataset, CLIP, tmp_path / "p.mp4")).audio_codec is None


def towards(rgb, colour):
    """How far each pixel went towards the colour of a wire over grey: its strongest channel against its weakest."""
    strong, weak = int(np.argmax(colour)), int(np.argmin(colour))
    return rgb[..., strong].astype(int) - rgb[..., weak]


def test_a_fitted_mesh_is_drawn_in_the_colour_of_its_state(builder, tmp_path):
    pieces = [(8, "no_face", None), (16, None, "t"), (24, "poor_fit", "u")]
    path = write_preview(filmed(builder, pieces), CLIP, tmp_path / "p.mp4")
    frames = [middle(one.rgb) for one in grid_frames(path)]
    for k, state in ((12, "converged"), (20, "poor_fit")):
        rows, columns = np.nonzero(towards(frames[k], overlay.STATE_COLOURS[state]) > 40)
        # The stand-in's head, 450 mm before a camera of 400 px: about 115 px wide, at the middle of the picture.
        assert abs((columns.min() + columns.max()) / 4 - 160) < 6 and 90 < np.ptp(columns) / 2 < 140
        assert len(rows) > 2000
    assert (towards(frames[4], overlay.STATE_COLOURS["converged"]) > 40).mean() < 0.001


def test_the_fit_of_another_model_is_refused_before_anything_is_written(builder, tmp_path):
    dataset = filmed(builder, PIECES, stand_in=False)
    with pytest.raises(ModelError, match=r"was fitted with INFACE .*--face-model"):
        write_preview(dataset, CLIP, tmp_path / "p.mp4")
    assert not (tmp_path / "p.mp4").exists()


def test_the_datasets_own_model_file_is_looked_for(dataset, tmp_path):
    about = dataset / "dataset.json"
    config = json.loads(about.read_text())
    config["config"]["face_model"] = str(tmp_path / "gone.h5")
    about.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"no model file .*gone\.h5.*--face-model"):
        write_preview(dataset, CLIP, tmp_path / "p.mp4")
    assert write_preview(dataset, CLIP, tmp_path / "p.mp4", face_model=STAND_IN_PATH).is_file()


def test_what_the_datasets_limits_let_in_can_be_shown_and_what_they_keep_out_is_not(dataset, tmp_path):
    about = dataset / "dataset.json"
    config = json.loads(about.read_text())
    config["config"]["media"] = {"max_pixels": 100}
    about.write_text(json.dumps(config))
    with pytest.raises(MediaError, match="100"):
        write_preview(dataset, CLIP, tmp_path / "p.mp4")
    assert media_limits({"max_duration_s": 9000.0}).max_duration_s == 9000.0
    assert media_limits("damaged") == media_limits(None) == MediaLimits()


def test_a_clip_longer_than_a_page_turns_it(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "PAGE_S", 0.4)
    frames = [one.rgb for one in grid_frames(write_preview(dataset, CLIP, tmp_path / "p.mp4"))]
    row = overlay.HEADER_PX + 480 + overlay.BAND_PX + 1 + 2
    found = [int(frame[row - 4, overlay.MARGIN_PX + 8 :].sum(-1).argmax()) for frame in (frames[10], frames[14])]
    assert found[0] - found[1] > 300  # at the end of the first page, then at the beginning of the second


def test_sound_and_picture_of_a_preview_are_together(builder, tmp_path):
    """A white frame and a beep at 0.5 s: in the preview both have to be there."""
    wave = np.zeros(16000 * N // 30, np.float32)
    wave[8000:8800] = 0.8 * np.sin(np.arange(800) / 2)
    pictures = [np.full((240, 320, 3), 255 if k == 15 else 20, np.uint8) for k in range(N)]
    path = write_preview(filmed(builder, [(24, "no_face", None)], wave, pictures), CLIP, tmp_path / "p.mp4")
    light = [float(middle(one.rgb)[400:, 20:100].mean()) for one in grid_frames(path)]
    heard = np.abs(read_audio(path).ravel())
    beep_s = float(np.flatnonzero(heard > 0.3)[0]) / 16000
    assert int(np.argmax(light)) == 15 and abs(beep_s - 0.5) < 0.01


@pytest.mark.parametrize("size", [(161, 121), (40, 400), (400, 30), (16, 16)])
def test_odd_and_extreme_pictures_are_shown_whole(builder, tmp_path, size):
    pictures = [np.full((size[1], size[0], 3), 90, np.uint8)] * N
    facts = probe(write_preview(filmed(builder, PIECES, None, pictures), CLIP, tmp_path / "p.mp4"))
    plan = preview.layout(*size)
    assert facts.width_px == plan.width + plan.width % 2 and facts.n_grid_frames == N
    assert abs(plan.scale[0] / plan.scale[1] - 1) < 0.05


def test_a_clip_of_which_there_is_only_the_media_is_shown_with_no_verdict(builder, tmp_path):
    dataset = filmed(builder, PIECES)
    for path in (dataset / "clips" / CLIP).rglob("*.parquet"):
        path.unlink()
    (dataset / "clips" / CLIP / "probe.json").unlink()
    facts = probe(write_preview(dataset, CLIP, tmp_path / "p.mp4"))
    assert facts.n_grid_frames == N and facts.height_px == overlay.HEADER_PX + 480 + overlay.strip_px(0, whole=True)
