# ruff: noqa: N815 - names end in their shape suffixes
"""Scores of the model itself on the test rows, in scope. Names as in metrics/eval.json."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from latentops import elbo
from latentops.artifacts import PAD, Spec
from latentops.data.batches import Examples, Sequences, in_batches
from latentops.elbo import Posterior
from latentops.errors import NumericalError
from latentops.evaluation.settings import Settings
from latentops.metrics import bounds, kl_decomposition, latent
from latentops.model import VAE
from latentops.portion import ROWS_AT_ONCE, Portion
from latentops.priors import Prior

Scores = dict[str, float]

# What keeps PCA within seconds and 256 MB of float32.
_PCA_ROWS = 100_000
_PCA_PIXELS = 2**26

# The parts of the rate are against the aggregate of all rows: so many pairs of rows, times the
# dimensions, take a few seconds.
_PAIRS_TIMES_DIMENSIONS = 2 * 10**9


def bound_scores(
    vae: VAE, test: Examples, spec: Spec, settings: Settings, seen_N: np.ndarray | None = None
) -> Scores:
    """The ELBO (one sample of z for each row) and the importance-sampled bound, at beta = 1.

    Perplexities once more of the texts that are not `seen` in train, where some are.
    """
    rate_N, distortion_N, _ = elbo_terms(vae, test, _generator(settings))
    nll_N = _importance_sampled(vae, test, settings)
    scores = {
        "elbo_nats": -(rate_N + distortion_N).mean().item(),
        "rate_nats": rate_N.mean().item(),
        "distortion_nats": distortion_N.mean().item(),
        "nll_is_nats": nll_N.mean().item(),
        "nll_is_samples": settings.importance_samples,
    }
    if spec.kind == "image":
        bits = bounds.bits_per_dim(-scores["elbo_nats"], math.prod(spec.shape))
        return {**scores, "bits_per_dim": bits, "mse_pixel": _mse_pixel(vae, test)}
    of_texts = _of_sentences if isinstance(test, Sequences) else _of_documents
    texts = _Texts(rate_N + distortion_N, nll_N, _tokens(test))
    return {**scores, **of_texts(texts), **_unseen(of_texts, texts, seen_N)}


def _importance_sampled(vae: VAE, test: Examples, settings: Settings) -> Tensor:
    """[N], nats. Sentences of like length share a batch, so that little of k passes is padding."""
    order = torch.arange(len(test))
    if isinstance(test, Sequences):
        order = test.starts.diff().argsort(stable=True)
        test = test.subset(order)
    nll_N = bounds.importance_sampled_nll(
        vae, in_batches(test, ROWS_AT_ONCE), settings.importance_samples, _generator(settings)
    )
    return torch.empty_like(nll_N).index_copy_(0, order, nll_N)


class RowTerms(NamedTuple):
    """Of each example: the two terms of -ELBO in nats, float64 [N], and the mean of its code."""

    rate_N: Tensor
    distortion_N: Tensor
    mean_NZ: Tensor


@torch.no_grad()
def elbo_terms(vae: VAE, test: Examples, generator: torch.Generator) -> RowTerms:
    """By one sample of z for each example, drawn in their order, some at a time.

    Portions of a multiple of `ROWS_AT_ONCE` examples, read one after the other with the same
    generator, have the terms of the whole.
    """
    rate, distortion, mean = [], [], []
    for batch in in_batches(test, ROWS_AT_ONCE):
        output = vae(batch.input, generator)
        terms = elbo.terms(output.rate_BZ, output.likelihood, batch.target)
        rate.append(terms.rate_B)
        distortion.append(terms.distortion_B)
        mean.append(output.posterior.mean)
    return RowTerms(torch.cat(rate).double(), torch.cat(distortion).double(), torch.cat(mean))


class _Texts(NamedTuple):
    """Of each text: nats of two bounds, and its target words or its tokens, the end counted."""

    elbo_nll_N: Tensor
    is_nll_N: Tensor
    tokens_N: Tensor

    def at(self, rows: Tensor) -> "_Texts":
        return _Texts(*(each[rows] for each in self))


def _tokens(test: Examples) -> Tensor:
    targets = (batch.target for batch in in_batches(test, ROWS_AT_ONCE))
    if isinstance(test, Sequences):
        return torch.cat([(target != PAD).sum(1) for target in targets])
    return torch.cat([target @ torch.ones(target.shape[1]) for target in targets])


def _of_documents(texts: _Texts) -> Scores:
    """Documents without a target word have no perplexity: they are left out and not counted."""
    some = texts.at(texts.tokens_N > 0)
    if not len(some.tokens_N):
        return {"documents_scored": 0}
    doc_elbo, corpus_elbo = bounds.perplexities(some.elbo_nll_N, some.tokens_N)
    doc_is, corpus_is = bounds.perplexities(some.is_nll_N, some.tokens_N)
    return {
        "perplexity_doc_elbo": doc_elbo,
        "perplexity_corpus_elbo": corpus_elbo,
        "perplexity_doc_is": doc_is,
        "perplexity_corpus_is": corpus_is,
        "documents_scored": len(some.tokens_N),
    }


def _of_sentences(texts: _Texts) -> Scores:
    """Over all tokens, as the Penn Treebank is scored: each sentence's end is one, no start is."""
    _, by_elbo = bounds.perplexities(texts.elbo_nll_N, texts.tokens_N)
    _, by_samples = bounds.perplexities(texts.is_nll_N, texts.tokens_N)
    return {
        "perplexity_token_elbo": by_elbo,
        "perplexity_token_is": by_samples,
        "nll_is_nats_per_token": math.log(by_samples),
        "tokens_scored": int(texts.tokens_N.sum()),
    }


def _unseen(
    of_texts: Callable[[_Texts], Scores], texts: _Texts, seen_N: np.ndarray | None
) -> Scores:
    """The perplexities of the rows that do not stand in train; empty where that is all or none."""
    if seen_N is None or seen_N.all() or not seen_N.any():
        return {}
    scores = of_texts(texts.at(torch.from_numpy(~seen_N)))
    return {
        f"{name}_unseen": value for name, value in scores.items() if name.startswith("perplexity")
    }


@torch.no_grad()
def _mse_pixel(vae: VAE, test: Examples) -> float:
    """Of the mean image decoded at the posterior mean, to the pixels the model read, in [0, 1]."""
    squares = [
        (vae.decode(vae.encode(batch.input).mean).mean - batch.input).square().flatten(1).mean(1)
        for batch in in_batches(test, ROWS_AT_ONCE)
    ]
    return torch.cat(squares).double().mean().item()


def pca_scores(train: Portion, test: Portion, size: int, seed: int) -> Scores:
    """The same error of as many principal components, fitted on the training pixels."""
    width = math.prod(test.subset(np.array([0])).matrix().shape)
    rows = max(1, min(_PCA_ROWS, _PCA_PIXELS // width))
    pixels = train.sample(rows, seed).matrix()
    pca = PCA(min(size, *pixels.shape), random_state=seed).fit(pixels)
    shown = test.matrix()
    errors = pca.inverse_transform(pca.transform(shown)) - shown
    return {"mse_pixel_pca": float(np.square(errors, dtype=np.float64).mean())}


def code_scores(posterior: Posterior, prior: Prior, settings: Settings) -> Scores:
    """How much of the latent space the test rows use, and what their rate consists of."""
    count, dimensions = posterior.mean.shape
    most = _PAIRS_TIMES_DIMENSIONS // (count * dimensions)
    rows = torch.randperm(count, generator=_generator(settings))[: max(1, most)]
    parts = kl_decomposition.decompose(posterior, _generator(settings), rows, prior.log_prob)
    return {
        "active_units": latent.active_units(posterior.mean),
        "mutual_information_nats": parts.mutual_information_nats,
        "mutual_information_rows": parts.examples,
        "total_correlation_nats": parts.total_correlation_nats,
        "dimension_wise_kl_nats": parts.dimension_wise_kl_nats,
        "aggregate_kl_nats": parts.aggregate_kl_nats,
    }


def size_scores(vae: VAE) -> Scores:
    parameters = list(vae.parameters())
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "weights_bytes": sum(
            parameter.numel() * parameter.element_size() for parameter in parameters
        ),
    }


def require_finite(scores: Mapping[str, float]) -> None:
    """NumericalError naming every score that is not a finite number."""
    wrong = {name: value for name, value in scores.items() if not math.isfinite(value)}
    if wrong:
        listed = ", ".join(f"{name} is {value}" for name, value in wrong.items())
        raise NumericalError(
            f"A finite score was expected on the test split, but {listed}. Nothing was written. "
            "Train again with a lower train.learning_rate, or set train.clip_norm."
        )


def _generator(settings: Settings) -> torch.Generator:
    return torch.Generator().manual_seed(settings.seed)
