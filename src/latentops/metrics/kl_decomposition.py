"""The three parts of the rate (Chen et al. 2018, equation 2), measured on a whole split.

    E KL(q(z|x) || p(z)) = I(x; z) + KL(q(z) || prod q(z_j)) + sum KL(q(z_j) || p(z_j))

q(z), the aggregate posterior, is the mean of the posteriors of all examples. Shape suffixes:
N samples of z, M examples, Z latent dimensions.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from latentops import elbo

_PAIRS_AT_ONCE = 2**17  # 1 MB of float64: more leaves the processor's cache


@dataclass(frozen=True)
class Decomposition:
    """By samples of z; the parts add up to the rate, with the same samples.

    The mutual information between an example's index and its code cannot pass ln of `examples`.
    By chance each part can lie a little below 0.
    """

    mutual_information_nats: float
    total_correlation_nats: float
    dimension_wise_kl_nats: float
    examples: int

    @property
    def aggregate_kl_nats(self) -> float:
        """KL of the aggregate posterior to the prior (Hoffman and Johnson 2016)."""
        return self.total_correlation_nats + self.dimension_wise_kl_nats


@torch.no_grad()
def decompose(
    posterior: elbo.Posterior,
    generator: torch.Generator,
    rows: Tensor | None = None,
    log_prior: Callable[[Tensor], Tensor] = elbo.standard_normal_log_prob,
) -> Decomposition:
    """By one sample of z for each of `rows` (None: of all), against the aggregate of all examples.

    The aggregate is exact: time grows with rows times examples times dimensions, memory does not.
    """
    exact = elbo.Posterior(posterior.mean.double(), posterior.log_variance.double())
    asked = posterior if rows is None else _at(posterior, rows)
    own = exact if rows is None else _at(exact, rows)
    z_NZ = asked.sample(generator).double()
    log_aggregate_N = _aggregate_log_prob(z_NZ, exact)
    log_marginals_N = _marginals_log_prob(z_NZ, exact)
    log_prior_N = log_prior(z_NZ)
    return Decomposition(
        mutual_information_nats=(own.log_prob(z_NZ) - log_aggregate_N).mean().item(),
        total_correlation_nats=(log_aggregate_N - log_marginals_N).mean().item(),
        dimension_wise_kl_nats=(log_marginals_N - log_prior_N).mean().item(),
        examples=len(exact.mean),
    )


def _at(posterior: elbo.Posterior, rows: Tensor) -> elbo.Posterior:
    return elbo.Posterior(posterior.mean[rows], posterior.log_variance[rows])


def _aggregate_log_prob(z_NZ: Tensor, posterior: elbo.Posterior) -> Tensor:
    """log q(z): [N], nats."""
    pairs = _pairwise_log_prob(z_NZ, posterior)
    return torch.cat([some.logsumexp(1) for some in pairs]) - math.log(len(posterior.mean))


def _marginals_log_prob(z_NZ: Tensor, posterior: elbo.Posterior) -> Tensor:
    """log prod q(z_j): [N], nats.

    No maximum is taken out of the exponentials, which would double the time: each z_j was drawn
    from one of the posteriors, whose density at it is far from the ends of float64.
    """
    count, dimensions = posterior.mean.shape
    total_N = z_NZ.new_full((len(z_NZ),), -dimensions * math.log(count))
    for one in torch.split(torch.arange(dimensions), 1):
        alone = elbo.Posterior(posterior.mean[:, one], posterior.log_variance[:, one])
        pairs = _pairwise_log_prob(z_NZ[:, one], alone)
        total_N += torch.cat([some.exp_().sum(1) for some in pairs]).log()
    return total_N


def _pairwise_log_prob(z_NZ: Tensor, posterior: elbo.Posterior) -> Iterator[Tensor]:
    """log q(z_n | x_m) for every pair, [N, M], some rows at a time.

    They are matrix products of (z^2, z) and what belongs to it: no [N, M, Z] is made.
    """
    precision_MZ = (-posterior.log_variance).exp()
    of_posterior = torch.cat([-0.5 * precision_MZ, posterior.mean * precision_MZ], dim=1)
    at_zero_M = posterior.log_prob(torch.zeros_like(posterior.mean))
    of_z = torch.cat([z_NZ.square(), z_NZ], dim=1)
    for some in torch.split(of_z, max(1, _PAIRS_AT_ONCE // len(at_zero_M))):
        yield torch.addmm(at_zero_M, some, of_posterior.T)
