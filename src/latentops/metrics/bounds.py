"""Bounds on the evidence, and the units in which they are compared."""

import math
from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from latentops import elbo
from latentops.likelihoods import Likelihood
from latentops.priors import Prior

# Elements of one decoded chunk [k, B, *event]: 2 MB of float32, which a cache can hold.
_ELEMENTS_AT_ONCE = 2**19


class Coder(Protocol):
    """What a bound needs of a variational autoencoder."""

    def encode(self, input: Tensor) -> elbo.Posterior: ...  # noqa: A002

    def decode(self, z: Tensor) -> Likelihood: ...

    @property
    def prior(self) -> Prior: ...


@torch.no_grad()
def importance_sampled_nll(
    vae: Coder, batches: Iterable[tuple[Tensor, Tensor]], samples: int, generator: torch.Generator
) -> Tensor:
    """Minus log 1/k sum p(x, z) / q(z | x) over k = `samples` draws of z: [N], nats, float64.

    Burda et al. 2016, eq. 8. On average an upper bound on -log p(x) that falls with k; at k = 1,
    minus the ELBO with a sampled rate. A batch, of input and target, is encoded once.
    """
    return torch.cat([_batch_nll(vae, *batch, samples, generator) for batch in batches])


def _batch_nll(
    vae: Coder,
    input: Tensor,  # noqa: A002
    target: Tensor,
    samples: int,
    generator: torch.Generator,
) -> Tensor:
    posterior = vae.encode(input)
    log_weights_KB = torch.cat(
        [
            _log_weights(vae, posterior, target, chunk, generator)
            for chunk in _chunks(samples, target.shape.numel())
        ]
    )
    return math.log(samples) - log_weights_KB.double().logsumexp(0)


def _chunks(samples: int, elements: int) -> Iterator[int]:
    """Sizes that sum to `samples`, so that each decodes a bounded number of elements."""
    most = max(1, _ELEMENTS_AT_ONCE // elements)
    for start in range(0, samples, most):
        yield min(most, samples - start)


def _log_weights(
    vae: Coder, posterior: elbo.Posterior, target: Tensor, samples: int, generator: torch.Generator
) -> Tensor:
    """log p(x, z) - log q(z | x), [samples, B]."""
    z_KBZ = posterior.sample(generator, samples)
    log_ratio_KB = vae.prior.log_prob(z_KBZ) - posterior.log_prob(z_KBZ)
    return vae.decode(z_KBZ).log_prob(target) + log_ratio_KB


def perplexities(nll_N: Tensor, tokens_N: Tensor) -> tuple[float, float]:
    """Perplexity per document and over the corpus, of documents that all have tokens.

    exp(mean of nll / tokens) and exp(sum of nll / sum of tokens): the first weighs documents
    alike, the second tokens.
    """
    nll_N, tokens_N = nll_N.double(), tokens_N.double()
    per_document = (nll_N / tokens_N).mean().exp()
    over_corpus = (nll_N.sum() / tokens_N.sum()).exp()
    return per_document.item(), over_corpus.item()


def bits_per_dim(nats: float, dimensions: int) -> float:
    """Bits for each of `dimensions` observed values; meaningful for a likelihood over them."""
    return nats / (dimensions * math.log(2))
