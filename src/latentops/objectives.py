"""What training minimizes: the negative ELBO, and its variants as functions of the step.

beta-VAE (Higgins et al. 2017), linear and cyclical warm-up (Fu et al. 2019), free nats per
dimension (Kingma et al. 2016) and capacity (Burgess et al. 2018). The neutral settings give the
negative ELBO itself. `step` counts the updates made so far and `steps` those planned.
"""

from typing import Self

import pydantic
from torch import Tensor

from latentops.config import Section
from latentops.elbo import Terms


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

    @pydantic.model_validator(mode="after")
    def _one_target_for_the_rate(self) -> Self:
        if self.capacity_nats is not None and self.free_nats > 0:
            raise ValueError("free_nats and capacity_nats both set the rate: keep one of them")
        if self.cycles > 1 and self.warmup == 0:
            raise ValueError("cycles without a warmup would do nothing: set warmup, say to 0.5")
        return self


def loss(terms: Terms, step: int, steps: int, settings: Settings) -> Tensor:
    """Scalar, nats, mean over the batch."""
    beta = beta_at(step, steps, settings)
    if settings.capacity_nats is not None:
        excess = terms.rate_B.mean() - capacity_at(step, steps, settings)
        return terms.distortion_B.mean() + beta * excess.abs()
    if settings.free_nats > 0:
        paid_Z = terms.rate_BZ.mean(0).clamp(min=settings.free_nats)
        return terms.distortion_B.mean() + beta * paid_Z.sum()
    return (terms.distortion_B + beta * terms.rate_B).mean()


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
