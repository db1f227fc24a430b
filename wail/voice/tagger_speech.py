"""Voice-type classifiers on wav2vec 2.0, HuBERT, WavLM and their kin, as transformers saves them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wail.voice.frames import frame_grid
from wail.voice.mel import RATE_HZ
from wail.voice.tagger_labels import columns
from wail.voice.tagger_load import (
    FrameTagger,
    WindowTagger,
    folder_id,
    load_classifier,
    load_extractor,
)
from wail.voice.taggers import Tagger, TaggerConfig, read_config

CHUNK_S, CONTEXT_S = 20.0, 2.0
"""As for voc2vec: nothing is cut within 20 s; beyond, memory stays flat."""


def load_speech(folder: Path, config: TaggerConfig, device: str) -> Tagger:
    """A folder with config.json, preprocessor_config.json and weights. Raises ModelError where it cannot be used.

    With a head per frame: independent classes (sigmoid) unless `problem_type` says single_label_classification.
    With a head per recording: windows, and exclusive classes (softmax) unless it says multi_label_classification,
    as transformers' own pipeline has it.
    """
    facts = read_config(folder)
    per_frame = str(facts["architectures"][0]).endswith("ForAudioFrameClassification")
    extractor = load_extractor(folder)
    name = folder_id("voice-type", folder)
    model = load_classifier(folder, _auto_class(per_frame), device)
    several = len(model.config.id2label) > 1
    usual = "multi_label_classification" if per_frame else "single_label_classification"
    exclusive = several and (facts.get("problem_type") or usual) == "single_label_classification"
    ours, grid = columns(model.config.id2label, exclusive, folder.name), frame_grid(model.config)
    if per_frame:
        run = frame_logits(model, device)
        return FrameTagger(name, ours, run, grid, bool(extractor.do_normalize), CHUNK_S, CONTEXT_S)
    return WindowTagger(name, ours, _window_logits(model, extractor, device), grid.width, ours.neutral({}), config)


def _auto_class(per_frame: bool) -> Any:
    from transformers import AutoModelForAudioClassification, AutoModelForAudioFrameClassification

    return AutoModelForAudioFrameClassification if per_frame else AutoModelForAudioClassification


def frame_logits(model: Any, device: str) -> Any:
    def logits(piece: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model(torch.from_numpy(piece)[None].to(device)).logits[0].cpu().numpy(), np.float32)

    return logits


def _window_logits(model: Any, extractor: Any, device: str) -> Any:
    def logits(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs = extractor(list(windows), sampling_rate=RATE_HZ, return_tensors="pt").input_values
        return np.asarray(model(inputs.to(device)).logits.cpu().numpy(), np.float32)

    return logits
