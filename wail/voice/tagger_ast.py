"""AST (Gong et al., "AST: Audio Spectrogram Transformer", Interspeech 2021, arXiv 2104.01778) as an AudioSet tagger."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.errors import ConfigError, ModelError
from wail.voice.mel import RATE_HZ
from wail.voice.tagger_labels import columns
from wail.voice.tagger_load import WindowTagger, folder_id, load_classifier, load_extractor
from wail.voice.taggers import Tagger, TaggerConfig, read_config

FRAME_SAMPLES, FRAME_HOP = 400, 160


def load_ast(folder: Path, config: TaggerConfig, device: str) -> Tagger:
    """A folder with config.json, preprocessor_config.json and weights. Raises ModelError where it cannot be used.

    Its classes are independent (sigmoid) unless `problem_type` says single_label_classification; AudioSet's
    checkpoints leave it out. Windows shorter than the model's 10.24 s are padded by its own feature extractor, so each
    costs as much as one of 10.24 s.
    """
    from transformers import AutoModelForAudioClassification

    extractor = load_extractor(folder)
    name = folder_id("ast", folder)
    model = load_classifier(folder, AutoModelForAudioClassification, device)
    facts = model.config
    if (extractor.max_length, extractor.num_mel_bins) != (facts.max_length, facts.num_mel_bins):
        raise ModelError(f"{folder.name}: preprocessor_config.json makes {extractor.max_length} x "
                         f"{extractor.num_mel_bins} pictures, but the model takes {facts.max_length} x "
                         f"{facts.num_mel_bins}: get both files from one place.")  # fmt: skip
    longest_s = ((extractor.max_length - 1) * FRAME_HOP + FRAME_SAMPLES) / RATE_HZ
    if config.window_s > longest_s:
        raise ConfigError(f"window_s is {config.window_s:g} s, but {folder.name} hears {longest_s:.3f} s at most: "
                          "make the window shorter.")  # fmt: skip
    exclusive = read_config(folder).get("problem_type") == "single_label_classification"
    ours = columns(facts.id2label, exclusive, folder.name)

    def logits(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs = extractor(list(windows), sampling_rate=RATE_HZ, return_tensors="pt").input_values
        return np.asarray(model(inputs.to(device)).logits.cpu().numpy(), np.float32)

    rare = dict.fromkeys(("infant", "cry", "laugh", "babble"), config.audioset_neutral)
    return WindowTagger(name, ours, logits, FRAME_SAMPLES, ours.neutral(rare), config)
