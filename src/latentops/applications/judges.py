# ruff: noqa: N815 - names end in their shape suffixes
"""What knows the training rows and has seen no VAE: it judges examples that were made.

Shape suffixes: N examples, M training rows, W target words, D pixels, C classes, K neighbours.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.neural_network import MLPClassifier

from latentops.metrics import generation
from latentops.metrics.generation import Nearest
from latentops.verdict import heads
from latentops.verdict.heads import Choice, Head

_TFIDF = "tfidf"  # the name of the one block that the classifier reads
_HIDDEN = (128, 64)  # the last are the features of an image
_BATCH = 200
_CLUSTERS = 10
_COPY_QUANTILE = 0.01  # of real rows


def documents(counts_NW: scipy.sparse.csr_matrix) -> list[tuple[int, ...]]:
    """The words of each row by column, repeated as often as they stand: equal bags are equal."""
    ordered = counts_NW.sorted_indices()
    words = np.repeat(ordered.indices, ordered.data.astype(np.int64)).tolist()
    ends = np.concatenate([[0], np.cumsum(np.asarray(ordered.sum(axis=1)).ravel().astype(int))])
    return [tuple(words[start:stop]) for start, stop in pairwise(ends)]


@dataclass(frozen=True)
class TextJudge:
    """The training documents, as bags of target words, and a linear SVM on their TF-IDF."""

    weighting: TfidfTransformer
    known_MW: scipy.sparse.csr_matrix  # TF-IDF, rows of length 1, or 0 without words
    known: Sequence[tuple[int, ...]]
    head: Head | None  # None: the labels are fewer than two classes

    @classmethod
    def fit(cls, counts_MW: scipy.sparse.csr_matrix, y_M: np.ndarray) -> Self:
        """Rows of y = -1 have no label."""
        weighting = TfidfTransformer(sublinear_tf=True).fit(counts_MW)
        known_MW = weighting.transform(counts_MW)
        labelled = np.flatnonzero(y_M >= 0)
        head = None
        if len(np.unique(y_M[labelled])) > 1:
            head = heads.fit({_TFIDF: known_MW[labelled]}, y_M[labelled], _TFIDF, Choice())
        return cls(weighting, known_MW, documents(counts_MW), head)

    def nearest(self, counts_NW: scipy.sparse.csr_matrix) -> Nearest:
        """The distance is 1 - cosine."""
        return generation.nearest_by_angle(self.weighting.transform(counts_NW), self.known_MW)

    def copied(self, counts_NW: scipy.sparse.csr_matrix) -> np.ndarray:
        """Which are the bag of a training row: [N], bool."""
        return generation.standing_in(documents(counts_NW), self.known)

    def label(self, counts_NW: scipy.sparse.csr_matrix) -> np.ndarray:
        """The class index of each, [N]."""
        assert self.head is not None, "there are no classes to tell apart"
        return self.head.predict({_TFIDF: self.weighting.transform(counts_NW)})


@dataclass(frozen=True)
class ImageJudge:
    """The training images, and a small network that tells their classes or clusters apart."""

    known_MD: np.ndarray
    network: MLPClassifier
    has_classes: bool
    scale: float  # root mean square of the features of training images
    lone_as_a_copy: float  # `generation.lone_distance` below which an image counts as a copy

    @classmethod
    def fit(
        cls,
        pixels_MD: np.ndarray,
        y_M: np.ndarray,
        real_ND: np.ndarray,
        most: int,
        steps: int,
        seed: int,
    ) -> Self | None:
        """On at most so many rows and about so many batches; None where all images are alike.

        Without two classes it tells k-means clusters apart. A copy is what lies nearer to one
        training image alone than all but 1 % of `real_ND`, which are no training images.
        """
        rows = np.flatnonzero(y_M >= 0)
        has_classes = len(np.unique(y_M[rows])) > 1
        rows = rows if has_classes else np.arange(len(y_M))
        if len(rows) > most:
            rows = np.random.default_rng(seed).choice(rows, most, replace=False)
        y = y_M[rows] if has_classes else _clusters(pixels_MD[rows], seed)
        if len(np.unique(y)) < 2:
            return None
        network = _network(pixels_MD[rows], y, steps, seed)
        near = generation.nearest_by_distance(real_ND, pixels_MD, generation.NEIGHBOURS)
        lone_N = generation.lone_distance(near.distance_NK)
        scale = float(np.sqrt(np.square(_hidden(network, pixels_MD[rows])).mean()))
        lone_as_a_copy = float(np.quantile(lone_N, _COPY_QUANTILE))
        return cls(pixels_MD, network, has_classes, scale or 1.0, lone_as_a_copy)

    def nearest(self, pixels_ND: np.ndarray) -> Nearest:
        """The distance is the root mean square of the differences of pixels."""
        return generation.nearest_by_distance(pixels_ND, self.known_MD, generation.NEIGHBOURS)

    def copied(self, near: Nearest) -> np.ndarray:
        """[N], bool."""
        return np.asarray(generation.lone_distance(near.distance_NK) < self.lone_as_a_copy)

    def label(self, pixels_ND: np.ndarray) -> np.ndarray:
        return np.asarray(self.network.predict(pixels_ND))

    def features(self, pixels_ND: np.ndarray) -> np.ndarray:
        """The last hidden layer after its activation, [N, 64]; mean square 1 in training."""
        return _hidden(self.network, pixels_ND) / self.scale

    @cached_property
    def name(self) -> str:
        told = "the classes" if self.has_classes else f"{len(self.network.classes_)} clusters"
        return f"a network of {' and '.join(map(str, _HIDDEN))} units that tells {told} apart"


def _hidden(network: MLPClassifier, pixels_ND: np.ndarray) -> np.ndarray:
    layer = pixels_ND
    for weights, bias in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
        layer = np.maximum(layer @ weights + bias, 0)
    return layer


def _clusters(pixels_MD: np.ndarray, seed: int) -> np.ndarray:
    count = min(_CLUSTERS, len(np.unique(pixels_MD, axis=0)))
    return np.asarray(KMeans(count, n_init=1, random_state=seed).fit_predict(pixels_MD))


def _network(pixels_MD: np.ndarray, y_M: np.ndarray, steps: int, seed: int) -> MLPClassifier:
    batch = min(_BATCH, len(y_M))
    epochs = max(1, round(steps * batch / len(y_M)))
    network = MLPClassifier(_HIDDEN, batch_size=batch, max_iter=epochs, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
        return network.fit(pixels_MD, y_M)
