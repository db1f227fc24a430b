import av
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from wail.animate import animate
from wail.cli import main
from wail.decoding import check_model, dataset_decoder
from wail.errors import ConfigError, MediaError, ModelError
from wail.inface.export import read_glb
from wail.inface.model import load_model


@pytest.fixture(scope="module")
def checkpoint(demo):
    return next((demo[0] / "model").glob("*.pt"))


def test_one_call_writes_vertices_and_a_morph_animation_as_long_as_the_sound(demo, checkpoint, tmp_path):
    sound = demo[0] / "cry.flac"
    with av.open(str(sound)) as container:
        length_s = container.duration / 1e6
    npz, glb = animate(sound, checkpoint, [tmp_path / "a.npz", tmp_path / "a.glb"])
    with np.load(npz) as stored:
        verts_mm = next(stored[name] for name in stored.files if stored[name].ndim == 3)
    assert verts_mm.shape[0] == pytest.approx(length_s * 30, abs=1)
    assert np.abs(np.diff(verts_mm, axis=0)).max() > 0.2, "it moves"
    played_mm, _, time_s = read_glb(glb)
    assert time_s[-1] == pytest.approx((len(verts_mm) - 1) / 30, abs=1e-3)
    assert np.abs(played_mm - verts_mm).max() < 0.01


def test_the_same_seed_gives_the_same_motion_and_another_one_another(demo, checkpoint, tmp_path):
    def motion(name, seed):
        (path,) = animate(demo[0] / "cry.flac", checkpoint, [tmp_path / name], seed=seed)
        with np.load(path) as stored:
            return next(stored[name] for name in stored.files if stored[name].ndim == 3)

    first = motion("a.npz", 1)
    assert np.array_equal(first, motion("b.npz", 1))
    assert not np.array_equal(first, motion("c.npz", 2))


def test_another_suffix_is_refused_before_any_work(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match=r"baby\.avi: the suffix must be one of \.mp4, \.npz, \.glb"):
        animate(tmp_path / "none.wav", checkpoint, [tmp_path / "baby.avi"])


def test_latents_of_another_face_model_are_refused():
    with pytest.raises(ModelError, match="shards were made with the face model 0123"):
        check_model(load_model(), "0123456789abcdef", "shards")


def test_the_decoder_of_a_dataset_decodes_lips_and_aperture(demo):
    decoder = dataset_decoder(demo[0] / "dataset", None)
    latents = decoder.model.latent_mean.repeat(3, 1)
    assert decoder.lips(latents).shape == (3, len(decoder.lip_rows), 3)
    assert (decoder.aperture(latents) > 0).all()


def test_a_picture_is_refused_where_a_cry_is_wanted(checkpoint, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "baby.png")
    with pytest.raises(MediaError, match=r"baby\.png has no audio stream"):
        animate(tmp_path / "baby.png", checkpoint, [tmp_path / "a.npz"])


def test_an_out_inside_a_file_is_one_sentence(demo, checkpoint, tmp_path):
    (tmp_path / "file").touch()
    words = ["animate", demo[0] / "cry.flac", "--checkpoint", checkpoint, "--out", tmp_path / "file" / "a.npz"]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert (done.exit_code, len(done.output.splitlines())) == (1, 1)
    assert "file cannot be used (File exists)" in done.output
