"""Pairs of neighbouring words, counted as whole numbers: texts hold too many for a string each.

Words have numbers, and the pair of words i and j of n has the code i * n + j.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from latentops.data import terms


class Found(NamedTuple):
    """The pairs of some texts in order: each one's text, and its code; int64."""

    text: np.ndarray
    code: np.ndarray


class Columns(NamedTuple):
    """Where the pairs of a vocabulary are counted: codes in rising order, and their columns."""

    numbers: dict[str, int]
    codes: np.ndarray
    columns: np.ndarray


def document_frequency(
    blocks: Iterable[list[str]], words: Sequence[str], min_documents: int
) -> dict[str, int]:
    """How many texts hold each pair of two of `words` that stands in `min_documents` or more."""
    numbers = {word: number for number, word in enumerate(words)}
    codes, documents = np.unique(
        np.concatenate([_once_in_each_text(block, numbers) for block in blocks]),
        return_counts=True,
    )
    common = documents >= min_documents
    first, second = np.divmod(codes[common], len(words))
    return {
        f"{words[one]} {words[other]}": many
        for one, other, many in zip(
            first.tolist(), second.tolist(), documents[common].tolist(), strict=True
        )
    }


def columns(vocabulary: Sequence[str]) -> Columns:
    """Those of the terms that are pairs."""
    at = [column for column, term in enumerate(vocabulary) if terms.kind_of(term) == "pair"]
    pairs = [vocabulary[column].split(" ") for column in at]
    words = dict.fromkeys(word for pair in pairs for word in pair)
    numbers = {word: number for number, word in enumerate(words)}
    codes = np.array([numbers[a] * len(numbers) + numbers[b] for a, b in pairs], dtype=np.int64)
    order = np.argsort(codes)
    return Columns(numbers, codes[order], np.array(at, dtype=np.int64)[order])


def count(texts: list[str], where: Columns, width: int) -> sparse.csr_matrix:
    """How often each pair stands in each text: int32 [texts, width], indices sorted."""
    found = _find(texts, where.numbers)
    place = np.searchsorted(where.codes, found.code)
    known = np.append(where.codes, -1)[place] == found.code
    rows, at = found.text[known], where.columns[place[known]]
    ones = np.ones(len(rows), dtype=np.int32)
    counts = sparse.csr_matrix((ones, (rows, at)), shape=(len(texts), width))
    counts.sort_indices()
    return counts


def _once_in_each_text(texts: list[str], numbers: dict[str, int]) -> np.ndarray:
    found = _find(texts, numbers)
    codes = len(numbers) ** 2
    return np.unique(found.text * codes + found.code) % codes


def _find(texts: list[str], numbers: dict[str, int]) -> Found:
    """The pairs of which both words have a number."""
    row, ends = array("q"), array("q", [0])
    for text in texts:
        row.extend([numbers.get(word, -1) for word in terms.in_a_row(text)])
        row.append(-1)  # the last word of a text has no neighbour in the next
        ends.append(len(row))
    words = np.array(row)
    text_of_each = np.repeat(np.arange(len(texts)), np.diff(ends))
    together = np.flatnonzero((words[:-1] >= 0) & (words[1:] >= 0))
    codes = words[together] * len(numbers) + words[together + 1]
    return Found(text_of_each[together], codes)
