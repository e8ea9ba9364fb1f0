"""What a source holds, before it is checked and cut."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse

REFUSED_COLUMNS = ("row", "column", "reason", "value")
_LONGEST_VALUE = 80

Kind = Literal["text", "counts", "image"]


def refusals(rows: Iterable[tuple[int, str, str, Any]]) -> pd.DataFrame:
    """A table of (row, column, reason, value) with the values cut short."""
    listed = [(row, column, reason, _short(value)) for row, column, reason, value in rows]
    table = pd.DataFrame(listed, columns=pd.Index(REFUSED_COLUMNS))
    return table.astype({"row": "int64", "column": str, "reason": str, "value": str})


def _short(value: Any) -> str:
    text = str(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


@dataclass(frozen=True)
class Raw:
    """The rows of one source.

    `table` has row (its number in the source), label (or null), in_scope, split (train, valid,
    test, or null: to be cut), text where kind is text, and the columns that `factors` names.
    Its i-th row is image [i] or count row [i]. What the reader could not read is in `refused`.
    """

    name: str
    kind: Kind
    table: pd.DataFrame
    images: np.ndarray | None = None  # uint8 [N, C, H, W], values 0..levels-1
    levels: int | None = None
    counts: scipy.sparse.csr_matrix | None = None  # int32 [N, V]
    terms: tuple[str, ...] = ()  # the V terms of ready counts
    factors: tuple[str, ...] = ()
    published: bool = False  # a benchmark: its rows are counted, not refused, for standing twice
    test_only_once: bool = False  # and yet training rows that stand in test are refused
    synthetic: bool = False
    licence: str = ""
    refused: pd.DataFrame = field(default_factory=lambda: refusals([]))
    notes: tuple[str, ...] = ()  # what a person should know, a sentence each


def make_table(
    size: int,
    *,
    text: Iterable[Any] | None = None,
    label: Iterable[Any] | None = None,
    split: Iterable[Any] | None = None,
    in_scope: Iterable[Any] | None = None,
) -> pd.DataFrame:
    """The table of `size` rows, its columns as Python objects; what is not given is null."""
    columns: dict[str, Any] = {"row": np.arange(size, dtype=np.int64)}
    if text is not None:
        columns["text"] = _objects(text, size)
    columns["label"] = _objects(label, size)
    columns["split"] = _objects(split, size)
    columns["in_scope"] = _objects([True] * size if in_scope is None else in_scope, size)
    return pd.DataFrame(columns)


def _objects(values: Iterable[Any] | None, size: int) -> pd.Series:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    return pd.Series([None] * size if values is None else list(values), dtype=object)
