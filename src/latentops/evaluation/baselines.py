"""The linear probe on the VAE's means, and the features that it has to beat, on the same rows."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from threadpoolctl import threadpool_limits

from latentops.metrics import classification
from latentops.metrics.classification import Features
from latentops.model import VAE
from latentops.portion import Portion, encode

Transform = Callable[[Portion], Features]

# Caps that keep an evaluation within a minute; `train_rows` in metrics/probes.json states the
# outcome. Pixels [N, D] are held to 256 MB of float32 besides.
FEATURE_ROWS = 100_000
HEAD_ROWS = 25_000
_PIXELS = 2**26
_TIMED_ROWS = 1_000


@dataclass(frozen=True)
class FeatureSet:
    """A fitted way from examples to features."""

    transform: Transform
    bytes: int  # of the numbers that `transform` needs
    fit_seconds: float | None  # None: not known


@dataclass(frozen=True)
class Probed:
    """One feature set with its head, on the labelled test rows."""

    scores: dict[str, float]
    predicted: np.ndarray  # [N], class indices


def vae_mean(vae: VAE, training_seconds: float | None) -> FeatureSet:
    encoder = vae.encoder.parameters()
    return FeatureSet(
        transform=lambda portion: encode(vae, portion.examples).mean.numpy(),
        bytes=sum(parameter.numel() * parameter.element_size() for parameter in encoder),
        fit_seconds=training_seconds,
    )


def of_counts(train: Portion, size: int, seed: int) -> dict[str, FeatureSet]:
    """TF-IDF over the encoder's terms, and its truncated SVD to `size` dimensions, if of two terms
    or more."""
    counts = train.sample(FEATURE_ROWS, seed).matrix()
    started = time.perf_counter()
    tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
    tfidf_seconds = time.perf_counter() - started
    tfidf_set = FeatureSet(
        lambda portion: tfidf.transform(portion.matrix()), tfidf.idf_.nbytes, tfidf_seconds
    )
    if counts.shape[1] < 2:
        return {"tfidf": tfidf_set}
    svd = TruncatedSVD(min(size, counts.shape[1]), random_state=seed).fit(tfidf.transform(counts))
    lsa_seconds = time.perf_counter() - started

    def lsa(portion: Portion) -> Features:
        return np.asarray(svd.transform(tfidf.transform(portion.matrix())))

    lsa_set = FeatureSet(lsa, tfidf.idf_.nbytes + svd.components_.nbytes, lsa_seconds)
    return {"tfidf": tfidf_set, "lsa": lsa_set}


def of_pixels(pca: PCA, fit_seconds: float) -> dict[str, FeatureSet]:
    """The pixels themselves, and their principal components."""
    return {
        "pixels": FeatureSet(lambda portion: portion.matrix(), bytes=0, fit_seconds=0.0),
        "pca": FeatureSet(
            lambda portion: np.asarray(pca.transform(portion.matrix())),
            bytes=pca.components_.nbytes + pca.mean_.nbytes,
            fit_seconds=fit_seconds,
        ),
    }


def fit_pca(train: Portion, size: int, seed: int) -> tuple[PCA, float]:
    """Principal components of the training pixels, and the seconds they took."""
    pixels = train.sample(_most_rows(train, FEATURE_ROWS), seed).matrix()
    started = time.perf_counter()
    pca = PCA(min(size, *pixels.shape), random_state=seed).fit(pixels)
    return pca, time.perf_counter() - started


def mse_pixel(pca: PCA, test: Portion) -> float:
    """Of the reconstruction from principal components, to set beside the VAE's."""
    pixels = np.asarray(test.matrix())
    restored = pca.inverse_transform(pca.transform(pixels))
    return float(np.square(restored - pixels, dtype=np.float64).mean())


def can_probe(train: Portion, test: Portion) -> bool:
    """Whether there are two classes to learn and a labelled row to score."""
    return len(np.unique(train.y[train.y >= 0])) > 1 and bool((test.y >= 0).any())


def probe_all(
    sets: Mapping[str, FeatureSet], train: Portion, valid: Portion, test: Portion, seed: int
) -> dict[str, Probed]:
    """Every feature set with a head of its own: the same rows, and C chosen with the same care."""
    train, valid, test = train.labelled(), valid.labelled(), test.labelled()
    train = train.sample(_most_rows(train, HEAD_ROWS), seed)
    return {name: _probe(features, train, valid, test) for name, features in sets.items()}


def _probe(features: FeatureSet, train: Portion, valid: Portion, test: Portion) -> Probed:
    x_train, x_test = features.transform(train), features.transform(test)
    x_valid = features.transform(valid) if len(valid) else x_train[:0]
    head = classification.fit_head(x_train, train.y, x_valid, valid.y)
    predicted = head.predict(x_test)
    fit_seconds = (
        {} if features.fit_seconds is None else {"feature_fit_seconds": features.fit_seconds}
    )
    scores = {
        **classification.scores(test.y, predicted),
        "features": x_train.shape[1],
        "train_rows": len(train),
        **fit_seconds,
        "head_fit_seconds": head.fit_seconds,
        "microseconds_per_example": _microseconds(features.transform, head, test),
        "bytes": features.bytes + head.bytes,
        "inverse_penalty": head.inverse_penalty,
        "converged": int(head.converged),
    }
    return Probed(scores, predicted)


def _microseconds(transform: Transform, head: classification.Head, test: Portion) -> float:
    """Of one example in a batch, on one thread: from counts or pixels to its class.

    Weighting the terms is part of TF-IDF and LSA here; the model's own input is weighted before.
    """
    rows = test.subset(np.arange(min(len(test), _TIMED_ROWS)))
    with _one_thread():
        started = time.perf_counter()
        head.predict(transform(rows))
        return (time.perf_counter() - started) / len(rows) * 1e6


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(threads)


def _most_rows(portion: Portion, cap: int) -> int:
    """`cap`, or fewer where the rows are wide pixels."""
    return cap if portion.counts is not None else min(cap, max(1, _PIXELS // _width(portion)))


def _width(portion: Portion) -> int:
    return int(np.prod(portion.subset(np.array([0])).matrix().shape))
