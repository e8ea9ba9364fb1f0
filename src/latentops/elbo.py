# ruff: noqa: N802, N815 - names end in their shape suffixes
"""The approximate posterior and the two terms of the ELBO, in nats: what is reported.

Shape suffixes: K samples, B examples, Z latent dimensions.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Observed(Protocol):
    """The part of a likelihood that the ELBO needs."""

    def log_prob(self, x: Tensor) -> Tensor:
        """[..., B], nats."""


@dataclass(frozen=True)
class Posterior:
    """q(z given x): independent normals with mean and log-variance [B, Z]."""

    mean: Tensor
    log_variance: Tensor

    @property
    def standard_deviation(self) -> Tensor:
        return (0.5 * self.log_variance).exp()

    def sample(
        self, generator: torch.Generator | None = None, samples: int | None = None
    ) -> Tensor:
        """[B, Z], or [K, B, Z] for that many `samples`; gradients reach mean and log-variance."""
        shape = self.mean.shape if samples is None else (samples, *self.mean.shape)
        noise = torch.randn(
            shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        return self.mean + self.standard_deviation * noise

    def log_prob(self, z: Tensor) -> Tensor:
        """[..., B] for z [..., B, Z]."""
        standardized = (z - self.mean) / self.standard_deviation
        return standard_normal_log_prob(standardized) - 0.5 * self.log_variance.sum(-1)

    def kl(self) -> Tensor:
        """KL(q || standard normal), [B, Z], in closed form."""
        excess_variance = torch.expm1(self.log_variance)
        return 0.5 * (self.mean.square() + excess_variance - self.log_variance)


@dataclass(frozen=True)
class Terms:
    """KL(q(z given x) || p(z)), and -log p(x given z) at a sample of q.

    The rate is that of each dimension, or [B, 1] where the prior does not part them.
    """

    rate_BZ: Tensor
    distortion_B: Tensor

    @property
    def rate_B(self) -> Tensor:
        return self.rate_BZ.sum(-1)

    @property
    def elbo_B(self) -> Tensor:
        return -(self.distortion_B + self.rate_B)


def terms(rate_BZ: Tensor, likelihood: Observed, target: Tensor) -> Terms:
    return Terms(rate_BZ=rate_BZ, distortion_B=-likelihood.log_prob(target))


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """[..., B] for z [..., B, Z]."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
