"""Fits the detector's probabilities to what is true: `python -m wail.voice.training.calibrate --data DIR`.

Each output's logit z becomes a z + b (Platt 1999), fitted on scenes of the recordings held out for tuning, none of them
trained on; a and b go into the last layer's weights, so that nothing else changes. Laughter and babble are left as
they are: hardly any is held out to fit on.
"""

import argparse
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from wail.voice.detect import load_net
from wail.voice.mel import log_power, mel_power
from wail.voice.network import MEL, OUTPUTS, Member, VoiceNet
from wail.voice.training import corpus, scenes, sources
from wail.voice.training.mix import by_step
from wail.voice.training.train import OUT, save

log = logging.getLogger("wail.voice.training")
FITTED = ("infant", "cry", "adult")
Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]


def platt(logit: NDArray[np.float32], truth: NDArray[np.float32]) -> tuple[float, float]:
    """Scale a > 0 and shift b that make sigmoid(a logit + b) the likeliest for truth [n] (0, 1, NaN left out)."""
    known = ~np.isnan(truth)
    z, y = (torch.from_numpy(each[known]).double() for each in (logit, truth))
    values = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([values], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = functional.binary_cross_entropy_with_logits(values[0].exp() * z + values[1], y)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    scale, shift = values.detach().tolist()
    return float(np.exp(scale)), float(shift)


def fold(net: VoiceNet, output: str, a: float, b: float) -> None:
    """Makes the network's logit z of one output a z + b, in place: each member's, and so their mean."""
    k = OUTPUTS.index(output)
    with torch.no_grad():
        for member in cast(Iterable[Member], net.members):
            member.head.weight[k] *= a
            member.head.bias[k] = member.head.bias[k] * a + b  # type: ignore[index]


def held_out(data: Path, count: int, seed: int) -> list[Arrays]:
    """Log-mel [500, 64] and labels [250, 5] of scenes of the recordings for tuning."""
    bank = sources.recordings([e for e in corpus.read_index(data) if corpus.part_of(e) == "tune"])
    rng = np.random.default_rng(seed)
    pairs = (scenes.compose(bank, rng) for _ in range(count))
    return [(log_power(mel_power(wave, MEL)), by_step(label)) for wave, label in pairs]


def calibrate(net: VoiceNet, pairs: Sequence[Arrays]) -> dict[str, tuple[float, float]]:
    """Fits and folds a, b of every fitted output; returns them."""
    with torch.inference_mode():
        logits = np.concatenate([net(torch.from_numpy(picture)[None])[0].numpy() for picture, _ in pairs])
    truth = np.concatenate([label for _, label in pairs])
    fits = {name: platt(logits[:, k], truth[:, k]) for k, name in enumerate(OUTPUTS) if name in FITTED}
    for name, (a, b) in fits.items():
        fold(net, name, a, b)
    return fits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv and segments.csv")
    parser.add_argument("--weights", type=Path, default=OUT, help="read, and written anew")
    parser.add_argument("--count", type=int, default=600, help="scenes of 8 s")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    net = load_net(arguments.weights)
    fits = calibrate(net, held_out(arguments.data, arguments.count, arguments.seed))
    save(net, arguments.weights)
    log.info("logits times a plus b: %s", {name: (round(a, 3), round(b, 3)) for name, (a, b) in fits.items()})


if __name__ == "__main__":
    main()
