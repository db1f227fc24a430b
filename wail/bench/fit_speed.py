"""Rows of the fit's energy, speed and memory, beside Adam and on a GPU where there is one."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch

from wail.bench.fit_adam import STEPS, TUNED
from wail.bench.fit_child import in_child
from wail.bench.fit_decoders import RANDOM_KINDS, Kind
from wail.bench.fit_truth import Split
from wail.bench.rows import Row
from wail.inface.fit import jacobian_dtype

SEEDS = (0, 1, 2)
FRAMES = 300
CLIPS_AT_ONCE = 16
LONG_FRAMES, SHORT_FRAMES = 10_000, 1_000
Raced = Mapping[Kind, Mapping[str, Sequence[float]]]


def dtype(device: str) -> str:
    """What ours computes in."""
    jacobian = str(jacobian_dtype(torch.device(device))).removeprefix("torch.")
    return f"float32 (products of the decoder's Jacobian {jacobian}), nothing compiled"


def energy(split: Split, threads: int, rounds: int) -> list[Row]:
    """Energy against a long run's, and energy and time against Adam's, in one process a decoder."""
    raced = {kind: in_child("race", threads, kind=kind, split=split, seeds=list(SEEDS), rounds=rounds, device="cpu")
             for kind in RANDOM_KINDS}  # fmt: skip
    return [*optimum_rows(raced), *adam_rows(raced, threads)]


def above(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """By how many per cent."""
    return [100 * (a / b - 1) for a, b in zip(values, base, strict=True)]


def optimum_rows(raced: Raced) -> list[Row]:
    """Our energy above the least that any long run found from where we or Adam ended."""
    ours = {kind: above(of["ours"], of["optimum"]) for kind, of in raced.items()}
    said = max(abs(x) for of in raced.values() for x in above(of["told"], of["ours"]))
    note = ", ".join(f"{kind} {np.mean(each):.3g} %" for kind, each in ours.items())
    return [Row("energy above a long run's optimum", max(max(each) for each in ours.values()), "%", "down", 1.0, 0.25,
                f"worst take of flat and 1/k; means: {note}; the energy that the fit tells is within {said:.1g} % of "
                "the benchmark's own")]  # fmt: skip


def adam_rows(raced: Raced, threads: int) -> list[Row]:
    """Worst take for energies, median over rounds and takes for times (ratios within a round)."""
    rows = []
    for kind, most in (("1/k", 0.0), ("flat", 0.25)):
        of = raced[kind]  # type: ignore[index]
        more, faster = above(of["ours"], of["adam"]), speed_up(of)
        theirs, scales = above(of["adam"], of["optimum"]), TUNED[kind]  # type: ignore[index]
        low = above(of["low"], of["optimum"])
        how = (f"Adam: {STEPS} steps, learning rate {scales.lr:g}, float32, ends {np.mean(theirs):.3g} % above the "
               f"optimum; with the decoder's products in bfloat16 {np.mean(low):.3g} %")  # fmt: skip
        rows += [Row(f"{kind}: energy above Adam's", max(more), "%", "down", most, note=f"worst take; {how}"),
                 Row(f"{kind}: Adam's time over ours", faster, "times", "up", 1.0 if kind == "1/k" else None, 3.0,
                     f"ours {median(of['ours_s']):.2f} s, Adam {median(of['adam_s']):.2f} s, in bfloat16 "
                     f"{median(of['low_s']):.2f} s; {threads} threads; interleaved, median of {len(of['ours_s'])}; "
                     f"ours: {dtype('cpu')}")]  # fmt: skip
    return rows


def speed_up(of: Mapping[str, Sequence[float]]) -> float:
    return median(b / a for a, b in zip(of["ours_s"], of["adam_s"], strict=True))


def speed(split: Split, threads: int, rounds: int) -> list[Row]:
    """On the CPU, 1/k, from landmarks to the finished report."""
    cases = [("", threads, 1, False, 90, 150), (", one thread", 1, 1, False, None, None),
             (", frames tied by the truth's smoothness", threads, 1, True, None, None),
             (f", {CLIPS_AT_ONCE} clips at once", threads, CLIPS_AT_ONCE, False, None, None)]  # fmt: skip
    rows = []
    for name, using, clips, smooth, at_least, aim in cases:
        done = in_child("speed", using, kind="1/k", split=split, seeds=_seeds(clips), rounds=rounds, clips=clips,
                        device="cpu", smooth=smooth)  # fmt: skip
        rows.append(Row(f"1/k, {FRAMES} frames{name}", fps(done), "frames/s", "up", at_least, aim,
                        f"{using} torch threads, cold start to report, median of {len(done['seconds'])}; "
                        f"{dtype('cpu')}"))  # fmt: skip
    return rows


def _seeds(clips: int) -> list[int]:
    return list(SEEDS if clips == 1 else SEEDS[:1])


def fps(done: Mapping[str, Any]) -> float:
    return float(done["frames"] / median(done["seconds"]))


def gpu(split: Split, threads: int, rounds: int) -> list[Row]:
    """The same on a GPU, and how far its result is from the CPU's."""
    cases = [(f"GPU: 1/k, {FRAMES} frames", 1, 5_000, 10_000),
             (f"GPU: the same, {CLIPS_AT_ONCE} clips at once", CLIPS_AT_ONCE, 20_000, 50_000)]  # fmt: skip
    apart = "GPU: farthest landmark from the CPU's"
    if not torch.cuda.is_available():
        note = "no GPU here"
        return [*(Row(name, None, "frames/s", "up", at_least, aim, note) for name, _, at_least, aim in cases),
                Row(apart, None, "mm", "down", 1e-3, note=note)]  # fmt: skip
    rows = []
    for name, clips, at_least, aim in cases:
        done = in_child("speed", threads, kind="1/k", split=split, seeds=_seeds(clips), rounds=rounds, clips=clips,
                        device="cuda")  # fmt: skip
        rows.append(Row(name, fps(done), "frames/s", "up", at_least, aim,
                        f"{torch.cuda.get_device_name(0)}, cold start to report, median of {len(done['seconds'])}; "
                        f"{dtype('cuda')}"))  # fmt: skip
    far = in_child("same", threads, kind="1/k", split=split, seeds=list(SEEDS), device="cuda")
    return [*rows, Row(apart, far["mm"], "mm", "down", 1e-3, note=f"all landmarks of {len(SEEDS)} takes, 1/k")]


def memory(threads: int) -> list[Row]:
    """What a frame more costs, between takes of SHORT_FRAMES and LONG_FRAMES."""
    few, many = (in_child("memory", threads, frames=frames) for frames in (SHORT_FRAMES, LONG_FRAMES))
    each = (many["peak_bytes"] - few["peak_bytes"]) / (LONG_FRAMES - SHORT_FRAMES)
    return [Row("memory of a long take", each / 1e3, "kB/frame", "down",
                note=f"peak of a process that fits {LONG_FRAMES} frames: {many['peak_bytes'] / 1e9:.2f} GB, of "
                     f"{SHORT_FRAMES}: {few['peak_bytes'] / 1e9:.2f} GB; {many['seconds']:.0f} s")]  # fmt: skip
