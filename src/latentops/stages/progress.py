"""A bar on stderr for what a stage does one after the other."""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0  # where nobody looks on, as in a log

T = TypeVar("T")


def classifiers(plan: Sequence[T]) -> Iterable[T]:
    """The plan, with a bar that counts classifiers."""
    between = 0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES
    return tqdm(plan, desc="classifiers", unit="", mininterval=between, file=sys.stderr)


def applications(names: Sequence[str]) -> Iterable[str]:
    """The names, with a bar that says which is measured."""
    bar = tqdm(names, desc="applications", unit="", file=sys.stderr)
    for name in bar:
        bar.set_postfix_str(name)
        yield name
