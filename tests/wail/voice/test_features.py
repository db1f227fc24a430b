"""Audio features with their true times; voc2vec on a tiny wav2vec 2.0 that the test saves."""

import json

import numpy as np
import pytest
import torch

from wail.errors import ClipError, ConfigError, ModelError
from wail.voice.features import find_encoder, log_mel


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(4).standard_normal(n).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    config = Wav2Vec2Config(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                            conv_dim=(8,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2)  # fmt: skip
    home = tmp_path_factory.mktemp("voc2vec")
    Wav2Vec2Model(config).save_pretrained(home)
    Wav2Vec2FeatureExtractor().save_pretrained(home)
    return home


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def test_log_mel_rows_are_50_a_second_at_their_centres():
    features = log_mel(noise(16_000))
    assert features.encoder == "logmel" and features.values.shape == (50, 80)
    np.testing.assert_allclose(features.time_s[:2], [0.01, 0.03])


def test_a_click_is_in_the_row_whose_time_is_nearest():
    for at_s in (0.3, 0.511, 0.75):
        wave = np.zeros(16_000, np.float32)
        wave[int(at_s * 16_000)] = 1.0
        features = log_mel(wave)
        assert abs(features.time_s[features.values.sum(1).argmax()] - at_s) <= 0.0101


def test_log_mel_is_in_decades_of_power_with_a_floor():
    np.testing.assert_allclose(log_mel(np.zeros(640, np.float32)).values, -10.0, atol=1e-4)
    loud, soft = log_mel(noise(16_000)).values, log_mel(noise(16_000) * 0.1).values
    assert np.median(loud - soft) == pytest.approx(2.0, abs=0.02)
    assert log_mel(noise(0)).values.shape == (0, 80)


def test_log_mel_refuses_numbers_that_are_not_finite():
    with pytest.raises(ClipError, match="1 samples that are not finite"):
        log_mel(np.array([0.0, np.nan], np.float32))


def test_voc2vec_gives_what_transformers_gives(folder):
    from transformers import AutoFeatureExtractor, AutoModel

    wave = noise(20_000)
    features = find_encoder("voc2vec-ls-pt", folder)(wave)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    with torch.inference_mode():
        expected = model(**extractor(wave, sampling_rate=16_000, return_tensors="pt")).last_hidden_state[0].numpy()
    np.testing.assert_allclose(features.values, expected, atol=1e-4)
    assert features.values.shape == (62, 24)


def test_voc2vec_times_are_centres_at_12_5_ms_and_every_20_ms(folder):
    features = find_encoder("voc2vec-ls-pt", folder)(noise(16_000))
    np.testing.assert_allclose(features.time_s[:3], [0.0125, 0.0325, 0.0525])


def test_voc2vec_is_the_same_each_time_and_needs_no_network(folder, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: pytest.fail("looked up a host"))
    wave = noise(8_000)
    first, second = (find_encoder("voc2vec-ls-pt", folder)(wave) for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.encoder == second.encoder and first.encoder.startswith("voc2vec-ls-pt:")


def test_chunks_of_a_long_recording_meet_at_every_20_ms(folder, monkeypatch):
    from wail.voice import voc2vec

    wave = noise(16_000 * 6)
    whole = find_encoder("voc2vec-ls-pt", folder)(wave)
    monkeypatch.setattr(voc2vec, "CHUNK_S", 2.0)
    pieces = find_encoder("voc2vec-ls-pt", folder)(wave)
    np.testing.assert_array_equal(pieces.time_s, whole.time_s)
    assert np.corrcoef(pieces.values.ravel(), whole.values.ravel())[0, 1] > 0.97


def test_a_wave_shorter_than_a_window_gives_one_feature(folder):
    assert find_encoder("voc2vec-ls-pt", folder)(noise(10)).values.shape == (1, 24)


def test_weights_are_found_below_the_weights_folder_and_in_the_hub_cache(folder, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "voc2vec-ls-pt").symlink_to(folder)
    cache = tmp_path / "hf" / "hub" / "models--alkiskoudounas--voc2vec-ls-pt" / "snapshots"
    below = find_encoder("voc2vec-ls-pt", tmp_path / "weights")
    cache.mkdir(parents=True)
    (cache / "abc").symlink_to(folder)
    wave = noise(4_000)
    np.testing.assert_array_equal(below(wave).values, find_encoder("voc2vec-ls-pt")(wave).values)


def test_a_name_with_a_hash_asks_for_just_those_weights(folder):
    name = find_encoder("voc2vec-ls-pt", folder)(noise(800)).encoder
    assert find_encoder(name, folder)(noise(800)).encoder == name
    with pytest.raises(ModelError, match="asked for is voc2vec-ls-pt:0000"):
        find_encoder("voc2vec-ls-pt:0000", folder)


def test_what_is_missing_is_said_with_how_to_get_it(tmp_path):
    with pytest.raises(ModelError, match=r"voc2vec is not there: the hub's local cache hold.*hf download"):
        find_encoder("voc2vec-ls-pt")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"has no model\.safetensors or pytorch_model\.bin"):
        find_encoder("voc2vec-ls-pt", tmp_path / "w")
    (tmp_path / "w" / "model.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="w could not be loaded as an audio encoder"):
        find_encoder("voc2vec-ls-pt", tmp_path / "w")


def test_an_unknown_encoder_is_refused():
    with pytest.raises(ConfigError, match="No audio encoder is called 'mfcc'"):
        find_encoder("mfcc")


def test_the_folder_says_whether_to_normalise(folder, tmp_path):
    import shutil

    raw = shutil.copytree(folder, tmp_path / "raw")
    facts = json.loads((raw / "preprocessor_config.json").read_text())
    (raw / "preprocessor_config.json").write_text(json.dumps(facts | {"do_normalize": False}))
    wave = noise(4_000)
    plain, normalised = (find_encoder("voc2vec-ls-pt", home)(wave).values for home in (raw, folder))
    assert not np.allclose(plain, normalised)
