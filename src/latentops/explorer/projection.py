# ruff: noqa: N815 - names end in their shape suffixes
"""Two maps of codes: the directions in which they vary most, and who is near whom.

Shape suffixes: N codes, Z latent dimensions.
"""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

_PERPLEXITY = 30.0
_LEAST_CODES = 8  # of fewer, t-SNE says nothing
_STEPS = 500  # more change nothing that is seen
_SEED = 0


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


def neighbourhoods(mean_NZ: np.ndarray, directions: Projection) -> np.ndarray | None:
    """t-SNE (van der Maaten and Hinton 2008), from `directions`: float32 [N, 2] in -1..1.

    Near codes stay near; far ones may stand anywhere. None for fewer codes than say anything. On
    one thread, so that the same codes give the same map.
    """
    if len(mean_NZ) < _LEAST_CODES or directions.explained == 0:
        return None
    from sklearn.manifold import TSNE  # slow

    first_N2 = (mean_NZ - directions.center_Z) @ directions.axes_2Z.T
    perplexity = min(_PERPLEXITY, (len(mean_NZ) - 1) / 3)
    embedding = TSNE(
        init=1e-4 * first_N2 / first_N2[:, 0].std(),
        perplexity=perplexity,
        max_iter=_STEPS,
        random_state=_SEED,
    )
    with threadpool_limits(1):
        near_N2 = embedding.fit_transform(mean_NZ)
    return np.asarray(near_N2 / np.abs(near_N2).max(), dtype=np.float32)
