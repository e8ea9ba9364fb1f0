"""Several tests of one window: the chance that any of them raises a false alarm."""

from collections.abc import Sequence

import numpy as np


def adjusted(p_T: Sequence[float]) -> list[float]:
    """p-values that may be compared with the level of all together (Holm 1979)."""
    order = np.argsort(p_T, kind="stable")
    factor_T = np.arange(len(order), 0, -1)
    rising_T = np.maximum.accumulate(np.array(p_T)[order] * factor_T).clip(max=1.0)
    found_T = np.empty(len(order))
    found_T[order] = rising_T
    return [float(p) for p in found_T]
