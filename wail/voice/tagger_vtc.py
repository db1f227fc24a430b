"""VTC 2, the voice type classifier on BabyHuBERT (Charlot et al., arXiv 2509.15001), from its own checkpoint.

`best.ckpt` is PyTorch Lightning's: a HuBERT base in torchaudio's layout (`wav2vec2.*`) and one linear output per voice
type on its last layer (`task_heads.linear_head_KCHI`, `OCH`, `MAL`, `FEM`), each with a sigmoid, every 20 ms. The
layout follows the authors' code (segma, `SurgicalHydraHubert` without LSTM); what it computes is that of transformers'
HubertModel, whose weights go by nearly the same names.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wail.errors import ModelError
from wail.voice.frames import files_hash, frame_grid
from wail.voice.tagger_labels import columns
from wail.voice.tagger_load import FrameTagger, check_device
from wail.voice.taggers import Tagger, vtc_file

HEAD, ENCODER = "task_heads.linear_head_", "wav2vec2."
CHUNK_S, CONTEXT_S = 3.0, 0.5
"""It was trained on pieces of 4 s."""
STRIDES = (5, 2, 2, 2, 2, 2, 2)
Weights = dict[str, torch.Tensor]


def load_vtc(folder: Path, device: str) -> Tagger:
    """A folder with `best.ckpt` or `model/best.ckpt`. Raises ModelError where it is not such a checkpoint."""
    check_device(device)
    path = vtc_file(folder)
    if path is None:
        raise ModelError(f"{folder.name} holds no best.ckpt of VTC 2.")
    state = _state(path)
    heads = sorted({key.removeprefix(HEAD).partition(".")[0] for key in state if key.startswith(HEAD)})
    strange = [key for key in state if not key.startswith((HEAD, ENCODER, "layer_weights"))]
    if not heads or strange:
        raise ModelError(f"{path.name} is no checkpoint of VTC 2: it holds {(strange or ['no task_heads'])[0]}. "
                         "WAIL reads the model with one linear output per voice type on HuBERT.")  # fmt: skip
    ours = columns(dict(enumerate(heads)), exclusive=False, model=path.name)
    hubert = _hubert(state, path).to(device)
    weight, bias = (torch.cat([state[f"{HEAD}{h}.{k}"] for h in heads]).float().to(device) for k in ("weight", "bias"))

    def logits(piece: NDArray[np.float32]) -> NDArray[np.float32]:
        hidden = hubert(torch.from_numpy(piece)[None].to(device)).last_hidden_state[0]
        return np.asarray((hidden @ weight.T + bias).cpu().numpy(), np.float32)

    grid = frame_grid(hubert.config)
    return FrameTagger(f"vtc:{files_hash(path)}", ours, logits, grid, False, CHUNK_S, CONTEXT_S)


def _state(path: Path) -> Weights:
    """The checkpoint's tensors, read as data: no code of the file is run."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return {str(key): value for key, value in held["state_dict"].items()}
    except Exception as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path.name} could not be read as VTC 2's weights ({why}). Get it again; if it holds more "
                         "than tensors, save {'state_dict': ...} of it alone.") from error  # fmt: skip


def _hubert(state: Weights, path: Path) -> Any:
    from transformers import HubertModel

    weights = {_plain_name(key): value for key, value in state.items() if key.startswith(ENCODER)}
    try:
        model = HubertModel(_config(weights))
        model.load_state_dict(weights)
    except (KeyError, RuntimeError, IndexError, ValueError) as error:
        why = (str(error).splitlines() or [""])[-1].strip()
        raise ModelError(f"{path.name} does not hold a HuBERT in torchaudio's layout ({why}): get it again.") from error
    return model.requires_grad_(False).eval()


def _plain_name(key: str) -> str:
    """torchaudio's name of a weight to transformers'."""
    name = key.removeprefix(ENCODER)
    for theirs, ours in (("encoder.feature_projection.", "feature_projection."), ("encoder.transformer.", "encoder."),
                         ("conv.weight_g", "conv.parametrizations.weight.original0"),
                         ("conv.weight_v", "conv.parametrizations.weight.original1")):  # fmt: skip
        name = name.replace(theirs, ours)
    return name


def _config(weights: Weights) -> Any:
    """The sizes, read off the weights; heads of 64 dimensions, as in all HuBERTs."""
    from transformers import HubertConfig

    convs = [weights[f"feature_extractor.conv_layers.{k}.conv.weight"] for k in range(len(STRIDES))]
    position = weights["encoder.pos_conv_embed.conv.parametrizations.weight.original1"]
    inner = [value for key, value in weights.items() if key.endswith("intermediate_dense.bias")]
    hidden = len(position)
    return HubertConfig(
        hidden_size=hidden, num_hidden_layers=len(inner), num_attention_heads=hidden // 64,
        intermediate_size=len(inner[0]), conv_dim=[len(w) for w in convs], conv_kernel=[w.shape[2] for w in convs],
        conv_stride=list(STRIDES), conv_bias="feature_extractor.conv_layers.0.conv.bias" in weights,
        num_conv_pos_embeddings=position.shape[2], num_conv_pos_embedding_groups=hidden // position.shape[1],
        mask_time_prob=0.0, mask_feature_prob=0.0,
    )  # fmt: skip
