"""The distribution of a number over rows, in bins whose edges do not depend on any one row.

Shape suffixes: N rows, C bins.
"""

import math

import numpy as np

from latentops.artifacts import Schema

BINS_A_SPREAD = 8  # bins in a standard deviation, about: what they round away, no test would see
_MOST_BINS = 160


class Histogram(Schema):
    """`counts[i]` rows lie from `step` * (`first` + i) up to the next; the mean is of the rows."""

    step: float
    first: int
    counts: tuple[int, ...]
    mean: float

    @property
    def rows(self) -> int:
        return sum(self.counts)


def of(value_N: np.ndarray, step: float | None = None) -> Histogram:
    """Of finite values, one at least. What lies further out than the bins is in the outermost."""
    step = step or _step(value_N)
    middle = math.floor(np.median(value_N) / step)
    place_N = _places(value_N, step, middle - _MOST_BINS // 2, middle + _MOST_BINS // 2)
    first = int(place_N.min())
    counts = np.bincount(place_N - first)
    return Histogram(
        step=step, first=first, counts=tuple(counts.tolist()), mean=float(value_N.mean())
    )


def beside(reference: Histogram, value_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the reference, and of other values, in the same bins: two times [C].

    The first bin and the last are of what lies outside of all bins of the reference.
    """
    first, last = reference.first - 1, reference.first + len(reference.counts)
    place_N = _places(value_N, reference.step, first, last)
    before_C = np.array([0, *reference.counts, 0])
    return before_C, np.bincount(place_N - first, minlength=len(before_C))


def _places(value_N: np.ndarray, step: float, first: int, last: int) -> np.ndarray:
    return np.floor(value_N / step).clip(first, last).astype(np.int64)


def _step(value_N: np.ndarray) -> float:
    """A power of two, so that a row more or less hardly ever changes it."""
    spread = float(value_N.std()) or 1.0
    return 2.0 ** round(math.log2(spread / BINS_A_SPREAD))
