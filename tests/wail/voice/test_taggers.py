"""Taggers on tiny models that the test saves as their authors publish theirs, read by the real loading code."""

import json
import math
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from wail.errors import ClipError, ConfigError, ModelError
from wail.voice.separate import Missing
from wail.voice.taggers import TaggerConfig, find_taggers, fuse, locate_taggers

AUDIOSET = ("Speech", "Child speech, kid speaking", "Babbling", "Baby laughter", "Baby cry, infant cry", "Siren")
VTC = ("KCHI", "OCH", "FEM", "MAL")
TINY = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
CONV = dict(conv_dim=(8,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2)


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(4).standard_normal(round(seconds * 16_000)).astype(np.float32) * level


def labels(names) -> dict:
    return {"id2label": dict(enumerate(names)), "label2id": {name: k for k, name in enumerate(names)}}


def save(model, extractor, folder: Path) -> Path:
    from wail.voice.frames import quiet_transformers

    with quiet_transformers():
        model.save_pretrained(folder)
        extractor.save_pretrained(folder)
    return folder


def save_ast(folder: Path, bias=None, names=AUDIOSET, sampling_rate=16_000, **settings) -> Path:
    """An AST with random weights, or whose classifier says `bias` (log-odds) whatever it hears."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    torch.manual_seed(0)
    config = ASTConfig(**TINY, time_stride=16, frequency_stride=16, **labels(names), **settings)
    model = ASTForAudioClassification(config)
    if bias is not None:
        model.classifier.dense.weight.data.zero_()
        model.classifier.dense.bias.data = torch.tensor(bias)
    else:
        model.classifier.dense.weight.data *= 100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extractor = ASTFeatureExtractor(sampling_rate=sampling_rate)
    return save(model, extractor, folder)


def save_speech(folder: Path, kind: str, names=VTC, bias=None, local=False, **settings) -> Path:
    import transformers

    torch.manual_seed(0)
    sizes = {**TINY, **CONV, "feat_extract_norm": "layer", "num_hidden_layers": 0 if local else 1}
    config = transformers.Wav2Vec2Config(**sizes, **labels(names), **settings)
    model = getattr(transformers, f"Wav2Vec2For{kind}")(config)
    if local:
        model.wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original0.data.zero_()
    if bias is not None:
        model.classifier.weight.data.zero_()
        model.classifier.bias.data = torch.tensor(bias)
    else:
        model.classifier.weight.data *= 20
    return save(model, transformers.Wav2Vec2FeatureExtractor(do_normalize=True), folder)


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: pytest.fail("looked up a host"))


@pytest.fixture(scope="module")
def ast(tmp_path_factory) -> Path:
    return save_ast(tmp_path_factory.mktemp("weights") / "ast")


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    return save_speech(tmp_path_factory.mktemp("weights") / "voice-type", "AudioFrameClassification")


def tagger(folder: Path, config: TaggerConfig | None = None):
    return next(found for found in find_taggers(folder, config) if not isinstance(found, Missing))


# What is found


def test_without_weights_each_kind_is_missing_with_how_to_get_it(tmp_path):
    audioset, voice_type = find_taggers(None)
    assert isinstance(audioset, Missing) and audioset.why == "the local cache holds no AudioSet tagger"
    assert "hf download MIT/ast-finetuned-audioset-10-10-0.4593" in audioset.how_to_get
    assert isinstance(voice_type, Missing) and "BabyHuBERT's licence" in voice_type.how_to_get
    (tmp_path / "mine").mkdir()
    assert find_taggers(tmp_path / "mine")[1].why == "mine and the local cache hold no voice-type classifier"


def test_a_folder_of_folders_gives_its_taggers_and_passes_over_what_is_none(ast, frames, tmp_path):
    for folder in (ast, frames):
        (tmp_path / folder.name).symlink_to(folder)
    (tmp_path / "voc2vec-ls-pt").mkdir()
    (tmp_path / "voc2vec-ls-pt" / "config.json").write_text('{"architectures": ["Wav2Vec2ForPreTraining"]}')
    (tmp_path / "demucs").mkdir()
    names = [found.name for found in find_taggers(tmp_path)]
    assert [name.split(":")[0] for name in names] == ["ast", "voice-type"]
    assert all(len(name.split(":")[1]) == 16 for name in names)
    assert tagger(ast).name == names[0]
    assert [place.name for place in locate_taggers(tmp_path)] == ["ast", "voice-type"]


def test_the_local_cache_is_looked_into_but_not_for_a_config_alone(ast, tmp_path):
    place = tmp_path / "hf" / "hub" / "models--MIT--ast-finetuned-audioset-10-10-0.4593" / "snapshots"
    (place / "aaa").mkdir(parents=True)
    shutil.copy(ast / "config.json", place / "aaa")
    assert isinstance(find_taggers(None)[0], Missing)
    (place / "bbb").symlink_to(ast)
    assert find_taggers(None)[0].name == tagger(ast).name


def test_the_name_changes_with_weights_and_config(ast, tmp_path):
    other = shutil.copytree(ast, tmp_path / "ast")
    facts = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(facts | {"layer_norm_eps": 1e-6}))
    assert tagger(other).name != tagger(ast).name


def test_importing_the_taggers_or_the_detector_loads_no_transformers():
    code = "import sys, wail.voice.detect, wail.voice.analyse, wail.voice.taggers; print('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


# AST


def test_ast_labels_become_our_classes_and_a_speaking_child_is_none_of_them(tmp_path):
    #                  Speech, child speech, babbling, laughter, cry, siren
    folder = save_ast(tmp_path / "ast", bias=[-1.0, 9.0, -3.0, -2.0, 2.0, 9.0])
    heard = tagger(folder).tag(noise(3))
    sigmoid = {x: 1 / (1 + math.exp(-x)) for x in (-1, -3, -2, 2)}
    np.testing.assert_allclose(heard.p_cry, sigmoid[2], rtol=1e-5)
    np.testing.assert_allclose(heard.p_infant, sigmoid[2], rtol=1e-5)
    np.testing.assert_allclose(heard.p_laugh, sigmoid[-2], rtol=1e-5)
    np.testing.assert_allclose(heard.p_babble, sigmoid[-3], rtol=1e-5)
    np.testing.assert_allclose(heard.p_adult, sigmoid[-1], rtol=1e-5)
    assert heard.neutral["cry"] == 0.1 and heard.neutral["adult"] == 0.5


def test_ast_gives_what_transformers_gives_for_each_window(ast):
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    wave = noise(6.0)
    heard = tagger(ast).tag(wave)
    np.testing.assert_allclose(heard.time_s, [1.28, 2.56, 3.84, (3.84 + 6.0) / 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extractor = AutoFeatureExtractor.from_pretrained(ast)
    model = AutoModelForAudioClassification.from_pretrained(ast).eval()
    pieces = [wave[round(a * 16_000) : round((a + 2.56) * 16_000)] for a in (0, 1.28, 2.56, 3.84)]
    with torch.inference_mode():
        inputs = extractor(pieces, sampling_rate=16_000, return_tensors="pt")
        expected = model(**inputs).logits.sigmoid().numpy()
    np.testing.assert_allclose(heard.p_cry, expected[:, 4], atol=1e-5)
    np.testing.assert_allclose(heard.p_infant, expected[:, 2:5].max(1), atol=1e-5)
    assert np.ptp(heard.p_cry) > 1e-3


def test_a_sound_changes_the_windows_that_hold_it_and_no_other(ast):
    silent = np.zeros(round(12.8 * 16_000), np.float32)
    wave = silent.copy()
    wave[round(6.0 * 16_000) : round(6.3 * 16_000)] = noise(0.3, 0.5)
    heard, nothing = tagger(ast).tag(wave), tagger(ast).tag(silent)
    assert len(heard.time_s) == 9
    changed = np.abs(heard.p_cry - nothing.p_cry) > 1e-4
    np.testing.assert_array_equal(changed, (heard.time_s > 6.3 - 1.28) & (heard.time_s < 6.0 + 1.28))


def test_exclusive_classes_are_a_softmax_with_chance_as_neutral(tmp_path):
    folder = save_ast(tmp_path / "ast", bias=[math.log(3), 0, 0, 0, math.log(2), 0],
                      problem_type="single_label_classification")  # fmt: skip
    heard = tagger(folder).tag(noise(1))
    np.testing.assert_allclose([heard.p_adult[0], heard.p_cry[0], heard.p_infant[0]], [3 / 9, 2 / 9, 4 / 9], rtol=1e-5)
    assert heard.neutral["infant"] == 0.5 and heard.neutral["cry"] == heard.neutral["adult"] == pytest.approx(1 / 6)


def test_the_same_wave_gives_the_same_bytes(ast, frames):
    for folder in (ast, frames):
        first, second = (tagger(folder).tag(noise(3)) for _ in range(2))
        assert first.p_infant.tobytes() == second.p_infant.tobytes()
        assert first.p_adult.tobytes() == second.p_adult.tobytes()


@pytest.mark.parametrize("n", [0, 1, 399])
def test_waves_shorter_than_a_frame_have_a_track(ast, frames, n):
    for folder in (ast, frames):
        heard = tagger(folder).tag(noise(1)[:n])
        assert heard.time_s.shape == heard.p_infant.shape == (min(n, 1),)
        assert np.isfinite(heard.p_infant).all()


def test_a_damaged_wave_is_refused(ast, frames):
    for folder in (ast, frames):
        with pytest.raises(ClipError, match="1 samples that are not finite"):
            tagger(folder).tag(np.array([0.0, np.nan], np.float32))


def test_windows_longer_than_the_model_hears_or_apart_are_refused(ast):
    with pytest.raises(ConfigError, match="hop_s is 3 and window_s is 2: some sound would never be heard"):
        TaggerConfig(window_s=2, hop_s=3)
    with pytest.raises(ConfigError, match=r"window_s is 20 s, but ast hears 10\.255 s at most"):
        find_taggers(ast, TaggerConfig(window_s=20.0))


def test_a_device_that_is_not_there_is_refused(ast):
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="cannot run on 'cuda'"):
            find_taggers(ast, device="cuda")


# Voice types in the layout of transformers


def test_frames_give_what_transformers_gives_at_their_centres(frames):
    from transformers import AutoFeatureExtractor, AutoModelForAudioFrameClassification

    wave = noise(2.0) + 0.05
    heard = tagger(frames).tag(wave)
    inputs = AutoFeatureExtractor.from_pretrained(frames)(wave, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        model = AutoModelForAudioFrameClassification.from_pretrained(frames).eval()
        expected = model(**inputs).logits[0].sigmoid().numpy()
    np.testing.assert_allclose(heard.p_infant, expected[:, 0], atol=1e-4)
    np.testing.assert_allclose(heard.p_adult, expected[:, 2:].max(1), atol=1e-4)
    assert heard.p_cry is None and heard.p_laugh is None and heard.p_babble is None
    np.testing.assert_allclose(heard.time_s, 0.0125 + 0.02 * np.arange(99))
    assert np.ptp(heard.p_infant) > 1e-3


def test_a_click_shows_in_the_frames_that_see_it_and_no_other(tmp_path):
    # Without layers and positional convolution a frame knows its 25 ms only.
    folder = save_speech(tmp_path / "w", "AudioFrameClassification", local=True)
    tag = replace(tagger(folder), normalise=False).tag
    silent = np.zeros(32_000, np.float32)
    for at_s in (0.4, 1.033):
        wave = silent.copy()
        wave[round(at_s * 16_000)] = 1.0
        heard, nothing = tag(wave), tag(silent)
        seen = np.abs(heard.time_s - at_s) <= 0.0125 + 1e-9
        np.testing.assert_array_equal(heard.p_infant != nothing.p_infant, seen)
        assert seen.any()


def test_chunks_of_a_long_wave_agree_with_the_wave_in_one_piece(frames, monkeypatch):
    from wail.voice import tagger_speech

    whole = tagger(frames).tag(noise(9.0))
    monkeypatch.setattr(tagger_speech, "CHUNK_S", 2.0)
    pieces = tagger(frames).tag(noise(9.0))
    np.testing.assert_array_equal(pieces.time_s, whole.time_s)
    np.testing.assert_allclose(pieces.p_infant, whole.p_infant, atol=0.02)
    assert np.corrcoef(pieces.p_infant, whole.p_infant)[0, 1] > 0.99


def test_a_child_adult_classifier_is_a_softmax_over_windows(tmp_path):
    folder = save_speech(tmp_path / "w" / "bookbot", "SequenceClassification", ("CHILD", "ADULT"), [0.0, math.log(3)],
                         classifier_proj_size=8)  # fmt: skip
    heard = tagger(folder.parent).tag(noise(4.0))
    np.testing.assert_allclose(heard.time_s, [1.28, 2.56, 3.28])
    np.testing.assert_allclose(heard.p_infant, 0.25, rtol=1e-5)
    np.testing.assert_allclose(heard.p_adult, 0.75, rtol=1e-5)
    assert heard.neutral == {"infant": 0.5, "adult": 0.5} and heard.span_s == 2.56 and heard.chooses


def test_a_sequence_classifier_of_several_labels_at_once_is_a_sigmoid(tmp_path):
    folder = save_speech(tmp_path / "w", "SequenceClassification", ("infant", "child", "adult"), [0.0, 9.0, 1.0],
                         classifier_proj_size=8, problem_type="multi_label_classification")  # fmt: skip
    heard = tagger(folder).tag(noise(1.0))
    np.testing.assert_allclose(heard.p_infant, 0.5, rtol=1e-5)
    np.testing.assert_allclose(heard.p_adult, 1 / (1 + math.exp(-1)), rtol=1e-5)
    assert not heard.chooses


def test_checkpoints_of_2022_with_weight_norm_by_its_old_names_load(frames, tmp_path):
    copy = shutil.copytree(frames, tmp_path / "voice-type")
    state = load_file(copy / "model.safetensors")
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    renamed = {next((key.replace(new, old) for new, old in names.items() if new in key), key): state[key]
               for key in state}  # fmt: skip
    assert set(renamed) != set(state)
    save_file(renamed, copy / "model.safetensors", {"format": "pt"})
    np.testing.assert_array_equal(tagger(copy).tag(noise(1)).p_infant, tagger(frames).tag(noise(1)).p_infant)


def test_weights_of_the_old_bin_format_load_as_well(ast, tmp_path):
    copy = shutil.copytree(ast, tmp_path / "ast")
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    np.testing.assert_array_equal(tagger(copy).tag(noise(1)).p_cry, tagger(ast).tag(noise(1)).p_cry)


# VTC 2


def vtc_checkpoint() -> tuple[dict, torch.nn.Module]:
    """A tiny HuBERT by torchaudio's names with VTC's heads: FEM louder than MAL, KCHI and OCH on random weights."""
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    config = HubertConfig(hidden_size=64, num_hidden_layers=1, num_attention_heads=1, intermediate_size=32, **CONV,
                          mask_time_prob=0.0)  # fmt: skip
    hubert = HubertModel(config).eval()
    state = {}
    for key, value in hubert.state_dict().items():
        name = key.replace("feature_projection.", "encoder.feature_projection.")
        if key.startswith("encoder."):
            name = "encoder.transformer." + key.removeprefix("encoder.")
        state[f"wav2vec2.{name}"] = value
    for head in VTC:
        state[f"task_heads.linear_head_{head}.weight"] = torch.randn(1, 64) * (head in ("KCHI", "OCH"))
        state[f"task_heads.linear_head_{head}.bias"] = torch.tensor([{"FEM": 1.0, "MAL": -1.0}.get(head, 0.0)])
    return state, hubert


def save_vtc(folder: Path, state: dict, **more) -> Path:
    (folder / "model").mkdir(parents=True)
    torch.save({"state_dict": state, "epoch": 3, **more}, folder / "model" / "best.ckpt")
    return folder


def test_vtc_is_hubert_with_a_sigmoid_per_voice_type(tmp_path):
    state, hubert = vtc_checkpoint()
    found = tagger(save_vtc(tmp_path / "vtc", state))
    wave = noise(2.0)
    heard = found.tag(wave)
    with torch.inference_mode():
        hidden = hubert(torch.from_numpy(wave)[None]).last_hidden_state[0]
    head = "task_heads.linear_head_KCHI"
    expected = (hidden @ state[f"{head}.weight"].T + state[f"{head}.bias"]).sigmoid()[:, 0].numpy()
    np.testing.assert_allclose(heard.p_infant, expected, atol=1e-4)
    np.testing.assert_allclose(heard.p_adult, 1 / (1 + math.exp(-1)), rtol=1e-5)
    np.testing.assert_allclose(heard.time_s[:2], [0.0125, 0.0325])
    assert np.ptp(heard.p_infant) > 1e-3 and found.name.startswith("vtc:")


def test_vtc_is_found_in_the_local_cache_and_run_in_pieces_of_4_s(tmp_path):
    state, _ = vtc_checkpoint()
    save_vtc(tmp_path / "hf" / "hub" / "models--coml--VTC-2" / "snapshots" / "abc", state)
    found = find_taggers(None)[1]
    heard = found.tag(noise(10.0))
    np.testing.assert_allclose(heard.time_s, 0.0125 + 0.02 * np.arange(499))
    np.testing.assert_allclose(heard.p_adult, 1 / (1 + math.exp(-1)), rtol=1e-5)


def test_other_checkpoints_under_vtcs_name_are_refused(tmp_path):
    state, _ = vtc_checkpoint()
    lstm = save_vtc(tmp_path / "a", {**state, "lstm_shared.weight": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"best\.ckpt is no checkpoint of VTC 2: it holds lstm_shared\.weight"):
        find_taggers(lstm)
    lacking = save_vtc(tmp_path / "b", {key: value for key, value in state.items() if "k_proj" not in key})
    with pytest.raises(ModelError, match=r"does not hold a HuBERT in torchaudio's layout.*k_proj"):
        find_taggers(lacking)
    code = save_vtc(tmp_path / "c", state, hyper_parameters=Path("x"))
    with pytest.raises(ModelError, match=r"could not be read as VTC 2's weights.*save \{'state_dict': \.\.\.\} of it"):
        find_taggers(code)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "best.ckpt").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"best\.ckpt could not be read"):
        find_taggers(tmp_path / "d")


# Damaged and odd folders


@pytest.fixture
def damaged(ast, tmp_path) -> Path:
    return shutil.copytree(ast, tmp_path / "ast")


def test_a_taggers_folder_without_config_is_named(damaged):
    (damaged / "config.json").unlink()
    for place in (damaged, damaged.parent):
        with pytest.raises(ModelError, match=r"ast is called a tagger's folder, but holds neither config\.json nor"):
            find_taggers(place)


def test_another_architecture_is_named(damaged):
    facts = json.loads((damaged / "config.json").read_text())
    (damaged / "config.json").write_text(json.dumps(facts | {"architectures": ["BertModel"]}))
    with pytest.raises(ModelError, match=r"ast/config\.json names as architecture BertModel; WAIL takes ASTFor"):
        find_taggers(damaged.parent)


def test_a_config_that_is_no_json_is_named(damaged):
    (damaged / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"ast/config\.json cannot be read"):
        find_taggers(damaged)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_truncated_weights_are_refused(damaged, keep):
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"ast could not be loaded as ForAudioClassification.*Get its files again"):
        find_taggers(damaged)


def test_missing_weights_are_not_made_up(damaged):
    state = load_file(damaged / "model.safetensors")
    save_file({k: v for k, v in state.items() if not k.startswith("classifier.dense")}, damaged / "model.safetensors",
              {"format": "pt"})  # fmt: skip
    with pytest.raises(ModelError, match=r"ast lacks 2 of the model's weights \(classifier\.dense\.bias"):
        find_taggers(damaged)
    (damaged / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"ast has no model\.safetensors or pytorch_model\.bin"):
        find_taggers(damaged)


def test_weights_that_are_not_finite_are_refused_when_they_show(damaged):
    state = load_file(damaged / "model.safetensors")
    state["classifier.dense.bias"][0] = float("nan")
    save_file(state, damaged / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"ast:[0-9a-f]{16} gives numbers that are not finite"):
        tagger(damaged).tag(noise(1))


def test_preprocessing_must_be_there_and_fit(damaged):
    path = damaged / "preprocessor_config.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"max_length": 512}))
    with pytest.raises(ModelError, match="makes 512 x 128 pictures, but the model takes 1024 x 128"):
        find_taggers(damaged)
    path.write_text("{")
    with pytest.raises(ModelError, match=r"preprocessor_config\.json cannot be used"):
        find_taggers(damaged)
    path.unlink()
    with pytest.raises(ModelError, match=r"ast has no preprocessor_config\.json"):
        find_taggers(damaged)


def test_a_model_for_another_sampling_rate_is_refused(tmp_path):
    with pytest.raises(ModelError, match="ast is for sound at 8000 Hz; WAIL listens at 16000 Hz"):
        find_taggers(save_ast(tmp_path / "ast", sampling_rate=8000))


def test_a_model_without_any_of_our_labels_says_which_it_has(tmp_path):
    with pytest.raises(ModelError, match=r"Looked for: baby cry, infant cry; .*kchi.* It has: blues, jazz\."):
        find_taggers(save_ast(tmp_path / "ast", names=("blues", "jazz")))


def test_a_choice_between_adults_only_says_nothing(tmp_path):
    with pytest.raises(ModelError, match="always chooses among female, male, which say the same"):
        find_taggers(save_speech(tmp_path / "x", "SequenceClassification", ("female", "male")))


def test_fused_taggers_of_a_real_wave_keep_the_detectors_shape(ast, frames):
    from wail.voice.detect import detect

    ours = detect(noise(2.0))
    fused = fuse(ours, [tagger(folder).tag(noise(2.0)) for folder in (ast, frames)])
    assert fused.p_infant.shape == ours.p_infant.shape and fused.p_infant.dtype == np.float32
    assert fused.loudness_db is ours.loudness_db and (fused.p_cry != ours.p_cry).any()
