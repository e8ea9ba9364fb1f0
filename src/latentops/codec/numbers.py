# ruff: noqa: N815 - names end in their shape suffixes
"""Whole numbers on a stack of asymmetric numeral systems, bit by bit from the highest.

A bit says in which half of an interval a number lies, and its probability is that of the half: so a
number of 256 levels takes 8 values of a distribution function, where a table of its levels takes
256. The stack is constriction's, whose Bernoulli has 24 bits of precision.

Shape suffixes: P numbers.
"""

from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

FLOOR = 2.0**-20  # of the probability is shared by all levels: none is impossible


class Model(Protocol):
    """Independent numbers in 0..levels-1."""

    @property
    def levels(self) -> int: ...

    def below(self, level_P: np.ndarray) -> np.ndarray:
        """P(number < level), [P], for levels in 1..levels-1."""


def stack(words: np.ndarray | None = None) -> Any:
    """Empty, or of words uint32, the last of which is not 0."""
    import constriction  # here: whoever codes nothing does not need it

    return constriction.stream.stack.AnsCoder(words)


def push(stack: Any, model: Model, number_P: np.ndarray) -> None:
    interval, coded = _everything(model, number_P.size), []
    while interval.width > 1:
        middle_P = interval.below_middle(model)
        bit_P = (number_P >= interval.low_P + interval.width // 2).astype(np.int32)
        coded.append((bit_P, interval.upper_share(middle_P)))
        interval = interval.halved(bit_P, middle_P)
    for bit_P, share_P in reversed(coded):
        stack.encode_reverse(bit_P, _bit(), share_P)


def pop(stack: Any, model: Model, count: int) -> np.ndarray:
    """The numbers that `push` put there last, int64 [P] of that count."""
    interval = _everything(model, count)
    while interval.width > 1:
        middle_P = interval.below_middle(model)
        bit_P = stack.decode(_bit(), interval.upper_share(middle_P))
        interval = interval.halved(bit_P, middle_P)
    return interval.low_P


def push_one(stack: Any, levels: int, number: int) -> None:
    """A number whose levels are all as likely."""
    stack.encode_reverse(number, _uniform(levels))


def pop_one(stack: Any, levels: int) -> int:
    return int(stack.decode(_uniform(levels)))


class _Interval(NamedTuple):
    """Each number is in low .. low + width - 1; P(less than low) and P(less than low + width)."""

    low_P: np.ndarray
    width: int  # a power of two
    below_P: np.ndarray
    within_P: np.ndarray

    def below_middle(self, model: Model) -> np.ndarray:
        level_P = self.low_P + self.width // 2
        floored_P = model.below(level_P) * (1 - FLOOR) + level_P * (FLOOR / model.levels)
        middle_P: np.ndarray = np.where(level_P < model.levels, floored_P, 1.0)
        return middle_P

    def upper_share(self, middle_P: np.ndarray) -> np.ndarray:
        """P(in the upper half)."""
        mass_P = np.maximum(self.within_P - self.below_P, FLOOR / 2**32)  # 0: above all levels
        share_P: np.ndarray = ((self.within_P - middle_P) / mass_P).clip(0, 1)
        return share_P

    def halved(self, bit_P: np.ndarray, middle_P: np.ndarray) -> "_Interval":
        half = self.width // 2
        return _Interval(
            self.low_P + half * bit_P,
            half,
            np.where(bit_P, middle_P, self.below_P),
            np.where(bit_P, self.within_P, middle_P),
        )


def _everything(model: Model, count: int) -> _Interval:
    width = 1 << (model.levels - 1).bit_length()
    return _Interval(np.zeros(count, np.int64), width, np.zeros(count), np.ones(count))


@cache
def _bit() -> Any:
    import constriction

    return constriction.stream.model.Bernoulli(perfect=False)


@cache
def _uniform(levels: int) -> Any:
    import constriction

    return constriction.stream.model.Uniform(levels)
