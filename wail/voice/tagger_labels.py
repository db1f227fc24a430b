"""From other people's labels to ours: which columns of a model's output say infant, cry, laugh, babble, adult."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from wail.errors import ModelError

CLASSES = ("infant", "cry", "laugh", "babble", "adult")

LABELS: dict[str, tuple[str, ...]] = {
    # AudioSet's display names. "Child speech, kid speaking" is a speaking child; "Laughter" and "Crying, sobbing" are
    # anybody's: none of them says infant.
    "baby cry, infant cry": ("infant", "cry"),
    "baby laughter": ("infant", "laugh"),
    "babbling": ("infant", "babble"),
    "speech": ("adult",),
    "male speech, man speaking": ("adult",),
    "female speech, woman speaking": ("adult",),
    "conversation": ("adult",),
    "narration, monologue": ("adult",),
    # Voice types. The key child (KCHI) wears the recorder and is 0-5 years old; other children (OCH) are neither.
    "kchi": ("infant",),
    "key child": ("infant",),
    "infant": ("infant",),
    "baby": ("infant",),
    "fem": ("adult",),
    "mal": ("adult",),
    "female": ("adult",),
    "male": ("adult",),
    "adult": ("adult",),
}
CHILD = "child"
"""Says infant only in a model without a better label for one (child/adult, female/male/child): in recordings made for
WAIL, the child that such a model can hear is the infant."""


@dataclass(frozen=True)
class Columns:
    """`of[class]` are the columns of a model's output that say so; `exclusive` where all columns sum to 1."""

    of: Mapping[str, tuple[int, ...]]
    n_labels: int
    exclusive: bool

    def probabilities(self, logits: NDArray[np.float32]) -> dict[str, Any]:
        """Logits [m, n_labels] to TagTrack's `p_<class>` [m], None for a class that the model does not have.

        Columns that exclude each other: softmax, and the sum over a class's columns. Else: sigmoid, and the largest.
        """
        p = softmax(logits, axis=1) if self.exclusive else expit(logits)
        return {f"p_{name}": self._joint(p, name) for name in CLASSES}

    @property
    def chooses(self) -> bool:
        """Whether one of our classes wins whatever sounds: softmax, and no column for the rest."""
        return self.exclusive and len({at for columns in self.of.values() for at in columns}) == self.n_labels

    def _joint(self, p: NDArray[np.float32], name: str) -> NDArray[np.float32] | None:
        if name not in self.of:
            return None
        chosen = p[:, list(self.of[name])]
        return np.asarray(np.minimum(chosen.sum(1) if self.exclusive else chosen.max(1), 1), np.float32)

    def neutral(self, of_sigmoid: Mapping[str, float]) -> dict[str, float]:
        """By class, the probability at which the model says neither yes nor no: chance, where columns exclude each
        other; else what `of_sigmoid` says, or 0.5."""
        chance = {name: len(at) / self.n_labels for name, at in self.of.items()}
        return chance if self.exclusive else {name: of_sigmoid.get(name, 0.5) for name in self.of}


def columns(names: Mapping[int, str], exclusive: bool, model: str) -> Columns:
    """The columns that `names` (a config's `id2label`) gives our classes.

    Raises ModelError where no label is known, or where all of a softmax's columns are of one class (it says nothing).
    """
    of: dict[str, tuple[int, ...]] = {}
    for at, name in sorted(names.items()):
        for ours in LABELS.get(_plain(name), ()):
            of[ours] = (*of.get(ours, ()), at)
    children = tuple(at for at, name in sorted(names.items()) if _plain(name) == CHILD)
    if children and "infant" not in of:
        of["infant"] = children
    if not of:
        has = ", ".join(str(name) for name in list(names.values())[:12]) + (", ..." if len(names) > 12 else "")
        looked = "; ".join([*LABELS, CHILD])
        raise ModelError(f"{model} has no label that says infant or adult. Looked for: {looked}. It has: {has}. Give a "
                         "model with such labels, or name them so in id2label of its config.json.")  # fmt: skip
    if exclusive and any(len(at) == len(names) for at in of.values()):
        raise ModelError(f"{model} always chooses among {', '.join(names.values())}, which say the same of infants and "
                         "adults: give a model that tells them apart.")  # fmt: skip
    return Columns(of, len(names), exclusive)


def _plain(label: str) -> str:
    return " ".join(str(label).lower().replace("_", " ").replace("-", " ").split())
