# ruff: noqa: N802, N815 - names end in their shape suffixes
"""What a classifier may read of an example: blocks of numbers, and the sets of them compared.

Shape suffixes: N examples, F numbers of a block, D terms or pixels, K directions of LSA or PCA.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD

from latentops.artifacts import Vocabulary
from latentops.data import weighting
from latentops.portion import Code, Features, Portion

Blocks = dict[str, Features]  # by name, a row for each example

FEATURE_SETS = (
    "tfidf_words",
    "tfidf",
    "lsa",
    "tfidf+lsa",
    "pixels",
    "pca",
    "pixels+pca",
    "vae",
    "vae+hidden",
    "tfidf+vae",
    "lsa+vae",
    "pixels+vae",
    "pca+vae",
)
VAE_BLOCKS = frozenset({"vae", "hidden"})

# Of a block's root mean square deviation. A pixel or a latent dimension that hardly moves would
# otherwise weigh as much as the others, and what it holds is mostly noise.
_LEAST_SD = 0.1


def names(features: str) -> tuple[str, ...]:
    """The blocks of a feature set."""
    return tuple(features.split("+"))


def uses_vae(features: str) -> bool:
    return not VAE_BLOCKS.isdisjoint(names(features))


def available(blocks: Collection[str]) -> tuple[str, ...]:
    """The feature sets that `blocks` suffice for, in the order in which they are shown."""
    return tuple(features for features in FEATURE_SETS if set(names(features)) <= set(blocks))


@dataclass(frozen=True)
class Projection:
    """LSA or PCA: (x - mean) @ components, without the mean where it is LSA."""

    components_DK: np.ndarray
    mean_D: np.ndarray | None

    def __call__(self, x_ND: Features) -> np.ndarray:
        projected_NK = np.asarray(x_ND @ self.components_DK)
        return projected_NK if self.mean_D is None else projected_NK - self.origin_K

    @cached_property
    def origin_K(self) -> np.ndarray:
        """Where the mean is projected to; zeros for LSA."""
        if self.mean_D is None:
            return np.zeros(self.components_DK.shape[1], dtype=np.float32)
        return np.asarray(self.mean_D @ self.components_DK)


@dataclass(frozen=True)
class Scale:
    """(raw - mean) / divisor: columns of mean 0 and variance 1 / F, rows of mean square 1."""

    mean_F: np.ndarray
    divisor_F: np.ndarray

    @classmethod
    def of(cls, raw_NF: np.ndarray) -> Self:
        sd_F = raw_NF.std(axis=0, dtype=np.float64)
        least = _LEAST_SD * np.sqrt(np.square(sd_F).mean())
        floored_F = np.maximum(sd_F, least if least > 0 else 1.0)
        mean_F = raw_NF.mean(axis=0, dtype=np.float64)
        divisor_F = floored_F * np.sqrt(len(sd_F))
        return cls(mean_F.astype(np.float32), divisor_F.astype(np.float32))

    def __call__(self, raw_NF: np.ndarray) -> np.ndarray:
        return np.asarray((raw_NF - self.mean_F) / self.divisor_F, dtype=np.float32)


@dataclass(frozen=True)
class Basis:
    """What of the blocks is learned from training rows, without any label."""

    vocabulary: Vocabulary  # without terms for images
    projection: Projection | None  # None: there is only one term, or one pixel
    scales: dict[str, Scale]  # of every dense block
    seconds: dict[str, float]  # spent on each block but the VAE's

    @classmethod
    def fit(
        cls, train: Portion, train_code: Code, vocabulary: Vocabulary, size: int, seed: int
    ) -> Self:
        """LSA or PCA of at most `size` directions, and the scale of every dense block."""
        empty = cls(vocabulary, None, {}, {})
        started = time.perf_counter()
        observed = empty.observed(train)
        weighted = time.perf_counter()
        projection = _projection(observed, size, seed)
        projected = time.perf_counter()
        seconds = dict.fromkeys(observed, weighted - started)
        if projection is not None:
            seconds[empty.projected] = projected - started
        fitted = replace(empty, projection=projection, seconds=seconds)
        dense = fitted.dense(observed)
        scales = {name: Scale.of(raw_NF) for name, raw_NF in dense.items()}
        return replace(fitted, scales=scales).with_code(train_code)

    def with_code(self, train_code: Code) -> Self:
        """For another VAE: what is not the VAE's stays."""
        own = {name: each for name, each in self.scales.items() if name not in VAE_BLOCKS}
        scales = {name: Scale.of(raw_NF) for name, raw_NF in _coded(train_code).items()}
        return replace(self, scales=own | scales)

    def blocks(self, portion: Portion, code: Code) -> Blocks:
        """Sparse TF-IDF rows of length 1; dense blocks scaled to rows of mean square 1."""
        return self.baseline_blocks(portion) | self.code_blocks(code)

    def baseline_blocks(self, portion: Portion) -> Blocks:
        """Those that need no VAE."""
        observed = self.observed(portion)
        return observed | self._scaled(self.dense(observed))

    def code_blocks(self, code: Code) -> Blocks:
        return self._scaled(_coded(code))

    @property
    def projected(self) -> str:
        return "lsa" if self.vocabulary.terms else "pca"

    def observed(self, portion: Portion) -> Blocks:
        """What needs no fit: TF-IDF of all terms, and of words where there are others; pixels."""
        if portion.counts is None:
            return {"pixels": portion.matrix()}
        blocks: Blocks = {"tfidf": weighting.tfidf(portion.counts, self.vocabulary)}
        if len(self.word_columns) in (0, len(self.vocabulary.terms)):
            return blocks
        words = portion.counts[:, self.word_columns]
        blocks["tfidf_words"] = weighting.tfidf(words, weighting.single_words(self.vocabulary))
        return blocks

    def dense(self, observed: Blocks) -> dict[str, np.ndarray]:
        """Pixels, LSA or PCA as they are, before they are scaled."""
        pixels = {name: np.asarray(observed[name]) for name in ("pixels",) if name in observed}
        if self.projection is None:
            return pixels
        return pixels | {self.projected: self.projection(_whole(observed))}

    @cached_property
    def word_columns(self) -> np.ndarray:
        """Of `tfidf_words` among the terms."""
        return weighting.word_columns(self.vocabulary)

    def _scaled(self, raw: dict[str, np.ndarray]) -> Blocks:
        return {name: self.scales[name](raw_NF) for name, raw_NF in raw.items()}


def _whole(observed: Blocks) -> Features:
    """What LSA or PCA is of."""
    return observed["tfidf"] if "tfidf" in observed else observed["pixels"]


def _coded(code: Code) -> dict[str, np.ndarray]:
    hidden = {"hidden": code.hidden_NH} if code.hidden_NH.shape[1] else {}
    return {"vae": code.mean_NZ, **hidden}


def _projection(observed: Blocks, size: int, seed: int) -> Projection | None:
    x_ND = _whole(observed)
    most = min(size, *x_ND.shape)
    if x_ND.shape[1] < 2:
        return None
    if isinstance(x_ND, np.ndarray):
        pca = PCA(most, random_state=seed).fit(x_ND)
        return Projection(_float32(pca.components_.T), _float32(pca.mean_))
    svd = TruncatedSVD(most, random_state=seed).fit(x_ND)
    return Projection(_float32(svd.components_.T), None)


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
