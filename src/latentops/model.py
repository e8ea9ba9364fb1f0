# ruff: noqa: N815 - names end in their shape suffixes
"""The variational autoencoder: an encoder and a decoder that return distributions."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentops.elbo import Posterior
from latentops.likelihoods import Likelihood
from latentops.priors import Prior, StandardNormal


class Output(NamedTuple):
    """One pass: q(z given x), a sample z of it, p(x given z), and the rate at z (see `priors`)."""

    posterior: Posterior
    z: Tensor
    likelihood: Likelihood
    rate_BZ: Tensor


class Reading(NamedTuple):
    """What the encoder makes of B examples: features for a classifier.

    `hidden_BH` has every hidden layer after its activation, side by side; H is 0 without any.
    """

    posterior: Posterior
    hidden_BH: Tensor


class VAE(nn.Module):
    """`encoder(x, generator)` gives a Posterior and `decoder(z, generator)` a Likelihood.

    `encoder.read(x)` gives the Posterior and the hidden layers of the same pass.

    There is no loss here, and no random number but from the generator that the caller passes
    (torch's own where it is None).
    """

    prior: Prior

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, latent: int, prior: Prior | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent = latent
        self.prior = prior or StandardNormal(latent)

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        """The generator serves dropout: only in training mode."""
        posterior: Posterior = self.encoder(x, generator)
        return posterior

    def read(self, x: Tensor) -> Reading:
        """For a model in evaluation mode: no generator is asked for dropout."""
        return Reading(*self.encoder.read(x))  # type: ignore[operator]

    def decode(self, z: Tensor, generator: torch.Generator | None = None) -> Likelihood:
        """For z [..., Z]; the generator serves dropout: only in training mode."""
        likelihood: Likelihood = self.decoder(z, generator)
        return likelihood

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Output:
        posterior = self.encode(x, generator)
        z_BZ = posterior.sample(generator)
        rate_BZ = self.prior.rate(posterior, z_BZ)
        return Output(posterior, z_BZ, self.decode(z_BZ, generator), rate_BZ)
