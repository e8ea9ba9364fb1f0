"""Residual convolutional networks for images of any size and any number of channels.

Feature maps of half the height and width, then of a quarter, and so on: nothing is computed at the
full size, where a convolution costs most and a CPU is slowest. Blocks are residual and activated
before they convolve (He et al. 2016), without normalisation. Maps are stored with their channels
last, which lets a CPU convolve twice as fast, and with bfloat16 about seven times.
"""

import math
from typing import Literal

import pydantic
import torch
from torch import Tensor, nn

from latentops.networks import images, layers
from latentops.networks.settings import Activation, Widths

_FIRST_RESIDUE = 0.1  # of what the last convolution of a block would add

Size = tuple[int, int]


class Settings(images.Settings):
    """Section `model` with kind conv."""

    kind: Literal["conv"] = "conv"
    channels: Widths = pydantic.Field(
        (32, 64),
        min_length=1,
        description="of the feature maps: each has half the height and width of the one before, "
        "the first half those of the image; the decoder has them in reverse",
    )
    blocks: int = pydantic.Field(
        1, ge=0, description="residual blocks, of two convolutions each, at each size"
    )
    hidden: Widths = pydantic.Field(
        (256,), description="widths of the encoder's fully connected layers behind the maps"
    )
    decoder_hidden: Widths = pydantic.Field(
        (256,), description="widths of the decoder's fully connected layers before its maps"
    )


class Block(nn.Module):
    """Maps [N, C, H, W] plus what two convolutions make of them: little at first."""

    def __init__(self, channels: int, name: Activation) -> None:
        super().__init__()
        first, last = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        last.weight.data.mul_(_FIRST_RESIDUE)
        self.residue = nn.Sequential(layers.activation(name), first, layers.activation(name), last)

    def forward(self, x: Tensor) -> Tensor:
        residue: Tensor = self.residue(x)
        return x + residue


class Doubled(nn.Module):
    """Maps to maps of twice their height and width, cut to `size`: each place gives four.

    A convolution to four times the channels, which are then put side by side (Shi et al. 2016).
    """

    def __init__(self, channels: int, made: int, size: Size, kernel: int) -> None:
        super().__init__()
        self.size = size
        self.convolution = nn.Conv2d(channels, 4 * made, kernel, padding=kernel // 2)
        self.side_by_side = nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        height, width = self.size
        doubled: Tensor = self.side_by_side(self.convolution(x))
        return doubled[..., :height, :width]


class Encoder(images.Encoder):
    """Images [B, C, H, W] to a posterior.

    As features for a classifier it gives the fully connected layers: the maps are too many numbers.
    """

    def __init__(self, shape: tuple[int, ...], settings: Settings, binary: bool = False) -> None:
        super().__init__(settings, binary)
        planes, *_ = shape
        self.maps = nn.Sequential()
        for level, channels in enumerate(settings.channels):
            kernel = 3 if level else 5
            self.maps.append(nn.Conv2d(planes, channels, kernel, stride=2, padding=kernel // 2))
            self.maps.extend(_blocks(channels, settings))
            planes = channels
        self.maps.append(layers.activation(settings.activation))
        values = planes * math.prod(_sizes(shape, settings)[-1])
        widths = [values, *settings.hidden, 2 * settings.latent]
        self.body.extend(layers.perceptron(widths, settings.activation))

    def enter(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        maps: Tensor = self.maps(_channels_last(self.seen(x, generator)))
        return maps.flatten(1)


class Decoder(nn.Module):
    """z [..., Z] to images [..., C, H, W]."""

    def __init__(self, shape: tuple[int, ...], settings: Settings, head: images.Head) -> None:
        super().__init__()
        self.head = head
        sizes, channels = _sizes(shape, settings), settings.channels
        self.first = (channels[-1], *sizes[-1])
        widths = [settings.latent, *settings.decoder_hidden, math.prod(self.first)]
        self.body = layers.perceptron(widths, settings.activation)
        self.maps = nn.Sequential(*_blocks(channels[-1], settings))
        for level in reversed(range(len(channels) - 1)):
            self.maps.append(Doubled(channels[level + 1], channels[level], sizes[level], kernel=1))
            self.maps.extend(_blocks(channels[level], settings))
        self.maps.append(layers.activation(settings.activation))
        planes, height, width = shape
        self.maps.append(Doubled(channels[0], head.planes * planes, (height, width), kernel=3))

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> images.Pixels:
        """Samples of z and examples are one batch of maps."""
        started = self.body(z.reshape(-1, z.shape[-1])).unflatten(-1, self.first)
        raw = self.maps(_channels_last(started)).flatten(1)
        return self.head(raw.reshape(*z.shape[:-1], raw.shape[-1]))


def _blocks(channels: int, settings: Settings) -> list[Block]:
    return [Block(channels, settings.activation) for _ in range(settings.blocks)]


def _sizes(shape: tuple[int, ...], settings: Settings) -> list[Size]:
    """Height and width of the maps of each of `channels`: halves, rounded up."""
    _, height, width = shape
    levels = range(1, len(settings.channels) + 1)
    return [(math.ceil(height / 2**level), math.ceil(width / 2**level)) for level in levels]


def _channels_last(maps: Tensor) -> Tensor:
    return maps.contiguous(memory_format=torch.channels_last)
