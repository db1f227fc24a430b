"""Makes the network's logits probabilities, and says how good they are, on crops that it was not taught on."""

import numpy as np
import torch
from numpy.typing import NDArray

from wail.vision.occlusion import MAP_PX, at_points
from wail.vision.occlusion_net import OcclusionMap
from wail.vision.regions import LIPS
from wail.vision.training.examples import Crops, batches

F64 = NDArray[np.float64]


def at_landmarks(net: OcclusionMap, crops: Crops) -> tuple[F64, F64, F64]:
    """(logits, truth, on the head) at every crop's landmarks, each [n, 478]; truth and head 0 or 1."""
    logits = []
    with torch.inference_mode():
        for x, _ in batches(crops, 64, None):
            logits.append(net(x).numpy())
    maps = np.concatenate(logits).reshape(-1, MAP_PX, MAP_PX)
    read, truth, head = [], [], []
    for k, points in enumerate(crops.points):
        read.append(at_points(maps[k], points, crops.affine[k]))
        x, y = np.clip(np.rint(points[:, :2]), 0, crops.crops[k].shape[0] - 1).astype(int).T
        truth.append(np.unpackbits(crops.covered[k], axis=1)[y, x])
        head.append(np.unpackbits(crops.head[k], axis=1)[y, x])
    return np.array(read, float), np.array(truth, float), np.array(head, float)


def calibrated(net: OcclusionMap, crops: Crops) -> OcclusionMap:
    """The network with its last layer scaled and shifted so that landmarks' probabilities come true (Platt 1999)."""
    logits, truth, head = at_landmarks(net, crops)
    seen = head > 0
    z, t = torch.from_numpy(logits[seen]), torch.from_numpy(truth[seen])
    gain, shift = torch.ones((), dtype=torch.float64, requires_grad=True), torch.zeros((), dtype=torch.float64,
                                                                                      requires_grad=True)  # fmt: skip
    fit = torch.optim.LBFGS([gain, shift], max_iter=50)

    def closure() -> torch.Tensor:
        fit.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(gain * z + shift, t)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    fit.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        net.out.weight.mul_(float(gain))
        if net.out.bias is not None:
            net.out.bias.mul_(float(gain)).add_(float(shift))
    return net


def figures(net: OcclusionMap, crops: Crops) -> dict[str, float]:
    """AUC and expected calibration error (10 bins) at landmarks on the head, and AUC of the lips' mean against most of
    them covered (above 0.6) or none."""
    logits, truth, head = at_landmarks(net, crops)
    p = 1 / (1 + np.exp(-np.clip(logits, -40, 40)))
    seen = head > 0
    share, said = truth[:, LIPS].mean(1), p[:, LIPS].mean(1)
    return {
        "crops": len(crops),
        "auc_landmarks": auc(p[seen], truth[seen]),
        "ece_landmarks": ece(p[seen], truth[seen]),
        "auc_mouth": auc(said[(share > 0.6) | (share == 0)], share[(share > 0.6) | (share == 0)] > 0.6),
    }


def auc(score: F64, truth: NDArray[np.generic]) -> float:
    """Area under the ROC: how often a positive scores above a negative; ties count half. NaN without both."""
    true = truth.astype(bool)
    order = np.argsort(score, kind="stable")
    _, inverse, counts = np.unique(score[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(score))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n, m = int(true.sum()), int((~true).sum())
    return float((ranks[true].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def ece(p: F64, truth: F64, bins: int = 10) -> float:
    """Expected calibration error: mean distance of what is said from what comes true, over bins of probability."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [abs(p[place == k].sum() - truth[place == k].sum()) for k in range(bins)]
    return float(np.sum(gaps) / max(len(p), 1))
