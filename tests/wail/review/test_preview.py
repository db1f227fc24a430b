import numpy as np
import pytest

from schemas.documents import Output, Receipt
from wail.errors import ConfigError, DatasetError
from wail.media.audio import read_audio, write_flac
from wail.media.decode import grid_frames
from wail.media.encode import write_mp4
from wail.media.probe import probe
from wail.review import overlay
from wail.review.preview import write_preview

CLIP, N = "a" * 16, 24
PIECES = [(6, "no_infant_voice", None), (18, None, "t"), (24, "mouth_occluded", None)]


def checks(k):
    """A picture in fine detail: a checkerboard of 4 px, 240 x 320."""
    y, x = np.mgrid[0:240, 0:320]
    return np.repeat((((x // 4 + y // 4 + k) % 2) * 255).astype(np.uint8)[..., None], 3, -1)


@pytest.fixture
def dataset(builder):
    folder = builder.clip(CLIP, PIECES, n=N)
    wave = (0.4 * np.sin(np.arange(16000 * N // 30) / 6)).astype(np.float32)
    write_mp4(folder.file("media.mp4"), [checks(k) for k in range(N)], 30.0, wave=wave, rate_hz=16000)
    write_flac(folder.file("audio.flac"), wave, 16000)
    output = Output(path="media.mp4", sha256="0" * 64, bytes=1)
    folder.write_receipt(Receipt(stage="media", key="k", status="done", seconds=1.0, outputs=(output,)))
    return builder.finish()


def middle(frame):
    """The picture part of a preview's frame, whose size here is twice the clip's."""
    return frame[overlay.HEADER_PX : overlay.HEADER_PX + 480]


def test_it_is_a_video_with_sound_of_the_clips_length(dataset, tmp_path):
    out = write_preview(dataset, CLIP, tmp_path / "p.mp4")
    facts = probe(out)
    assert facts.n_grid_frames == N and facts.audio_codec == "aac"
    assert (facts.width_px, facts.height_px) == (640, overlay.HEADER_PX + 480 + overlay.STRIP_PX)
    assert np.abs(read_audio(out)).max() > 0.2


def test_the_header_has_the_colour_of_each_moments_verdict(dataset, tmp_path):
    frames = [one.rgb for one in grid_frames(write_preview(dataset, CLIP, tmp_path / "p.mp4"))]
    for k, colour in ((2, "#b4bac2"), (12, "#1f9d6b"), (21, "#e0702a")):
        got = frames[k][4:8, 2:6].reshape(-1, 3).mean(0)
        assert np.abs(got - overlay.rgb_of(colour)).max() < 12, (k, got)


def test_the_playhead_runs_along_the_strip(dataset, tmp_path):
    frames = [one.rgb for one in grid_frames(write_preview(dataset, CLIP, tmp_path / "p.mp4"))]
    row = -(overlay.STRIP_PX - 28)  # between the verdict band and the first lane
    found = [int(frame[row].sum(-1).argmax()) for frame in (frames[3], frames[12], frames[20])]
    asked = [overlay.to_x(k / 30, 640, N / 30) for k in (3, 12, 20)]
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
