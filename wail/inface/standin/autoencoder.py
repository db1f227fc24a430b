"""Training of the stand-in's disentangled leaky-ReLU autoencoder, in the authors' layout. Build time only.

The vertices are first projected on their own principal components; as the encoders' first layers and the decoder's
last are linear there, the components are multiplied into them afterwards, and what is stored works on vertices. The
factors behind each mesh are known, so the codes have targets: a random mix of the traits for identity, of the
principal components of the mean infant's displacement for expression, each through the leaky ReLU that makes real
codes skewed, and months for age. The loss swaps: identity, expression and age codes of three meshes that share only
that factor with the one to be decoded. Frame of vertices: INFACE's head frame, mm.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
Layers = list[tuple[Array, Array]]
Net = list[nn.Linear]

DIMS = {"id_encoder": 32, "exp_encoder": 64, "age_encoder": 1}
CODE_SIZE = 15.0
"""Mean size of identity and expression codes, about that of the published codes of the real model."""
MONTHS_PER_UNIT = 12.0


@dataclass(frozen=True)
class TrainSettings:
    """Widths, length and sampling of the training; `components` is the number of principal components."""

    components: int = 160
    hidden: tuple[tuple[str, tuple[int, ...]], ...] = (
        ("id_encoder", (96,)), ("exp_encoder", (128,)), ("age_encoder", (32,)), ("decoder", (256, 144)),
    )  # fmt: skip
    steps: int = 14000
    batch: int = 256
    learning_rate: float = 3e-3
    seed: int = 20240601


@dataclass(frozen=True, eq=False)
class Samples:
    """Meshes [n,3V] (mm); the number of each one's identity, expression and age [n]; and the factors by these numbers:
    traits [I,T], displacement of the mean infant [J,3V] (mm), months [A]."""

    verts: Array
    identity: Ints
    expression: Ints
    age: Ints
    traits: Array
    displacement: Array
    months: Array


@dataclass(frozen=True, eq=False)
class Emphasis:
    """What an error costs: weight [V] by vertex, pairs (i, j, weight) of vertices whose difference costs extra, and the
    vertices [S] that the encoders look at."""

    weight: Array
    pairs: list[tuple[int, int, float]]
    seen: Ints


def train(
    samples: Samples, emphasis: Emphasis, settings: TrainSettings, say: Callable[[str], None]
) -> tuple[dict[str, Layers], Array]:
    """Layers by group, and the mean vertices [V,3]."""
    torch.manual_seed(settings.seed)
    mean = torch.from_numpy(samples.verts).mean(0)
    centred = torch.from_numpy(samples.verts) - mean
    seen = torch.from_numpy((3 * emphasis.seen[:, None] + np.arange(3)).ravel())
    basis, codes = _components(centred, settings, say)
    part, looks = _components(centred[:, seen], settings, say)
    nets = {name: _mlp((_n_in(name, settings), *widths, _n_out(name, settings))) for name, widths in settings.hidden}
    out_scale, in_scale = _spread(codes), _spread(looks)
    targets = _targets(samples, emphasis)
    metric = _metric(basis, emphasis)
    _optimise(nets, codes, out_scale, looks / in_scale, targets, metric, samples, settings, say)
    _refit_last_layer(nets, codes / out_scale, looks / in_scale)
    _to_real_units(nets, looks / in_scale)
    wide = torch.zeros(len(basis), settings.components)
    wide[seen] = part / in_scale
    return _fold(nets, basis * out_scale, wide), mean.reshape(-1, 3).numpy()


def _n_in(name: str, s: TrainSettings) -> int:
    return sum(DIMS.values()) if name == "decoder" else s.components


def _n_out(name: str, s: TrainSettings) -> int:
    return s.components if name == "decoder" else DIMS[name]


def _mlp(widths: tuple[int, ...]) -> Net:
    return [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]


def run(layers: Net, x: Tensor, last: bool) -> Tensor:
    """Leaky ReLU 0.2 after each layer, after the last one only if `last`."""
    for k, layer in enumerate(layers):
        x = layer(x)
        if last or k < len(layers) - 1:
            x = functional.leaky_relu(x, 0.2)
    return x


def _components(centred: Tensor, s: TrainSettings, say: Callable[[str], None]) -> tuple[Tensor, Tensor]:
    """Principal axes [D,K] and scores [n,K]."""
    _, _, basis = torch.svd_lowrank(centred, s.components, niter=3)
    scores = centred @ basis
    lost = (centred[::20] - scores[::20] @ basis.T).reshape(len(centred[::20]), -1, 3).norm(dim=-1).mean()
    say(f"{s.components} components leave {float(lost):.4f} mm")
    return basis, scores


def _spread(scores: Tensor) -> Tensor:
    """A divisor per component [K]: small ones are raised, though not to the size of the largest."""
    return scores.std(0).pow(0.6)


def _targets(samples: Samples, emphasis: Emphasis) -> tuple[Tensor, Tensor, Tensor]:
    """Codes [n,32], [n,64], [n,1] in training units (spread about 1; age in MONTHS_PER_UNIT)."""
    traits = torch.from_numpy(samples.traits)
    weight = torch.from_numpy(emphasis.weight).repeat_interleave(3)
    moved = torch.from_numpy(samples.displacement) * weight
    _, _, axes = torch.svd_lowrank(moved - moved.mean(0), DIMS["exp_encoder"], niter=4)
    scores = (moved - moved.mean(0)) @ axes
    scores = scores / scores.std(0).clamp_min(1e-3 * float(scores.std())).pow(0.7)
    codes = [
        _mixed(traits, DIMS["id_encoder"])[samples.identity],
        _mixed(scores, DIMS["exp_encoder"])[samples.expression],
    ]
    return codes[0], codes[1], torch.from_numpy(samples.months)[samples.age, None] / MONTHS_PER_UNIT


def _mixed(factors: Tensor, n_out: int) -> Tensor:
    """An orthonormal mix of the factors, shifted, through the leaky ReLU, spread about 1."""
    mix = torch.linalg.qr(torch.randn(n_out, n_out))[0][:, : factors.shape[1]]
    mixed = factors @ mix.T
    mixed = mixed / mixed.std()
    out: Tensor = functional.leaky_relu(mixed + 0.3 * torch.randn(n_out), 0.2)
    return out


def _metric(basis: Tensor, emphasis: Emphasis) -> Tensor:
    """Matrix M [K,K] such that |M e|^2 is the weighted mean squared vertex error of a component error e."""
    spread = basis.reshape(-1, 3, basis.shape[1]).double()
    square = torch.from_numpy(emphasis.weight).double() ** 2
    gram = torch.einsum("vdk,v,vdl->kl", spread, square, spread) / float(square.sum())
    for i, j, share in emphasis.pairs:
        gap = spread[i] - spread[j]
        gram += share * gap.T @ gap
    root: Tensor = torch.linalg.cholesky(gram + 1e-9 * torch.eye(len(gram))).T.float()
    return root


def _partners(order: Ints, sorted_labels: Ints, wanted: Ints, rng: np.random.Generator) -> Ints:
    """For each wanted label, a sample that has it."""
    start, end = np.searchsorted(sorted_labels, wanted), np.searchsorted(sorted_labels, wanted, side="right")
    found: Ints = order[start + (rng.random(len(wanted)) * (end - start)).astype(np.int64)]
    return found


def _optimise(
    nets: dict[str, Net], codes: Tensor, scale: Tensor, looks: Tensor, targets: tuple[Tensor, Tensor, Tensor],
    metric: Tensor, samples: Samples, s: TrainSettings, say: Callable[[str], None],
) -> None:  # fmt: skip
    rng = np.random.default_rng(s.seed)
    params = [p for net in nets.values() for layer in net for p in layer.parameters()]
    optimiser = torch.optim.Adam(params, lr=s.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, s.learning_rate, s.steps, pct_start=0.1)
    labels = (samples.identity, samples.expression, samples.age)
    sorts = [(order := np.argsort(label, kind="stable"), label[order]) for label in labels]
    to_error = (metric * scale).T
    for step in range(s.steps):
        pick = rng.integers(0, len(codes), s.batch)
        sources = [_partners(*sort, label[pick], rng) for sort, label in zip(sorts, labels, strict=True)]
        want = [target[pick] for target in targets]
        got = [run(nets[name], looks[source], True) for name, source in zip(DIMS, sources, strict=True)]
        both = run(nets["decoder"], torch.cat([torch.cat(got, 1), torch.cat(want, 1)]), False)
        errors = (both - (codes[pick] / scale).repeat(2, 1)) @ to_error
        swapped, taught = errors.pow(2).sum(1).chunk(2)
        regress = torch.stack([(a - b).pow(2).mean() for a, b in zip(got, want, strict=True)]).sum()
        loss = swapped.mean() + taught.mean() + 0.5 * regress
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
        schedule.step()
        if step % 2000 == 0 or step == s.steps - 1:
            shown = [float(x.detach().mean()) for x in (swapped, taught, regress)]
            say("step {}: swapped {:.4f}, taught {:.4f} mm2, codes {:.4f}".format(step, *shown))


@torch.no_grad()
def _refit_last_layer(nets: dict[str, Net], wanted: Tensor, looks: Tensor) -> None:
    """The decoder's last layer is linear: solve it exactly for all samples."""
    latent = torch.cat([run(nets[name], looks, True) for name in DIMS], 1)
    hidden = run(nets["decoder"][:-1], latent, True).double()
    hidden = torch.cat([hidden, torch.ones(len(hidden), 1, dtype=torch.float64)], 1)
    gram = hidden.T @ hidden
    gram += 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    solved = torch.linalg.solve(gram, hidden.T @ wanted.double()).float()
    nets["decoder"][-1].weight.copy_(solved[:-1].T)
    nets["decoder"][-1].bias.copy_(solved[-1])


@torch.no_grad()
def _to_real_units(nets: dict[str, Net], looks: Tensor) -> None:
    """Codes to CODE_SIZE and months; a leaky ReLU lets a positive factor through."""
    first, start = nets["decoder"][0].weight, 0
    for name, size in DIMS.items():
        grow = (
            MONTHS_PER_UNIT if name == "age_encoder" else CODE_SIZE / float(run(nets[name], looks, True).abs().mean())
        )
        nets[name][-1].weight.mul_(grow)
        nets[name][-1].bias.mul_(grow)
        first[:, start : start + size] /= grow
        start += size


@torch.no_grad()
def _fold(nets: dict[str, Net], to_verts: Tensor, to_looks: Tensor) -> dict[str, Layers]:
    """Multiply the components into the layers that touch vertices."""
    groups = {}
    for name, net in nets.items():
        layers = [(layer.weight.clone(), layer.bias.clone()) for layer in net]
        if name == "decoder":
            layers[-1] = (to_verts @ layers[-1][0], to_verts @ layers[-1][1])
        else:
            layers[0] = (layers[0][0] @ to_looks.T, layers[0][1])
        groups[name] = [(w.numpy().astype(np.float32), b.numpy().astype(np.float32)) for w, b in layers]
    return groups
