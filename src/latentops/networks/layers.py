"""What the networks of every modality share."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import pydantic
from torch import Tensor, nn

from latentops.config import Section
from latentops.elbo import Posterior

Activation = Literal["relu", "tanh", "silu", "gelu"]
Widths = tuple[pydantic.PositiveInt, ...]

LOG_VARIANCE_RANGE = (-8.0, 4.0)

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


class Common(Section):
    """Settings of every network."""

    latent: int = pydantic.Field(32, ge=1, description="latent dimensions")
    hidden: Widths = pydantic.Field((256,), description="widths of the encoder's hidden layers")
    decoder_hidden: Widths = pydantic.Field((), description="widths of the decoder's, if any")
    activation: Activation = "silu"


def activation(name: Activation) -> nn.Module:
    return _ACTIVATIONS[name]()


def perceptron(widths: Sequence[int], name: Activation) -> nn.Sequential:
    """Linear layers from width to width, with an activation between two of them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation(name)]
    return nn.Sequential(*layers[:-1])


def posterior(heads: Tensor) -> Posterior:
    """Mean and log-variance out of [B, 2 Z]; the log-variance is clamped: exp() stays harmless."""
    mean_BZ, log_variance_BZ = heads.chunk(2, dim=-1)
    return Posterior(mean_BZ, log_variance_BZ.clamp(*LOG_VARIANCE_RANGE))
