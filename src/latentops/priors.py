"""What the codes are drawn from before an example is seen: p(z).

Shape suffixes: B examples, N codes, Z latent dimensions.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from latentops import elbo
from latentops.elbo import Posterior


class Prior(Protocol):
    """What a model asks of its prior."""

    def rate(self, posterior: Posterior, z: Tensor) -> Tensor:
        """KL(q(z given x) || p(z)), nats: [B, Z] in closed form, or [B, 1] as estimated at `z`."""

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
        return posterior.kl()

    def log_prob(self, z: Tensor) -> Tensor:
        return elbo.standard_normal_log_prob(z)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        device = generator.device if generator else None
        return torch.randn((n, self.latent), generator=generator, device=device)
