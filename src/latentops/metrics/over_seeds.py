"""What a few trainings from different seeds allow to be said of a score."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from latentops.metrics.bootstrap import Interval


def mean(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """With Student's t interval of the mean; one value has no ends (NaN).

    It is exact where the score is normal over seeds, at any number of them: with five a bootstrap
    of them would be a quarter too narrow.
    """
    middle = float(np.mean(values))
    if len(values) < 2:
        return Interval(middle, math.nan, math.nan)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * error
    return Interval(middle, middle - half, middle + half)


def gains(
    ours: Sequence[Sequence[float]], theirs: Sequence[float], confidence: float = 0.95
) -> list[Interval]:
    """The paired difference of each of `ours` to `theirs`, seed by seed.

    The intervals hold all together with that confidence (Bonferroni): the largest gain may be
    picked out of them.
    """
    each = 1 - (1 - confidence) / max(1, len(ours))
    return [mean(np.subtract(values, theirs).tolist(), each) for values in ours]
