# ruff: noqa: N815 - names end in their shape suffixes
"""Which of some examples lie nearest to each other in the latent space.

Shape suffixes: N examples, B of a block, Z latent dimensions, K neighbours.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from latentops.inference import tasks

_EXACT = "donot_use_mm_for_euclid_dist"  # squares less squares lose the digits of what is near
_AT_ONCE = 256


class Nearest(NamedTuple):
    """Of each example the others, the nearest first: their places and distances, [N, K]."""

    place_NK: np.ndarray
    distance_NK: np.ndarray


def nearest(mean_NZ: Tensor, most: int) -> Nearest:
    """By the Euclidean distance of the codes; at most so many, and of equals the first.

    Raises DataError for one example, which has no neighbour.
    """
    tasks.require_neighbours(most, len(mean_NZ))
    kept = min(most, len(mean_NZ) - 1)
    blocks = [_of_block(mean_NZ, start, kept) for start in range(0, len(mean_NZ), _AT_ONCE)]
    place_NK, distance_NK = (torch.cat(parts).numpy() for parts in zip(*blocks, strict=True))
    return Nearest(place_NK, distance_NK)


def _of_block(mean_NZ: Tensor, start: int, kept: int) -> tuple[Tensor, Tensor]:
    some_BZ = mean_NZ[start : start + _AT_ONCE]
    distance_BN = torch.cdist(some_BZ, mean_NZ, compute_mode=_EXACT)
    distance_BN.diagonal(start).fill_(torch.inf)  # nobody is a neighbour of itself
    distance_BN, place_BN = distance_BN.sort(dim=1, stable=True)
    return place_BN[:, :kept], distance_BN[:, :kept]
