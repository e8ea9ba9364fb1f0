# ruff: noqa: N815 - names end in their shape suffixes
"""What generation of texts and of images have in common: asking by class, and judging the answers.

Shape suffixes: N examples, V VAE seeds, S label samples (one) or steps of a path, P pairs, Z latent
dimensions.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from latentops import portion
from latentops.applications.results import Made
from latentops.applications.subject import Subject
from latentops.classifier import ClassCodes
from latentops.inference import latent_space
from latentops.metrics.bootstrap import Bootstrap, Interval
from latentops.model import VAE
from latentops.portion import Portion
from latentops.verdict.results import Claim

Way = Literal["real", "prior", "class", "around", "between"]
MOST = {"quick": 500, "full": 2_000}  # examples of a source


class Judged(NamedTuple):
    """What is said of examples, and which agree with their class; of none it is [1, V, 0]."""

    made: Made
    correct_SVN: np.ndarray


class Coder:
    """Codes of every VAE seed, from the prior and by class."""

    def __init__(self, subject: Subject) -> None:
        self.seed = subject.seed
        self.vaes: tuple[VAE, ...] = (subject.vae, *subject.repeats)
        head = subject.predictor.head
        self.without_classes = head if isinstance(head, str) else ""
        self._train = subject.train
        self._classes = len(subject.predictor.spec.classes)

    def learned(self, y_N: np.ndarray) -> np.ndarray:
        """-1 for what is no class that can be asked for."""
        y = self._train.y
        known_C = np.unique(y[y >= 0])
        return np.where(np.isin(y_N, known_C) & (not self.without_classes), y_N, -1)

    def codes(self, place: int, y_N: np.ndarray) -> Tensor:
        """[N, Z], of the VAE at `place`: each of its class, or all from the prior where y is -1."""
        generator = torch.Generator().manual_seed(self.seed)
        if (y_N < 0).any():
            return self.vaes[place].prior.sample(len(y_N), generator)
        return latent_space.of_classes(self._of_classes[place], y_N, generator)

    def around(self, place: int, rows: Portion) -> Tensor:
        """[N, Z]: a sample of q(z given x) of each row."""
        generator = torch.Generator().manual_seed(self.seed)
        return portion.encode(self.vaes[place], rows.examples).sample(generator)

    def between(self, place: int, rows: Portion) -> Tensor:
        """[N, Z]: half way from each row's code to that of another row."""
        mean_NZ = portion.encode(self.vaes[place], rows.examples).mean
        return latent_space.between(mean_NZ, mean_NZ.roll(len(mean_NZ) // 2, 0), 3)[:, 1]

    @cached_property
    def _of_classes(self) -> list[ClassCodes]:
        found = (portion.read(vae, self._train.examples) for vae in self.vaes)
        return [
            ClassCodes.of(each.mean_NZ, each.log_variance_NZ, self._train.y, self._classes)
            for each in found
        ]


def interval(holds: Sequence[np.ndarray], seed: int) -> Interval:
    """Of the share of rows for which something holds, bool [N] of each VAE seed."""
    holds_SVN = np.stack(holds)[None]
    return Bootstrap(holds_SVN.shape[2], seed).interval(holds_SVN)


def gain(ours: Judged, theirs: Judged, seed: int) -> Claim:
    """In agreement with the class, where row n of both was asked for the same."""
    bootstrap = Bootstrap(ours.correct_SVN.shape[2], seed)
    found = bootstrap.paired_difference(ours.correct_SVN, theirs.correct_SVN)
    return Claim.of(ours.made.source, theirs.made.source, found)


def spread(values: np.ndarray, most: int) -> np.ndarray:
    """At most so many of them, evenly spread."""
    places = np.linspace(0, len(values) - 1, min(len(values), most))
    return np.asarray(values[places.round().astype(int)])


def crossed(vae: VAE, real: Portion, pairs: int, steps: int) -> tuple[Portion, Tensor]:
    """Some rows, the first half of them and then the last, and the paths [P, S, Z] between.

    They go from rows of some classes to rows of others, where there are others.
    """
    ends = real.subset(spread(np.argsort(real.y, kind="stable"), 2 * pairs))
    half = len(ends) // 2
    mean_NZ = portion.encode(vae, ends.examples).mean
    return ends, latent_space.between(mean_NZ[:half], mean_NZ[half : 2 * half], steps)


def shown_classes(asked_N: np.ndarray, classes: int, otherwise: int) -> np.ndarray:
    """Some of the classes that were asked for; where none was, that many times -1."""
    y_N = spread(np.unique(asked_N[asked_N >= 0]), classes)
    return y_N if len(y_N) else np.full(otherwise, -1)
