"""Images and the map of the latent space: what the pictures of a report show."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from latentops.artifacts import Spec
from latentops.data.batches import Examples
from latentops.evaluation.results import Gallery
from latentops.model import VAE

_RECONSTRUCTED = 16
_DREAMT = 32
_TRAVERSED_DIMENSIONS = 8
_TRAVERSAL = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)  # prior standard deviations
_MAP_ROWS = 2_000


def most_used(rate_Z: np.ndarray, most: int) -> tuple[int, ...]:
    """Latent dimensions by falling rate."""
    order = np.argsort(-rate_Z, kind="stable")
    return tuple(int(index) for index in order[:most])


@torch.no_grad()
def images(vae: VAE, shown: Examples, rate_Z: np.ndarray, generator: torch.Generator) -> Gallery:
    """Mean images: what the decoder expects, without pixel noise."""
    originals = shown.batch(spread(len(shown), _RECONSTRUCTED)).input
    dimensions = most_used(rate_Z, _TRAVERSED_DIMENSIONS)
    prior = vae.prior.sample(_DREAMT, generator)
    return Gallery(
        originals=originals.numpy(),
        reconstructions=vae.decode(vae.encode(originals).mean).mean.numpy(),
        prior_samples=vae.decode(prior).mean.numpy(),
        traversal=traversal(vae, dimensions),
        traversal_dimensions=dimensions,
    )


@torch.no_grad()
def traversal(vae: VAE, dimensions: Sequence[int]) -> np.ndarray:
    """Mean images [dimensions, steps, C, H, W] along each axis through the prior's mean."""
    mean_Z, deviation_Z = vae.prior.moments()
    axes = torch.diag(deviation_Z)[list(dimensions)]
    lines_DSZ = mean_Z + torch.tensor(_TRAVERSAL)[:, None] * axes[:, None, :]
    return vae.decode(lines_DSZ).mean.numpy()


def spread(count: int, most: int) -> Tensor:
    """Up to `most` different row numbers, evenly spread."""
    return torch.linspace(0, count - 1, min(count, most)).round().long()


def latent_map(mean_NZ: np.ndarray, y: np.ndarray, spec: Spec) -> pd.DataFrame:
    """Means on their first two principal components; of many, a sample of every class."""
    centered = mean_NZ.astype(np.float64) - mean_NZ.mean(0)
    axes = np.linalg.eigh(centered.T @ centered)[1][:, ::-1]
    flat = np.pad(centered @ axes[:, :2], ((0, 0), (0, max(0, 2 - mean_NZ.shape[1]))))
    rows = np.argsort(y, kind="stable")[spread(len(y), _MAP_ROWS).numpy()]
    return pd.DataFrame(
        {"x": flat[rows, 0], "y": flat[rows, 1], "label": class_names(y[rows], spec)}
    )


def class_names(y: np.ndarray, spec: Spec) -> list[str]:
    """Empty where there is no label."""
    return [spec.classes[index] if index >= 0 else "" for index in y]
