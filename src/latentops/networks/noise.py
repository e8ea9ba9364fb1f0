"""Damaged pixels: what an image model may read in training, and what its repair is measured on.

Pixels are float in [0, 1], of any shape; a strength is a number, or one for each pixel or image.
"""

import torch
from torch import Tensor

Strength = float | Tensor


def noisy(pixels: Tensor, sd: Strength, generator: torch.Generator | None = None) -> Tensor:
    """With Gaussian noise of standard deviation `sd` on each pixel, clipped to [0, 1]."""
    noise = torch.randn(pixels.shape, generator=generator, device=pixels.device, dtype=pixels.dtype)
    return (pixels + sd * noise).clamp(0, 1)


def flipped(pixels: Tensor, share: Strength, generator: torch.Generator | None = None) -> Tensor:
    """Each pixel turned into 1 minus itself with probability `share`: for those of 0 and 1."""
    return torch.where(_chosen(pixels, share, generator), 1 - pixels, pixels)


def blanked(pixels: Tensor, share: Strength, generator: torch.Generator | None = None) -> Tensor:
    """Each pixel 0 with probability `share`: the masking noise of Vincent et al. 2008."""
    return pixels.masked_fill(_chosen(pixels, share, generator), 0)


def up_to(strength: float, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A strength for each image of [B, ...], drawn evenly between 0 and `strength`: [B, 1, ...]."""
    shape = (len(images), *(1 for _ in images.shape[1:]))
    return strength * torch.rand(shape, generator=generator, device=images.device)


def _chosen(pixels: Tensor, share: Strength, generator: torch.Generator | None) -> Tensor:
    return torch.rand(pixels.shape, generator=generator, device=pixels.device) < share
