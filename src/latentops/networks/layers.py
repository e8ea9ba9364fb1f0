"""What the networks of every modality share."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import pydantic
import torch
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


class Encoder(nn.Module):
    """Examples to a posterior: `enter`, the layers of `body`, then the two heads.

    A network of one modality says what `enter` does and fills `body`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential()

    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """What the first layer of `body` reads, [B, D]; the generator serves dropout."""
        raise NotImplementedError

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        return posterior(self._through(self.enter(x, generator))[0])

    def read(self, x: Tensor) -> tuple[Posterior, Tensor]:
        """The posterior, and all hidden layers after their activation, side by side, [B, H]."""
        entered_BD = self.enter(x, None)
        heads, hidden = self._through(entered_BD)
        return posterior(heads), torch.cat([entered_BD[:, :0], *hidden], dim=1)

    def _through(self, values: Tensor) -> tuple[Tensor, list[Tensor]]:
        hidden = []
        for layer in self.body:
            values = layer(values)
            if isinstance(layer, tuple(_ACTIVATIONS.values())):
                hidden.append(values)
        return values, hidden


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
