"""A map of codes: the two directions in which they vary most.

Shape suffixes: N codes, Z latent dimensions.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Projection:
    """A code z stands at `axes_2Z` @ (z - `center_Z`)."""

    center_Z: np.ndarray  # float32
    axes_2Z: np.ndarray  # float32, orthonormal; zeros where a code has too few dimensions
    explained: float  # share of the codes' variance that the map shows


def of(mean_NZ: np.ndarray) -> Projection:
    """Principal components; the largest part of each axis is positive, so that none is mirrored."""
    center_Z = mean_NZ.mean(axis=0, dtype=np.float64)
    _, lengths, axes = np.linalg.svd(mean_NZ - center_Z, full_matrices=False)
    axes_2Z = np.zeros((2, mean_NZ.shape[1]))
    found = axes[: min(2, len(axes))]
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    axes_2Z[: len(found)] = found * np.where(largest < 0, -1.0, 1.0)
    variance = np.square(lengths)
    explained = float(variance[:2].sum() / variance.sum()) if variance.sum() > 0 else 0.0
    return Projection(center_Z.astype(np.float32), axes_2Z.astype(np.float32), explained)
