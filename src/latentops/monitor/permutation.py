"""p-values of a statistic under all ways to say which rows are the window's.

Where rows of window and reference are alike, each way was equally likely, so such a test holds its
level exactly, at any size and for any distribution.
"""

import math
from collections.abc import Callable

import numpy as np

MOST_DRAWS = 9_999
EXCEEDED = 100  # draws as extreme as what was found, which is enough: p is above .01
_AT_ONCE = 250
_MARGIN = 2.0  # standard errors of a count of draws
_ROUNDING = 1e-9  # of a statistic: a draw that is the same arrangement counts as a tie

Draw = Callable[[int], np.ndarray]  # so many statistics under permutation


def p_value(observed: float, draw: Draw) -> float:
    """The share of permutations whose statistic is as large as `observed`, which counts as one.

    It ends early where the share is seen not to be small, by the rule of Besag and Clifford (1991,
    Sequential Monte Carlo p-values). A small share is told as large as the draws leave open, so
    that another stream of draws would hardly ever have told a larger one.
    """
    exceeded = drawn = 0
    while drawn < MOST_DRAWS:
        drawn_D = draw(min(_AT_ONCE, MOST_DRAWS - drawn))
        places = np.flatnonzero(drawn_D >= observed - _ROUNDING * abs(observed))
        if exceeded + len(places) >= EXCEEDED:
            return EXCEEDED / float(drawn + places[EXCEEDED - exceeded - 1] + 1)
        exceeded += len(places)
        drawn += len(drawn_D)
    return (exceeded + 1 + _MARGIN * math.sqrt(exceeded)) / (drawn + 1)
