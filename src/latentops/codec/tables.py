"""Functions that every IEEE machine computes to the same bit: tables made by + and * alone.

exp of a library is not such a function: two of them may differ in the last bit.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

STEPS = 32  # to 1, in `exp`

_EXP_OF_A_STEP = 1.0317434074991028  # exp(1 / 32)
_MOST_STEPS = 12 * STEPS
_FINE = 256  # points to 1, of the two distribution functions
_LOGISTIC_END, _NORMAL_END = 20, 9  # where less than 3e-9, and than 3e-19, is left
_EXP_OF_MINUS_FINE = 0.9961013694701175  # exp(-1 / 256)
_EXP_OF_MINUS_SQUARE = 0.9999847413437115  # exp(-1 / 256 ** 2)
_EXP_OF_MINUS_HALF_SQUARE = 0.9999923706427614  # its root


def exp(steps: np.ndarray) -> np.ndarray:
    """exp(steps / 32) of whole numbers; held between exp(-12) and exp(12)."""
    powers = _products(np.full(_MOST_STEPS, _EXP_OF_A_STEP))
    grown = powers[np.minimum(abs(steps), _MOST_STEPS).astype(np.int64)]
    value: np.ndarray = np.where(steps < 0, 1 / grown, grown)
    return value


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), off by less than 2e-7: straight between the points of a table."""
    return _between(x, _logistic_tail, _LOGISTIC_END)


def normal(x: np.ndarray) -> np.ndarray:
    """The distribution function of the standard normal, off by less than 1e-6."""
    return _between(x, _normal_tail, _NORMAL_END)


def _between(x: np.ndarray, tail: Callable[[], np.ndarray], end: int) -> np.ndarray:
    at_points = tail()
    place = np.minimum(abs(x), end) * _FINE
    before = np.minimum(place.astype(np.int64), len(at_points) - 2)
    left = at_points[before]
    at_minus = left + (place - before) * (at_points[before + 1] - left)
    value: np.ndarray = np.where(x < 0, at_minus, 1 - at_minus)
    return value


@cache
def _logistic_tail() -> np.ndarray:
    """1 / (1 + exp(n / 256)) for n = 0, 1, ..."""
    falling = _products(np.full(_LOGISTIC_END * _FINE, _EXP_OF_MINUS_FINE))
    tail: np.ndarray = falling / (1 + falling)
    return tail


@cache
def _normal_tail() -> np.ndarray:
    """P(standard normal < -n / 256) for n = 0, 1, ..., by the trapezoidal rule."""
    ratios = _products(np.full(_NORMAL_END * _FINE - 1, _EXP_OF_MINUS_SQUARE))
    density = _products(_EXP_OF_MINUS_HALF_SQUARE * ratios)  # exp(-n^2 / 2 / 256^2)
    areas = density[:-1] + density[1:]
    beyond = np.append(np.add.accumulate(areas[::-1])[::-1], 0.0)
    tail: np.ndarray = beyond / (2 * beyond[0])
    return tail


def _products(factors: np.ndarray) -> np.ndarray:
    """1, and the products of the first 1, 2, ... factors, one after the other."""
    products: np.ndarray = np.multiply.accumulate(np.append(1.0, factors))
    return products
