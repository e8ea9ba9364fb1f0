"""What the networks for images share: damaged inputs, and p(pixels given z) out of real numbers."""

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from latentops.likelihoods import Bernoulli, DiscretizedLogistic, LogisticMixture
from latentops.networks import layers, noise
from latentops.networks.settings import FIRST_LOG_SCALE, LOG_SCALE_RANGE, Images

Settings = Images

Pixels = Bernoulli | DiscretizedLogistic | LogisticMixture


class Encoder(layers.Encoder, ABC):
    """Images [B, *shape] with values in [0, 1] to a posterior; `binary`: they are 0 or 1.

    In training it reads them damaged, while the likelihood is asked for them whole: a denoising VAE
    (Im et al. 2017).
    """

    def __init__(self, settings: Settings, binary: bool = False) -> None:
        super().__init__(settings)
        self.binary = binary
        self.pixel_noise, self.pixel_blank = settings.pixel_noise, settings.pixel_blank

    def seen(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """What of x is read: in training, each image damaged as strongly as chance has it.

        So clean ones are no strangers.
        """
        if self.training and self.pixel_noise > 0:
            add = noise.flipped if self.binary else noise.noisy
            x = add(x, noise.up_to(self.pixel_noise, x, generator), generator)
        if self.training and self.pixel_blank > 0:
            x = noise.blanked(x, noise.up_to(self.pixel_blank, x, generator), generator)
        return x


class Head(Protocol):
    """Makes a likelihood of images out of `planes` real numbers for each of their values."""

    @property
    def planes(self) -> int: ...

    def __call__(self, raw: Tensor) -> Pixels:
        """`raw` is [..., planes * P], all P values of an image of one plane side by side."""


@dataclass(frozen=True)
class BernoulliHead:
    """Of binary images: the logits."""

    shape: tuple[int, ...]
    planes: ClassVar[int] = 1

    def __call__(self, raw: Tensor) -> Bernoulli:
        return Bernoulli(layers.widened(raw.reshape(*raw.shape[:-1], *self.shape)))


@dataclass(frozen=True)
class LogisticHead:
    """Of images of some grey levels: each value has its own location and scale."""

    shape: tuple[int, ...]
    levels: int
    planes: ClassVar[int] = 2

    def __call__(self, raw: Tensor) -> DiscretizedLogistic:
        halves = layers.widened(raw.reshape(*raw.shape[:-1], 2, *self.shape))
        mean, log_scale = halves.unbind(-1 - len(self.shape))
        return DiscretizedLogistic(mean.sigmoid(), _held(log_scale), self.levels)


@dataclass(frozen=True)
class LogisticMixtureHead:
    """Of images of some grey levels: each value is a mixture of so many logistics, its `parts`."""

    shape: tuple[int, ...]
    levels: int
    parts: int

    @property
    def planes(self) -> int:
        return 3 * self.parts

    def __call__(self, raw: Tensor) -> LogisticMixture:
        thirds = layers.widened(raw.reshape(*raw.shape[:-1], 3, self.parts, *self.shape))
        axis = -2 - len(self.shape)
        logits, location, log_scale = (each.movedim(axis + 1, 0) for each in thirds.unbind(axis))
        return LogisticMixture(logits, location + 0.5, _held(log_scale), self.levels)


def _held(log_scale: Tensor) -> Tensor:
    return (log_scale + FIRST_LOG_SCALE).clamp(*LOG_SCALE_RANGE)
