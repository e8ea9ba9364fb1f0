"""Fully connected networks for images."""

import math
from typing import Literal

import pydantic
import torch
from torch import Tensor, nn

from latentops.likelihoods import Bernoulli, DiscretizedLogistic, LogisticMixture
from latentops.networks import layers, noise

LOG_SCALE_RANGE = (-7.0, 2.0)
FIRST_LOG_SCALE = -2.0


class Settings(layers.Common):
    """Section `model` with kind mlp."""

    kind: Literal["mlp"] = "mlp"
    decoder_hidden: layers.Widths = pydantic.Field(
        (256,), description="widths of the decoder's hidden layers"
    )
    likelihood: Literal["auto", "bernoulli", "logistic"] = pydantic.Field(
        "auto", description="auto: bernoulli for binary pixels, else a discretized logistic"
    )
    mixtures: int = pydantic.Field(1, ge=1, description="logistics that each pixel is a mixture of")
    pixel_noise: float = pydantic.Field(
        0.0,
        ge=0,
        le=1,
        description="in training, on what the encoder reads: the standard deviation on grey "
        "pixels, the share flipped of binary ones; each image another, evenly from 0 to this",
    )
    pixel_blank: float = pydantic.Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the pixels that the encoder reads as 0 in training; likewise",
    )


class Encoder(layers.Encoder):
    """Images [B, *shape] with values in [0, 1] to a posterior; `binary`: they are 0 or 1.

    In training it reads them damaged, while the likelihood is asked for them whole: a denoising VAE
    (Im et al. 2017).
    """

    def __init__(self, shape: tuple[int, ...], settings: Settings, binary: bool = False) -> None:
        super().__init__(settings)
        self.binary = binary
        self.pixel_noise, self.pixel_blank = settings.pixel_noise, settings.pixel_blank
        widths = [math.prod(shape), *settings.hidden, 2 * settings.latent]
        self.body.extend(layers.perceptron(widths, settings.activation))

    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        return (self._damaged(x, generator) if self.training else x).flatten(1)

    def _damaged(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Each image as strongly as chance has it, so that clean ones are no strangers."""
        if self.pixel_noise > 0:
            add = noise.flipped if self.binary else noise.noisy
            x = add(x, noise.up_to(self.pixel_noise, x, generator), generator)
        if self.pixel_blank > 0:
            x = noise.blanked(x, noise.up_to(self.pixel_blank, x, generator), generator)
        return x


class BernoulliDecoder(nn.Module):
    """z [..., Z] to binary images [..., *shape]."""

    def __init__(self, shape: tuple[int, ...], settings: Settings) -> None:
        super().__init__()
        self.shape = shape
        widths = [settings.latent, *settings.decoder_hidden, math.prod(shape)]
        self.body = layers.perceptron(widths, settings.activation)

    def forward(self, z: Tensor) -> Bernoulli:
        return Bernoulli(layers.widened(self.body(z).unflatten(-1, self.shape)))


class LogisticDecoder(nn.Module):
    """z [..., Z] to images [..., *shape] of some grey levels, each pixel with its own scale."""

    def __init__(self, shape: tuple[int, ...], levels: int, settings: Settings) -> None:
        super().__init__()
        self.shape = shape
        self.levels = levels
        widths = [settings.latent, *settings.decoder_hidden, 2 * math.prod(shape)]
        self.body = layers.perceptron(widths, settings.activation)

    def forward(self, z: Tensor) -> DiscretizedLogistic:
        halves = layers.widened(self.body(z).unflatten(-1, (2, *self.shape)))
        mean, log_scale = halves.unbind(-1 - len(self.shape))
        return DiscretizedLogistic(
            mean.sigmoid(), (log_scale + FIRST_LOG_SCALE).clamp(*LOG_SCALE_RANGE), self.levels
        )


class LogisticMixtureDecoder(nn.Module):
    """z [..., Z] to images [..., *shape] of some grey levels, each pixel a mixture of logistics."""

    def __init__(self, shape: tuple[int, ...], levels: int, settings: Settings) -> None:
        super().__init__()
        self.shape = shape
        self.levels = levels
        self.parts = settings.mixtures
        widths = [settings.latent, *settings.decoder_hidden, 3 * self.parts * math.prod(shape)]
        self.body = layers.perceptron(widths, settings.activation)

    def forward(self, z: Tensor) -> LogisticMixture:
        thirds = layers.widened(self.body(z).unflatten(-1, (3, self.parts, *self.shape)))
        axis = -2 - len(self.shape)
        logits, location, log_scale = (each.movedim(axis + 1, 0) for each in thirds.unbind(axis))
        return LogisticMixture(
            logits,
            location + 0.5,
            (log_scale + FIRST_LOG_SCALE).clamp(*LOG_SCALE_RANGE),
            self.levels,
        )
