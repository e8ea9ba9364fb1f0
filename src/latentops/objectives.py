# ruff: noqa: N815 - names end in their shape suffixes
"""What training minimizes: the negative ELBO, and its variants as functions of the step.

beta-VAE (Higgins et al. 2017), linear and cyclical warm-up (Fu et al. 2019), free nats per
dimension (Kingma et al. 2016), capacity (Burgess et al. 2018) and a weight for each part of the
rate (beta-TCVAE, Chen et al. 2018). The neutral settings give the negative ELBO itself. `step`
counts the updates made so far and `steps` those planned.

Shape suffixes: B examples of a batch, Z latent dimensions.
"""

import math
from typing import NamedTuple, Self

import pydantic
from torch import Tensor

from latentops.config import Section
from latentops.elbo import Posterior, Terms


class Settings(Section):
    """Section `objective`."""

    beta: float = pydantic.Field(1.0, ge=0, description="weight of the rate")
    warmup: float = pydantic.Field(
        0.0, ge=0, le=1, description="share of the steps, or of each cycle, in which beta rises"
    )
    cycles: int = pydantic.Field(1, ge=1, description="warm-ups in the whole training")
    free_nats: float = pydantic.Field(0.0, ge=0, description="nats per dimension without cost")
    capacity_nats: float | None = pydantic.Field(
        None, ge=0, description="the rate to aim at; it rises from 0 over the warm-up"
    )
    mutual_information: float = pydantic.Field(
        1.0, ge=0, description="weight, times beta, of what the code tells of the example"
    )
    total_correlation: float = pydantic.Field(
        1.0, ge=0, description="weight, times beta, of what the dimensions tell of each other"
    )
    dimension_wise: float = pydantic.Field(
        1.0, ge=0, description="weight, times beta, of each dimension's own KL to the prior"
    )

    @pydantic.model_validator(mode="after")
    def _one_target_for_the_rate(self) -> Self:
        if self.capacity_nats is not None and self.free_nats > 0:
            raise ValueError("free_nats and capacity_nats both set the rate: keep one of them")
        if self.cycles > 1 and self.warmup == 0:
            raise ValueError("cycles without a warmup would do nothing: set warmup, say to 0.5")
        return self

    @pydantic.model_validator(mode="after")
    def _the_parts_are_weighed_of_a_plain_rate(self) -> Self:
        weights = (self.mutual_information, self.total_correlation, self.dimension_wise)
        if weights != (1.0, 1.0, 1.0) and (self.capacity_nats is not None or self.free_nats > 0):
            raise ValueError(
                "free_nats and capacity_nats change the cost of the rate as a whole: leave "
                "mutual_information, total_correlation and dimension_wise at 1, or leave these out"
            )
        return self


class Codes(NamedTuple):
    """The posteriors of a batch and a sample z of each."""

    posterior: Posterior
    z_BZ: Tensor
    examples: int  # of which the batch is a random part


class Parts(NamedTuple):
    """Estimates in nats of two of the rate's three parts; what they leave is the third."""

    mutual_information_B: Tensor
    total_correlation_B: Tensor


def needs_codes(settings: Settings) -> bool:
    """Whether a part of the rate weighs more than another, so that the terms do not suffice."""
    both = (settings.mutual_information, settings.total_correlation)
    return both != (settings.dimension_wise, settings.dimension_wise)


def loss(
    terms: Terms, step: int, steps: int, settings: Settings, codes: Codes | None = None
) -> Tensor:
    """Scalar, nats, mean over the batch; it must have the codes where `needs_codes`."""
    beta = beta_at(step, steps, settings)
    if settings.capacity_nats is not None:
        excess = terms.rate_B.mean() - capacity_at(step, steps, settings)
        return terms.distortion_B.mean() + beta * excess.abs()
    if settings.free_nats > 0:
        paid_Z = terms.rate_BZ.mean(0).clamp(min=settings.free_nats)
        return terms.distortion_B.mean() + beta * paid_Z.sum()
    if needs_codes(settings):
        if codes is None:
            raise ValueError("the parts of the rate are weighed by codes, but none were given")
        return (terms.distortion_B + beta * _weighed(terms, codes, settings)).mean()
    return (terms.distortion_B + beta * settings.dimension_wise * terms.rate_B).mean()


def _weighed(terms: Terms, codes: Codes, settings: Settings) -> Tensor:
    """The weighted sum of the three parts, [B]: the closed form and two estimated differences."""
    rest = settings.dimension_wise
    parts = estimated_parts(codes)
    return (
        rest * terms.rate_B
        + (settings.mutual_information - rest) * parts.mutual_information_B
        + (settings.total_correlation - rest) * parts.total_correlation_B
    )


def estimated_parts(codes: Codes) -> Parts:
    """By stratified sampling (Chen et al. 2018, appendix C), averaged over its one free choice.

    q(z) and q(z_j) are means over the posteriors of all N examples. Of a z drawn for example n, n
    itself stands for one of them and the B - 1 others of the batch for the rest: so estimated,
    they have no bias, and are exact where the batch is all of the data. (Weighted sampling, of the
    same paper, counts n as much as any other, N / B times too often.) The means of their logarithms
    lie below the truth. A batch of one estimates constants, which have no gradient.

    Time and memory grow with B x B x Z.
    """
    pairs_BBZ = _pairwise_log_prob(codes)
    log_share_BB = _log_shares(pairs_BBZ, codes.examples)
    log_aggregate_B = (pairs_BBZ.sum(2) + log_share_BB).logsumexp(1)
    log_marginals_B = (pairs_BBZ + log_share_BB.unsqueeze(2)).logsumexp(1).sum(1)
    return Parts(
        mutual_information_B=codes.posterior.log_prob(codes.z_BZ) - log_aggregate_B,
        total_correlation_B=log_aggregate_B - log_marginals_B,
    )


def _pairwise_log_prob(codes: Codes) -> Tensor:
    """log q(z_j of a row given the example of a column); the form that float32 bears."""
    mean_BZ, log_variance_BZ = codes.posterior.mean, codes.posterior.log_variance
    scaled_BBZ = (codes.z_BZ.unsqueeze(1) - mean_BZ) * (-0.5 * log_variance_BZ).exp()
    return -0.5 * (scaled_BBZ.square() + (log_variance_BZ + math.log(2 * math.pi)))


def _log_shares(pairs_BBZ: Tensor, examples: int) -> Tensor:
    """[B, B]: the logarithm of the share of the data for which a column stands, seen from a row."""
    batch = len(pairs_BBZ)
    share = (1 - 1 / examples) / max(1, batch - 1)
    return pairs_BBZ.new_full((batch, batch), share).fill_diagonal_(1 / examples).log()


def beta_at(step: int, steps: int, settings: Settings) -> float:
    """The weight of the rate; constant where the warm-up is that of the capacity."""
    if settings.capacity_nats is not None:
        return settings.beta
    return settings.beta * _risen(step, steps, settings)


def capacity_at(step: int, steps: int, settings: Settings) -> float:
    """The rate aimed at, in nats; 0 without a capacity."""
    return (settings.capacity_nats or 0.0) * _risen(step, steps, settings)


def settled(step: int, steps: int, settings: Settings) -> bool:
    """Whether the last warm-up is over, so that one epoch's loss compares with another's."""
    return (
        settings.warmup == 0
        or _cycle(step, steps, settings) >= settings.cycles - 1 + settings.warmup
    )


def _risen(step: int, steps: int, settings: Settings) -> float:
    """The share of the current warm-up that is done, 0 to 1."""
    if settings.warmup == 0 or step >= steps:
        return 1.0
    return min(1.0, _cycle(step, steps, settings) % 1.0 / settings.warmup)


def _cycle(step: int, steps: int, settings: Settings) -> float:
    return step * settings.cycles / steps
