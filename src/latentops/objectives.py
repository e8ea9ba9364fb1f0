# ruff: noqa: N815 - names end in their shape suffixes
"""What training minimizes: the negative ELBO, and its variants as functions of the step.

beta-VAE (Higgins et al. 2017), linear and cyclical warm-up (Fu et al. 2019), free nats per
dimension (Kingma et al. 2016), capacity (Burgess et al. 2018), a rate that is held by a multiplier,
a weight for each part of the rate (beta-TCVAE, Chen et al. 2018), the importance-weighted bound
(Burda et al. 2016) and a weight for each document by its length. The neutral settings give the
negative ELBO itself. `step` counts the updates made so far and `steps` those planned.

Shape suffixes: K samples, B examples of a batch, Z latent dimensions.
"""

import math
from typing import NamedTuple, Self

import pydantic
import torch
from torch import Tensor

from latentops.config import Section
from latentops.elbo import Posterior, Terms

_GAIN = 0.01  # of the multiplier's logarithm, by update
_LOG_MULTIPLIER_RANGE = (math.log(1e-4), math.log(1e4))
_HELD_WITHIN = 0.1


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
    rate_nats: float | None = pydantic.Field(
        None, gt=0, description="the rate to hold: beta is where its multiplier starts"
    )
    samples: int = pydantic.Field(
        1, ge=1, description="codes of each example; more than 1: the importance-weighted bound"
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

    length_power: float = pydantic.Field(
        0.0, ge=0, le=1, description="a document of N words weighs N ** -this; 0: all the same"
    )

    @pydantic.model_validator(mode="after")
    def _one_target_for_the_rate(self) -> Self:
        if len(self._targets) > 1:
            raise ValueError(f"{' and '.join(self._targets)} both set the rate: keep one of them")
        if self.cycles > 1 and self.warmup == 0:
            raise ValueError("cycles without a warmup would do nothing: set warmup, say to 0.5")
        return self

    @pydantic.model_validator(mode="after")
    def _a_multiplier_has_the_weight_to_itself(self) -> Self:
        if self.rate_nats is not None and (self.warmup > 0 or self.beta == 0):
            raise ValueError(
                "rate_nats moves the weight of the rate from beta on, which must be above 0, and "
                "leaves nothing to a warmup: set that to 0"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _the_parts_are_weighed_of_a_plain_rate(self) -> Self:
        if self._weighs_parts and (self._targets or self.samples > 1):
            raise ValueError(
                "free_nats, capacity_nats, rate_nats and samples change the cost of the rate as a "
                "whole: leave mutual_information, total_correlation and dimension_wise at 1, or "
                "leave these out"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _samples_bound_the_evidence(self) -> Self:
        if self.samples > 1 and self._targets:
            raise ValueError(
                f"samples above 1 maximise another bound, which has no rate to set by "
                f"{self._targets[0]}: keep one of them"
            )
        return self

    @property
    def _targets(self) -> list[str]:
        """The settings that say which rate is aimed at."""
        given = {
            "free_nats": self.free_nats > 0,
            "capacity_nats": self.capacity_nats is not None,
            "rate_nats": self.rate_nats is not None,
        }
        return [name for name, is_given in given.items() if is_given]

    @property
    def _weighs_parts(self) -> bool:
        return (self.mutual_information, self.total_correlation, self.dimension_wise) != (1, 1, 1)


def of_autoencoder(settings: Settings) -> Settings:
    """The same where the rate costs nothing: what a pretraining minimizes (Li et al. 2019)."""
    return Settings(beta=0.0, length_power=settings.length_power)


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
    terms: Terms,
    step: int,
    steps: int,
    settings: Settings,
    codes: Codes | None = None,
    weight_B: Tensor | None = None,
    multiplier: Tensor | None = None,
) -> Tensor:
    """Scalar, nats, mean over the batch; it must have the codes where `needs_codes`.

    Weights [B] make the means over the batch weighted ones, whatever their sum. The multiplier is
    beta where a rate is held.
    """
    beta = beta_at(step, steps, settings) if multiplier is None else multiplier
    if settings.capacity_nats is not None:
        excess = mean(terms.rate_B, weight_B) - capacity_at(step, steps, settings)
        return mean(terms.distortion_B, weight_B) + beta * excess.abs()
    if settings.free_nats > 0:
        paid_Z = mean(terms.rate_BZ, weight_B).clamp(min=settings.free_nats)
        return mean(terms.distortion_B, weight_B) + beta * paid_Z.sum()
    if needs_codes(settings):
        if codes is None:
            raise ValueError("the parts of the rate are weighed by codes, but none were given")
        return mean(terms.distortion_B + beta * _weighed(terms, codes, settings), weight_B)
    return mean(terms.distortion_B + beta * settings.dimension_wise * terms.rate_B, weight_B)


def mean(values: Tensor, weight_B: Tensor | None) -> Tensor:
    """Of [B, ...] over B."""
    if weight_B is None:
        return values.mean(0)
    weighted: Tensor = torch.tensordot(weight_B / weight_B.sum(), values, dims=1)
    return weighted


def weight_of_length(length_B: Tensor, settings: Settings) -> Tensor:
    """[B]: N ** -length_power of documents of N words; an empty one weighs as one of one word."""
    return length_B.clamp(min=1).pow(-settings.length_power)


def importance_loss(
    log_likelihood_KB: Tensor,
    log_ratio_KB: Tensor,
    beta: float,
) -> Tensor:
    """[B], nats: the importance-weighted bound of K samples, negated (Burda et al. 2016, eq. 8).

    The ratio is q(z given x) / p(z). With beta other than 1 that is weighted as the rate is
    elsewhere, and there is no bound.
    """
    log_weight_KB = log_likelihood_KB - beta * log_ratio_KB
    return math.log(len(log_weight_KB)) - log_weight_KB.logsumexp(0)


def next_log_multiplier(log_multiplier: Tensor, rate_nats: Tensor, settings: Settings) -> Tensor:
    """After a batch of that mean rate: dual ascent on the constraint, in the logarithm.

    A multiplier that stays positive never pays for rate that tells nothing: below the target it
    falls towards 0, where the model is an autoencoder. The step does not depend on the target's
    size, and is the largest from twice the target on.
    """
    if settings.rate_nats is None:
        raise ValueError("no rate is held")
    excess = (rate_nats / settings.rate_nats - 1).clamp(max=1)
    return (log_multiplier + _GAIN * excess).clamp(*_LOG_MULTIPLIER_RANGE)


def rate_is_held(rate_nats: float, settings: Settings) -> bool:
    """Whether it is within a tenth of the target; true where there is none."""
    return settings.rate_nats is None or abs(rate_nats / settings.rate_nats - 1) <= _HELD_WITHIN


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
