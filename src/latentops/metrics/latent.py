"""What a code carries: which dimensions are used, and how much they tell of the example."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from latentops import elbo

ACTIVE_VARIANCE = 0.01  # of the posterior mean over examples: Burda et al. 2016
_PAIRS_AT_ONCE = 2**22  # 32 MB of float64


def active(mean_NZ: Tensor) -> Tensor:
    """Which dimensions' means vary over the examples by more than `ACTIVE_VARIANCE`: [Z], bool."""
    return mean_NZ.double().var(0, correction=0) > ACTIVE_VARIANCE


def active_units(mean_NZ: Tensor) -> int:
    return int(active(mean_NZ).sum())


@dataclass(frozen=True)
class Information:
    """The two parts of the rate (Hoffman and Johnson 2016), by samples of z.

    Their sum is the rate, with the same samples. The mutual information between an example's
    index and its code cannot pass ln of `examples`; the aggregate KL is of the mean posterior
    over these examples to the prior.
    """

    mutual_information_nats: float
    aggregate_kl_nats: float
    examples: int


@torch.no_grad()
def information(
    posterior: elbo.Posterior, generator: torch.Generator, rows: Tensor | None = None
) -> Information:
    """By one sample of z for each of `rows` (None: of all), against the aggregate of all examples.

    The aggregate is exact: time grows with the rows times the examples.
    """
    exact = elbo.Posterior(posterior.mean.double(), posterior.log_variance.double())
    asked = posterior if rows is None else _at(posterior, rows)
    own = exact if rows is None else _at(exact, rows)
    z_NZ = asked.sample(generator).double()
    log_aggregate_N = _aggregate_log_prob(z_NZ, exact)
    return Information(
        mutual_information_nats=(own.log_prob(z_NZ) - log_aggregate_N).mean().item(),
        aggregate_kl_nats=(log_aggregate_N - elbo.standard_normal_log_prob(z_NZ)).mean().item(),
        examples=len(exact.mean),
    )


def _at(posterior: elbo.Posterior, rows: Tensor) -> elbo.Posterior:
    return elbo.Posterior(posterior.mean[rows], posterior.log_variance[rows])


def _aggregate_log_prob(z_NZ: Tensor, posterior: elbo.Posterior) -> Tensor:
    """log 1/M sum over the M posteriors of q(z | x_m): [N], nats."""
    count = len(posterior.mean)
    rows = torch.split(z_NZ, max(1, _PAIRS_AT_ONCE // count))
    log_sum_N = torch.cat([_pairwise_log_prob(z, posterior).logsumexp(1) for z in rows])
    return log_sum_N - math.log(count)


def _pairwise_log_prob(z_NZ: Tensor, posterior: elbo.Posterior) -> Tensor:
    """log q(z_n | x_m) for every pair, [N, M], as matrix products: no [N, M, Z] is made."""
    precision_MZ = (-posterior.log_variance).exp()
    scaled_mean_MZ = posterior.mean * precision_MZ
    squares_NM = z_NZ.square() @ precision_MZ.T - 2 * z_NZ @ scaled_mean_MZ.T
    at_zero_M = posterior.log_prob(torch.zeros_like(posterior.mean))
    return at_zero_M - 0.5 * squares_NM
