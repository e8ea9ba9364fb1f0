# ruff: noqa: N815 - names end in their shape suffixes
"""The variational autoencoder: an encoder and a decoder that return distributions."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from latentops.elbo import Posterior
from latentops.likelihoods import Likelihood


class Output(NamedTuple):
    """One pass: q(z given x), a sample z of it, and p(x given z)."""

    posterior: Posterior
    z: Tensor
    likelihood: Likelihood


class Reading(NamedTuple):
    """What the encoder makes of B examples: features for a classifier.

    `hidden_BH` has every hidden layer after its activation, side by side; H is 0 without any.
    """

    posterior: Posterior
    hidden_BH: Tensor


class VAE(nn.Module):
    """`encoder(x, generator)` gives a Posterior and `decoder(z)` a Likelihood.

    `encoder.read(x)` gives the Posterior and the hidden layers of the same pass.

    There is no loss here, and no random number but from the generator that the caller passes
    (torch's own where it is None).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent = latent

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        """The generator serves dropout: only in training mode."""
        posterior: Posterior = self.encoder(x, generator)
        return posterior

    def read(self, x: Tensor) -> Reading:
        """For a model in evaluation mode: no generator is asked for dropout."""
        return Reading(*self.encoder.read(x))  # type: ignore[operator]

    def decode(self, z: Tensor) -> Likelihood:
        """For z [..., Z]."""
        likelihood: Likelihood = self.decoder(z)
        return likelihood

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Output:
        posterior = self.encode(x, generator)
        z_BZ = posterior.sample(generator)
        return Output(posterior, z_BZ, self.decode(z_BZ))
