# ruff: noqa: N802 - names end in their shape suffixes
"""Intervals of shares, and of differences of shares and means, over all that was drawn at random.

Shape suffixes: N test rows, S label samples, V VAE seeds, B bootstrap draws.
"""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

DRAWS = 2_000
_DRAWS_AT_ONCE = 200
_SAME = 1e-6  # float32 sums of equal shares differ by less
_SAMPLES, _SEEDS = 1, 2  # streams of random numbers


class Interval(NamedTuple):
    """A mean, and the ends of its 95 % percentile interval.

    Of shares: where every draw is the same, as where no row is wrong, the ends are 3 / rows away:
    the rule of three (Hanley and Lippman-Hand 1983).
    """

    mean: float
    low: float
    high: float


class Bootstrap:
    """Draws test rows, label samples and VAE seeds together, each with replacement.

    Every array is given the same draws, so that differences are paired. What does not depend on a
    VAE has one seed, which every draw then takes. Of n label samples, or VAE seeds, a draw takes
    n - 1, without which it would vary by (n - 1) / n of the variance there is (Rao and Wu 1988):
    half of it with two seeds. Two or three seeds still say little of how seeds vary.
    """

    def __init__(self, rows: int, seed: int, draws: int = DRAWS) -> None:
        self.rows, self.seed, self.draws = rows, seed, draws

    def interval(self, correct_SVN: np.ndarray) -> Interval:
        """Of the share of `correct`, bool."""
        interval = self._interval(float(correct_SVN.mean()), self._means(correct_SVN))
        return interval._replace(low=max(interval.low, 0.0), high=min(interval.high, 1.0))

    def paired_difference(self, ours_SVN: np.ndarray, theirs_SVN: np.ndarray) -> Interval:
        """Of the share of `ours` minus that of `theirs`; both of the same S and N."""
        difference = float(ours_SVN.mean() - theirs_SVN.mean())
        return self._interval(difference, self._means(ours_SVN) - self._means(theirs_SVN))

    def mean_difference(self, ours_N: np.ndarray, theirs_N: np.ndarray) -> Interval:
        """Of the mean of `ours` minus that of `theirs`: real values, row by row of the same rows.

        Where every row differs by as much, so does every draw. One row says nothing of how rows
        vary: its interval has no ends. A value that is not finite gives NaN.
        """
        if not (np.isfinite(ours_N).all() and np.isfinite(theirs_N).all()):
            return Interval(math.nan, math.nan, math.nan)
        gain_N = np.subtract(ours_N, theirs_N, dtype=np.float64)
        mean = float(gain_N.mean())
        if self.rows == 1:
            return Interval(mean, -math.inf, math.inf)
        moved_B = self._weighted_sums(gain_N - mean) / self.rows
        low, high = np.quantile(moved_B, (0.025, 0.975))
        return Interval(mean, mean + float(low), mean + float(high))

    def mean_ratio(self, ours_N: np.ndarray, theirs_N: np.ndarray) -> Interval:
        """Of the mean of `ours` over that of `theirs`: values above 0, row by row of the same rows.

        One row says nothing of how rows vary: its interval has no ends.
        """
        ours_N, theirs_N = ours_N.astype(np.float64), theirs_N.astype(np.float64)
        ratio = float(ours_N.mean() / theirs_N.mean())
        if self.rows == 1:
            return Interval(ratio, 0.0, math.inf)
        ratio_B = self._weighted_sums(ours_N) / self._weighted_sums(theirs_N)
        low, high = np.quantile(ratio_B, (0.025, 0.975))
        return Interval(ratio, float(low), float(high))

    def _interval(self, mean: float, values_B: np.ndarray) -> Interval:
        low, high = np.quantile(values_B, (0.025, 0.975))
        least = 3 / self.rows if np.ptp(values_B) < _SAME else 0.0
        return Interval(mean, float(low) - least, float(high) + least)

    def _means(self, correct_SVN: np.ndarray) -> np.ndarray:
        """The share in each draw, [B]."""
        samples, seeds, rows = correct_SVN.shape
        flat_NR = correct_SVN.reshape(samples * seeds, rows).T.astype(np.float32)
        shares_BR = self._weighted_sums(flat_NR) / rows
        shares_BSV = shares_BR.reshape(self.draws, samples, seeds)
        times_BS, times_BV = self._taken(_SAMPLES, samples), self._taken(_SEEDS, seeds)
        return np.asarray(np.einsum("bsv,bs,bv->b", shares_BSV, times_BS, times_BV, optimize=True))

    def _weighted_sums(self, values_NR: np.ndarray) -> np.ndarray:
        """Over the rows that each draw takes: [B, R], or [B] of [N], in the values' precision."""
        starts = range(0, self.draws, _DRAWS_AT_ONCE)
        parts = (self._times_BN[at : at + _DRAWS_AT_ONCE] for at in starts)
        return np.concatenate([part.astype(values_NR.dtype) @ values_NR for part in parts])

    def _taken(self, of: int, count: int) -> np.ndarray:
        """How often each of `count` is taken, as a share of the draw: [B, count].

        The same for two arrays of the same count.
        """
        rng = np.random.default_rng([self.seed, of, count])
        size = max(1, count - 1)
        return _drawn(rng, self.draws, count, size) / size

    @cached_property
    def _times_BN(self) -> np.ndarray:
        """How often each test row is taken; uint8, for there are many."""
        rng = np.random.default_rng(self.seed)
        sizes = [
            min(_DRAWS_AT_ONCE, self.draws - at) for at in range(0, self.draws, _DRAWS_AT_ONCE)
        ]
        return np.concatenate(
            [_drawn(rng, size, self.rows, self.rows).astype(np.uint8) for size in sizes]
        )


def _drawn(rng: np.random.Generator, draws: int, count: int, size: int) -> np.ndarray:
    """How often each of `count` stands in each draw of `size`, [draws, count]."""
    taken = rng.integers(count, size=(draws, size)) + count * np.arange(draws)[:, None]
    return np.bincount(taken.ravel(), minlength=draws * count).reshape(draws, count)
