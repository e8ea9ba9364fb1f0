"""TF-IDF over terms of several kinds, the same for the encoder's input and for a classifier.

Shape suffixes: N documents, V terms.
"""

from functools import lru_cache

import numpy as np
import scipy.sparse

from latentops.artifacts import Vocabulary
from latentops.data.terms import Kind, kind_of


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


def tfidf(counts: scipy.sparse.csr_matrix, vocabulary: Vocabulary) -> scipy.sparse.csr_matrix:
    """(1 + log count) times the smoothed idf of scikit-learn: float32 [N, V], laid out as `counts`.

    Each row has length 1. Where there are n-grams beside words, words and pairs together have a
    squared length of 1/2 and n-grams too: however many n-grams a word has, they say half of it. A
    row of one of the two groups only has just its half.
    """
    idf_V, group_V, groups = _weights(vocabulary)
    values = (1 + np.log(counts.data, dtype=np.float64)) * idf_V[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    part = rows * groups + group_V[counts.indices]  # the row and the group of each value
    squared_lengths = np.bincount(part, weights=np.square(values))
    values /= np.sqrt(groups * squared_lengths[part])
    parts = (values.astype(np.float32), counts.indices, counts.indptr)
    return scipy.sparse.csr_matrix(parts, shape=counts.shape)


@lru_cache(maxsize=4)
def _weights(vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray, int]:
    """Of each term its idf and its group, [V]; and how many groups there are, 1 or 2."""
    frequency_V = np.array(vocabulary.document_frequency, dtype=np.float64)
    idf_V = np.log((1 + vocabulary.documents) / (1 + frequency_V)) + 1
    is_ngram_V = np.array([kind == "ngram" for kind in _kind_of_each(vocabulary)], dtype=np.int64)
    if is_ngram_V.all() or not is_ngram_V.any():
        return idf_V, np.zeros_like(is_ngram_V), 1
    return idf_V, is_ngram_V, 2


@lru_cache(maxsize=4)
def _kind_of_each(vocabulary: Vocabulary) -> tuple[Kind, ...]:
    """The terms of ready counts may be of any form: they are words."""
    if not vocabulary.pairs and vocabulary.characters is None:
        return tuple("word" for _ in vocabulary.terms)
    return tuple(map(kind_of, vocabulary.terms))
