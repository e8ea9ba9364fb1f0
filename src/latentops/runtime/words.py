"""Texts as the few words of them that have a column: what `data.vocabulary` counts, without scipy.

Shape suffixes: N texts, V terms, D numbers for each term; n terms of one text.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from latentops.artifacts import Vocabulary
from latentops.data import terms


class Bag(NamedTuple):
    """The terms of one text: their columns in rising order, and how often each stands there.

    Also how many of its words, and pairs where those are terms, have a column; and how many have
    none: see `data.familiarity`. `unknown_share` is of its words alone.
    """

    columns_n: np.ndarray  # int64
    counts_n: np.ndarray  # float32
    known: int
    unknown: int
    unknown_share: float


@dataclass(frozen=True)
class SparseRows:
    """[N, V], of which only what is not 0 is stored: for each row columns and values."""

    columns: Sequence[np.ndarray]
    values: Sequence[np.ndarray]

    def __matmul__(self, dense_VD: np.ndarray) -> np.ndarray:
        """[N, D]: each row is a sum over its own terms, whatever the other rows are."""
        product_ND = np.empty((len(self.columns), dense_VD.shape[1]), dtype=np.float32)
        for row, (columns_n, values_n) in enumerate(zip(self.columns, self.values, strict=True)):
            np.dot(values_n, dense_VD.take(columns_n, axis=0), out=product_ND[row])
        return product_ND


class Reader:
    """Texts to bags. The vocabulary is read once: it may hold a hundred thousand terms."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._column = {term: column for column, term in enumerate(vocabulary.terms)}
        self._words, self._pairs = vocabulary.words, vocabulary.pairs
        self._characters = vocabulary.characters
        self._last = "", self._counted("")

    def bags(self, texts: Iterable[str]) -> list[Bag]:
        return [self.bag(text) for text in texts]

    def bag(self, text: str) -> Bag:
        """The last is kept: who has a text classified also asks how much of it is known."""
        asked, bag = self._last
        if asked != text:
            bag = self._counted(text)
            self._last = text, bag
        return bag

    def _counted(self, text: str) -> Bag:
        column = self._column
        found = terms.analyze(text, self._words, None)
        known = [column[word] for word in found if word in column]
        said = len(found)
        share = (said - len(known)) / max(said, 1)
        if self._pairs:
            pairs = self._in_pairs(text)
            known += [column[pair] for pair in pairs if pair in column]
            said += len(pairs)
        return _bag(known + self._ngrams(text), len(known), said - len(known), share)

    def _in_pairs(self, text: str) -> list[str]:
        neighbours = pairwise(terms.in_a_row(text))
        return [f"{one} {other}" for one, other in neighbours if one and other]

    def _ngrams(self, text: str) -> list[int]:
        if self._characters is None:
            return []
        found = terms.analyze(text, False, self._characters)
        return [self._column[ngram] for ngram in found if ngram in self._column]


def _bag(columns: list[int], known: int, unknown: int, unknown_share: float) -> Bag:
    counted = Counter(columns) if len(set(columns)) < len(columns) else None
    if counted is None:  # each word once: most utterances
        columns_n = np.array(sorted(columns), dtype=np.int64)
        counts_n = np.ones(len(columns), dtype=np.float32)
        return Bag(columns_n, counts_n, known, unknown, unknown_share)
    columns_n = np.array(sorted(counted), dtype=np.int64)
    counts_n = np.array([counted[column] for column in sorted(counted)], dtype=np.float32)
    return Bag(columns_n, counts_n, known, unknown, unknown_share)


class Selection:
    """Some columns of many, in their order: those of a bag that are among them, renumbered."""

    def __init__(self, columns: Sequence[int] | np.ndarray, width: int) -> None:
        self.width = len(columns)
        self._is_all = self.width == width and np.array_equal(columns, np.arange(width))
        self._new_V = np.full(width, -1, dtype=np.int64)
        self._new_V[np.asarray(columns, dtype=np.int64)] = np.arange(self.width)

    def of(self, bag: Bag) -> tuple[np.ndarray, np.ndarray]:
        """Columns and counts."""
        if self._is_all:
            return bag.columns_n, bag.counts_n
        new_n = self._new_V[bag.columns_n]
        kept_n = new_n >= 0
        return new_n[kept_n], bag.counts_n[kept_n]
