# ruff: noqa: N815 - names end in their shape suffixes
"""TF-IDF over terms of several kinds, the same for the encoder's input and for a classifier.

Shape suffixes: N documents, V terms.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latentops.artifacts import Vocabulary
from latentops.data.terms import Kind, kind_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def kinds(vocabulary: Vocabulary) -> frozenset[Kind]:
    """Those of which the vocabulary holds a term."""
    return frozenset(_kind_of_each(vocabulary))


def word_columns(vocabulary: Vocabulary) -> np.ndarray:
    """The columns of single words, in order; int64."""
    is_word = [kind == "word" for kind in _kind_of_each(vocabulary)]
    return np.flatnonzero(np.array(is_word, dtype=bool))


@lru_cache(maxsize=4)
def single_words(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary of counts of which only `word_columns` are left; it has no target."""
    columns = word_columns(vocabulary).tolist()
    return Vocabulary(
        terms=tuple(vocabulary.terms[column] for column in columns),
        document_frequency=tuple(vocabulary.document_frequency[column] for column in columns),
        documents=vocabulary.documents,
    )


class Weighting(NamedTuple):
    """Of each term its idf and its group, [V]; and how many groups there are, 1 or 2."""

    idf_V: np.ndarray
    group_V: np.ndarray
    groups: int

    def of_one(self, counts: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The values of a single row, [stored counts]."""
        if self.groups > 1:
            return self.values(counts, columns, np.zeros_like(columns))
        values = (1 + np.log(counts, dtype=np.float64)) * self.idf_V[columns]
        return np.asarray(values / np.sqrt(values @ values), dtype=np.float32)

    def values(self, counts: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Of each stored count, float32: see `tfidf`. `rows` and `columns` say where each stands.

        Shapes: all are [stored counts].
        """
        values = (1 + np.log(counts, dtype=np.float64)) * self.idf_V[columns]
        part = rows * self.groups + self.group_V[columns]  # the row and the group of each value
        squared_lengths = np.bincount(part, weights=np.square(values))
        values /= np.sqrt(self.groups * squared_lengths[part])
        return np.asarray(values, dtype=np.float32)


@lru_cache(maxsize=4)
def weighting(vocabulary: Vocabulary) -> Weighting:
    """Of the vocabulary's terms."""
    frequency_V = np.array(vocabulary.document_frequency, dtype=np.float64)
    idf_V = np.log((1 + vocabulary.documents) / (1 + frequency_V)) + 1
    is_ngram_V = np.array([kind == "ngram" for kind in _kind_of_each(vocabulary)], dtype=np.int64)
    if is_ngram_V.all() or not is_ngram_V.any():
        return Weighting(idf_V, np.zeros_like(is_ngram_V), 1)
    return Weighting(idf_V, is_ngram_V, 2)


def tfidf(counts: "csr_matrix", vocabulary: Vocabulary) -> "csr_matrix":
    """(1 + log count) times the smoothed idf of scikit-learn: float32 [N, V], laid out as `counts`.

    Each row has length 1. Where there are n-grams beside words, words and pairs together have a
    squared length of 1/2 and n-grams too: however many n-grams a word has, they say half of it. A
    row of one of the two groups only has just its half.
    """
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    values = weighting(vocabulary).values(counts.data, counts.indices, rows)
    return type(counts)((values, counts.indices, counts.indptr), shape=counts.shape)


@lru_cache(maxsize=4)
def _kind_of_each(vocabulary: Vocabulary) -> tuple[Kind, ...]:
    """The terms of ready counts may be of any form: they are words."""
    if not vocabulary.pairs and vocabulary.characters is None:
        return tuple("word" for _ in vocabulary.terms)
    return tuple(map(kind_of, vocabulary.terms))
