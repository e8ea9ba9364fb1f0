"""Two samples as counts of classes or of bins: are they of one distribution?

Shape suffixes: C classes, or bins in order, that are not empty in both; D draws.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from latentops.monitor import permutation


class Tested(NamedTuple):
    """A statistic, larger where the samples are less alike, and its p-value."""

    statistic: float
    p: float


Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of the window's counts [D, C], or [C]; of those of both samples together, [C]; and of the places
of these bins in what was given, [C]."""


def chi_square(
    reference_C: np.ndarray, window_C: np.ndarray, generator: np.random.Generator
) -> Tested:
    """Pearson's, of homogeneity.

    With many classes too little is expected of each for the chi-square distribution to hold, hence
    the permutations (Hope 1968, A simplified Monte Carlo significance test procedure).
    """
    return _tested(_pearson, reference_C, window_C, generator)


def anderson_darling(
    reference_C: np.ndarray, window_C: np.ndarray, generator: np.random.Generator
) -> Tested:
    """Of two samples with ties (Scholz and Stephens 1987, K-sample Anderson-Darling tests).

    The difference of the distribution functions is weighed by its spread, so that a shift is seen
    and so are a few extreme rows.
    """
    return _tested(_integrated, reference_C, window_C, generator)


def mean_difference(
    reference_C: np.ndarray, window_C: np.ndarray, generator: np.random.Generator
) -> Tested:
    """Of values in bins of equal width, to either side.

    A few rows of another kind, each far from the others, move a mean more than they move ranks.
    """
    return _tested(_shift, reference_C, window_C, generator)


def _pearson(window_DC: np.ndarray, pooled_C: np.ndarray, _: np.ndarray) -> np.ndarray:
    share = window_DC.sum(-1, keepdims=True) / pooled_C.sum()
    square_DC = np.square(window_DC - pooled_C * share)
    return np.asarray((square_DC / (pooled_C * share * (1 - share))).sum(-1))


def _integrated(window_DC: np.ndarray, pooled_C: np.ndarray, _: np.ndarray) -> np.ndarray:
    rows = pooled_C.sum()
    upto_C = pooled_C.cumsum()[:-1]
    share = window_DC.sum(-1, keepdims=True) / rows
    square_DC = np.square(window_DC.cumsum(-1)[..., :-1] - upto_C * share)
    weight_C = pooled_C[:-1] / (upto_C * (rows - upto_C))
    return np.asarray((square_DC * weight_C / (share * (1 - share))).sum(-1))


def _shift(window_DC: np.ndarray, pooled_C: np.ndarray, place_C: np.ndarray) -> np.ndarray:
    """In widths of a bin."""
    mean = (pooled_C @ place_C) / pooled_C.sum()
    rows = window_DC.sum(-1)
    own_D = (window_DC @ (place_C - mean)) / rows
    return np.asarray(np.abs(own_D) * pooled_C.sum() / (pooled_C.sum() - rows))


def _tested(
    statistic: Statistic,
    reference_C: np.ndarray,
    window_C: np.ndarray,
    generator: np.random.Generator,
) -> Tested:
    """Which rows are the window's decides its counts alone: they are hypergeometric."""
    place_C = np.flatnonzero(reference_C + window_C)
    found_C = window_C[place_C]
    pooled_C = reference_C[place_C] + found_C
    rows = int(found_C.sum())

    def draw(draws: int) -> np.ndarray:
        drawn_DC = generator.multivariate_hypergeometric(pooled_C, rows, draws)
        return statistic(drawn_DC, pooled_C, place_C)

    observed = float(statistic(found_C, pooled_C, place_C))
    return Tested(observed, permutation.p_value(observed, draw))
