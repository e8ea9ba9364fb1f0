# ruff: noqa: N815 - names end in their shape suffixes
"""What is known of the rows beside their input, as whole numbers.

Shape suffixes: N rows, F factors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentops.artifacts import Spec
from latentops.metrics.disentanglement import MISSING
from latentops.portion import Portion

LABEL = "label"


@dataclass(frozen=True)
class Factors:
    """F factors of some rows. `values` names them by the numbers that stand for them."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    determined_by: tuple[str, ...]  # of each another factor that says it all, or empty
    each_NF: tuple[np.ndarray, ...]  # of each portion

    @property
    def scored(self) -> list[int]:
        """The places of those that no other determines."""
        return [at for at, by in enumerate(self.determined_by) if not by]


def of(portions: Sequence[Portion], spec: Spec) -> Factors | str:
    """The spec's factors, or the label where it has none; or a sentence on why there is nothing.

    Left out are factors that do not vary in the first and in the last of the portions.
    """
    columns = _columns(portions, spec)
    if not columns:
        return f"The rows of {spec.source!r} have neither labels nor known factors."
    numbered = {name: _numbered(parts) for name, parts in columns.items()}
    varied = {
        name: found
        for name, found in numbered.items()
        if all(_varies(found[1][at]) for at in (0, -1))
    }
    if not varied:
        return (
            f"No factor of {spec.source!r} has two values both among its training and among its "
            "test rows."
        )
    each = [np.stack(parts, axis=1) for parts in zip(*(v[1] for v in varied.values()), strict=True)]
    return Factors(
        names=tuple(varied),
        values=tuple(values for values, _ in varied.values()),
        determined_by=_determined_by(tuple(varied), np.concatenate(each)),
        each_NF=tuple(each),
    )


def _columns(portions: Sequence[Portion], spec: Spec) -> dict[str, list[pd.Series]]:
    tables = [portion.table for portion in portions]
    known = [name for name in spec.factors if all(name in table for table in tables)]
    if known:
        return {name: [table[name] for table in tables] for name in known}
    if not any((portion.y >= 0).any() for portion in portions):
        return {}
    names = np.array([*spec.classes, None], dtype=object)  # y = -1 is the last
    return {LABEL: [pd.Series(names[portion.y]) for portion in portions]}


def _numbered(parts: Sequence[pd.Series]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """The names of the values in order, and the number of each row's."""
    texts = [part.map(str).where(part.notna(), None) for part in parts]
    codes, values = pd.factorize(pd.concat(texts, ignore_index=True).astype(object), sort=True)
    ends = np.cumsum([len(part) for part in parts])[:-1]
    numbers = np.where(codes < 0, MISSING, codes)
    return tuple(map(str, values)), np.split(numbers, ends)


def _varies(values_N: np.ndarray) -> bool:
    return len(np.unique(values_N[values_N != MISSING])) > 1


def _determined_by(names: tuple[str, ...], all_NF: np.ndarray) -> tuple[str, ...]:
    """Of two that say the same, the first stays."""
    found = [""] * len(names)
    for at in reversed(range(len(names))):
        others = (by for by in range(len(names)) if by != at and not found[by])
        by = next((by for by in others if _determines(all_NF[:, by], all_NF[:, at])), None)
        found[at] = "" if by is None else names[by]
    return tuple(found)


def _determines(by_N: np.ndarray, values_N: np.ndarray) -> bool:
    """Whether rows that share a value of `by` share one of `values` too."""
    known = (by_N != MISSING) & (values_N != MISSING)
    pairs = np.unique(np.stack([by_N[known], values_N[known]]), axis=1)
    return pairs.shape[1] == len(np.unique(by_N[known])) and bool(known.any())
