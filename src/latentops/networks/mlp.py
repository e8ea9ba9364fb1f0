"""Fully connected networks for images."""

import math

import torch
from torch import Tensor, nn

from latentops.networks import images, layers
from latentops.networks.settings import Mlp

Settings = Mlp


class Encoder(images.Encoder):
    """Images [B, *shape] to a posterior."""

    def __init__(self, shape: tuple[int, ...], settings: Settings, binary: bool = False) -> None:
        super().__init__(settings, binary)
        widths = [math.prod(shape), *settings.hidden, 2 * settings.latent]
        self.body.extend(layers.perceptron(widths, settings.activation))

    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        return self.seen(x, generator).flatten(1)


class Decoder(nn.Module):
    """z [..., Z] to images [..., *shape]."""

    def __init__(self, shape: tuple[int, ...], settings: Settings, head: images.Head) -> None:
        super().__init__()
        self.head = head
        widths = [settings.latent, *settings.decoder_hidden, head.planes * math.prod(shape)]
        self.body = layers.perceptron(widths, settings.activation)

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> images.Pixels:
        return self.head(self.body(z))
