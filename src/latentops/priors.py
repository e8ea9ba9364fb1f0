"""What the codes are drawn from before an example is seen: p(z).

Shape suffixes: B examples, N codes, Z latent dimensions, P parts of a mixture.
"""

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from latentops import elbo
from latentops.elbo import Posterior

FIRST_SPREAD = 0.5  # standard deviation of the means of a mixture's parts


class Prior(Protocol):
    """What a model asks of its prior."""

    def rate(self, posterior: Posterior, z: Tensor) -> Tensor:
        """KL(q(z given x) || p(z)), nats: [B, Z] in closed form, or [B, 1] as estimated at `z`."""

    def by_dimension(self, posterior: Posterior) -> Tensor:
        """[B, Z], nats: the KL of each dimension by itself; nearly so where it has no closed form.

        What a dimension is used for, to be set beside the others; `rate` is what a code costs.
        """

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each dimension, [Z] both."""

    def log_prob(self, z: Tensor) -> Tensor:
        """[..., B] for z [..., B, Z], nats."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """[n, Z]: with a generator the same first rows for any n."""


class StandardNormal(nn.Module):
    """Independent standard normals: nothing is learned."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent

    def rate(self, posterior: Posterior, z: Tensor) -> Tensor:
        return self.by_dimension(posterior)

    def by_dimension(self, posterior: Posterior) -> Tensor:
        return posterior.kl()

    def moments(self) -> tuple[Tensor, Tensor]:
        return torch.zeros(self.latent), torch.ones(self.latent)

    def log_prob(self, z: Tensor) -> Tensor:
        return elbo.standard_normal_log_prob(z)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return _noise(n, self.latent, generator)


class SoftmaxDirichlet(nn.Module):
    """Independent normals whose softmax is near a symmetric Dirichlet distribution.

    The Laplace approximation in the softmax basis (MacKay 1998; Srivastava and Sutton 2017, eq. 4)
    has mean 0 and this variance in each dimension: what it says of two at once is left out there
    too. The lower the concentration, the more of the softmax stands in few places.
    """

    def __init__(self, latent: int, concentration: float) -> None:
        super().__init__()
        self.latent = latent
        self.variance = (1 - 1 / latent) / concentration

    def rate(self, posterior: Posterior, z: Tensor) -> Tensor:
        return self.by_dimension(posterior)

    def by_dimension(self, posterior: Posterior) -> Tensor:
        mean_Z = posterior.mean.new_zeros(self.latent)
        return _kl_to_normal(posterior, mean_Z, torch.full_like(mean_Z, self.variance))

    def moments(self) -> tuple[Tensor, Tensor]:
        return torch.zeros(self.latent), torch.full((self.latent,), math.sqrt(self.variance))

    def log_prob(self, z: Tensor) -> Tensor:
        scale = math.sqrt(self.variance)
        return elbo.standard_normal_log_prob(z / scale) - self.latent * math.log(scale)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return math.sqrt(self.variance) * _noise(n, self.latent, generator)


class Mixture(nn.Module):
    """A mixture of P independent normals, all of it learned with the model.

    The best prior for an ELBO is the average of all posteriors (Hoffman and Johnson 2016), which
    one normal cannot be. A VampPrior (Tomczak and Welling 2018) writes the same normals as codes
    of made-up examples.
    """

    def __init__(self, latent: int, parts: int) -> None:
        super().__init__()
        mean_PZ = torch.empty(parts, latent)
        if not mean_PZ.is_meta:  # where weights follow, normal_ would load the whole compiler
            mean_PZ.normal_(std=FIRST_SPREAD)
        self.mean = nn.Parameter(mean_PZ)
        self.log_variance = nn.Parameter(torch.zeros(parts, latent))
        self.logits = nn.Parameter(torch.zeros(parts))

    def rate(self, posterior: Posterior, z: Tensor) -> Tensor:
        """[..., B, 1]: log q(z given x) - log p(z), which is right on average over z."""
        return (posterior.log_prob(z) - self.log_prob(z)).unsqueeze(-1)

    def by_dimension(self, posterior: Posterior) -> Tensor:
        """To the normal that has the mean and the variance of the mixture there."""
        mean_Z, deviation_Z = self.moments()
        return _kl_to_normal(posterior, mean_Z, deviation_Z.square())

    def moments(self) -> tuple[Tensor, Tensor]:
        share_P1 = self.logits.softmax(-1).unsqueeze(-1)
        mean_Z = (share_P1 * self.mean).sum(0)
        spread_PZ = self.log_variance.exp() + (self.mean - mean_Z).square()
        return mean_Z, (share_P1 * spread_PZ).sum(0).sqrt()

    def log_prob(self, z: Tensor) -> Tensor:
        """In the precision of z."""
        each = (self.mean, self.log_variance, self.logits)
        mean_PZ, log_variance_PZ, logits_P = (part.to(z.dtype) for part in each)
        precision_PZ = (-log_variance_PZ).exp()
        squares = (  # of (z - mean) / sd, without an array of all the differences
            z.square() @ precision_PZ.T
            - 2 * z @ (mean_PZ * precision_PZ).T
            + (mean_PZ.square() * precision_PZ).sum(-1)
        )
        constant_P = log_variance_PZ.sum(-1) + mean_PZ.shape[1] * math.log(2 * math.pi)
        return (logits_P.log_softmax(-1) - 0.5 * (squares + constant_P)).logsumexp(-1)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        noise_NZ1 = _noise(n, self.mean.shape[1] + 1, generator)
        upto_P = self.logits.softmax(-1).cumsum(-1)
        part_N = torch.bucketize(torch.special.ndtr(noise_NZ1[:, -1]), upto_P[:-1])
        return self.mean[part_N] + (0.5 * self.log_variance[part_N]).exp() * noise_NZ1[:, :-1]


def _kl_to_normal(posterior: Posterior, mean_Z: Tensor, variance_Z: Tensor) -> Tensor:
    """KL(q(z given x) || N(mean, variance)) of each dimension, [B, Z]."""
    standardized = Posterior(
        (posterior.mean - mean_Z) / variance_Z.sqrt(), posterior.log_variance - variance_Z.log()
    )
    return standardized.kl()


def _noise(n: int, width: int, generator: torch.Generator | None) -> Tensor:
    """[n, width]; torch draws by sixteens, and what is left over in another way."""
    rows = 16 * math.ceil(n / 16)
    device = generator.device if generator else None
    return torch.randn((rows, width), generator=generator, device=device)[:n]
